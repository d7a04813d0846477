"""One evaluation of the network and the sampler's loop, with every intermediate returned. Composition only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from golden.integer import pixel
from golden.integer.model import IntegerBlock, IntegerLinear, IntegerModel, Modulation
from golden.integer.noise import NoiseGenerator
from golden.integer.norm import modulate, normalise
from golden.integer.plan import SamplerPlan
from golden.integer.product import matrix_product
from golden.integer.requantise import requantise
from golden.integer.softmax import exponentials, row_scale
from golden.spec import numbers
from golden.spec.descriptors import NORM_LIMITS, NORM_PLANES, NormFormat
from golden.spec.model import ModelConfig
from golden.spec.numbers import Format
from golden.spec.precision import ATTENTION, HIDDEN

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Step:
    """One denoising step: the evaluations' tensors by context, and the images after it."""

    number: int
    contexts: tuple[Tensors, ...]
    image: np.ndarray              # (C, H, H) int16, the latent
    noise: np.ndarray              # (C, H, H), zero where the step draws none
    clean: np.ndarray              # (C, H, H) int16, the predicted clean image
    update: int                    # how much that changed: ``pixel.update``
    stopped: bool                  # the drawing ends here, as the update is below the row's limit


def linear(values: np.ndarray, layer: IntegerLinear, kind: Format) -> np.ndarray:
    """(T, K) integers -> (T, O) of the format ``kind``."""
    return requantise(matrix_product(values, layer.weight), layer.multiplier, layer.bias, layer.shift, kind)


def add_residual(residual: np.ndarray, branch: np.ndarray) -> np.ndarray:
    """Saturating int16 sum; same shape."""
    return np.clip(residual + branch, *numbers.LIMITS[Format.WIDE])


def query_format(config: ModelConfig) -> Format:
    """uint4 where the model rectifies the query."""
    return Format.UINT4 if config.rectified_query else Format.INT4


def attention(query: np.ndarray, key: np.ndarray, value: np.ndarray, block: IntegerBlock, heads: int) -> Tensors:
    """query int4 or uint4, key, value int4, (T, D) -> scores, probabilities (heads, T, T), attention (T, D) int4."""
    def split(values: np.ndarray) -> np.ndarray:
        return values.reshape(len(values), heads, -1).transpose(1, 0, 2)        # (heads, T, d)

    products = matrix_product(split(query), split(key))
    scores = requantise(products, block.score_multiplier, 0, block.score_shift, Format.SCORE)
    probabilities = exponentials(scores)
    multiplier, exponent = row_scale(probabilities, block.attention_multiplier)
    sums = matrix_product(probabilities, split(value).swapaxes(-1, -2))         # (heads, T, d)
    mixed = requantise(sums, multiplier[..., None], 0, (block.attention_shift + exponent)[..., None], Format.INT4)
    return {"scores": scores, "probabilities": probabilities,
            "attention": mixed.transpose(1, 0, 2).reshape(len(query), -1)}


def bias_shift(form: NormFormat) -> int:
    """What brings a norm's bias to eighths of its output's step: 8-bit outputs have biases in whole steps."""
    return numbers.MODULATION_FRACTION_BITS if form in NORM_PLANES else 0


def norm(residual: np.ndarray, gain: np.ndarray, bias: np.ndarray, shift: int, form: NormFormat) -> np.ndarray:
    """residual (T, D) int16, gain and bias (D,) int8 -> (T, D) of the format."""
    return modulate(normalise(residual), gain, bias, shift, bias_shift(form), NORM_LIMITS[form])


def norm_format(block: IntegerBlock, group: str) -> NormFormat:
    """Output of the norm in front of a group of layers: rectified, of 4 or 8 bits."""
    return NormFormat.RECTIFIED_INT8 if group in block.eight_bit else NormFormat.UINT4


