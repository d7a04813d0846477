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
from golden.integer.batch_draw import BatchNoise
from golden.integer.plan import DEFAULT, SamplerPlan, make_plan
from golden.integer.samplers import SAMPLERS
from golden.integer.samplers import evaluations as sampler_evaluations
from golden.integer.workload import useful_macs
from golden.model import checkpoint, sampler
from golden.model.transformer import Transformer
from golden.quantise.draw import draw_labels
from golden.spec import numbers
from golden.spec.validation import require

FLOAT = "float"
CALIBRATED = "W4A4, calibrated only"
FINE_TUNED = "W4A4, fine-tuned"
KINDS = (FLOAT, CALIBRATED, FINE_TUNED)
PIXEL_ONE = 1 << numbers.PIXEL_FRACTION_BITS


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How every variant draws."""

    steps: int = 8
    guidance: float = 2.0
    sampler: str = "dpm"
    guidance_range: tuple[float, float] = (0.0, 1.0)     # times between which steps are guided
    stop: float = 0.0                                    # change of the image below which a drawing ends; 0 is never

    def __post_init__(self) -> None:
        require(self.steps >= 1, f"--steps is {self.steps}; expected 1 or more")
        require(self.sampler in SAMPLERS,
                f"there is no sampler '{self.sampler}'; expected one of {', '.join(SAMPLERS)}")
        require(self.plan.evaluations > 0, "there is nothing to evaluate")    # or the plan refuses what it cannot hold

    @property
    def choices(self) -> dict[str, object]:
        """What a plan takes beside sampler, steps and guidance."""
        return {"guidance_range": self.guidance_range, "stop": self.stop}

    @property
    def plan(self) -> SamplerPlan:
        """The rows, of one pixel and velocities in a pixel's unit."""
        return make_plan(self.sampler, sampler.times(self.steps), self.guidance, numbers.PIXEL_FRACTION_BITS, 1,
                         **self.choices)


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


def evaluations(settings: Settings) -> int:
    """Times at which one drawing evaluates the network; both contexts of a guided step count once."""
    return sampler_evaluations(settings.sampler, settings.steps)


def first_images(noise: np.ndarray) -> np.ndarray:
    """Images that the core starts from, one being 4096: row 0 of every plan."""
    row = make_plan(DEFAULT, sampler.times(1), 1.0, numbers.PIXEL_FRACTION_BITS, noise[0].size).rows[0]
    zero = np.zeros_like(noise)
    return pixel.sampler_step(zero, zero, zero, zero, noise, row)[0]


@lru_cache(maxsize=1)
def loaded(path: Path) -> checkpoint.Checkpoint:
    """A worker draws part after part of the same checkpoint."""
    return checkpoint.load(path)


def draw(variant: Variant, settings: Settings, labels: Tensor, seeds: Sequence[int]) -> Drawn:
    """One image for each of the labels (n, A) and seeds."""
    source = loaded(variant.path)
    return (draw_float if variant.kind == FLOAT else draw_integer)(source, settings, labels, seeds)


def draw_float(source: checkpoint.Checkpoint, settings: Settings, labels: Tensor, seeds: Sequence[int]) -> Drawn:
    """With the float model, which never ends early, from the core's first noise and with what it adds on the way."""
    config = source.config
    model = Transformer(config)
    model.load_state_dict(source.tensors)
    noise = BatchNoise(seeds, config)
    start = first_images(noise.images())

    def fresh(_: int) -> Tensor:
        return torch.from_numpy(noise.images() / numbers.NOISE_DEVIATION).float()

    way = sampler.draw(model.eval(), torch.from_numpy(start / PIXEL_ONE).float(), labels, no_label=config.no_label,
                       sampler=settings.sampler, steps=settings.steps, guidance=settings.guidance,
                       guidance_range=settings.guidance_range, fresh=fresh)
    return Drawn(way[-1].clean.clamp(-1, 1).numpy())


def draw_integer(source: checkpoint.Checkpoint, settings: Settings, labels: Tensor, seeds: Sequence[int]) -> Drawn:
    """With the integer reference, whose every bit is the RTL's."""
    drawn = draw_labels(source, labels, seeds, steps=settings.steps, guidance=settings.guidance,
                        sampler=settings.sampler, choices=settings.choices, workers=1, count_zeros=True,
                        progress=False)
    products = tuple(useful_macs(source.config))
    zeros, values = (np.array([[getattr(share, name)[product] for product in products] for share in drawn.zeros])
                     for name in ("zeros", "values"))
    return Drawn((drawn.images / PIXEL_ONE).clip(-1, 1).astype(np.float32), zeros, values)
