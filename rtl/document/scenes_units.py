"""Scenes of the arithmetic of ``rtl.units``: what each shows in its timing diagram."""

from __future__ import annotations

from golden.spec import numbers
from golden.spec.hardware import HardwareConfig
from golden.spec.numbers import Format
from rtl.document.recording import Cycle, Drive, Row, Scene
from rtl.document.stimuli import generator, hexadecimal, member, pack, played
from rtl.units.exponential import Exponential
from rtl.units.gather import Gather
from rtl.units.modulate import Modulate
from rtl.units.noise import NoiseGenerator
from rtl.units.normalise import Normalise
from rtl.units.reciprocal import Reciprocal
from rtl.units.reciprocal_square_root import ReciprocalSquareRoot
from rtl.units.requantise import Requantise
from rtl.units.row_maximum import RowMaximum
from rtl.units.row_scale import RowScale
from rtl.units.sampler_step import SamplerStep
from rtl.units.square_sum import SquareSum
from rtl.units.update_sum import UpdateSum

TOTAL_BITS = 12
BYTE_BITS = 8
SQUARE_BITS = 20
WORDS = 2
"""Words of a row or token."""


def exponential(config: HardwareConfig) -> Drive:
    draw = generator()
    yield from played(({"valid": 1, "maximum": 100, "scores": pack([100 - draw.randrange(60)] * config.width,
                                                                  numbers.SCORE_BITS)} for _ in range(4)), after=3)


def gather(config: HardwareConfig) -> Drive:
    """Two words in four cycles, and one more later."""
    for lower, upper, after in ((0xA1, 0xB1, 0), (0xA2, 0xB2, 2), (0xA3, 0xB3, 2)):
        yield from played([{"valid": 1, "part": lower}, {"part": upper}], after)


def modulate(config: HardwareConfig) -> Drive:
    draw = generator()
    held = {"shift": 13, "bias_shift": 0}
    for _ in range(4):
        word = draw.randrange(0, 12000)
        yield Cycle({**held, "valid": 1, "normalised": pack([word] * config.width, numbers.NORMALISED_BITS),
                     "modulation": pack([pack([90, -5], numbers.GAIN_BITS)] * config.width, 2 * numbers.GAIN_BITS)})
    yield from played([held] * 4)


def normalise(config: HardwareConfig) -> Drive:
    """The examples of docs/numerics.md: a token whose root is 5000."""
    held = {"mantissa": 26842, "exponent": 12}
    words = ({**held, "valid": 1, "word": pack([word] * config.width, numbers.WIDE_BITS)}
             for word in (3000, 4000, -3000, 5000))
    yield from played(words)
    yield from played([held] * 3)


def reciprocal(config: HardwareConfig) -> Drive:
    yield from played(({"valid": 1, "total": total} for total in (22, 15, 1000, 1)), after=4)


def reciprocal_square_root(config: HardwareConfig) -> Drive:
    yield from played(({"valid": 1, "square": square} for square in (25, 10_000, 1, 500_000)), after=4)


def square_sum(config: HardwareConfig) -> Drive:
    words = ([3] + [0] * (config.width - 1), [4] + [0] * (config.width - 1), [10] * config.width, [0] * config.width)
    yield from played(({"valid": 1, "first": place % WORDS == 0, "last": place % WORDS == WORDS - 1,
                        "word": pack(word, numbers.WIDE_BITS)} for place, word in enumerate(words)), after=5)


def row_scale(config: HardwareConfig) -> Drive:
    rows = ([15, 6, 1] + [0] * (config.width - 3), [0] * config.width, [15] * config.width, [2] * config.width)
    for place, row in enumerate(rows):
        yield Cycle({"valid": 1, "first": place % WORDS == 0, "last": place % WORDS == WORDS - 1, "multiplier": 8000,
                     "probabilities": pack(row, numbers.NIBBLE_BITS)})
    yield from played([{"multiplier": 8000}] * 9)


def sampler_step(config: HardwareConfig) -> Drive:
    """The example of docs/numerics.md first, then others."""
    held = {"coefficients": {"keep": 4096, "guided": 1024, "unguided": -512, "history": -2048, "noise": 0,
                             "clean_keep": 4096, "clean_guided": 4096, "clean_unguided": 0}}
    for latent, clean, guided, unguided in ((1000, 50, 200, 100), (-300, 10, 40, 80)):
        yield Cycle({**held, "left": latent, "right": guided, "clean": clean})
        yield Cycle({**held, "second": 1, "left": 0, "right": unguided})
    yield from played([held] * 6)


def update_sum(config: HardwareConfig) -> Drive:
    """The example of docs/numerics.md, 1152, below a limit of 2000, and then a larger change."""
    held = {"limit": 2000}
    yield Cycle({**held, "start": 1})
    for before, after in ((50, 1200), (-3, -5), (0, 900)):
        yield Cycle({**held, "valid": 1, "before": before, "after": after})
    yield from played([held] * 4)


def noise(config: HardwareConfig) -> Drive:
    """The state (1, 2, 3, 4) of docs/numerics.md."""
    yield Cycle({"load": 1, "state": pack((1, 2, 3, 4), 32)})
    yield from played([{"enable": 1}] * 8, after=3)


