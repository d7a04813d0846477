"""Random hardware: any array and line, with memories that hold a random model exactly, or with some room."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from golden.compile.blank import blank
from golden.compile.layout import CompileError
from golden.compile.sizing import smallest
from golden.integer.plan import SamplerPlan
from golden.spec.hardware import HardwareConfig
from golden.spec.split import least_lanes
from sim.random_case import Case, check_fit, random_case
from sim.random_model import random_plan

WIDTHS = (8, 16)
LANES = (2, 4, 8, 16)
CAPS = {"weight_words": 3000, "activation_words": 1536, "key_value_words": 1536, "normalised_words": 1536,
        "residual_words": 768, "modulation_words": 1024, "score_words": 256, "pixel_words": 400, "program_words": 600,
        "step_words": 8, "coordinate_words": 16, "slot_rows": 256, "longest_dot_product": 256, "split_lines": 200,
        "watchdog_cycles": 1 << 16}
"""Depths that bound a random model, so that it is drawn in seconds."""
SDRAM_SHARE = 0.25
"""Of the configurations, those whose weights are in an SDRAM."""
ROOM = 3
"""A memory may have up to so many times the depth of what it holds."""
ROUNDED = ("normalised_words", "activation_words", "score_words")
"""Whole pairs of lines."""


def random_array(generator: np.random.Generator, widest: int = WIDTHS[-1]) -> HardwareConfig:
    """Everything but the memories: lanes, width, line, dense lanes, slots, parts of the norm."""
    width = int(generator.choice([width for width in WIDTHS if width <= widest]))
    lanes = int(generator.choice([count for count in LANES if count <= width]))
    made = HardwareConfig(
        name="random", lanes=lanes, width=width, line_words=int(generator.choice([1, 2, 4, 8])),
        slots=int(generator.choice([4, 8])), norm_parts=int(generator.integers(1, 3)),
        sdram_weights=int(generator.random() < SDRAM_SHARE), **CAPS)
    if lanes < least_lanes(made) or generator.random() < 0.2:
        return made
    return replace(made, dense_lanes=lanes, dsp_lanes=2 * int(generator.integers(0, lanes // 2 + 1)))


def with_room(generator: np.random.Generator, tight: HardwareConfig) -> HardwareConfig:
    """Some memories deeper, by any number of words."""
    depths = {}
    for name in CAPS.keys() - {"watchdog_cycles", "longest_dot_product"}:
        depth = getattr(tight, name)
        if generator.random() < 0.5:
            depth = int(generator.integers(depth, ROOM * depth))
        unit = 2 * tight.line_words if name in ROUNDED else 1
        depths[name] = -(-depth // unit) * unit
    return replace(tight, **{name: depths[name] for name in CAPS if name in depths},
                   watchdog_cycles=CAPS["watchdog_cycles"])


def plan_of(case: Case) -> SamplerPlan:
    """The case's plan, of which the hardware's size depends on the number of contexts and the noise."""
    return random_plan(np.random.default_rng(case.seed), case.contexts, case.draws_noise, case.stops)


def differences(hardware: HardwareConfig) -> dict[str, int]:
    """Fields that differ from the default configuration's."""
    usual = asdict(HardwareConfig())
    return {name: value for name, value in asdict(hardware).items() if name != "name" and value != usual[name]}


def random_hardware(generator: np.random.Generator, widest: int = WIDTHS[-1]) -> tuple[HardwareConfig, Case]:
    """A configuration of up to this width, and a case that it holds, whose ``hardware`` has its fields."""
    while True:
        array = random_array(generator, widest)
        try:
            case = random_case(generator, array)
            tight = smallest(blank(case.model, case.eight_bit), array, plan_of(case))
            made = with_room(generator, tight) if generator.random() < 0.5 else tight
            made = replace(made, watchdog_cycles=CAPS["watchdog_cycles"])
            check_fit(case, made)
        except CompileError:
            continue
        return made, replace(case, hardware=differences(made))
