"""One configuration: does it hold the model, does it fit the device, how fast is it."""

from __future__ import annotations

from dataclasses import dataclass

from boards.area.model import AreaModel, AreaRangeError
from boards.explore.space import Choice
from boards.explore.timing import Cycles, drawing_cycles
from boards.explore.workload import Workload
from golden.compile.layout import CompileError
from golden.compile.sizing import smallest
from golden.spec.hardware import HardwareConfig
from golden.spec.interpreter import ProgramError
from golden.spec.split import least_lanes
from golden.spec.validation import ConfigError

UNBUILDABLE = "cannot be built"
NO_ROOM = "does not hold the model"
LOSES_SAMPLES = "detector too slow"
UNKNOWN_AREA = "beyond the area fit"
NEVER_ENDS = "its program never ends"
TOO_LARGE = "too many {}"


@dataclass(frozen=True)
class Task:
    """What every configuration is measured by."""

    workload: Workload
    capacity: dict[str, int]    # of the device, in the terms of ``boards.report.needs``
    clock_hz: float
    area: AreaModel


@dataclass(frozen=True)
class Outcome:
    """What a configuration came to. ``causes``: why it is not feasible; none, it is."""

    name: str
    causes: tuple[str, ...] = ()
    reason: str = ""                        # of what cannot be built or held, one sentence
    hardware: HardwareConfig | None = None
    needs: dict[str, int] | None = None     # predicted
    cycles: Cycles | None = None
    images_per_second: float = 0.0
    excess: float = 0.0                     # of the scarcest resource, as a share of what the device has

    @property
    def feasible(self) -> bool:
        """Whether it can be had on the device."""
        return not self.causes

    @property
    def sites(self) -> int:
        """Look-up table sites; only where ``needs`` is known."""
        return self.needs["LUT4"]


def evaluate_choice(choice: Choice, task: Task) -> Outcome:
    """A choice with the smallest memories that hold the model."""
    try:
        shape = choice.shape()
    except ConfigError as error:
        return Outcome(choice.name, (UNBUILDABLE,), str(error))
    if not detector_keeps_pace(shape):
        return Outcome(choice.name, (LOSES_SAMPLES,), f"{choice.name} has {shape.lanes} lanes beside dense ones; "
                       f"expected at least {least_lanes(shape)}, or no dense lanes")
    try:
        hardware = smallest(task.workload.model, shape, task.workload.plan)
    except (CompileError, ConfigError) as error:
        return Outcome(choice.name, (NO_ROOM,), str(error))
    return evaluate(choice.name, hardware, task)


def detector_keeps_pace(shape: HardwareConfig) -> bool:
    """Whether the detector of the dense lanes counts what comes; a sample without room stops the core."""
    return not shape.dense_lanes or shape.lanes >= least_lanes(shape)


def evaluate(name: str, hardware: HardwareConfig, task: Task, *, always_time: bool = False) -> Outcome:
    """A configuration as it is; its cycles too where it does not fit the device, if ``always_time``."""
    try:
        needs = task.area.needs(hardware)
    except AreaRangeError as error:
        return Outcome(name, (UNKNOWN_AREA,), str(error), hardware)
    shares = {kind: needs[kind] / has for kind, has in task.capacity.items()}
    causes = tuple(TOO_LARGE.format(kind) for kind, share in shares.items() if share > 1)
    excess = max(0.0, max(shares.values()) - 1)
    if causes and not always_time:
        return Outcome(name, causes, "", hardware, needs, excess=excess)
    try:
        cycles = drawing_cycles(task.workload, hardware)
    except CompileError as error:
        return Outcome(name, (NO_ROOM,), str(error), hardware)
    except ProgramError as error:
        return Outcome(name, (NEVER_ENDS,), str(error), hardware)
    return Outcome(name, causes, "", hardware, needs, cycles, task.clock_hz / cycles.drawing, excess)
