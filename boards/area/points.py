"""Configurations that are synthesised: those that the area model is fitted to, and those that it is tried on.

Memories are as deep as the search makes them for a small model (64 tokens of 32 channels, 3 blocks) and for a deep one
(256 tokens of 64 channels, 6 blocks), as depths change address widths and the accumulator's.
"""

from __future__ import annotations

from golden.spec.hardware import HardwareConfig

SMALL = {"longest_dot_product": 32, "pixel_words": 256, "coordinate_words": 8, "program_words": 221}
SMALL_WORDS = {"slot_rows": 128, "weight_words": 5896, "modulation_words": 672, "normalised_words": 1024,
               "activation_words": 2048, "key_value_words": 1024, "residual_words": 512}
DEEP = {"longest_dot_product": 64, "pixel_words": 1024, "coordinate_words": 16, "program_words": 344}
DEEP_WORDS = {"slot_rows": 1024, "weight_words": 41160, "modulation_words": 2496, "normalised_words": 8192,
              "activation_words": 16384, "key_value_words": 8192, "residual_words": 4096}
"""At 8 channels a word; twice as wide words are half as many."""
NARROWEST = 8


def point(lanes: int, width: int, *, deep: bool = False, **fields: int) -> HardwareConfig:
    """A configuration whose name tells it."""
    extra = "".join(f"-{name.replace('_', '-')}-{value}" for name, value in fields.items())
    fixed, words = (DEEP, DEEP_WORDS) if deep else (SMALL, SMALL_WORDS)
    depths = {name: NARROWEST * depth // width for name, depth in words.items()}
    tokens = 256 if deep else 64
    return HardwareConfig(name=f"{lanes}x{width}{'-deep' if deep else ''}{extra}", lanes=lanes, width=width,
                          **{**fixed, **depths, "step_words": 13, "score_words": 2 * lanes * tokens // width,
                             "split_lines": 60, **fields})


WHOLE = (point(2, 8), point(4, 8, deep=True, line_words=1, slots=8), point(8, 16, deep=True))
"""Fitted: whole cores."""
GRIDS = (point(8, 8, dense_lanes=8, dsp_lanes=4, line_words=2), point(4, 16, dense_lanes=4, dsp_lanes=2),
         point(8, 8, line_words=8, longest_dot_product=512, slots=8))
"""Fitted: lanes, with dense ones and without."""
GROWING = (point(16, 16, deep=True, line_words=1),)
"""Fitted: all that grows with the lanes. The search asks for nothing beyond the smallest and largest lanes, width,
line, slots and parts of the norm of the fitted ones."""
HALVED = (point(2, 8, norm_parts=2),)
"""Fitted: norms that take a word in two cycles."""
HELD_OUT = (
    point(8, 8), point(8, 8, dense_lanes=8, dsp_lanes=8), point(4, 8, line_words=2, norm_parts=2),
    point(4, 16, line_words=2, norm_parts=2),
)
"""Whole cores, never fitted: what the model says of these is its error on cores that it has not seen."""
WIDTHS = tuple(sorted({config.width for config in WHOLE}))
"""That there are cores of."""
NEVER_FITTED = "held out"
BY_ROLE = {"whole": WHOLE, "grids": GRIDS, "halved": HALVED, "growing": GROWING, NEVER_FITTED: HELD_OUT}
UNITS = {
    "grids": ("array.grid", "array.detector", "split_memory"),
    "growing": ("array", "softmax", "row_maximum"),
    "halved": ("norm", "modulation_memory"),
}
"""Units of the core that are synthesised of a point by its role, if it has them; of the others all."""
EVERY_KIND = point(4, 8, dense_lanes=4, dsp_lanes=2, norm_parts=2)
"""A core with every kind of unit, by which ``boards.area.origin`` tells whether a fit is of today's hardware."""