def requantise(config: HardwareConfig) -> Drive:
    """The examples of docs/numerics.md."""
    held = {"control": {"shift": 14, "format": Format.INT4}}
    for sum_, bias in ((300, 24), (-300, 24), (40, -8), (3000, 0)):
        yield Cycle({**held, "valid": 1, "sums": pack([sum_] * config.width, config.accumulator_bits),
                     "multipliers": pack([2000] * config.width, numbers.MULTIPLIER_BITS),
                     "biases": pack([bias] * config.width, numbers.BIAS_BITS)})
    yield from played([{}] * 4)


def row_maximum(config: HardwareConfig) -> Drive:
    for row in ([5, -3, 70, 1], [20, 90, 0, 0], [10, 10, 10, 10]):
        yield Cycle({"vector.enable": 1, "vector.lane": 0, "vector.slot": 0,
                     "vector.values": pack(row * (config.width // 4), numbers.SCORE_BITS)})
    yield from played([{}] * 4)
    yield from played([{"clear": 1, "clear_slot": 0}], after=2)


VALID = Row("valid")
SCENES = {
    "exponential": Scene(
        top=Exponential, drive=exponential, rows=(VALID, Row("maximum"), Row("scores[0]", "valid"),
                                                  Row("probabilities[0]")),
        text="Four words, one a cycle; channel 0 is shown. Before the first result the output is undefined; here 0."),
    "gather": Scene(
        top=lambda config: Gather(BYTE_BITS), drive=gather,
        rows=(VALID, Row("part", text=hexadecimal), Row("word_valid"), Row("word", text=hexadecimal)),
        text="Bytes to words of two: two words one behind the other, and one later."),
    "modulate": Scene(
        top=Modulate, drive=modulate,
        rows=(VALID, Row("normalised[0]", "valid"), Row("modulation[0].gain", "valid"),
              Row("modulation[0].bias", "valid"), Row("shift"), Row("modulated[0]")),
        text="Four words to uint4; channel 0 is shown."),
    "normalise": Scene(
        top=Normalise, drive=normalise, rows=(VALID, Row("word[0]", "valid"), Row("mantissa"), Row("exponent"),
                                              Row("normalised[0]")),
        text="Words of a token whose root is 5000; channel 0 is shown."),
    "reciprocal": Scene(
        top=lambda config: Reciprocal(TOTAL_BITS), drive=reciprocal,
        rows=(VALID, Row("total", "valid"), Row("mantissa"), Row("exponent")), text="Four totals, one a cycle."),
    "reciprocal_square_root": Scene(
        top=lambda config: ReciprocalSquareRoot(SQUARE_BITS), drive=reciprocal_square_root,
        rows=(VALID, Row("square", "valid"), Row("mantissa"), Row("exponent")), text="Four squares, one a cycle."),
    "square_sum": Scene(
        top=lambda config: SquareSum(config, WORDS), drive=square_sum,
        rows=(VALID, Row("first"), Row("last"), Row("word[0]", "valid"), Row("complete"), Row("total", "complete")),
        text="Two tokens of two words, one behind the other; channel 0 is shown. The first token is (3, 4) in two "
             "channels and zero elsewhere."),
    "row_scale": Scene(
        top=RowScale, drive=row_scale,
        rows=(VALID, Row("first"), Row("last"), Row("probabilities[0]", "valid"), Row("multiplier"), Row("scale"),
              Row("exponent")),
        text="Two rows of two words, one behind the other; channel 0 is shown. The first row sums to 22."),
    "sampler_step": Scene(
        top=lambda config: SamplerStep(), drive=sampler_step,
        rows=(Row("second"), Row("left"), Row("right"), Row("clean"), Row("value"), Row("clean_value")),
        text="Two pixels in two cycles each."),
    "update_sum": Scene(
        top=lambda config: UpdateSum(), drive=update_sum,
        rows=(Row("start"), VALID, Row("before", "valid"), Row("after", "valid"), Row("limit"), Row("total"),
              Row("settled")),
        text="Changes of 1150, 2 and 900 against a limit of 2000."),
    "noise_generator": Scene(
        top=NoiseGenerator, drive=noise, rows=(Row("load"), Row("enable"), Row("word"), Row("value")),
        text="The state is set to (1, 2, 3, 4); eight outputs make four values."),
    "requantise": Scene(
        top=Requantise, drive=requantise,
        rows=(VALID, Row("control.shift", "valid"), Row("control.format", "valid", member(Format)),
              Row("sums[0]", "valid"), Row("multipliers[0]", "valid"), Row("biases[0]", "valid"), Row("output_valid"),
              Row("values[0]", "output_valid")),
        text="Four vectors to int4, one a cycle; channel 0 is shown."),
    "row_maximum": Scene(
        top=RowMaximum, drive=row_maximum,
        rows=(Row("vector.enable"), Row("vector.lane", "vector.enable"), Row("vector.values[0]", "vector.enable"),
              Row("vector.values[1]", "vector.enable"), Row("vector.values[2]", "vector.enable"), Row("clear"),
              Row("maxima[0]")),
        text="Three vectors of row 0, then its slot is cleared. Scores of three channels are shown."),
}
