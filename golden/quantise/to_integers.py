"""From a quantised checkpoint to the integers that the hardware holds."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

import numpy as np
import torch

from golden.integer.model import IntegerBlock, IntegerLinear, IntegerModel, Modulation
from golden.model.checkpoint import BLOCK_LINEARS, Checkpoint, CheckpointError
from golden.model.labels import representatives
from golden.quantise.quantised import QuantisedLinear, QuantisedTransformer
from golden.spec import numbers
from golden.spec.precision import ATTENTION, EIGHT_BIT_LAYERS, HIDDEN, group_name

MULTIPLIER_MAXIMUM = (1 << numbers.MULTIPLIER_BITS) - 1
BIAS_MAXIMUM = (1 << (numbers.BIAS_BITS - 1)) - 1
SHIFT_MAXIMUM = 30
GAIN_MAXIMUM = (1 << (numbers.GAIN_BITS - 1)) - 1
FRACTION = 1 << numbers.BIAS_FRACTION_BITS
PIXEL_STEP = 2.0 ** (numbers.INPUT_SHIFT - numbers.PIXEL_FRACTION_BITS)


def load_model(checkpoint: Checkpoint) -> QuantisedTransformer:
    """The quantised model in double precision, so that every machine rounds alike."""
    if checkpoint.kind != "quantised":
        raise CheckpointError(f"the checkpoint of {checkpoint.config.name} is of kind {checkpoint.kind!r}; "
                              "expected 'quantised'")
    model = QuantisedTransformer(checkpoint.config, checkpoint.eight_bit)
    model.load_state_dict(checkpoint.tensors)
    return model.double().eval()


def common_shift(scales: Iterable[np.ndarray | float]) -> int:
    """The largest shift with which every scale's multiplier, scale * 16 * 2^shift, keeps to its 14 bits."""
    largest = max(float(np.max(scale)) for scale in scales)
    return max(0, min(SHIFT_MAXIMUM, math.floor(math.log2(MULTIPLIER_MAXIMUM / (FRACTION * largest)))))


def multiplier(scale: np.ndarray | float, shift: int) -> np.ndarray:
    """The integer multiplier of a scale."""
    return np.minimum(np.rint(np.asarray(scale) * FRACTION * 2.0**shift), MULTIPLIER_MAXIMUM).astype(np.int64)


def layer_scale(layer: QuantisedLinear, input_step: float, output_step: float) -> np.ndarray:
    """Output steps for one accumulator unit, (O,)."""
    return layer.weight_step.detach().numpy() * input_step / output_step


def integer_linear(layer: QuantisedLinear, scale: np.ndarray, shift: int, output_step: float,
                   eight_bit: bool = False) -> IntegerLinear:
    """Integers of one layer."""
    bias = np.rint(layer.bias.detach().numpy() / output_step * FRACTION)
    return IntegerLinear(
        weight=np.rint(layer.integer_weight().numpy()).astype(np.int64), multiplier=multiplier(scale, shift),
        bias=np.clip(bias, -BIAS_MAXIMUM, BIAS_MAXIMUM).astype(np.int64), shift=shift, eight_bit=eight_bit)


def step(tensor: torch.Tensor) -> float:
    """A scalar step."""
    return float(tensor.detach())


def layer_steps(block: torch.nn.Module, wide: float) -> dict[str, tuple[float, float]]:
    """Input and output step of each linear layer of a block."""
    attention, hidden = step(block.norm_attention_step), step(block.norm_hidden_step)
    return {
        "query": (attention, step(block.query_step)), "key": (attention, step(block.key_step)),
        "value": (attention, step(block.value_step)), "projection": (step(block.attention_step), wide),
        "expand": (hidden, step(block.hidden_step)), "contract": (step(block.hidden_step), wide),
    }


def eight_bit_layers(blocks: int, eight_bit: Collection[str]) -> list[frozenset[str]]:
    """Names of each block's 8-bit layers."""
    return [frozenset(layer for group, layers in EIGHT_BIT_LAYERS.items() if group_name(number, group) in eight_bit
                      for layer in layers) for number in range(blocks)]


def layer_shifts(name: str, scales: list[np.ndarray], wide_layers: list[frozenset[str]]) -> list[int]:
    """Shift of a layer in each block: the same in all blocks where it has the same bits, as a descriptor serves them.

    8-bit operands have far finer steps; a shift in common would leave their multipliers few bits.
    """
    kinds = [name in layers for layers in wide_layers]
    found = {kind: common_shift(scale for scale, other in zip(scales, kinds, strict=True) if other == kind)
             for kind in set(kinds)}
    return [found[kind] for kind in kinds]


