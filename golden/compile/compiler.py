"""From an integer model to a program image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from golden.compile.fitting import all_layers, fit, with_advice
from golden.compile.layout import CompileError, Layout
from golden.compile.segments import StepSegment, runs_of, widest
from golden.compile.split_plan import SplitPlan, choose_mode
from golden.compile.words import coordinate_words, modulation_words, step_word, tile_words
from golden.integer.model import IntegerModel, Modulation
from golden.integer.plan import DEFAULT, SamplerPlan, make_plan
from golden.model.checkpoint import Checkpoint
from golden.model.labels import NO_LABEL, describe, parse
from golden.model.sampler import times
from golden.quantise.to_integers import to_integers
from golden.spec.hardware import HardwareConfig
from golden.spec.image import Kind, Memory, Section, build_segment, write_image


@dataclass(frozen=True)
class Compiled:
    """A model on its hardware: what the chip gets, and what the reference computes with."""

    model: IntegerModel
    modulations: dict[str, Modulation]   # by prompt; NO_LABEL for the unguided context
    plan: SamplerPlan
    segments: tuple[StepSegment, ...]    # runs of steps with as many contexts
    split_table: tuple[int, ...]         # masks of the first step
    guidance: float
    skip_zeros: bool
    descriptors: tuple[int, ...]
    program: bytes                       # segment
    conditionings: dict[str, bytes]      # segment by prompt
    operands: dict[int, str]             # left tensor of the ARRAY descriptor at each address, {} for the block

    @property
    def layout(self) -> Layout:
        """Memory plan of the steps with the most contexts, which need the most of every memory."""
        return widest(self.segments).layout

    @property
    def split(self) -> SplitPlan:
        """What dense lanes get; its entries are the same in every segment."""
        return widest(self.segments).split

    def layout_of(self, step: int) -> Layout:
        """Memory plan of a step, counted from 1; the first draw of noise, step 0, needs none and gets the first one's.

        A step past the last gets the last one's.
        """
        return next((segment.layout for segment in self.segments if step <= segment.last), self.segments[-1].layout)

    def contexts(self, label: str) -> tuple[Modulation, ...]:
        """Modulations of each context, the unguided one first where any step has two."""
        guided = self.modulations[label]
        return (self.modulations[NO_LABEL], guided) if self.layout.contexts == 2 else (guided,)

    def manifest(self) -> dict:
        """What the image's JSON manifest says."""
        config = self.model.config
        return {"model": asdict(config), "hardware": asdict(self.layout.hardware), "steps": self.plan.steps,
                "guidance": self.guidance, "contexts": self.layout.contexts,
                "step_contexts": list(self.plan.contexts), "labels": list(self.conditionings),
                "split": self.split.mode, "eight_bit": list(self.model.eight_bit),
                "descriptors": len(self.descriptors), "memory_words": self.layout.needs()}

    def write(self, path: Path) -> None:
        """Write the ``.htn`` file, whole or not at all."""
        write_image(path, self.program, self.conditionings, self.manifest())


def weight_words(model: IntegerModel, width: int) -> list[int]:
    """The weight store: convolution, every block, decoder; tiles in the order of the program's loads."""
    return [word for layer in all_layers(model) for tile in tile_words(layer, width) for word in tile]


def context_sections(table: Modulation, segments: Sequence[StepSegment], guided: bool) -> list[Section]:
    """Modulation of the guided context, the last of every step, or of the unguided one where there is one."""
    sections = []
    for segment in segments:
        layout, width = segment.layout, segment.layout.hardware.width
        context = layout.contexts - 1 if guided else 0
        for step in range(segment.first, segment.last + 1) if guided or layout.contexts == 2 else ():
            sections.append(Section(
                Memory.MODULATION, segment.tables(step) + context * layout.modulation_context_words,
                modulation_words(table.gain[step - 1], table.bias[step - 1], width)))
    return sections