def core_block(residual: np.ndarray, block: IntegerBlock, gain: np.ndarray, bias: np.ndarray,
               shifts: tuple[int, int], config: ModelConfig) -> Tensors:
    """residual (T, D) int16, gain and bias (2, D) int8 -> every tensor of the block by name."""
    tensors: Tensors = {}
    forms = norm_format(block, ATTENTION), norm_format(block, HIDDEN)
    tensors["norm_attention"] = operand = norm(residual, gain[0], bias[0], shifts[0], forms[0])
    tensors["key"] = linear(operand, block.key, Format.INT4)
    tensors["query"] = linear(operand, block.query, query_format(config))
    tensors["value"] = linear(operand, block.value, Format.INT4)
    tensors |= attention(tensors["query"], tensors["key"], tensors["value"], block, config.heads)
    residual = add_residual(residual, linear(tensors["attention"], block.projection, Format.WIDE))
    tensors["residual_attention"] = residual
    tensors["norm_hidden"] = operand = norm(residual, gain[1], bias[1], shifts[1], forms[1])
    tensors["hidden"] = hidden = linear(operand, block.expand, Format.UINT4)
    tensors["residual_hidden"] = add_residual(residual, linear(hidden, block.contract, Format.WIDE))
    return tensors


def evaluate(model: IntegerModel, image: np.ndarray, gain: np.ndarray, bias: np.ndarray) -> Tensors:
    """One evaluation: image (C, H, H) int16, gain and bias (norms, D) int8 -> every tensor by name.

    The velocity (T, S*S*C) int16 has ``model.residual_fraction_bits`` fraction bits.
    """
    tensors: Tensors = {"patches": pixel.patches(image, model.config)}
    residual = linear(tensors["patches"], model.convolution, Format.WIDE)
    tensors["convolution"] = residual
    for n, block in enumerate(model.blocks):
        norms = slice(2 * n, 2 * n + 2)
        inner = core_block(residual, block, gain[norms], bias[norms], model.norm_shifts[norms], model.config)
        tensors |= {f"blocks.{n}.{name}": tensor for name, tensor in inner.items()}
        residual = inner["residual_hidden"]
    operand = norm(residual, gain[-1], bias[-1], model.norm_shifts[-1], NormFormat.INT8)
    tensors["decoder_norm"] = operand
    tensors["velocity"] = linear(operand, model.decoder, Format.WIDE)
    return tensors


def draw_noise(generator: NoiseGenerator, model: IntegerModel) -> np.ndarray:
    """Noise of one step as an image (C, H, H), drawn token by token."""
    config = model.config
    values = generator.values(config.tokens * config.token_pixels)
    return pixel.to_image(values.reshape(config.tokens, -1), config)


def sample(model: IntegerModel, modulations: tuple[Modulation, ...], plan: SamplerPlan, seed: int) -> Iterator[Step]:
    """Draw one image; yields the first noise as step 0, then each denoising step up to the last, or the one that stops.

    ``modulations``: the unguided context first where there are two, the guided (or only) one last. The clean image is
    0 before the first step.
    """
    generator = NoiseGenerator.from_seed(seed)
    zero = np.zeros((model.config.image_channels, model.config.image_size, model.config.image_size), dtype=np.int64)
    image = clean = guided = unguided = zero
    for number, row in enumerate(plan.rows):
        contexts: tuple[Tensors, ...] = ()
        if number:
            contexts = tuple(evaluate(model, image, table.gain[number - 1], table.bias[number - 1])
                             for table in modulations[-row.contexts:])
            unguided, guided = (pixel.to_image(c["velocity"], model.config) for c in (contexts[0], contexts[-1]))
        noise = zero if number and not plan.draws_noise else draw_noise(generator, model)
        before = clean
        image, clean = pixel.sampler_step(image, clean, guided, unguided, noise, row)
        update = pixel.update(before, clean)
        stopped = update < row.stop_below
        yield Step(number, contexts, image, noise, clean, update, stopped)
        if stopped:
            return
