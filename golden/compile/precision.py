"""Which groups of layers to hold in 8 bits under a budget of cycles: the model's damage beside the hardware's time."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from golden.compile.cost import estimated_cycles
from golden.compile.layout import CompileError
from golden.model import checkpoint
from golden.quantise import source
from golden.quantise.calibrate import Calibration
from golden.quantise.choose import Choice, Groups, Precisions, check_limit, choose
from golden.quantise.damage import Damage, Trial
from golden.spec.hardware import HardwareConfig
from golden.spec.model import ModelConfig
from golden.spec.validation import ConfigError, require

NEVER = sys.maxsize
"""Cycles of what the hardware cannot hold."""


def cycles_of(config: ModelConfig, hardware: HardwareConfig, steps: int, guidance: float) -> Callable[[Groups], int]:
    """Cycles of a drawing by its 8-bit groups, nothing being zero; ``NEVER`` for groups that do not fit.

    Asked for no groups, it raises ``CompileError`` where the model does not fit at all.
    """
    def cycles(eight_bit: Groups) -> int:
        try:
            return estimated_cycles(config, eight_bit, hardware, steps, guidance)
        except CompileError:
            if not eight_bit:
                raise
            return NEVER

    return cycles


def cycle_limit(options: argparse.Namespace, least: int) -> int:
    """The budget in cycles; ``least`` is what 4 bits take. Raises ``ConfigError`` for a budget below it."""
    if options.cycles is not None:
        check_limit(options.cycles, least)
        return options.cycles
    if not (math.isfinite(options.budget) and options.budget >= 1):
        raise ConfigError(f"--budget is {options.budget}; expected 1 or more, times the cycles of 4 bits")
    return int(options.budget * least)


def run(options: argparse.Namespace, hardware: HardwareConfig) -> None:
    """Choose, tell, and write the calibrated checkpoint."""
    source.prepare(options)
    require(options.steps >= 1, f"--steps is {options.steps}; expected 1 or more")
    require(math.isfinite(options.guidance) and options.guidance >= 0,
            f"--guidance is {options.guidance}; expected a number from 0 on")
    how, path = source.clipping(options), source.source_path(options)
    output = source.not_itself(options.output, path)
    found = source.load(path, ("float",))
    cycles = cycles_of(found.config, hardware, options.steps, options.guidance)
    limit = cycle_limit(options, cycles(()))
    pictures = source.pictures(options, found)
    plain, model = source.float_model(found), source.unquantised(found)
    steps = Calibration(model, *source.first(pictures.train, options.images), how)
    held_out = Trial(plain, *source.first(pictures.test, options.images))
    with tqdm(unit=" choices", leave=False) as bar:
        def tell(eight_bit: Groups, damage: Damage) -> None:
            bar.set_postfix_str(f"{len(eight_bit)} groups, velocity error {100 * damage.velocity:.2f} %", refresh=False)
            bar.update()

        trial = Trial(plain, *(part[-options.images:] for part in pictures.train))
        precisions = Precisions(model, steps, trial, tell)
        choice = choose(precisions.groups, precisions.damage, cycles, limit)
    before, after = (held_out.damage(precisions.with_groups(groups)) for groups in ((), choice.eight_bit))
    record = {"clip": how.method, "images": options.images, "hardware": hardware.name, "cycles": choice.cycles,
              "cycles_4_bit": choice.cycles_before, "cycle_limit": limit, "damage": after.rounded(),
              "damage_4_bit": before.rounded(), "float": found.record}
    made = source.quantised_checkpoint(model, source.first(pictures.test, options.images), record)
    checkpoint.save(output, made)
    print(told(choice, limit, before, after, held_out.loss))
    print(f"wrote {output}")


def told(choice: Choice, limit: int, before: Damage, after: Damage, loss: float) -> str:
    """The choice in words; damage on images that it was not made with."""
    share = choice.cycles / choice.cycles_before
    return "\n".join([
        f"8-bit: {', '.join(choice.eight_bit) or 'nothing more'}",
        f"cycles an image if nothing were zero: {choice.cycles_before:,} with 4 bits, {choice.cycles:,} "
        f"({share:.3f} times) with this choice, limit {limit:,}",
        f"velocity error: {100 * before.velocity:.2f} % with 4 bits, {100 * after.velocity:.2f} % with this choice",
        f"validation loss: {loss:.4f} float, {loss + before.loss:.4f} with 4 bits, {loss + after.loss:.4f} with "
        "this choice, both before fine-tuning"])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    source.add_source(parser)
    source.add_clipping(parser)
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--budget", type=float, help="cycles, in times those of 4 bits, as 1.2")
    budget.add_argument("--cycles", type=int, help="cycles of an image")
    parser.add_argument("--steps", type=int, default=12, help="denoising steps")
    parser.add_argument("--guidance", type=float, default=2.0, help="1 needs one context")
    parser.add_argument("--output", type=Path, required=True, help="quantised checkpoint to write")
