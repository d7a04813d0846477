"""A small float model, pictures, and their files, for tests of quantisation."""

import gzip
import struct
from pathlib import Path

import numpy as np
import torch

from golden.model import checkpoint
from golden.model.transformer import Transformer
from golden.quantise import source
from golden.quantise.calibrate import Calibration
from golden.quantise.damage import Trial
from golden.spec.model import ModelConfig

SMALL = ModelConfig(name="small", image_size=14, channels=16, blocks=2, heads=2, labels=("a", "b"))
COUNT = 24


def small_float(spoil: str | None = None) -> checkpoint.Checkpoint:
    """A float checkpoint with random tensors; the layer ``spoil`` has a large weight in each row, bad for 4 bits."""
    torch.manual_seed(0)
    model = Transformer(SMALL)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, std=0.1 if "modulation" in name else 0.2)
    if spoil:
        with torch.no_grad():
            weight = model.get_submodule(spoil).weight
            weight[torch.arange(len(weight)), torch.arange(len(weight)) % weight.shape[1]] = 3.0
    return checkpoint.Checkpoint(config=SMALL, kind="float", tensors=model.state_dict())


def images(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random images (B, 1, 14, 14) and labels (B, 1)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(COUNT, 1, 14, 14, generator=generator) * 2 - 1, torch.arange(COUNT)[:, None] % 2


def measured(found: checkpoint.Checkpoint):
    """The model with quantisers, its calibration, and a trial on other images."""
    model = source.unquantised(found)
    return model, Calibration(model, *images(1)), Trial(source.float_model(found), *images(2))


def write_pictures(folder: Path, labels: int = 2) -> Path:
    """A data set of random pictures in the files of ``garments``."""
    generator = np.random.default_rng(0)
    for split in ("train", "t10k"):
        pictures = generator.integers(0, 256, (COUNT, 28, 28), dtype=np.uint8)
        header = b"\0\0\x08"
        for name, array in (("images-idx3", pictures), ("labels-idx1", np.arange(COUNT, dtype=np.uint8) % labels)):
            raw = header + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
            (folder / f"{split}-{name}-ubyte.gz").write_bytes(gzip.compress(raw))
    return folder