def compile_integers(model: IntegerModel, tables: dict[str, Modulation], plan: SamplerPlan, guidance: float,
                     hardware: HardwareConfig, skip_zeros: bool = True, split: str | None = None,
                     split_table: Sequence[int] | None = None) -> Compiled:
    """Lay out, write the program, and build the segments.

    tables: modulation by label, with NO_LABEL, for each of the plan's evaluations. Without ``skip_zeros`` the array
    multiplies zeros too. ``split`` is a mode of ``split_plan``, ``split_table`` its masks for the first step.
    Raises ``CompileError`` for a model that does not fit.
    """
    runs = runs_of(plan.contexts)
    choose_mode(hardware, split, skip_zeros)
    choices = {"draws_noise": plan.draws_noise, "skip_zeros": skip_zeros, "split": split}
    try:
        segments, writer = fit(model, hardware, runs, **choices)
    except CompileError as error:
        raise with_advice(error, model, runs, **choices) from None
    masks = segments[0].split.table(split_table)
    descriptors = writer.encoded()
    sections = [
        Section(Memory.PROGRAM, 0, descriptors),
        Section(Memory.WEIGHT, 0, weight_words(model, hardware.width)),
        Section(Memory.STEP, 0, [step_word(row) for row in plan.rows]),
        Section(Memory.COORDINATE, 0, coordinate_words(model.config.grid, model.config.coordinate_channels)),
    ]
    first_split = [Section(Memory.SPLIT, 0, masks)] if masks else []   # anew for each drawing: each leaves its own
    if widest(segments).layout.contexts == 2:
        sections += context_sections(tables[NO_LABEL], segments, guided=False)
    conditionings = {
        label: build_segment(hardware, Kind.CONDITIONING, context_sections(table, segments, guided=True) + first_split)
        for label, table in tables.items()}
    return Compiled(model=model, modulations=tables, plan=plan, segments=segments, split_table=tuple(masks),
                    guidance=guidance, skip_zeros=skip_zeros,
                    descriptors=tuple(descriptors), program=build_segment(hardware, Kind.PROGRAM, sections),
                    conditionings=conditionings, operands=writer.operands)


def compile_checkpoint(checkpoint: Checkpoint, hardware: HardwareConfig, *, steps: int, guidance: float,
                       prompts: Sequence[str] | None = None, skip_zeros: bool = True, split: str | None = None,
                       split_table: Sequence[int] | None = None, sampler: str = DEFAULT, eta: float = 1.0,
                       guidance_range: tuple[float, float] = (0.0, 1.0), stop: float = 0.0) -> Compiled:
    """Compile a quantised checkpoint with a sampler in ``steps`` steps; the rest as ``compile_integers``.

    ``prompts``: what can be asked for besides nothing; every class unless told otherwise. ``sampler``, ``eta``,
    ``guidance_range`` and ``stop`` as in ``golden.integer.plan.make_plan``.
    Raises ``CheckpointError`` for another kind of checkpoint, ``ConfigError`` for a prompt that the model does not
    know, and ``CompileError`` for what does not fit.
    """
    if steps < 1:
        raise CompileError(f"steps is {steps}; expected 1 or more")
    if not np.isfinite(guidance) or guidance < 0:
        raise CompileError(f"guidance is {guidance}; expected a number from 0 on")
    config = checkpoint.config
    fraction_bits = checkpoint.residual_fraction_bits or 0    # a checkpoint without any is refused by to_integers
    plan = make_plan(sampler, times(steps), guidance, fraction_bits, config.image_pixels,
                     guidance_range=guidance_range, eta=eta, stop=stop)
    labels = [parse(config, prompt) for prompt in (config.labels if prompts is None else prompts)]
    labels = list(dict.fromkeys((*labels, config.no_label)))
    model, tables = to_integers(checkpoint, list(plan.times), torch.tensor(labels))
    names = [describe(config, label) for label in labels]
    return compile_integers(model, dict(zip(names, tables, strict=True)), plan, guidance, hardware, skip_zeros, split,
                            split_table)
