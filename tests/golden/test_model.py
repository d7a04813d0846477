"""The float model: shapes, orders, samplers, checkpoints, data and command lines."""

import gzip
import math
from dataclasses import replace

import pytest
import torch

from golden.model import checkpoint, data, labels, sampler, train, zoo
from golden.model.data import garments
from golden.model.transformer import Transformer, coordinates, patches, pixel_shuffle
from golden.spec.model import ModelConfig

SMALL = ModelConfig(name="small", image_channels=2, image_size=8, channels=8, blocks=2, heads=2, labels=("a", "b"))


def small_model(seed: int = 0) -> Transformer:
    """A model with no zero branch, so that every part matters."""
    torch.manual_seed(seed)
    model = Transformer(SMALL)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def small_checkpoint(**changes) -> checkpoint.Checkpoint:
    tensors = small_model().state_dict() | changes
    return checkpoint.Checkpoint(config=SMALL, kind="float", tensors=tensors, record={"minutes": 0})


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, stride=1), *map(zoo.config, zoo.names())],
                         ids=lambda c: c.name)
def test_velocity_has_the_shape_of_the_image(config):
    image = torch.randn(3, config.image_channels, config.image_size, config.image_size)
    velocity = Transformer(config)(image, torch.rand(3), labels.in_turn(config, 3))
    assert velocity.shape == image.shape


@pytest.mark.parametrize("stride", [1, 2])
def test_patch_order(stride):
    """Term (ky 3 + kx) C + c of token (ty, tx) is pixel x[c, ty S + ky - 1, tx S + kx - 1], zero outside."""
    config = replace(SMALL, stride=stride)
    image = torch.randn(1, 2, 8, 8)
    found = patches(image, config)[0]
    for ty, tx, ky, kx, c in torch.cartesian_prod(*map(torch.arange, (config.grid, config.grid, 3, 3, 2))).tolist():
        y, x = ty * stride + ky - 1, tx * stride + kx - 1
        expected = image[0, c, y, x] if 0 <= y < 8 and 0 <= x < 8 else 0.0
        assert found[ty * config.grid + tx, (ky * 3 + kx) * 2 + c] == expected


def test_pixel_order():
    """Output (sy S + sx) C + c of token (ty, tx) is pixel [c, ty S + sy, tx S + sx]."""
    tokens = torch.randn(1, SMALL.tokens, SMALL.token_pixels)
    image = pixel_shuffle(tokens, SMALL)[0]
    for ty, tx, sy, sx, c in torch.cartesian_prod(*map(torch.arange, (4, 4, 2, 2, 2))).tolist():
        assert image[c, ty * 2 + sy, tx * 2 + sx] == tokens[0, ty * 4 + tx, (sy * 2 + sx) * 2 + c]


def test_coordinates():
    places = coordinates(SMALL)
    assert places.shape == (SMALL.tokens, 6)
    theta_y, theta_x = math.pi * 2.5 / 4, math.pi * 1.5 / 4
    expected = [math.cos(k * theta) for k in (1, 2, 4) for theta in (theta_y, theta_x)]
    assert places[2 * 4 + 1].tolist() == pytest.approx(expected, abs=1e-6)


def test_modulation_depends_on_time_and_label_only():
    model = small_model()
    scale, shift = model.modulation(torch.tensor([0.25, 0.5, 0.25]), torch.tensor([[0], [0], [2]]))
    assert scale.shape == shift.shape == (3, SMALL.norms, SMALL.channels)
    assert not torch.equal(scale[0], scale[1]) and not torch.equal(shift[0], shift[2])


def test_times():
    assert sampler.times(4) == [0, 0.25, 0.5, 0.75, 1]
    shifted = sampler.times(4, shift=3)
    assert shifted[0] == 0 and shifted[-1] == 1 and shifted[1] < 0.25
    with pytest.raises(ValueError, match="steps is 0; expected"):
        sampler.times(0)


def test_euler_follows_a_straight_flow():
    """A velocity of target - noise leads to the target; guidance extrapolates the labelled branch."""
    noise, target = torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
    labels = torch.tensor([[0], [1]])

    def velocity(x, t, label):
        return torch.where(label[:, :, None, None] == 2, 0.0, 1.0) * torch.ones_like(x)

    for guidance in (1.0, 3.0):
        way = sampler.euler(velocity, noise, labels, no_label=(2,), steps=5, guidance=guidance)
        assert len(way) == 6
        assert torch.allclose(way[-1], guidance * target)


def test_checkpoint_keeps_the_model(tmp_path):
    path = tmp_path / "float.safetensors"
    checkpoint.save(path, small_checkpoint())
    arguments = torch.randn(2, 2, 8, 8), torch.rand(2), torch.tensor([[0], [2]])
    assert torch.equal(checkpoint.load_float(path)(*arguments), small_model()(*arguments))
    assert checkpoint.load(path).config == SMALL
    assert checkpoint.load(path).record == {"minutes": 0}


