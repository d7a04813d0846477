"""Some images of one variant of a model: the one place where samplers and the integer reference are connected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from golden.integer import pixel
from golden.integer.evaluate import sample
from golden.integer.noise import NoiseGenerator
from golden.integer.plan import SamplerPlan, coefficient, euler_plan
from golden.integer.workload import ZeroShares, useful_macs
from golden.model import checkpoint, sampler
from golden.model.labels import none
from golden.model.transformer import Transformer
from golden.quantise.to_integers import to_integers
from golden.spec import numbers
from golden.spec.model import ModelConfig
from golden.spec.validation import require

FLOAT = "float"
CALIBRATED = "W4A4, calibrated only"
FINE_TUNED = "W4A4, fine-tuned"
KINDS = (FLOAT, CALIBRATED, FINE_TUNED)
SAMPLERS = {"euler": sampler.euler}
"""Float samplers by name; ``integer_plan`` makes the same of integers."""
PIXEL_ONE = 1 << numbers.PIXEL_FRACTION_BITS


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How every variant draws."""

    steps: int = 12
    guidance: float = 2.0
    sampler: str = "euler"

    def __post_init__(self) -> None:
        require(self.steps >= 1, f"--steps is {self.steps}; expected 1 or more")
        require(self.sampler in SAMPLERS,
                f"there is no sampler '{self.sampler}'; expected one of {', '.join(SAMPLERS)}")


@dataclass(frozen=True)
class Variant:
    """One of the ways in which a model is drawn; a float checkpoint or a quantised one."""

    model: str
    kind: str       # one of ``KINDS``
    path: Path      # of its checkpoint


@dataclass(frozen=True)
class Drawn:
    """Images in [-1, 1] and, of integers, zeros and values of every left operand.

    images (n, C, H, H) float32; zeros, values (evaluations, products) int64, products in the order of ``useful_macs``,
    or None of the float model.
    """

    images: np.ndarray
    zeros: np.ndarray | None = None
    values: np.ndarray | None = None


def integer_plan(settings: Settings, fraction_bits: int) -> tuple[list[float], SamplerPlan]:
    """The times of the evaluations, and the sampler's integer coefficients."""
    moments = sampler.times(settings.steps)
    return moments[:-1], euler_plan(moments, settings.guidance, fraction_bits)


def evaluations(settings: Settings) -> int:
    """Times at which one drawing evaluates the network; both contexts of a guided step count once."""
    return len(integer_plan(settings, numbers.PIXEL_FRACTION_BITS)[0])


def first_noise(config: ModelConfig, seed: int) -> np.ndarray:
    """The image (C, H, H) that the core starts from: noise, one being 4096."""
    values = NoiseGenerator.from_seed(seed).values(config.tokens * config.token_pixels)
    fresh = coefficient(PIXEL_ONE / numbers.NOISE_DEVIATION)
    half = 1 << (numbers.STEP_FRACTION_BITS - 1)
    return pixel.to_image((values * fresh + half) >> numbers.STEP_FRACTION_BITS, config)


@lru_cache(maxsize=1)
def loaded(path: Path) -> checkpoint.Checkpoint:
    """A worker draws part after part of the same checkpoint."""
    return checkpoint.load(path)


def draw(variant: Variant, settings: Settings, labels: Tensor, seeds: Sequence[int]) -> Drawn:
    """One image for each of the labels (n, A) and seeds."""
    source = loaded(variant.path)
    return (draw_float if variant.kind == FLOAT else draw_integer)(source, settings, labels, seeds)


def draw_float(source: checkpoint.Checkpoint, settings: Settings, labels: Tensor, seeds: Sequence[int]) -> Drawn:
    """With the float model, from the noise that the core starts from."""
    model = Transformer(source.config)
    model.load_state_dict(source.tensors)
    noise = np.stack([first_noise(source.config, seed) for seed in seeds]) / PIXEL_ONE
    way = SAMPLERS[settings.sampler](model.eval(), torch.from_numpy(noise).float(), labels,
                                     no_label=source.config.no_label, steps=settings.steps, guidance=settings.guidance)
    return Drawn(way[-1].clamp(-1, 1).numpy())


def draw_integer(source: checkpoint.Checkpoint, settings: Settings, labels: Tensor, seeds: Sequence[int]) -> Drawn:
    """With the integer reference, whose every bit is the RTL's."""
    times, plan = integer_plan(settings, source.residual_fraction_bits)
    model, tables = to_integers(source, times, torch.cat([labels, none(source.config, 1)]))
    shares = [ZeroShares(source.config) for _ in times]
    images = []
    for guided, seed in zip(tables[:-1], seeds, strict=True):
        for step in sample(model, (guided,) if settings.guidance == 1.0 else (tables[-1], guided), plan, seed):
            if step.number:
                shares[step.number - 1].add(step)
        images.append(step.image)
    products = tuple(useful_macs(source.config))
    zeros, values = (np.array([[getattr(share, name)[product] for product in products] for share in shares])
                     for name in ("zeros", "values"))
    return Drawn((np.stack(images) / PIXEL_ONE).clip(-1, 1).astype(np.float32), zeros, values)
