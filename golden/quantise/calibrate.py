"""First steps for every quantiser: the clipping with the least squared error on measured values."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from golden.quantise.quantised import Observed, QuantisedConvolution, QuantisedLinear, QuantisedTransformer
from golden.quantise.steps import to_grid

CANDIDATES = 80          # clipping limits tried, from 1/80 of the largest value up
SAMPLES = 65536          # values kept of each activation
HEADROOM = 4             # of the residual stream's int16 above the largest value seen
RESIDUAL_LIMIT = 32767


def best_steps(rows: Tensor, limits: tuple[int, int]) -> Tensor:
    """The step of least squared error for each row of (rows, values), (rows,)."""
    largest = rows.abs().amax(1).clamp_min(1e-6)
    best_error = torch.full_like(largest, math.inf)
    best_step = largest / limits[1]
    for index in range(1, CANDIDATES + 1):
        step = largest * (index / CANDIDATES / limits[1])
        error = (to_grid(rows / step[:, None], limits) * step[:, None] - rows).square().sum(1)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best_step = torch.where(better, step, best_step)
    return best_step


@torch.no_grad()
def calibrate_weights(model: QuantisedTransformer) -> None:
    """Set every layer's ``weight_step``."""
    for layer in model.modules():
        if isinstance(layer, QuantisedLinear):
            weight = layer.weight * layer.ratio if isinstance(layer, QuantisedConvolution) else layer.weight
            layer.weight_step.copy_(best_steps(weight, layer.limits))


@torch.no_grad()
def calibrate_activations(model: QuantisedTransformer, image: Tensor, t: Tensor, labels: Tensor) -> None:
    """Set every activation's step from one batch of noisy images at all times."""
    generator = torch.Generator().manual_seed(0)

    def observe(module: nn.Module, name: str, x: Tensor, limits: tuple[int, int]) -> None:
        values = x.flatten()
        picks = torch.randint(values.numel(), (min(SAMPLES, values.numel()),), generator=generator)
        getattr(module, name).copy_(best_steps(values[picks][None], limits)[0])

    watched = [module for module in model.modules() if isinstance(module, Observed)]
    for module in watched:
        module.observer = observe
    try:
        model(image, t, labels)
    finally:
        for module in watched:
            module.observer = None


def noisy(images: Tensor, labels: Tensor, no_label: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Images on their way, (x, t, labels): times spread evenly over 0 to 1, every tenth image's labels hidden."""
    generator = torch.Generator().manual_seed(1)
    count = len(images)
    t = (torch.randperm(count, generator=generator) + 0.5) / count
    wide = t[:, None, None, None]
    shown = torch.where(torch.arange(count)[:, None] % 10 == 0, torch.tensor(no_label), labels)
    return (1 - wide) * torch.randn(images.shape, generator=generator) + wide * images, t, shown


def calibrate(model: QuantisedTransformer, images: Tensor, labels: Tensor) -> None:
    """Set every step of the model; images (B, C, H, H), labels (B, A)."""
    calibrate_weights(model)
    calibrate_activations(model, *noisy(images, labels, model.config.no_label))


@torch.no_grad()
def residual_fraction_bits(model: QuantisedTransformer, images: Tensor, labels: Tensor) -> tuple[int, float]:
    """Fraction bits of the int16 residual stream and velocity, and the largest value that was measured."""
    peaks: list[float] = []

    def watch(module: nn.Module, arguments: tuple, output: Tensor) -> None:
        peaks.append(float(output.abs().max()))

    watched = [model.convolution, *model.blocks, model.decoder]
    handles = [module.register_forward_hook(watch) for module in watched]
    model(*noisy(images, labels, model.config.no_label))
    for handle in handles:
        handle.remove()
    peak = max(peaks)
    return max(0, min(12, math.floor(math.log2(RESIDUAL_LIMIT / (HEADROOM * peak))))), peak