@pytest.mark.parametrize("name,tensor,message", [
    ("convolution.bias", torch.full((8,), math.nan), "convolution.bias holds 8 NaN or infinite values"),
    ("decoder.weight", torch.zeros(8, 9), r"decoder.weight has shape \(8, 9\); expected \(8, 8\)"),
    ("extra", torch.zeros(1), "extra was found; expected no tensor of that name"),
])
def test_bad_tensor_is_refused_in_one_sentence(tmp_path, name, tensor, message):
    with pytest.raises(checkpoint.CheckpointError, match=message) as error:
        checkpoint.save(tmp_path / "bad.safetensors", small_checkpoint(**{name: tensor}))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_missing_tensor_is_refused():
    tensors = small_model().state_dict()
    del tensors["blocks.1.key.weight"]
    with pytest.raises(checkpoint.CheckpointError, match=r"blocks.1.key.weight is missing; expected shape \(8, 8\)"):
        checkpoint.check(SMALL, "float", tensors, "test")


def test_bad_tensor_in_a_file_is_refused_on_loading(tmp_path, monkeypatch):
    path = tmp_path / "float.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "check", lambda *_: None)
        checkpoint.save(path, small_checkpoint(**{"convolution.bias": torch.full((8,), math.inf)}))
    with pytest.raises(checkpoint.CheckpointError, match="convolution.bias holds 8 NaN or infinite"):
        checkpoint.load(path)


@pytest.mark.parametrize("content", [None, b"", b"not safetensors at all"])
def test_unreadable_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "float.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(checkpoint.CheckpointError, match="could not be read as safetensors"):
        checkpoint.load(path)


def test_unknown_model_lists_the_known(tmp_path):
    with pytest.raises(zoo.UnknownModelError, match="no model 'huge'; expected one of avatars, cifar, fashion, s"):
        zoo.config("huge")
    checkpoint.save(tmp_path / "small" / "float.safetensors", small_checkpoint())
    assert zoo.trained("float", tmp_path) == ("small",)
    with pytest.raises(zoo.UnknownModelError, match="expected one of small"):
        zoo.checkpoint_path("huge", "float", tmp_path)


def test_data_pools_and_pads():
    images = torch.zeros(1, 28, 28, dtype=torch.uint8)
    images[0, :2, :2] = 255
    small, large = garments.fit_image(images, 16), garments.fit_image(images, 32)
    assert small.shape == (1, 1, 16, 16) and large.shape == (1, 1, 32, 32)
    assert (small == 1).nonzero().tolist() == [[0, 0, 1, 1]]
    assert (large == 1).sum() == 4 and large[0, 0, 2, 2] == 1 and large.min() == -1


def test_missing_and_broken_data_are_one_sentence(tmp_path):
    with pytest.raises(data.DataError, match="install Debian's dataset-fashion-mnist or name the folder"):
        data.load("garments", SMALL, tmp_path)
    path = tmp_path / "short.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x09abc"))
    with pytest.raises(data.DataError, match=r"holds 3 bytes of data; its header says shape \(9,\)"):
        garments.read_idx(path)


@pytest.mark.parametrize("line,message", [
    (["--model", "huge"], "no model 'huge'"),
    (["--data", "/nowhere"], "could not be read"),
    (["--minutes", "0"], "--minutes is 0.0; expected more than 0"),
    (["--zeros", "65"], "--zeros is 65.0; expected a share between 0 and 1"),
])
def test_command_line_faults_are_one_line(capsys, tmp_path, line, message):
    options = train.float_arguments().parse_args([*line, "--weights", str(tmp_path)])
    assert train.main(train.run, options) == 1
    told = capsys.readouterr().err
    assert message in told and told.startswith("error: ") and told.count("\n") == 1


def test_training_lowers_the_loss():
    """A few steps of training on two flat images; the averaged weights and a record are handed over."""
    torch.manual_seed(0)
    images = torch.ones(64, 2, 8, 8) * torch.tensor([-0.5, 0.5]).repeat(32)[:, None, None, None]
    labels = torch.arange(2).repeat(32)[:, None]
    model, kept = Transformer(SMALL), {}
    before = train.validation_loss(model, images, labels)
    pictures = data.Pictures((images, labels), (images, labels), mirrored=False)
    train.fit(model, pictures, train.Schedule(minutes=0.03, steps=60, batch=32, rate=1e-2, average=0.9),
              lambda tensors, record: kept.update(tensors=tensors, record=record))
    model.load_state_dict(kept["tensors"])
    assert kept["record"]["finished"]
    assert train.validation_loss(model, images, labels) < 0.8 * before
