"""A population of particles on the integer reference, which is bit for bit the core."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from boards.host.particles import Latent
from golden.compile.compiler import Compiled
from golden.integer.batch_draw import draw_part
from golden.spec import numbers

PIXEL_ONE = 1 << numbers.PIXEL_FRACTION_BITS


def shape_of(compiled: Compiled) -> tuple[int, int, int]:
    """(C, H, H) of a model's images."""
    config = compiled.model.config
    return config.image_channels, config.image_size, config.image_size


def to_pictures(pixels: Sequence[Sequence[int]], shape: tuple[int, int, int]) -> np.ndarray:
    """Pixels of images, one being 4096, as floats (n, C, H, H) clamped to [-1, 1]."""
    return (np.array(pixels).reshape(-1, *shape) / PIXEL_ONE).clip(-1, 1)


def brightness(images: Sequence[Sequence[int]]) -> list[float]:
    """Mean pixel of each image: a reward that needs nothing but the images."""
    return [sum(image) / len(image) / PIXEL_ONE for image in images]


class ReferencePopulation:
    """See ``boards.host.particles.Population``; all particles draw the same prompt."""

    def __init__(self, compiled: Compiled, label: str) -> None:
        self.compiled = compiled
        self.contexts = compiled.contexts(label)

    async def run(self, first: int, last: int, latents: Sequence[Latent | None], seeds: Sequence[int]) -> list[Latent]:
        """Steps ``first`` to ``last`` of each particle."""
        compiled, shape = self.compiled, shape_of(self.compiled)
        before = None
        if latents[0] is not None:
            before = tuple(np.array([latent[place] for latent in latents]).reshape(-1, *shape) for place in (0, 1))
        after = draw_part(compiled.model, [self.contexts] * len(seeds), compiled.plan, seeds, (first, last), before)
        return [Latent(*(tuple(image.ravel().tolist()) for image in pair)) for pair in zip(*after, strict=True)]
