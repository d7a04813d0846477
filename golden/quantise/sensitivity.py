"""What each part of a model costs: the damage of it alone at 4 and at 8 bits, and what it would help to spare it."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from golden.quantise import source
from golden.quantise.calibrate import Calibration
from golden.quantise.damage import Damage, Trial
from golden.quantise.parts import bits_restored
from golden.quantise.quantised import QuantisedTransformer
from golden.quantise.table import table

HEAD = ("part", "velocity error, 4 bits", "8 bits", "loss, 4 bits", "8 bits", "spared: velocity", "loss")


def sensitivity(model: QuantisedTransformer, steps: Calibration, trial: Trial) -> dict[str, dict]:
    """Damage by part's name.

    ``"4"`` and ``"8"``: of a float model of which only that part is quantised; a part that cannot be held in so many
    bits has no such entry. ``"spared"``: how much damage disappears from the model, quantised as it is, when only that
    part stays float.
    """
    with bits_restored(model) as parts, tqdm(total=len(parts) + 1, unit="part", leave=False) as bar:
        usual = {name: part.bits for name, part in parts.items()}
        steps.apply(model)
        whole = trial.damage(model)
        found: dict[str, dict] = {"all": whole.rounded()}
        bar.update()
        for name, chosen in parts.items():
            found[name] = {}
            for part in parts.values():
                part.bits = None
            for bits in chosen.choices:
                chosen.bits = bits
                steps.apply(model)
                found[name][str(bits)] = trial.damage(model).rounded()
            for other, part in parts.items():
                part.bits = None if other == name else usual[other]
            steps.apply(model)
            rest = trial.damage(model)
            found[name]["spared"] = Damage(whole.loss - rest.loss, whole.velocity - rest.velocity).rounded()
            bar.update()
    return found


def rows(found: dict[str, dict]) -> list[tuple[object, ...]]:
    """Of the terminal's table, the most damaging part first."""
    def figures(name: str, figure: str, *entries: str) -> list[float | None]:
        return [found[name].get(entry, {}).get(figure) for entry in entries]

    def worst(name: str) -> float:
        return max(value for value in figures(name, "velocity", "4", "8") if value is not None)

    names = sorted((name for name in found if name != "all"), key=worst, reverse=True)
    return [(name, *figures(name, "velocity", "4", "8"), *figures(name, "loss", "4", "8"),
             *figures(name, "velocity", "spared"), *figures(name, "loss", "spared")) for name in names]


def run(options: argparse.Namespace) -> None:
    """Measure, print the table, and write the file."""
    source.prepare(options)
    how = source.clipping(options)
    found = source.load(source.source_path(options), ("float",))
    groups = source.eight_bit(options, found)
    pictures = source.pictures(options, found)
    model = source.unquantised(found, groups)
    steps = Calibration(model, *source.first(pictures.train, options.images), how)
    trial = Trial(source.float_model(found), *source.first(pictures.test, options.images))
    figures = sensitivity(model, steps, trial)
    whole = figures.pop("all")
    shares = {name: {entry: {"loss": damage["loss"] / trial.loss, "velocity": damage["velocity"]}
                     for entry, damage in entries.items()} for name, entries in figures.items()}
    print(table(HEAD, rows(shares)))
    print(f"all quantised: velocity error {100 * whole['velocity']:.2f} %, loss {trial.loss + whole['loss']:.4f}; "
          f"float: loss {trial.loss:.4f}; losses in the table are in percent of the float model's")
    source.write_json(options.json, {"model": found.config.name, "images": options.images, "clip": how.method,
                                     "eight_bit": groups, "float_loss": trial.loss, "all": whole, "parts": figures})
    print(f"wrote {options.json}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    source.add_source(parser)
    source.add_clipping(parser)
    source.add_eight_bit(parser)
    parser.add_argument("--json", type=Path, default=Path("build/sensitivity.json"), help="file of all figures")
