"""Quality against the cost of a drawing: the fine-tuned integers with every sampler and number of steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from golden.model import data
from golden.model.judge import StoredJudge
from golden.quality.drawing import FINE_TUNED, Settings, Variant, evaluations
from golden.quality.figures import Job, Real, checked_path, drawn_row


def sweep(job: Job, stored: StoredJudge, pictures: data.Pictures, settings: list[Settings]) -> dict:
    """A row for each of the settings; every row draws the same labels and seeds."""
    variant = Variant(job.models[0], FINE_TUNED, checked_path(job.models[0], "quantised", job.weights))
    real = Real.of(stored, pictures, job.images)
    rows = []
    for each in settings:
        row, _ = drawn_row(job, variant, each, real)
        rows.append({"sampler": each.sampler, "steps": each.steps, "evaluations": evaluations(each)} | row)
    return {"set": stored.set, "judge_accuracy": list(stored.accuracy), "real": real.figures,
            "settings": {"guidance": job.settings.guidance, "images": job.images, "first_seed": job.first_seed},
            "rows": rows}


def all_settings(base: Settings, samplers: list[str], steps: list[int]) -> list[Settings]:
    """Every sampler with every number of steps."""
    return [replace(base, sampler=sampler, steps=count) for sampler in samplers for count in steps]


def plot(result: dict, path: Path) -> None:
    """Fréchet distance against evaluations of the network, a line for each sampler, as a PNG."""
    from matplotlib.figure import Figure  # slow to import, and nothing else here needs it

    figure = Figure(figsize=(7, 4.5), dpi=150, layout="constrained")
    axes = figure.subplots()
    for sampler in dict.fromkeys(row["sampler"] for row in result["rows"]):
        rows = sorted((row for row in result["rows"] if row["sampler"] == sampler), key=lambda row: row["evaluations"])
        axes.errorbar([row["evaluations"] for row in rows], [row["frechet"] for row in rows],
                      yerr=[row["deviation"] for row in rows], marker="o", markersize=4, capsize=2, label=sampler)
    real = result["real"]
    axes.axhline(real["training_frechet"], color="grey", linestyle=":",
                 label=f"{real['training_images']} training images")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("evaluations of the network (with guidance, of both contexts)")
    axes.set_ylabel("Fréchet distance in the judge's features")
    axes.set_title(f"{result['rows'][0]['model']}: {result['settings']['images']} images by the integer reference, "
                   f"guidance {result['settings']['guidance']:g}", fontsize=10)
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
