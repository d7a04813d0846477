"""What a choice of 4 or 8 bits costs: cycles of a drawing by the timing model, without any trained weights."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from golden.compile.blank import FRACTION_BITS, blank
from golden.compile.compiler import NO_LABEL, compile_integers
from golden.integer.model import Modulation
from golden.integer.plan import DEFAULT, make_plan
from golden.model.sampler import times
from golden.spec.hardware import HardwareConfig
from golden.spec.model import ModelConfig
from golden.spec.timing import estimate


def estimated_cycles(config: ModelConfig, eight_bit: Collection[str], hardware: HardwareConfig, steps: int,
                     guidance: float) -> int:
    """Cycles of a drawing in which no operand is zero, with these 8-bit groups (``IntegerModel.eight_bit``).

    Raises ``CompileError`` for a name that is no group of the model, and where the choice does not fit the hardware:
    8-bit weights take four rows where others take one, and each run of blocks with the same groups has a program.
    """
    empty = np.zeros((steps, config.norms, config.channels), dtype=np.int64)
    plan = make_plan(DEFAULT, times(steps), guidance, FRACTION_BITS, config.image_pixels)
    tables = {NO_LABEL: Modulation(empty, empty)}
    compiled = compile_integers(blank(config, eight_bit), tables, plan, guidance, hardware)
    return estimate(compiled.descriptors, hardware, plan.evaluations, plan.contexts).cycles
