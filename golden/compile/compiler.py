"""From an integer model to a program image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from golden.compile.layout import CompileError, Layout
from golden.compile.program import ProgramWriter
from golden.compile.split_plan import SplitPlan
from golden.compile.words import coordinate_words, modulation_words, step_word, tile_words
from golden.integer.model import IntegerModel, Modulation
from golden.integer.plan import SamplerPlan, euler_plan
from golden.model.checkpoint import Checkpoint
from golden.model.labels import NO_LABEL, describe, parse
from golden.model.sampler import times
from golden.quantise.to_integers import to_integers
from golden.spec.hardware import HardwareConfig
from golden.spec.image import Kind, Memory, Section, build_segment, write_image

BLOCK_LAYERS = ("key", "query", "value", "projection", "expand", "contract")
"""In the order in which the program loads them."""


@dataclass(frozen=True)
class Compiled:
    """A model on its hardware: what the chip gets, and what the reference computes with."""

    model: IntegerModel
    modulations: dict[str, Modulation]   # by prompt; NO_LABEL for the unguided context
    plan: SamplerPlan
    layout: Layout
    split: SplitPlan
    split_table: tuple[int, ...]         # masks of the first step
    guidance: float
    descriptors: tuple[int, ...]
    program: bytes                       # segment
    conditionings: dict[str, bytes]      # segment by prompt
    operands: dict[int, str]             # left tensor of the ARRAY descriptor at each address, {} for the block

    def contexts(self, label: str) -> tuple[Modulation, ...]:
        """Modulations of each context, the unguided one first where there are two."""
        guided = self.modulations[label]
        return (self.modulations[NO_LABEL], guided) if self.layout.contexts == 2 else (guided,)

    def manifest(self) -> dict:
        """What the image's JSON manifest says."""
        config = self.model.config
        return {"model": asdict(config), "hardware": asdict(self.layout.hardware), "steps": self.plan.steps,
                "guidance": self.guidance, "contexts": self.layout.contexts, "labels": list(self.conditionings),
                "split": self.split.mode, "eight_bit": list(self.model.eight_bit),
                "descriptors": len(self.descriptors), "memory_words": self.layout.needs()}

    def write(self, path: Path) -> None:
        """Write the ``.htn`` file, whole or not at all."""
        write_image(path, self.program, self.conditionings, self.manifest())


def weight_words(model: IntegerModel, width: int) -> list[int]:
    """The weight store: convolution, every block, decoder; tiles in the order of the program's loads."""
    layers = [model.convolution, *(getattr(block, name) for block in model.blocks for name in BLOCK_LAYERS),
              model.decoder]
    return [word for layer in layers for tile in tile_words(layer, width) for word in tile]


def context_sections(table: Modulation, layout: Layout, context: int) -> list[Section]:
    """Modulation of one context: a section a step."""
    width = layout.hardware.width
    return [Section(Memory.MODULATION,
                    step * layout.modulation_step_words + context * layout.modulation_context_words,
                    modulation_words(table.gain[step], table.bias[step], width))
            for step in range(layout.steps)]


def compile_integers(model: IntegerModel, tables: dict[str, Modulation], plan: SamplerPlan, guidance: float,
                     hardware: HardwareConfig, skip_zeros: bool = True, split: str | None = None,
                     split_table: Sequence[int] | None = None) -> Compiled:
    """Lay out, write the program, and build the segments.

    tables: modulation by label, with NO_LABEL. Guidance 1 needs one context, any other two. Without ``skip_zeros``
    the array multiplies zeros too. ``split`` is a mode of ``split_plan``, ``split_table`` its masks for the first step.
    Raises ``CompileError`` for a model that does not fit.
    """
    layout = Layout(model.config, hardware, contexts=1 if guidance == 1 else 2, steps=plan.steps,
                    eight_bit=model.eight_bit)
    splits = SplitPlan(layout, split, skip_zeros)
    masks = splits.table(split_table)
    try:
        writer = ProgramWriter(model, layout, splits, plan.draws_noise, skip_zeros).write()
        descriptors = writer.encoded()
    except ValueError as error:
        raise CompileError(f"model {model.config.name} is beyond the descriptors of this version: {error}") from None
    weights = weight_words(model, hardware.width)
    layout.check_depth("weight", len(weights))
    layout.check_depth("program", len(descriptors))
    sections = [
        Section(Memory.PROGRAM, 0, descriptors),
        Section(Memory.WEIGHT, 0, weights),
        Section(Memory.STEP, 0, [step_word(row) for row in plan.coefficients]),
        Section(Memory.COORDINATE, 0, coordinate_words(model.config.grid, model.config.coordinate_channels)),
    ]
    first_split = [Section(Memory.SPLIT, 0, masks)] if masks else []   # anew for each drawing: each leaves its own
    if layout.contexts == 2:
        sections += context_sections(tables[NO_LABEL], layout, 0)
    conditionings = {
        label: build_segment(hardware, Kind.CONDITIONING,
                             context_sections(table, layout, layout.contexts - 1) + first_split)
        for label, table in tables.items()}
    return Compiled(model=model, modulations=tables, plan=plan, layout=layout, split=splits, split_table=tuple(masks),
                    guidance=guidance,
                    descriptors=tuple(descriptors), program=build_segment(hardware, Kind.PROGRAM, sections),
                    conditionings=conditionings, operands=writer.operands)


def compile_checkpoint(checkpoint: Checkpoint, hardware: HardwareConfig, *, steps: int, guidance: float,
                       prompts: Sequence[str] | None = None, skip_zeros: bool = True, split: str | None = None,
                       split_table: Sequence[int] | None = None) -> Compiled:
    """Compile a quantised checkpoint with Euler's method in ``steps`` steps; the rest as ``compile_integers``.

    ``prompts``: what can be asked for besides nothing; every class unless told otherwise.
    Raises ``CheckpointError`` for another kind of checkpoint, ``ConfigError`` for a prompt that the model does not
    know, and ``CompileError`` for what does not fit.
    """
    if steps < 1:
        raise CompileError(f"steps is {steps}; expected 1 or more")
    if not np.isfinite(guidance) or guidance < 0:
        raise CompileError(f"guidance is {guidance}; expected a number from 0 on")
    grid = times(steps)
    config = checkpoint.config
    labels = [parse(config, prompt) for prompt in (config.labels if prompts is None else prompts)]
    labels = list(dict.fromkeys((*labels, config.no_label)))
    model, tables = to_integers(checkpoint, grid[:-1], torch.tensor(labels))
    plan = euler_plan(grid, guidance, model.residual_fraction_bits)
    names = [describe(config, label) for label in labels]
    return compile_integers(model, dict(zip(names, tables, strict=True)), plan, guidance, hardware, skip_zeros, split,
                            split_table)
