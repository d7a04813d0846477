"""Many images at once: the reference's velocities, bit for bit, without its intermediates.

``golden.integer.evaluate`` defines every bit. This computes the same numbers with compiled loops between matrix
products, for whoever draws thousands of images; the tests hold the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from golden.integer import batch_kernels, pixel
from golden.integer.evaluate import bias_shift, norm_format, query_format
from golden.integer.model import IntegerBlock, IntegerLinear, IntegerModel
from golden.integer.product import BYTES_ARE_FASTER, EXACT_FLOAT32, activation_planes, multiply, multiply_bytes
from golden.integer.workload import ZeroShares
from golden.spec import numbers
from golden.spec.descriptors import NORM_LIMITS, NORM_PLANES, NormFormat
from golden.spec.model import ModelConfig
from golden.spec.numbers import Format
from golden.spec.precision import ATTENTION, HIDDEN

OPERAND_MAXIMUM = numbers.UNSIGNED_NIBBLE_MAXIMUM
"""Largest magnitude of a 4-bit left operand."""
PLANES_MAXIMUM = -NORM_LIMITS[NormFormat.INT8][0]
"""The same of an 8-bit one."""


def accumulator_bound(model: IntegerModel) -> int:
    """No partial sum of any of the model's matrix products is larger in magnitude."""
    def bound(layer: IntegerLinear, operand: int) -> int:
        return layer.terms * operand * int(np.abs(layer.weight).max(initial=0))

    config = model.config
    terms = max(config.head_channels, config.tokens)          # of scores, and of the product with the values
    layers = [model.convolution, model.decoder,
              *(layer for block in model.blocks for layer in (block.query, block.key, block.value, block.projection,
                                                              block.expand, block.contract))]
    return max(terms * OPERAND_MAXIMUM * numbers.NIBBLE_MAXIMUM,
               *(bound(layer, PLANES_MAXIMUM if layer.eight_bit else OPERAND_MAXIMUM) for layer in layers))


@dataclass(frozen=True)
class Numbers:
    """Types in which a matrix product is exact: of its operands (F) and of its sums (S)."""

    operand: type
    sums: type

    def multiply(self, left: np.ndarray, right: np.ndarray, sums: np.ndarray) -> None:
        """left (T, K) F @ right (K, O) F into sums (T, O) S."""
        (multiply_bytes if self.operand is np.int8 else multiply)(left, right, sums)


BYTES = Numbers(np.int8, np.int32)


def wide_numbers(model: IntegerModel) -> Numbers:
    """For every product of the model, 8-bit layers among them."""
    kind = np.float32 if accumulator_bound(model) < EXACT_FLOAT32 else np.float64
    return Numbers(kind, kind)


def narrow_numbers(model: IntegerModel) -> Numbers:
    """For products of 4-bit operands: bytes where the processor is made for them, else as the wide ones."""
    return BYTES if BYTES_ARE_FASTER else wide_numbers(model)


@dataclass(frozen=True)
class BatchLinear:
    """Linear layers of one operand, side by side: the array's product and the requantise of each column.

    weight (K, O) F; multiplier, bias, shift, low and high (O,) int64.
    """

    numbers: Numbers
    weight: np.ndarray
    multiplier: np.ndarray
    bias: np.ndarray
    shift: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def join(cls, layers: list[tuple[IntegerLinear, Format]], narrow: Numbers, wide: Numbers) -> BatchLinear:
        """The layers' outputs in this order, each to its format; ``wide`` numbers if one of them has 8 bits."""
        def columns(values: list) -> np.ndarray:
            parts = [np.broadcast_to(value, layer.outputs) for value, (layer, _) in zip(values, layers, strict=True)]
            return np.concatenate(parts).astype(np.int64)

        limits = [numbers.LIMITS[form] for _, form in layers]
        kind = wide if any(layer.eight_bit for layer, _ in layers) else narrow
        weight = np.concatenate([layer.weight for layer, _ in layers])
        return cls(kind, np.ascontiguousarray(weight.T.astype(kind.operand)),
                   columns([layer.multiplier for layer, _ in layers]),
                   columns([layer.bias for layer, _ in layers]), columns([layer.shift for layer, _ in layers]),
                   columns([low for low, _ in limits]), columns([high for _, high in limits]))

    def __call__(self, operand: np.ndarray, kind: type = np.int32) -> np.ndarray:
        """``evaluate.linear``: operand (..., K) F -> (..., O) of a type that holds the outputs' formats."""
        tokens = operand.reshape(-1, operand.shape[-1])
        sums = np.empty((len(tokens), self.weight.shape[1]), dtype=self.numbers.sums)
        self.numbers.multiply(tokens, self.weight, sums)
        outputs = np.empty(sums.shape, dtype=kind)
        batch_kernels.requantise(sums, self.multiplier, self.bias, self.shift, self.low, self.high, outputs)
        return outputs.reshape(*operand.shape[:-1], -1)


