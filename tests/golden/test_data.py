"""Data sets are read as they are written, and a damaged or missing one is one sentence."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from golden.model import data, zoo
from golden.model.data import avatars, cifar
from golden.spec.model import ModelConfig

CIFAR = zoo.config("cifar")
PARTS = ModelConfig(name="parts", image_channels=3, image_size=32, channels=8, blocks=1, heads=1,
                    attributes={"head": ["cat"], "glasses": ["red", "round"], "body": ["blue"], "accessory": ["tie"],
                                "background": ["cool", "warm"]})


def part(name, top, left, rows, width):
    """An entry of the file: rows of (length, colour) runs within a box."""
    runs = b"".join(bytes(run) for row in rows for run in row)
    return {"filename": name, "data": "0x" + (bytes([0, top, left + width, top + len(rows), left]) + runs).hex()}


@pytest.fixture
def parts_folder(tmp_path):
    document = {
        "palette": ["", "ff0000", "00ff00", "0000ff"],
        "images": {"bodies": [part("body-blue", 20, 4, [[(3, 3)]] * 2, 3)],
                   "accessories": [part("accessory-tie", 20, 5, [[(1, 1)]], 1)],
                   "heads": [part("head-cat", 2, 6, [[(2, 2), (2, 0)], [(4, 2)]], 4)],
                   "glasses": [part("glasses-square-red", 3, 6, [[(1, 1)]], 1), part("glasses-round", 0, 0, [], 0)]},
    }
    document["images"]["glasses"][1] = part("glasses-round", 3, 7, [[(1, 3)]], 1)
    (tmp_path / avatars.FILE).write_text(json.dumps(document))
    return tmp_path


def test_an_avatar_is_composed_from_back_to_front(parts_folder):
    """Head over background, glasses over head, accessory over body; colour 0 lets through what lies behind."""
    labels = torch.tensor([[0, 0, 0, 0, 1]])
    image = avatars.compose(labels, avatars.read_parts(parts_folder, PARTS), PARTS)[0]
    seen = ((image + 1) * 127.5).round().int()
    warm, red, green, blue = [0xE1, 0xD7, 0xD5], [255, 0, 0], [0, 255, 0], [0, 0, 255]
    for (row, column), colour in {(0, 0): warm, (2, 6): green, (2, 8): warm, (3, 6): red, (3, 7): green, (20, 4): blue,
                                  (20, 5): red, (21, 5): blue, (22, 4): warm}.items():
        assert seen[:, row, column].tolist() == colour, (row, column)


def test_both_splits_differ_and_repeat(parts_folder, monkeypatch):
    monkeypatch.setattr(avatars, "COUNTS", {"train": 50, "test": 20})
    first, second = (data.load("avatars", PARTS, parts_folder) for _ in range(2))
    assert torch.equal(first.train[0], second.train[0]) and first.train[0].shape == (50, 3, 32, 32)
    assert not torch.equal(first.train[1][:20], first.test[1])


@pytest.mark.parametrize("content,message", [
    ("{", "could not be read"), ('{"palette": [], "images": {}}', "could not be read"), (None, "unpack the npm"),
])
def test_broken_parts_are_one_sentence(tmp_path, content, message):
    if content is not None:
        (tmp_path / avatars.FILE).write_text(content)
    with pytest.raises(data.DataError, match=message):
        data.load("avatars", PARTS, tmp_path)


def test_a_part_beyond_the_image_and_an_unknown_one_are_refused(parts_folder):
    with pytest.raises(data.DataError, match="expected one within 32 by 32"):
        avatars.decode_part(part("head-wide", 0, 30, [[(4, 1)]], 4)["data"], np.zeros((2, 3), np.uint8))
    other = ModelConfig(**{**vars(PARTS), "attributes": {**dict(PARTS.attributes), "head": ["dragon"]}})
    with pytest.raises(data.DataError, match="has no head 'dragon'; expected some of cat"):
        data.load("avatars", other, parts_folder)
    with pytest.raises(data.DataError, match="avatars have background, body"):
        data.load("avatars", CIFAR, parts_folder)


def test_cifar_is_the_same_from_binary_files_and_from_folders(tmp_path):
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (10, 3, 32, 32), dtype=np.uint8)
    records = np.concatenate([np.arange(10, dtype=np.uint8)[:, None], pixels.reshape(10, -1)], axis=1)
    binary, folders = tmp_path / "binary", tmp_path / "folders"
    binary.mkdir()
    for split, names in cifar.BINARIES.items():
        for name in names:
            records.tofile(binary / name)
        for label, name in enumerate(cifar.CLASSES):
            (folders / split / name).mkdir(parents=True)
            Image.fromarray(pixels[label].transpose(1, 2, 0)).save(folders / split / name / "0000.png")
    one, other = data.load("cifar", CIFAR, binary), data.load("cifar", CIFAR, folders)
    assert torch.equal(one.test[0], other.test[0]) and torch.equal(one.test[1], other.test[1])
    assert len(one.train[0]) == 50 and one.mirrored
    assert one.test[0][4, 1, 2, 3].item() == pytest.approx(pixels[4, 1, 2, 3] / 127.5 - 1)


def test_broken_cifar_is_one_sentence(tmp_path):
    with pytest.raises(data.DataError, match="holds neither test_batch.bin"):
        cifar.load("test", CIFAR, tmp_path)
    (tmp_path / "test_batch.bin").write_bytes(b"short")
    with pytest.raises(data.DataError, match="holds 5 bytes; expected a multiple of 3073"):
        cifar.load("test", CIFAR, tmp_path)
    (tmp_path / "test_batch.bin").write_bytes(b"\x0b" + bytes(3072))
    with pytest.raises(data.DataError, match="holds label 11; expected 0 to 9"):
        cifar.load("test", CIFAR, tmp_path)
    with pytest.raises(data.DataError, match="CIFAR-10 has 3, 32 and airplane"):
        cifar.load("test", PARTS, tmp_path)


def test_an_unknown_set_lists_those_there_are():
    with pytest.raises(data.DataError, match="no data set 'faces'; expected one of garments, avatars, cifar"):
        data.load("faces", CIFAR)
