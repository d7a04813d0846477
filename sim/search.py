"""Particle search with a trained model: ``python -m sim.search --model fashion --reward class:bag --particles 1 4 16``.

Several drawings side by side on one load of the weights; at some steps the promising ones, by a reward on their
predicted clean images, take the place of the others (``boards/host/particles.py``). Runs on the integer reference,
which is bit for bit the core; ``boards/host/population.py`` runs the same search on a core behind a link.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from boards.host.particles import Found, SearchPlan, search
from golden.compile.compiler import Compiled, compile_checkpoint
from golden.model import zoo
from golden.model.checkpoint import load
from golden.quality.reward import Reward, class_reward, user_reward
from golden.spec.hardware import load_hardware
from golden.spec.validation import require
from sim.draw import BAD_INPUT, BAD_INPUTS
from sim.drawing import choose_prompt
from sim.picture import contact_sheet
from sim.population import ReferencePopulation, shape_of, to_pictures
from sim.verilator import BUILD, REPOSITORY

CLASS_PREFIX = "class:"
SAMPLER = "maruyama"
"""Copies of a particle part by the noise that each step adds, so the sampler must add some."""
SHOWN = 8
"""Particles of a row of the contact sheet."""


@dataclass(frozen=True)
class Row:
    """Searches with as many particles."""

    particles: int
    best: tuple[float, ...]      # the greatest final reward of each search
    mean: tuple[float, ...]      # the mean final reward of each search
    pictures: np.ndarray         # of the first search, best first

    def figures(self) -> dict:
        """For the table and the JSON file."""
        spread = float(np.std(self.best, ddof=1) / np.sqrt(len(self.best))) if len(self.best) > 1 else 0.0
        return {"particles": self.particles, "searches": len(self.best), "best": float(np.mean(self.best)),
                "standard_error": spread, "mean": float(np.mean(self.mean))}


def chosen_reward(text: str, model: str) -> Reward:
    """"class:<label>" by the judge of the model's data set, or "file.py:function"."""
    if text.startswith(CLASS_PREFIX):
        return class_reward(zoo.data_set(model), text.removeprefix(CLASS_PREFIX))
    return user_reward(text)


def one_search(compiled: Compiled, label: str, reward: Reward, plan: SearchPlan) -> Found:
    """Search on the reference."""
    shape = shape_of(compiled)
    return asyncio.run(search(ReferencePopulation(compiled, label),
                              lambda images: reward(to_pictures(images, shape)), plan))


def row_of(compiled: Compiled, label: str, reward: Reward, plans: list[SearchPlan], bar: tqdm) -> Row:
    """Searches that differ in their seed."""
    found = []
    for plan in plans:
        found.append(one_search(compiled, label, reward, plan))
        bar.update(plan.particles)
    first = found[0]
    order = sorted(range(len(first.rewards)), key=first.rewards.__getitem__, reverse=True)
    pictures = to_pictures([first.latents[index].clean for index in order], shape_of(compiled))
    return Row(len(order), tuple(max(each.rewards) for each in found),
               tuple(float(np.mean(each.rewards)) for each in found), pictures)


def table(rows: list[Row]) -> str:
    """Rows as Markdown."""
    lines = ["| particles | searches | best reward, mean and its standard error | mean reward of all particles |",
             "|---:|---:|---:|---:|"]
    for row in rows:
        figures = row.figures()
        lines.append(f"| {figures['particles']} | {figures['searches']} | {figures['best']:.3f} ± "
                     f"{figures['standard_error']:.3f} | {figures['mean']:.3f} |")
    return "\n".join(lines)


def run(options: argparse.Namespace) -> None:
    """Search with each number of particles; print a table, write figures and pictures."""
    require(options.searches >= 1, f"--searches is {options.searches}; expected 1 or more")
    checkpoint = load(zoo.checkpoint_path(options.model))
    reward = chosen_reward(options.reward, options.model)
    label = choose_prompt(options.label, checkpoint.config)
    checks = tuple(options.checks) if options.checks is not None else tuple(range(4, options.steps, 4))
    plans = [[SearchPlan(particles=count, steps=options.steps, checks=checks, temperature=options.temperature,
                         seed=options.seed + number) for number in range(options.searches)]
             for count in options.particles]
    compiled = compile_checkpoint(checkpoint, load_hardware(options.config), steps=options.steps, sampler=SAMPLER,
                                  eta=options.eta, guidance=options.guidance, prompts=[label])
    with tqdm(total=sum(plan.particles for row in plans for plan in row), unit="image") as bar:
        rows = [row_of(compiled, label, reward, row, bar) for row in plans]
    folder = options.output or BUILD / "search" / options.model
    folder.mkdir(parents=True, exist_ok=True)
    names = ("model", "reward", "steps", "eta", "guidance", "temperature", "seed")
    told = {name: getattr(options, name) for name in names}
    told |= {"label": label, "checks": checks, "rows": [row.figures() for row in rows]}
    (folder / "search.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    shown = {f"{row.particles} particles": list(padded(row.pictures)) for row in rows}
    contact_sheet(folder / "search.png", shown, [f"{number}." for number in range(1, SHOWN + 1)], -1.0, 1.0)
    print(f"{table(rows)}\n\n{folder}")


def padded(pictures: np.ndarray) -> np.ndarray:
    """The first pictures of a row, with empty ones behind them."""
    kept = pictures[:SHOWN]
    return np.concatenate([kept, np.full((SHOWN - len(kept), *kept.shape[1:]), -1.0)])


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m sim.search", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--model", default="fashion", help="a trained model (default: %(default)s)")
    made.add_argument("--label", "--prompt", default="none", help="what all draw (default: %(default)s)")
    made.add_argument("--reward", required=True, help="class:<label>, its probability's logarithm by the judge, or "
                      "file.py:function of images (n, C, H, H) in [-1, 1]")
    made.add_argument("--particles", type=int, nargs="+", default=[1, 2, 4, 8, 16], help="a row of the table each")
    made.add_argument("--searches", type=int, default=8, help="searches a row (default: %(default)s)")
    made.add_argument("--eta", type=float, default=0.3, help="strength of the sampler's noise (default: %(default)s)")
    made.add_argument("--steps", type=int, default=24, help="denoising steps (default: %(default)s)")
    made.add_argument("--checks", type=int, nargs="*", help="steps after which particles are drawn anew (default: "
                      "every fourth)")
    made.add_argument("--temperature", type=float, default=1.0, help="of the reward; lower is greedier")
    made.add_argument("--guidance", type=float, default=1.0, help="1 needs one context (default: %(default)s)")
    made.add_argument("--seed", type=int, default=0, help="of the first search (default: %(default)s)")
    made.add_argument("--config", type=Path, default=REPOSITORY / "configs" / "large.toml", help="hardware that fits")
    made.add_argument("--output", type=Path, help="folder (default: build/search/<model>)")
    return made


def main(arguments_given: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = arguments().parse_args(arguments_given)
    try:
        run(options)
    except BAD_INPUTS as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