def integer_blocks(model: QuantisedTransformer, wide: float,
                   eight_bit: Collection[str] = ()) -> tuple[IntegerBlock, ...]:
    """Every block; shifts of attention are the same in all of them, the layers' as ``layer_shifts`` says."""
    steps = [layer_steps(block, wide) for block in model.blocks]
    scales = {name: [layer_scale(getattr(block, name), *found[name])
                     for block, found in zip(model.blocks, steps, strict=True)] for name in BLOCK_LINEARS}
    wide_layers = eight_bit_layers(len(model.blocks), eight_bit)
    nats = 2.0**numbers.SCORE_FRACTION_BITS / math.sqrt(model.config.head_channels)
    score = [step(block.query_step) * step(block.key_step) * nats for block in model.blocks]
    mix = [step(block.value_step) / step(block.attention_step) for block in model.blocks]
    score_shift, attention_shift = common_shift(score), common_shift(mix)
    shifts = {name: layer_shifts(name, scales[name], wide_layers) for name in BLOCK_LINEARS}
    return tuple(
        IntegerBlock(
            **{name: integer_linear(getattr(block, name), scales[name][n], shifts[name][n], steps[n][name][1],
                                    name in wide_layers[n])
               for name in BLOCK_LINEARS},
            score_multiplier=int(multiplier(score[n], score_shift)), score_shift=score_shift,
            attention_multiplier=int(multiplier(mix[n], attention_shift)), attention_shift=attention_shift)
        for n, block in enumerate(model.blocks))


def norm_steps(model: QuantisedTransformer) -> np.ndarray:
    """Output step of every norm, (norms,)."""
    steps = [step(value) for block in model.blocks for value in (block.norm_attention_step, block.norm_hidden_step)]
    return np.array([*steps, step(model.decoder.norm_step)])


@torch.no_grad()
def modulations(model: QuantisedTransformer, times: list[float], labels: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Real gains and shifts of labels (n, A): two (n, steps, norms, D) arrays."""
    moments = torch.tensor(times, dtype=torch.float64).repeat(len(labels))
    scale, shift = model.modulation(moments, labels.repeat_interleave(len(times), dim=0))
    shape = (len(labels), len(times), *scale.shape[1:])
    return (1 + scale).reshape(shape).numpy(), shift.reshape(shape).numpy()


def integer_gain(model: QuantisedTransformer, gain: np.ndarray) -> np.ndarray:
    """Gains (..., norms, D) in units of the integer gain before its shift."""
    eighths = float(1 << numbers.MODULATION_FRACTION_BITS)
    units = eighths * math.sqrt(model.config.channels) * 2.0**-numbers.NORMALISED_FRACTION_BITS
    return units * gain / norm_steps(model)[:, None]


def integer_shifts(model: QuantisedTransformer, times: list[float]) -> np.ndarray:
    """Shift of each norm, (norms,): the largest with which all labels' gains keep to their 8 bits."""
    gain, _ = modulations(model, times, representatives(model.config))
    largest = np.abs(integer_gain(model, gain)).max(axis=(0, 1, 3))
    return np.floor(np.log2(GAIN_MAXIMUM / largest)).astype(int).clip(0, SHIFT_MAXIMUM)


def integer_modulations(model: QuantisedTransformer, times: list[float], labels: torch.Tensor,
                        shifts: np.ndarray, eight_bit: Collection[str] = ()) -> list[Modulation]:
    """The tables of labels (n, A) at ``times``; a bias is in eighths of its norm's step, or whole steps of 8 bits.

    y = (((t * gain) >> shift) + bias + 4) >> 3 with t = x / sqrt(sum of squares) in 14 fraction bits.
    """
    gain, shift = modulations(model, times, labels)
    steps = norm_steps(model)[:, None]
    eighths = float(1 << numbers.MODULATION_FRACTION_BITS)
    real = integer_gain(model, gain)
    whole = [group_name(number, group) in eight_bit for number in range(model.config.blocks)
             for group in (ATTENTION, HIDDEN)]
    units = np.where([*whole, True], 1.0, eighths)[:, None]
    gains = np.rint(real * 2.0 ** shifts[:, None]).clip(-GAIN_MAXIMUM, GAIN_MAXIMUM).astype(np.int64)
    biases = np.rint(shift / steps * units).clip(-GAIN_MAXIMUM, GAIN_MAXIMUM).astype(np.int64)
    return [Modulation(g, b) for g, b in zip(gains, biases, strict=True)]


def to_integers(checkpoint: Checkpoint, times: list[float],
                labels: torch.Tensor | None = None) -> tuple[IntegerModel, list[Modulation]]:
    """The integer model, and the modulation at ``times`` of labels (n, A); the default is every class, then none.

    Raises ``CheckpointError`` for a checkpoint that is not quantised.
    """
    model, eight_bit = load_model(checkpoint), checkpoint.eight_bit
    wide = 2.0**-checkpoint.residual_fraction_bits
    convolution = layer_scale(model.convolution, PIXEL_STEP, wide)
    decoder = layer_scale(model.decoder, step(model.decoder.norm_step), wide)
    shifts = integer_shifts(model, times)
    tables = integer_modulations(model, times, representatives(model.config) if labels is None else labels, shifts,
                                 eight_bit)
    return IntegerModel(
        config=checkpoint.config, residual_fraction_bits=checkpoint.residual_fraction_bits,
        convolution=integer_linear(model.convolution, convolution, common_shift([convolution]), wide, True),
        blocks=integer_blocks(model, wide, eight_bit),
        decoder=integer_linear(model.decoder, decoder, common_shift([decoder]), wide, True),
        norm_shifts=tuple(int(shift) for shift in shifts)), tables
