"""Halftone's front door: draw one image from noise through the RTL, and check every value on the way.

Leaves in the output folder: image.png, steps.png and film.png (the denoising steps beside the float model's),
image.htn (the program), report.json, and report.html (the report as a page, which needs no other file); with
--timeline, timeline.json.gz, which ui.perfetto.dev opens; with --waves, a waveform and views of it for GTKWave and
Surfer in waves/. Exit status: 0 when every value and the number of cycles are as they must be, 1 when not or when the
simulation fails, 2 for a bad argument.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from golden.compile.layout import CompileError
from golden.compile.split_plan import MODES
from golden.integer.plan import DEFAULT as DEFAULT_SAMPLER
from golden.integer.samplers import SAMPLERS
from golden.model.checkpoint import CheckpointError
from golden.model.zoo import DEFAULT, WEIGHTS, UnknownModelError
from golden.spec.image import ImageError
from golden.spec.validation import ConfigError
from sim import drawing
from sim.drawing import Request
from sim.observation import TIMELINE_FILE, USUAL_STEPS
from sim.page.build import PAGE_FILE, write_page
from sim.report import Report, summary, wrong_predictions
from sim.runner import SimulationError, waves_wanted, without_waves
from sim.units import GenerationError
from sim.verilator import BUILD, REPOSITORY, SetupError
from sim.waves import FOLDER as WAVES_FOLDER
from sim.waves import USUAL_CYCLES, Window

WRONG, BAD_INPUT = 1, 2
BAD_INPUTS = (CheckpointError, CompileError, ConfigError, GenerationError, ImageError, SetupError, UnknownModelError,
              OSError)


class Parser(argparse.ArgumentParser):
    """Refuses a bad argument in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see --help")


def parser() -> Parser:
    """The command line."""
    made = Parser(prog="python -m sim.draw", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--model", default=DEFAULT, help="a trained model (default: %(default)s)")
    made.add_argument("--label", "--prompt", help="a class by name or number, or attributes: 'head: cat, glasses: red' "
                      "(default: the last of each)")
    made.add_argument("--seed", type=int, default=7, help="of the noise (default: %(default)s)")
    made.add_argument("--steps", type=int, default=12, help="denoising steps (default: %(default)s)")
    made.add_argument("--guidance", type=float, default=2.0,
                      help="strength of the class; 1 needs one evaluation a step, not two (default: %(default)s)")
    made.add_argument("--config", type=Path, default=REPOSITORY / "configs" / "default.toml",
                      help="TOML file of the hardware (default: configs/default.toml)")
    made.add_argument("--output", type=Path, help="folder for the results (default: build/sim/<model>)")
    made.add_argument("--weights", type=Path, default=WEIGHTS, help="folder of the trained models (default: weights)")
    made.add_argument("--dense", action="store_true", help="multiply zeros too")
    made.add_argument("--split", choices=MODES, help="what dense lanes get (default: balanced where there are any)")
    made.add_argument("--sampler", choices=SAMPLERS, default=DEFAULT_SAMPLER,
                      help="heun evaluates twice a step, maruyama draws noise (default: %(default)s)")
    made.add_argument("--eta", type=float, default=1.0, help="strength of maruyama's noise (default: %(default)s)")
    made.add_argument("--guidance-range", type=float, nargs=2, default=(0.0, 1.0), metavar=("LOW", "HIGH"),
                      help="times from 0, the noise, to 1 between which steps are guided (default: 0 1)")
    made.add_argument("--stop", type=float, default=0.0,
                      help="end when the predicted image, in [-1, 1], changes by less on average (default: 0, never)")
    made.add_argument("--timeline", action="store_true", help="record what every engine does in each cycle of step 1")
    made.add_argument("--timeline-steps", type=int, nargs=2, metavar=("FIRST", "LAST"),
                      help="record these steps instead; 0 is the first noise")
    made.add_argument("--waves", action="store_true", help="record a waveform; WAVES=1 in the environment does too")
    made.add_argument("--waves-from", type=int, metavar="CYCLE",
                      help="begin it with this cycle of the core, as the timeline counts them (default: 0)")
    made.add_argument("--waves-cycles", type=int, metavar="N",
                      help=f"and end it after N cycles (default: {USUAL_CYCLES})")
    return made


def window(options: argparse.Namespace) -> Window | None:
    """Cycles of the waveform that was asked for, if any."""
    first, cycles = options.waves_from, options.waves_cycles
    if not waves_wanted(options.waves) and first is None and cycles is None:
        return None
    return Window(0 if first is None else first, USUAL_CYCLES if cycles is None else cycles)


def timeline_steps(options: argparse.Namespace) -> tuple[int, int] | None:
    """Steps of the timeline that was asked for, if any."""
    if options.timeline_steps:
        return tuple(options.timeline_steps)
    return USUAL_STEPS if options.timeline else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        options = parser().parse_args(arguments)
        request = Request(options.model, options.label, options.seed, options.steps, options.guidance, options.config,
                          options.weights, not options.dense, options.split, options.sampler, options.eta,
                          tuple(options.guidance_range), options.stop, timeline_steps(options), window(options))
        with without_waves():       # those of the whole simulation; the request's are its own
            return finish(*draw_into(request, options.output or BUILD / "sim" / options.model))
    except BAD_INPUTS as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except SimulationError as error:
        print(f"error: the simulation failed, so there is no image\n{error}", file=sys.stderr)
        return WRONG


def draw_into(request: Request, output: Path) -> tuple[Report, Path]:
    """Draw in a temporary folder beside ``output``, then move every file there."""
    if output.exists() and not output.is_dir():
        raise ConfigError(f"output {output} is a file; expected a folder")
    prepared, _ = drawing.timed(f"compiling {request.model} for {request.config.name}",
                                lambda: drawing.prepare(request))
    output = output.resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
        report = drawing.draw(prepared, Path(folder))
        drawing.timed("writing the report page", lambda: write_page(Path(folder)))
        output.mkdir(exist_ok=True)
        (output / TIMELINE_FILE).unlink(missing_ok=True)    # those of another drawing, which this one may not have
        shutil.rmtree(output / WAVES_FOLDER, ignore_errors=True)
        for path in sorted(Path(folder).iterdir()):
            os.replace(path, output / path.name)
    return report, output


def finish(report: Report, output: Path) -> int:
    """Say what came out, and whether it is right."""
    print("\n".join(["", *summary(report)]))
    for name in (*filter(None, report["files"].values()), drawing.REPORT_FILE, PAGE_FILE):
        print(f"  {shortest(output / name)}")
    status = 0
    if report["mismatches"]:
        print(f"error: {report['mismatches']} values differ from the reference; the first of them:", file=sys.stderr)
        for m in report["first_mismatches"]:
            print(f"  unit {m['unit']}, tensor {m['tensor']}, {m['index']}, cycle {m['cycle']}: "
                  f"expected {m['expected']}, got {m['got']}", file=sys.stderr)
        status = WRONG
    for name, measured, predicted in wrong_predictions(report):
        print(f"error: the core counted {name.replace('_', ' ')} {measured}; the timing model predicts {predicted}",
              file=sys.stderr)
        status = WRONG
    for difference in report.get("timeline", {}).get("differences", ()):
        print(f"error: in the timeline, {difference}", file=sys.stderr)
        status = WRONG
    return status


def shortest(path: Path) -> str:
    """A path as one would type it here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


if __name__ == "__main__":
    sys.exit(main())
