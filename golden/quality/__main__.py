"""Quality of trained models: ``python -m golden.quality --model fashion --and sparse``.

Draws the float model, 4 bits by calibration alone and the fine-tuned integers, which are bit for bit the RTL's, and
compares them with held-out real images. With several ``--steps``, samplers, guidance ranges or early ends, the
fine-tuned integers against the cost of a drawing. Drawn images are kept, so a cut-off goes on.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import torch

from golden.model import data, judge, zoo
from golden.model.train import main
from golden.quality import report
from golden.quality.cache import PART, Place
from golden.quality.drawing import SAMPLERS, Settings
from golden.quality.figures import Job, checked_path, shared_set, table
from golden.quality.sweep import all_settings, plot, saves, sweep
from golden.spec.validation import ConfigError

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
TABLE_IMAGES, SWEEP_IMAGES = 5000, 1000


def write(path: Path, result: dict) -> None:
    """The figures as JSON, a list of numbers on one line; whole or not at all."""
    text = re.sub(r"\[[^][{}]*\]", lambda found: " ".join(found[0].split()), json.dumps(result, indent=1))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)
    print(f"wrote {path}", file=sys.stderr)


def chosen(options: argparse.Namespace) -> tuple[Job, list[Settings]]:
    """What the command line asks for; raises ``ConfigError``."""
    ranges = [tuple(limits) for limits in options.guidance_range or [(0.0, 1.0)]]
    settings = all_settings(Settings(guidance=options.guidance), options.sampler, options.steps, ranges, options.stop)
    images = (SWEEP_IMAGES if len(settings) > 1 else TABLE_IMAGES) if options.images is None else options.images
    for name, value, least in (("images", images, 2), ("workers", options.workers, 1), ("seed", options.seed, 0),
                               ("part", options.part, 1)):
        if value < least:
            raise ConfigError(f"--{name} is {value}; expected {least} or more")
    models = (options.model, *options.others)
    if len(settings) > 1 and len(models) > 1:
        raise ConfigError(f"--and {' '.join(options.others)} was told with {len(settings)} settings; expected one "
                          "model with several settings, or several models with one")
    if len(settings) == 1 and settings[0].stop:
        raise ConfigError(f"--stop is {settings[0].stop:g} for a table with the float model, which never ends early; "
                          "expected several settings, which the integers alone draw, as --stop 0 0.05")
    place = Place(folder=options.cache, workers=options.workers, part=options.part)
    return Job(models=models, settings=settings[0], images=images, first_seed=options.seed, weights=options.weights,
               data=options.data, place=place), settings


def command(job: Job) -> str:
    """What draws this table again."""
    others = f" --and {' '.join(job.models[1:])}" if len(job.models) > 1 else ""
    settings, (low, high) = job.settings, job.settings.guidance_range
    limits = "" if (low, high) == (0, 1) else f" --guidance-range {low:g} {high:g}"
    return (f"python -m golden.quality --model {job.models[0]}{others} --images {job.images} --steps {settings.steps} "
            f"--sampler {settings.sampler} --guidance {settings.guidance:g}{limits} --seed {job.first_seed}")


def run(options: argparse.Namespace) -> None:
    """Draw, judge, write and print."""
    job, settings = chosen(options)
    name, config = shared_set(job.models), zoo.config(options.model)
    stored = judge.load(name, options.judges)
    for model in job.models:             # refused before anything is drawn
        if zoo.config(model).label_sets != stored.judge.label_sets:
            raise ConfigError(f"the judge of {name} sees other labels than model {model} has; "
                              f"train it again with python -m golden.model.judge --set {name}")
        checked_path(model, "quantised", job.weights)
    torch.set_num_threads(1)                                     # so that a repetition calibrates to the same bits
    pictures = data.load(name, config, job.data)
    if len(settings) > 1:
        result = sweep(job, stored, pictures, settings)
        name = f"{options.model}-{'savings' if saves(result) else 'samplers'}"
        write(options.output or DOCS / "quality" / f"{name}.json", result)
        print(f"{report.introduction(result)}\n\n{report.sweep_table(result)}")
        plot(result, options.plot or DOCS / "images" / f"{name}.png")
        return
    result = table(job, stored, pictures)
    write(options.output or DOCS / "quality" / f"{options.model}.json", result)
    print(report.card(result, command(job)) if options.card
          else report.page(result, [attribute for attribute, _ in config.attributes]))


def arguments() -> argparse.ArgumentParser:
    """Options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m golden.quality", description=__doc__,
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--model", default=zoo.DEFAULT, help=f"one of {', '.join(zoo.names())}")
    parser.add_argument("--and", nargs="+", default=[], dest="others", metavar="MODEL",
                        help="more models of the same data set in the same table")
    parser.add_argument("--images", type=int,
                        help=f"of each row (default: {TABLE_IMAGES}; {SWEEP_IMAGES} with several settings)")
    parser.add_argument("--steps", type=int, nargs="+", default=[Settings.steps], help="of the sampler")
    parser.add_argument("--sampler", nargs="+", default=[Settings.sampler], help=f"some of {', '.join(SAMPLERS)}")
    parser.add_argument("--guidance", type=float, default=2.0, help="classifier-free guidance; 1 is none")
    parser.add_argument("--guidance-range", type=float, nargs=2, action="append", metavar=("LOW", "HIGH"),
                        help="times from 0 to 1 between which steps are guided; several times for several ranges")
    parser.add_argument("--stop", type=float, nargs="+", default=[0.0],
                        help="end when the predicted image changes by less on average; 0 is never")
    parser.add_argument("--seed", type=int, default=0, help="of the first image")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    parser.add_argument("--part", type=int, default=PART, help="images that a process draws and keeps at a time")
    parser.add_argument("--data", type=Path, help="folder of the data set")
    parser.add_argument("--weights", type=Path, default=zoo.WEIGHTS, help="folder of <model>/*.safetensors")
    parser.add_argument("--judges", type=Path, default=zoo.WEIGHTS, help="folder of judges/<set>.safetensors")
    parser.add_argument("--cache", type=Path, default=Path("build/quality"), help="folder of the drawn images")
    parser.add_argument("--output", type=Path, help="JSON (default: docs/quality/<model>.json)")
    parser.add_argument("--plot", type=Path, help="PNG (default: docs/images/<model>-samplers.png, or -savings)")
    parser.add_argument("--card", action="store_true", help="print what a model's card needs")
    return parser


if __name__ == "__main__":
    sys.exit(main(run, arguments().parse_args()))
