"""First steps for every quantiser, from measured values: a clipping limit, then the step that reaches it."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from golden.quantise.parts import Part, bits_restored, parts
from golden.quantise.quantised import QuantisedTransformer, Quantising
from golden.quantise.steps import to_grid
from golden.spec.validation import ConfigError

CANDIDATES = 80          # clipping limits tried, from 1/80 of the largest value up
SAMPLES = 65536          # values kept of each activation
BATCH = 256              # images of one pass
HEADROOM = 4             # of the residual stream's int16 above the largest value seen
RESIDUAL_LIMIT = 32767
SMALLEST = 1e-6          # of a largest value: a row of zeros has a step too
CLIPPINGS = ("mse", "percentile", "minmax")


@dataclass(frozen=True, kw_only=True)
class Clipping:
    """Where values are cut off: at the least squared error, at a percentile of their sizes, or nowhere (minmax).

    Raises ``ConfigError`` for another method, or for a percentile that is not above 50 and at most 100.
    """

    method: str = "mse"
    percentile: float = 99.9

    def __post_init__(self) -> None:
        if self.method not in CLIPPINGS:
            raise ConfigError(f"the clipping is '{self.method}'; expected one of {', '.join(CLIPPINGS)}")
        if not 50 < self.percentile <= 100:
            raise ConfigError(f"the percentile is {self.percentile}; expected more than 50 and at most 100")

    def steps(self, rows: Tensor, limits: tuple[int, int]) -> Tensor:
        """The step of each row of (rows, values) on a grid of these limits, (rows,)."""
        if self.method == "mse":
            return best_steps(rows, limits)
        size = rows.abs()
        cut = size.amax(1) if self.method == "minmax" else size.quantile(self.percentile / 100, dim=1)
        return torch.where(cut > 0, cut, size.amax(1)).clamp_min(SMALLEST) / limits[1]


def best_steps(rows: Tensor, limits: tuple[int, int]) -> Tensor:
    """The step of least squared error for each row of (rows, values), (rows,)."""
    largest = rows.abs().amax(1).clamp_min(SMALLEST)
    best_error = torch.full_like(largest, math.inf)
    best_step = largest / limits[1]
    for index in range(1, CANDIDATES + 1):
        step = largest * (index / CANDIDATES / limits[1])
        error = (to_grid(rows / step[:, None], limits) * step[:, None] - rows).square().sum(1)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best_step = torch.where(better, step, best_step)
    return best_step


class Calibration:
    """Steps of a model's parts in any number of bits, from its float weights and one look at its activations.

    The activations are the float model's, so the steps do not depend on what else is quantised, or to how many bits.
    """

    def __init__(self, model: QuantisedTransformer, images: Tensor, labels: Tensor, clipping: Clipping | None = None):
        self.clipping = clipping or Clipping()
        self.found: dict[tuple[str, int], Tensor] = {}
        self.samples = observed(model, *noisy(images, labels, model.config.no_label))

    def step(self, part: Part, bits: int) -> Tensor:
        """The step of a part in so many bits, (out,) or a scalar."""
        if (part.name, bits) not in self.found:
            weights, limits = part.weights, part.module.kinds[part.key][bits]
            steps = self.clipping.steps(self.samples[part.name][None] if weights is None else weights, limits)
            self.found[part.name, bits] = steps[0] if weights is None else steps
        return self.found[part.name, bits]

    @torch.no_grad()
    def apply(self, model: QuantisedTransformer) -> None:
        """Set the steps of everything that is quantised, for the bits that it is held in now."""
        for part in parts(model).values():
            if part.step is not None and part.bits is not None:
                part.step.copy_(self.step(part, part.bits))


@torch.no_grad()
def observed(model: QuantisedTransformer, image: Tensor, t: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Up to ``SAMPLES`` values of every activation by its part's name, unquantised, for noisy images at their times."""
    generator = torch.Generator().manual_seed(0)
    share = -(-SAMPLES // -(-len(image) // BATCH))
    samples: dict[str, list[Tensor]] = defaultdict(list)
    with bits_restored(model) as found:
        names = {(part.module, part.key): name for name, part in found.items()}

        def observe(module: nn.Module, key: str, x: Tensor) -> None:
            values = x.flatten()
            picks = torch.randint(values.numel(), (min(share, values.numel()),), generator=generator)
            samples[names[module, key]].append(values[picks])

        for part in found.values():
            part.bits = None
        watch(model, observe)
        try:
            for batch in zip(image.split(BATCH), t.split(BATCH), labels.split(BATCH), strict=True):
                model(*batch)
        finally:
            watch(model, None)
    return {name: torch.cat(values) for name, values in samples.items()}


def watch(model: nn.Module, observer: object) -> None:
    """Show every activation to ``observer``; None ends it."""
    for module in model.modules():
        if isinstance(module, Quantising):
            module.observer = observer


def noisy(images: Tensor, labels: Tensor, no_label: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Images on their way, (x, t, labels): times spread evenly over 0 to 1, every tenth image's labels hidden."""
    generator = torch.Generator().manual_seed(1)
    count = len(images)
    t = (torch.randperm(count, generator=generator) + 0.5) / count
    wide = t[:, None, None, None]
    shown = torch.where(torch.arange(count)[:, None] % 10 == 0, torch.tensor(no_label), labels)
    return (1 - wide) * torch.randn(images.shape, generator=generator) + wide * images, t, shown


def calibrate(model: QuantisedTransformer, images: Tensor, labels: Tensor, clipping: Clipping | None = None) -> None:
    """Set every step of the model; images (B, C, H, H), labels (B, A)."""
    Calibration(model, images, labels, clipping).apply(model)


@torch.no_grad()
def residual_fraction_bits(model: QuantisedTransformer, images: Tensor, labels: Tensor) -> tuple[int, float]:
    """Fraction bits of the int16 residual stream and velocity, and the largest value that was measured."""
    peaks: list[float] = []

    def look(module: nn.Module, arguments: tuple, output: Tensor) -> None:
        peaks.append(float(output.abs().max()))

    watched = [model.convolution, *model.blocks, model.decoder]
    handles = [module.register_forward_hook(look) for module in watched]
    model(*noisy(images, labels, model.config.no_label))
    for handle in handles:
        handle.remove()
    peak = max(peaks)
    return max(0, min(12, math.floor(math.log2(RESIDUAL_LIMIT / (HEADROOM * peak))))), peak
