"""Search configurations for a model and a device: images a second against look-up table sites.

    python -m boards.explore --model tiny --board LFE5U-85F --trials 200

Cycles are the timing model's on the operands of a reference drawing; cells are the area model's, fitted to synthesis
(docs/explore.md has its error). Nothing is simulated, synthesised or routed. The clock is the same for every
configuration: that a large core routes slower than a small one is not in these figures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from boards.area import model as area
from boards.explore import report
from boards.explore.evaluate import Outcome, Task, evaluate
from boards.explore.front import front_of
from boards.explore.search import SAMPLERS, ClusterError, evaluator, search
from boards.explore.space import within
from boards.explore.targets import Target, find, names
from boards.explore.workload import Workload, record
from golden.compile.fitting import CONFIGS
from golden.compile.layout import CompileError
from golden.integer.plan import DEFAULT
from golden.integer.samplers import SAMPLERS as WAYS
from golden.model import zoo
from golden.model.checkpoint import CheckpointError
from golden.spec.hardware import load_hardware
from golden.spec.validation import ConfigError, require

BAD_INPUTS = (CheckpointError, ClusterError, CompileError, ConfigError, OSError, zoo.UnknownModelError)
OUTPUT = Path("build/explore")


@dataclass(frozen=True)
class Found:
    """A finished search."""

    outcomes: list[Outcome]     # timed on the steps that were followed
    front: list[Outcome]        # timed on every step
    existing: list[Outcome]     # timed on every step
    following_error: float      # of the front's cycles on the steps that were followed, the largest


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m boards.explore", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--model", default=zoo.DEFAULT, help="a trained model (default: %(default)s)")
    made.add_argument("--board", default="LFE5U-85F", help=f"{', '.join(names())} (default: %(default)s)")
    made.add_argument("--clock", type=float, metavar="MHZ",
                      help="of every configuration, whatever its size (default: the board's)")
    made.add_argument("--trials", type=int, default=200, help="configurations to ask for (default: %(default)s)")
    made.add_argument("--sampler", choices=SAMPLERS, default="nsga2",
                      help="Optuna's; grid looks at everything (default: %(default)s)")
    made.add_argument("--seed", type=int, default=0, help="of the search (default: %(default)s)")
    made.add_argument("--workers", type=int, default=1, help="processes; the result is the same (default: %(default)s)")
    made.add_argument("--dask", metavar="ADDRESS", help="scheduler of a Dask cluster, instead of processes")
    made.add_argument("--steps", type=int, default=12, help="denoising steps (default: %(default)s)")
    made.add_argument("--guidance", type=float, default=2.0, help="1 has one context, not two (default: %(default)s)")
    made.add_argument("--way", choices=WAYS, default=DEFAULT, help="the drawing's sampler (default: %(default)s)")
    made.add_argument("--follow", type=int, default=3, help="steps that the search times with their operands, evenly "
                      "spaced; the front is timed on all (default: %(default)s)")
    made.add_argument("--weights", type=Path, default=zoo.WEIGHTS, help="folder of the trained models")
    made.add_argument("--output", type=Path, default=OUTPUT, help="folder for the results (default: %(default)s)")
    made.add_argument("--write", type=int, metavar="N", help="write configuration N of the front as a TOML file")
    return made


def existing(task: Task) -> list[Outcome]:
    """The configurations of ``configs/`` that hold the model, as they are."""
    paths = sorted(CONFIGS.glob("*.toml"))
    found = (evaluate(path.stem, load_hardware(path), task, always_time=True) for path in paths)
    return [outcome for outcome in found if outcome.cycles]


def explore(options: argparse.Namespace, workload: Workload) -> Found:
    """Search, and compare with what there is."""
    exact = Task(workload, target(options).capacity, target(options).clock_mhz * 1e6, area.load())
    task = replace(exact, workload=workload.thinned(options.follow))
    with evaluator(task, options.workers, options.dask) as evaluate_batch:
        known = search(evaluate_batch, options.trials, options.seed, options.sampler, not sys.stderr.isatty(),
                       within(exact.area.ranges))
    outcomes = list(known.values())
    front = front_of(outcomes)
    timed = [evaluate(outcome.name, outcome.hardware, exact) for outcome in front]
    error = max((abs(outcome.cycles.drawing / every.cycles.drawing - 1)
                 for outcome, every in zip(front, timed, strict=True)), default=0.0)
    return Found(outcomes, front_of(timed), existing(exact), error)


def target(options: argparse.Namespace) -> Target:
    """The board or device, with the clock that was asked for."""
    found = find(options.board)
    return found if options.clock is None else replace(found, clock_mhz=options.clock)


def check(options: argparse.Namespace) -> None:
    """Raise ``ConfigError`` for numbers that make no search."""
    find(options.board)
    for name in ("trials", "workers", "follow"):
        value = getattr(options, name)
        require(value >= 1, f"{name} is {value}; expected 1 or more")
    require(options.clock is None or options.clock > 0, f"clock is {options.clock} MHz; expected more than 0")
    require(options.write is None or options.write >= 1, f"write is {options.write}; expected 1 or more")


def finish(options: argparse.Namespace, found: Found) -> int:
    """Write and print the results; returns the exit status."""
    title = f"{options.model} on {options.board}"
    setting = {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}
    has, clock = target(options).capacity, target(options).clock_mhz
    markdown = report.table(found.front, found.existing, has, options.board)
    figure = report.plot(found.front, found.outcomes, found.existing, has["LUT4"],
                         f"{title}, {clock:g} MHz, {options.steps} steps")
    setting |= {"clock": clock, "following_error": found.following_error}
    paths = report.write(options.output, f"{options.model}-{options.board}",
                         report.content(found.outcomes, found.front, found.existing, setting), figure, markdown)
    print(f"{markdown}\n\n{report.summary(found.outcomes, found.front)}\ncycles of the front are those of every step; "
          f"{options.follow} steps foretold them within {found.following_error:.2%}")
    if not found.front:
        print(f"error: nothing that was looked at fits: {why(found.outcomes)}", file=sys.stderr)
        return 1
    if options.write is not None:
        paths.append(write_configuration(options, found.front))
    print("\n".join(map(str, paths)))
    return 0


def why(outcomes: Sequence[Outcome]) -> str:
    """One sentence on what comes nearest."""
    near = report.nearest(outcomes)
    if near is None:
        return next(outcome.reason for outcome in outcomes)
    needs = ", ".join(f"{count:,} {kind}" for kind, count in near.needs.items())
    return f"{near.name} comes nearest and needs {needs}; take a larger device or a smaller model"


def write_configuration(options: argparse.Namespace, front: Sequence[Outcome]) -> Path:
    """Configuration ``write`` of the front as a TOML file."""
    require(options.write <= len(front), f"write is {options.write}; the front has {len(front)} configurations")
    outcome = front[options.write - 1]
    path = options.output / f"{options.model}-{options.board}-{options.write}.toml"
    report.write_text(path, report.toml(outcome.hardware, f"{outcome.name}, for {options.model}: predicted "
                                        f"{outcome.cycles.drawing} cycles a drawing of {options.steps} steps."))
    return path


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        check(options)
        workload = record(options.model, steps=options.steps, guidance=options.guidance, sampler=options.way,
                          weights=options.weights)
        return finish(options, explore(options, workload))
    except BAD_INPUTS as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