class BatchBlock:
    """One core block: its layers, ready to multiply."""

    def __init__(self, block: IntegerBlock, config: ModelConfig, narrow: Numbers, wide: Numbers) -> None:
        def join(*layers: tuple[IntegerLinear, Format]) -> BatchLinear:
            return BatchLinear.join(list(layers), narrow, wide)

        self.integers = block
        self.query_key_value = join((block.query, query_format(config)), (block.key, Format.INT4),
                                    (block.value, Format.INT4))
        self.projection = join((block.projection, Format.WIDE))
        self.expand = join((block.expand, Format.UINT4))
        self.contract = join((block.contract, Format.WIDE))


def patches(images: np.ndarray, config: ModelConfig) -> np.ndarray:
    """``pixel.patches`` of every image: (B, C, H, H) -> (B, T, 9C + coordinates) int64."""
    count, stride, reach = len(images), config.stride, config.stride * config.grid
    padded = np.pad(pixel.quantise_input(images), ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = [padded[:, :, ky:ky + reach:stride, kx:kx + reach:stride] for ky in range(3) for kx in range(3)]
    terms = np.stack(taps, axis=1).reshape(count, 9 * config.image_channels, -1).swapaxes(1, 2)
    shared = np.broadcast_to(pixel.coordinates(config), (count, config.tokens, config.coordinate_channels))
    return np.concatenate([terms, shared], axis=2)


def to_images(values: np.ndarray, config: ModelConfig) -> np.ndarray:
    """``pixel.to_image`` of every image: (B, T, S*S*C) -> (B, C, H, H)."""
    grid, stride, channels, size = config.grid, config.stride, config.image_channels, config.image_size
    split = values.reshape(-1, grid, grid, stride, stride, channels)
    return split.transpose(0, 5, 1, 3, 2, 4).reshape(-1, channels, size, size)


def count(zeros: ZeroShares | None, name: str, operand: np.ndarray, form: NormFormat) -> None:
    """Count a left operand's zeros where they are wanted, those of planes apart."""
    if zeros is None:
        return
    if form in NORM_PLANES:
        zeros.count(name, np.stack(activation_planes(operand.astype(np.int64))))
    else:
        zeros.add_count(name, batch_kernels.zeros(operand.reshape(-1, operand.shape[-1])), operand.size)


class BatchEvaluator:
    """``evaluate.evaluate`` for many images of one model; not to be shared by threads, as it keeps work space."""

    def __init__(self, model: IntegerModel) -> None:
        self.model = model
        config, self.narrow, wide = model.config, narrow_numbers(model), wide_numbers(model)
        self.convolution = BatchLinear.join([(model.convolution, Format.WIDE)], self.narrow, wide)
        self.blocks = [BatchBlock(block, config, self.narrow, wide) for block in model.blocks]
        self.decoder = BatchLinear.join([(model.decoder, Format.WIDE)], self.narrow, wide)
        self._scores = np.empty((config.heads, config.tokens, config.tokens), dtype=self.narrow.sums)
        self._probabilities = np.empty(self._scores.shape, dtype=self.narrow.operand)
        self._row_multiplier = np.empty((config.heads, config.tokens), dtype=np.int64)
        self._row_shift = np.empty((config.heads, config.tokens), dtype=np.int64)

    def velocity(self, images: np.ndarray, gain: np.ndarray, bias: np.ndarray,
                 zeros: ZeroShares | None = None) -> np.ndarray:
        """Velocities as images, (B, C, H, H) int64, of images (B, C, H, H) int16.

        gain and bias (B, norms, D) int8, or (1, norms, D) for all images alike. ``zeros`` counts the zeros of every
        left operand.
        """
        config = self.model.config
        gain, bias = (np.broadcast_to(table, (len(images), *table.shape[1:])) for table in (gain, bias))
        operand = patches(images, config)
        count(zeros, "convolution", operand, NormFormat.INT8)
        residual = self.convolution(operand.astype(self.convolution.numbers.operand))
        for number in range(config.blocks):
            self._block(number, residual, gain, bias, zeros)
        operand = self._norm(-1, residual, gain, bias, NormFormat.INT8, self.decoder)
        count(zeros, "decoder", operand, NormFormat.INT8)
        return to_images(self.decoder(operand).astype(np.int64), config)

    def _norm(self, number: int, residual: np.ndarray, gain: np.ndarray, bias: np.ndarray,
              form: NormFormat, layer: BatchLinear) -> np.ndarray:
        """``evaluate.norm`` number ``number`` of the residual stream (B, T, D): ``layer``'s operand (B, T, D) F."""
        operand = np.empty(residual.shape, dtype=layer.numbers.operand)
        gains = np.ascontiguousarray(gain[:, number], dtype=np.int64)
        biases = np.ascontiguousarray(bias[:, number], dtype=np.int64) << bias_shift(form)
        batch_kernels.norm(residual, gains, biases, self.model.norm_shifts[number], NORM_LIMITS[form], operand)
        return operand

    def _block(self, number: int, residual: np.ndarray, gain: np.ndarray, bias: np.ndarray,
               zeros: ZeroShares | None) -> None:
        """``evaluate.core_block``: changes the residual stream (B, T, D) int32."""
        def counted(name: str, operand: np.ndarray, form: NormFormat = NormFormat.UINT4) -> None:
            count(zeros, f"blocks.{number}.{name}", operand, form)

        block, stream = self.blocks[number], residual.reshape(-1, residual.shape[-1])
        form = norm_format(block.integers, ATTENTION)
        operand = self._norm(2 * number, residual, gain, bias, form, block.query_key_value)
        counted("query_key_value", operand, form)
        mixed = np.empty(operand.shape, dtype=block.projection.numbers.operand)
        for image, projected in enumerate(block.query_key_value(operand, self.narrow.operand)):
            counted("scores", projected[:, :projected.shape[1] // 3])
            self._attention(projected, block.integers, mixed[image])
            counted("mix", self._probabilities)
        counted("projection", mixed)
        batch_kernels.add_residual(stream, block.projection(mixed).reshape(stream.shape))
        form = norm_format(block.integers, HIDDEN)
        operand = self._norm(2 * number + 1, residual, gain, bias, form, block.expand)
        counted("expand", operand, form)
        hidden = block.expand(operand, block.contract.numbers.operand)
        counted("contract", hidden)
        batch_kernels.add_residual(stream, block.contract(hidden).reshape(stream.shape))

    def _attention(self, projected: np.ndarray, block: IntegerBlock, mixed: np.ndarray) -> None:
        """``evaluate.attention`` of one image: query, key and value side by side (T, 3 D) F; ``mixed`` (T, D).

        Leaves the probabilities in ``self._probabilities``.
        """
        heads = self.model.config.heads
        parts = projected.reshape(len(projected), 3, heads, -1)                      # (T, 3, heads, d)
        query, value = (np.ascontiguousarray(parts[:, part].swapaxes(0, 1)) for part in (0, 2))    # (heads, T, d)
        key = np.ascontiguousarray(parts[:, 1].transpose(1, 2, 0))                   # (heads, d, T)
        for head in range(heads):
            self.narrow.multiply(query[head], key[head], self._scores[head])
        batch_kernels.softmax(self._scores, block.score_multiplier, block.score_shift, block.attention_multiplier,
                              block.attention_shift, self._probabilities, self._row_multiplier, self._row_shift)
        sums = np.empty(value.shape, dtype=self.narrow.sums)
        for head in range(heads):
            self.narrow.multiply(self._probabilities[head], value[head], sums[head])
        batch_kernels.requantise_mix(sums, self._row_multiplier, self._row_shift,
                                     mixed.reshape(len(mixed), heads, -1))
