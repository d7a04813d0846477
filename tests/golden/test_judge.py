"""Judges: what they see, how they are kept, how they are trained."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from golden.model import data, judge, judge_training, train
from golden.model.checkpoint import CheckpointError
from golden.spec.model import ModelConfig
from sim import seed as seeds

SETS = (("a", "b"), ("x", "y", "z"))
LEAST = {"garments": 0.92, "avatars": 0.99, "cifar": 0.80}
"""Test accuracy, the mean of the attributes, below which figures would tell of the judge instead of the images."""


def small_judge() -> judge.Judge:
    """An untrained judge of 8x8 images in which every part matters."""
    torch.manual_seed(seeds.seed())
    found = judge.Judge(2, 8, SETS)
    for parameter in found.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return found.eval().requires_grad_(False)


@pytest.fixture
def kept(tmp_path):
    """A judge's file that stands for the one of garments."""
    stored = judge.StoredJudge(judge=small_judge(), set="garments", accuracy=(0.5, 0.25), record={"epochs": 1})
    judge.save(judge.judge_path("garments", tmp_path), stored)
    return tmp_path


def rewrite(folder, tensors=None, **header):
    """Change what the file holds, behind the writer's back."""
    path = judge.judge_path("garments", folder)
    with judge.safe_open(path, framework="pt") as file:
        old = json.loads(file.metadata()["halftone"])
    save_file(load_file(path) | (tensors or {}), path, metadata={"halftone": json.dumps(old | header)})


@pytest.mark.parametrize("name", data.SETS)
def test_the_judge_of_every_set_is_good_enough(name):
    stored = judge.load(name)
    assert sum(stored.accuracy) / len(stored.accuracy) >= LEAST[name]
    assert stored.judge.label_sets == judge_training.model_of_set(name).label_sets
    assert stored.record["core_minutes"] > 0


def test_a_kept_judge_judges_as_before(kept):
    """All but the rounding to half precision, which the same rounding before gives too."""
    before, stored = small_judge(), judge.load("garments", kept)
    before.load_state_dict({name: tensor.float() for name, tensor in judge.stored_tensors(before).items()},
                           strict=False)
    images = torch.randn(5, 2, 8, 8)
    assert all(torch.equal(one, other) for one, other in zip(stored.judge.judged(images), before.judged(images),
                                                              strict=True))
    assert (stored.set, stored.accuracy, stored.record) == ("garments", (0.5, 0.25), {"epochs": 1})


def test_each_label_is_the_largest_logit_of_its_set():
    found = small_judge()
    found.logits.weight.zero_()
    found.logits.bias.copy_(torch.tensor([0.0, 1.0, 5.0, 9.0, 7.0]))
    features, labels = found.judged(torch.randn(3, 2, 8, 8))
    assert labels.tolist() == [[1, 1]] * 3
    assert features.shape == (3, judge.FEATURES)
    assert judge.accuracy(found, torch.randn(2, 2, 8, 8), torch.tensor([[1, 1], [1, 2]])) == (1.0, 0.5)


def test_small_images_are_enlarged_and_others_refused():
    found, images = small_judge(), torch.randn(2, 2, 4, 4)
    squares = torch.kron(images, torch.ones(1, 1, 2, 2))
    assert torch.equal(found(images), found(squares))
    for shape in ((1, 2, 3, 3), (1, 1, 8, 8), (1, 2, 16, 16)):
        with pytest.raises(ValueError, match="takes images of 2 channels and side 8 or a divisor"):
            found(torch.zeros(shape))


def test_a_missing_judge_is_told_how_to_train_and_none_is_trained(tmp_path):
    with pytest.raises(CheckpointError, match="python -m golden.model.judge --set cifar"):
        judge.load("cifar", tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(data.DataError, match="no data set 'faces'; expected one of garments"):
        judge.load("faces", tmp_path)


@pytest.mark.parametrize("tensors,header,message", [
    ({}, {"set": "cifar"}, "set 'cifar'; expected 'halftone-judge-1' and 'garments'"),
    ({}, {"format": "other"}, "is of format 'other'"),
    ({}, {"label_sets": [["a"]]}, r"logits.weight has shape \(5, 128\); expected \(1, 128\)"),
    ({}, {"label_sets": None}, "carries no usable judge metadata"),
    ({"extra": torch.zeros(1)}, {}, "tensor extra is unknown; expected the 34 tensors of a judge"),
    ({"logits.bias": torch.full((5,), torch.nan)}, {}, "logits.bias holds NaN or infinite values"),
])
def test_a_bad_judge_is_one_sentence(kept, tensors, header, message):
    rewrite(kept, tensors, **header)
    with pytest.raises(CheckpointError, match=message) as error:
        judge.load("garments", kept)
    assert "\n" not in str(error.value)


def test_moved_images_keep_their_pixels():
    """Every image is one of the 9 moves by up to a pixel; where nothing comes in, the edge is repeated."""
    generator = torch.Generator().manual_seed(seeds.seed())
    images = torch.randn(40, 2, 5, 5, generator=generator)
    moved = judge_training.moved(images, 1, generator)
    padded = torch.nn.functional.pad(images, (1,) * 4, mode="replicate")
    moves = {(y, x): padded[:, :, y:y + 5, x:x + 5] for y in range(3) for x in range(3)}
    found = [[move for move, pixels in moves.items() if torch.equal(pixels[index], moved[index])]
             for index in range(40)]
    assert all(len(each) == 1 for each in found)
    assert len({each[0] for each in found}) > 4


def flat_pictures(wrong: bool = False) -> tuple[data.Pictures, ModelConfig]:
    """Images of one brightness by class, and colour by a second label; where wrong, labels by chance."""
    generator = torch.Generator().manual_seed(seeds.seed())
    labels = torch.stack([torch.randint(2, (512,), generator=generator),
                          torch.randint(3, (512,), generator=generator)], 1)
    values = torch.stack([labels[:, 0] - 0.5, labels[:, 1] - 1.0], 1)[:, :, None, None]
    images = values + 0.1 * torch.randn(512, 2, 8, 8, generator=generator)
    labels = labels[torch.randperm(512, generator=generator)] if wrong else labels
    config = ModelConfig(name="flat", image_channels=2, image_size=8, channels=8, blocks=1, heads=1,
                         attributes={"class": ["a", "b"], "colour": ["x", "y", "z"]})
    return data.Pictures((images, labels), (images, labels), mirrored=True), config


@pytest.fixture
def one_thread():
    """So small a model waits longer for a second thread than it computes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("wrong", [False, True])
def test_training_learns_what_is_in_the_images_and_not_what_is_not(wrong):
    pictures, config = flat_pictures(wrong)
    recipe = judge_training.Recipe(epochs=4, batch=64, shift=1, coarse=0.25, seed=seeds.seed())
    found = judge.accuracy(judge_training.train(pictures, config, recipe), *pictures.test)
    assert all(share < 0.8 for share in found) if wrong else min(found) > 0.98


@pytest.mark.parametrize("line,message", [
    (["--set", "faces"], "no data set 'faces'"), (["--set", "cifar", "--data", "/nowhere"], "holds neither"),
    (["--set", "cifar", "--epochs", "0"], "--epochs is 0.0; expected more than 0"),
])
def test_command_line_faults_are_one_line(capsys, tmp_path, line, message):
    options = judge.arguments().parse_args([*line, "--weights", str(tmp_path)])
    assert train.main(judge_training.run, options) == 1
    told = capsys.readouterr().err
    assert message in told and told.startswith("error: ") and told.count("\n") == 1
    assert not list(tmp_path.iterdir())
