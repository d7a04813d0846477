"""Quality against the cost of a drawing: the fine-tuned integers with samplers, steps, guidance ranges, early ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

from golden.model import data
from golden.model.judge import StoredJudge
from golden.quality.drawing import FINE_TUNED, Drawn, Settings, Variant, evaluations
from golden.quality.figures import Job, Real, checked_path, drawn_row, rounded


def sweep(job: Job, stored: StoredJudge, pictures: data.Pictures, settings: list[Settings]) -> dict:
    """A row for each of the settings; every row draws the same labels and seeds."""
    variant = Variant(job.models[0], FINE_TUNED, checked_path(job.models[0], "quantised", job.weights))
    real = Real.of(stored, pictures, job.images)
    rows = []
    for each in settings:
        row, drawn = drawn_row(job, variant, each, real)
        rows.append({"sampler": each.sampler, "steps": each.steps, "evaluations": evaluations(each),
                     "guidance_range": list(each.guidance_range), "stop": each.stop,
                     "contexts": rounded(contexts(each, drawn))} | row)
    return {"set": stored.set, "judge_accuracy": list(stored.accuracy), "real": real.figures,
            "settings": {"guidance": job.settings.guidance, "images": job.images, "first_seed": job.first_seed},
            "rows": rows}


def contexts(settings: Settings, drawn: Drawn) -> float:
    """Contexts that one image took on average, from the values that were counted: no drawing ends at its first."""
    first = settings.plan.contexts[0]
    return first * float(drawn.values[:, 0].sum() / drawn.values[0, 0])


def all_settings(base: Settings, samplers: list[str], steps: list[int], ranges: list[tuple[float, float]],
                 stops: list[float]) -> list[Settings]:
    """Every sampler with every number of steps, range of guidance and early end."""
    return [replace(base, sampler=sampler, steps=count, guidance_range=limits, stop=stop)
            for sampler, count, limits, stop in product(samplers, steps, ranges, stops)]


def saves(result: dict) -> bool:
    """Whether drawings differ in more than samplers and steps, so that contexts tell their cost."""
    return len({(*row["guidance_range"], row["stop"]) for row in result["rows"]}) > 1


def series(row: dict) -> str:
    """The line of the plot that a row belongs to."""
    low, high = row["guidance_range"]
    guided = "" if (low, high) == (0, 1) else f", guided from {low:g} to {high:g}"
    return f"{row['sampler']}{guided}{', ended early' if row['stop'] else ''}"


def plot(result: dict, path: Path) -> None:
    """Fréchet distance against the cost of a drawing, a line for each way to draw, as a PNG."""
    from matplotlib.figure import Figure  # slow to import, and nothing else here needs it

    figure = Figure(figsize=(7, 4.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    cost = "contexts" if saves(result) else "evaluations"
    for name in dict.fromkeys(map(series, result["rows"])):
        rows = sorted((row for row in result["rows"] if series(row) == name), key=lambda row: row[cost])
        axes.errorbar([row[cost] for row in rows], [row["frechet"] for row in rows],
                      yerr=[row["deviation"] for row in rows], marker="o", markersize=4, capsize=2, label=name)
    real = result["real"]
    axes.axhline(real["training_frechet"], color="grey", linestyle=":",
                 label=f"{real['training_images']} training images")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("evaluations of the network (with guidance, of both contexts)" if cost == "evaluations"
                    else "contexts evaluated for an image, on average")
    axes.set_ylabel("Fréchet distance in the judge's features")
    axes.set_title(f"{result['rows'][0]['model']}: {result['settings']['images']} images by the integer reference, "
                   f"guidance {result['settings']['guidance']:g}", fontsize=10)
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
