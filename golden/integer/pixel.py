"""Pixels: the initial convolution's patches and the sampler's step."""

from __future__ import annotations

import numpy as np

from golden.integer.plan import StepRow
from golden.spec import numbers
from golden.spec.model import ModelConfig
from golden.spec.step import UPDATE_BITS


def quantise_input(image: np.ndarray) -> np.ndarray:
    """Pixels (int16, one is 4096) -> int8 operand, one step is 1/32; same shape."""
    half = 1 << (numbers.INPUT_SHIFT - 1)
    return np.clip((image.astype(np.int64) + half) >> numbers.INPUT_SHIFT, -128, 127)


def patches(image: np.ndarray, config: ModelConfig) -> np.ndarray:
    """Operand of the initial convolution.

    image (C, H, H) int16 -> (T, 9C + coordinates) int8: term (3 ky + kx) C + c is pixel
    (c, S ty + ky - 1, S tx + kx - 1), zero outside the image; the coordinate channels follow.
    """
    grid, stride = config.grid, config.stride
    padded = np.pad(quantise_input(image), ((0, 0), (1, 1), (1, 1)))
    taps = [padded[:, ky:ky + stride * grid:stride, kx:kx + stride * grid:stride]
            for ky in range(3) for kx in range(3)]                              # 9 x (C, grid, grid)
    terms = np.concatenate(taps).reshape(9 * config.image_channels, -1).T       # (T, 9C)
    return np.concatenate([terms, coordinates(config)], axis=1)


def coordinates(config: ModelConfig) -> np.ndarray:
    """Coordinate channels of every token: (T, coordinate channels) int8."""
    channels = numbers.coordinate_channels(config.grid, config.coordinate_channels)
    lines = np.array(channels, dtype=np.int64).reshape(config.grid, -1)             # (grid, pairs)
    down = np.repeat(lines, config.grid, axis=0)                                # (T, pairs): by the token's row
    across = np.tile(lines, (config.grid, 1))                                   # (T, pairs): by its column
    return np.stack([down, across], axis=-1).reshape(config.tokens, -1)[:, :config.coordinate_channels]


def to_tokens(image: np.ndarray, config: ModelConfig) -> np.ndarray:
    """(C, H, H) -> (T, S*S*C): the pixels that each token decodes to, the inverse of the pixel shuffle."""
    grid, stride = config.grid, config.stride
    split = image.reshape(config.image_channels, grid, stride, grid, stride)
    return split.transpose(1, 3, 2, 4, 0).reshape(config.tokens, -1)


def to_image(values: np.ndarray, config: ModelConfig) -> np.ndarray:
    """(T, S*S*C) -> (C, H, H): the pixel shuffle."""
    grid, stride = config.grid, config.stride
    split = values.reshape(grid, grid, stride, stride, config.image_channels)
    return split.transpose(4, 0, 2, 1, 3).reshape(config.image_channels, config.image_size, config.image_size)


def sampler_step(pixels: np.ndarray, clean: np.ndarray, guided: np.ndarray, unguided: np.ndarray, noise: np.ndarray,
                 row: StepRow) -> tuple[np.ndarray, np.ndarray]:
    """The latent and the predicted clean image after a step, by the formulas of ``golden.spec.step``.

    All of one shape: pixels and clean int16, velocities int16, noise 12-bit signed; coefficients 18-bit signed.
    """
    half = 1 << (numbers.STEP_FRACTION_BITS - 1)
    wide = pixels.astype(np.int64)
    latent = row.keep * wide + row.guided * guided + row.unguided * unguided + row.noise * noise + row.history * clean
    predicted = row.clean_keep * wide + row.clean_guided * guided + row.clean_unguided * unguided
    limits = numbers.LIMITS[numbers.Format.WIDE]
    return (np.clip(latent + half >> numbers.STEP_FRACTION_BITS, *limits),
            np.clip(predicted + half >> numbers.STEP_FRACTION_BITS, *limits))


def update(before: np.ndarray, after: np.ndarray) -> int:
    """Sum of |after - before| over all pixels, which saturates at 32 bits."""
    total = int(np.abs(after.astype(np.int64) - before).sum())
    return min(total, (1 << UPDATE_BITS) - 1)
