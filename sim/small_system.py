"""The smallest system that there is: a random model of 16 tokens, for benches in which the drawing is not the point."""

from __future__ import annotations

import numpy as np

from golden.compile.compiler import NO_LABEL, Compiled, compile_integers
from golden.spec.hardware import HardwareConfig
from golden.spec.model import ModelConfig
from sim.random_model import LABEL, random_integers, random_modulation, random_plan

GRID = 4
"""Pixels, and tokens, of the image's side."""


def small_system(seed: int, hardware: HardwareConfig, steps: int = 2) -> Compiled:
    """One block of ``width`` channels, one head, no guidance; raises ``CompileError`` where even that does not fit."""
    generator = np.random.default_rng(seed)
    config = ModelConfig(name="smallest", image_channels=1, image_size=GRID, stride=1, channels=hardware.width,
                         blocks=1, heads=1, expansion=1, coordinate_channels=1, labels=(LABEL,))
    tables = {name: random_modulation(generator, config, steps) for name in (LABEL, NO_LABEL)}
    plan = random_plan(generator, [1] * steps)
    return compile_integers(random_integers(generator, config), tables, plan, 1.0, hardware)
