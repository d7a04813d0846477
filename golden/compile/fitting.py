"""What a model needs of a hardware, and which configurations of ``configs/`` would hold one that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from golden.compile.blank import blank
from golden.compile.builder import Builder
from golden.compile.layout import CompileError, Layout
from golden.compile.program import ProgramWriter
from golden.compile.segments import Run, StepSegment, make_segments, widest
from golden.compile.words import layer_rows
from golden.integer.model import IntegerLinear, IntegerModel
from golden.model import zoo
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.model import ModelConfig
from golden.spec.split import least_lanes
from golden.spec.validation import ConfigError

CONFIGS = zoo.CONFIGS.parent
"""Folder of the hardware configurations."""
LEAST_SLOTS = 4
"""Weight-tile slots of a drawing: with two, a load would wait for the array and the array for that load."""
BLOCK_LAYERS = ("key", "query", "value", "projection", "expand", "contract")
"""In the order in which the program loads them."""


def all_layers(model: IntegerModel) -> list[IntegerLinear]:
    """Every linear layer in the order of the weight store."""
    return [model.convolution, *(getattr(block, name) for block in model.blocks for name in BLOCK_LAYERS),
            model.decoder]


def fit(model: IntegerModel, hardware: HardwareConfig, runs: Sequence[Run], *, draws_noise: bool = False,
        skip_zeros: bool = True, split: str | None = None) -> tuple[tuple[StepSegment, ...], Builder]:
    """Memory plans and program of a model. Raises ``CompileError`` for what the hardware cannot hold."""
    check_hardware(hardware)
    segments = make_segments(model.config, hardware, runs, split, skip_zeros, model.eight_bit)
    try:
        program = ProgramWriter(model, segments, draws_noise, skip_zeros).write()
        program.encoded()
    except ValueError as error:
        raise CompileError(f"model {model.config.name} is beyond the descriptors of this version: {error}") from None
    layout = widest(segments).layout
    layout.check_depth("weight", sum(layer_rows(layer, hardware.width) for layer in all_layers(model)))
    layout.check_depth("program", len(program.descriptors))
    return segments, program


def check_hardware(hardware: HardwareConfig) -> None:
    """Raise ``CompileError`` for an array that runs matrix products, but on which no drawing would end."""
    if hardware.slots < LEAST_SLOTS:
        raise CompileError(f"hardware.slots is {hardware.slots}; expected {LEAST_SLOTS} or more for a drawing, whose "
                           "loads run further ahead than one tile")
    if hardware.dense_lanes and hardware.lanes < least_lanes(hardware):
        raise CompileError(f"hardware.lanes is {hardware.lanes} beside dense lanes; expected {least_lanes(hardware)} "
                           "or more, or no dense lanes, as the detector would lose samples")


def holders(model: IntegerModel, runs: Sequence[Run], **choices: object) -> list[str]:
    """Names of the files of ``configs/`` that hold a model; ``choices`` as of ``fit``."""
    names = []
    for path in sorted(CONFIGS.glob("*.toml")):
        with suppress(CompileError, ConfigError):
            fit(model, load_hardware(path), runs, **choices)
            names.append(f"{CONFIGS.name}/{path.name}")
    return names


def with_advice(error: CompileError, model: IntegerModel, runs: Sequence[Run], **choices: object) -> CompileError:
    """The same refusal, which also says what would hold the model."""
    names = holders(model, runs, **choices)
    told = f"{', '.join(names)} would hold it" if names else f"no file of {CONFIGS.name}/ would hold it"
    return CompileError(f"{error}; {told}")


def check_layout(config: ModelConfig, hardware: HardwareConfig, contexts: int, steps: int,
                 eight_bit: tuple[str, ...] = ()) -> None:
    """Whether a shape fits, before there are weights and tables. Raises ``CompileError`` that says what would."""
    try:
        Layout(config, hardware, contexts, steps, eight_bit=eight_bit)
    except CompileError as error:
        raise with_advice(error, blank(config, eight_bit), [(contexts, steps)]) from None
