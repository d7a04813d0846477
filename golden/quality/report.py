"""Figures as Markdown tables."""

from __future__ import annotations

from golden.integer.workload import LEFT_OPERANDS, PLANE_OPERANDS
from golden.quality.drawing import FINE_TUNED

COLUMNS = 5              # steps shown of the table of zeros
LAYERS = {"query_key_value": "query, key, value", "scores": "scores: the query", "mix": "mix: the probabilities"}
"""Layers whose left operand wants more words than their name."""


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(share: float | None) -> str:
    """A share, or nothing."""
    return "" if share is None else f"{share:.1%}".replace("%", " %")


def distance(row: dict) -> str:
    """A Fréchet distance with its error bar."""
    return f"{row['frechet']:.2f} ± {row['deviation']:.2f}"


def introduction(result: dict) -> str:
    """How the figures came about, and the judge, in words."""
    settings, real = result["settings"], result["real"]
    drawing = (f", {settings['steps']} steps of the {settings['sampler']} sampler" if "steps" in settings else "")
    return (f"{settings['images']:,} images of each row{drawing}, guidance {settings['guidance']:g}, the same labels "
            f"and noise in every row (seeds from {settings['first_seed']}). The judge of {result['set']} is right on "
            f"{percent(real['label_accuracy'])} of the {real['test_images']:,} test images. Fréchet distance in its "
            f"features to the test images; ± is the standard deviation of a bootstrap. Real images: "
            f"{real['training_images']:,} of the training images are at {real['training_frechet']:.2f}; two halves of "
            f"the test images, {real['halves_images']:,} each, are {real['halves_frechet']:.2f} apart.")


def quality_table(result: dict) -> str:
    """A row for each variant."""
    several = any("ratio_to_first" in row for row in result["rows"])
    first = result["rows"][0]["model"]
    header = ["model", "variant", "Fréchet distance", "ratio to its float model",
              *([f"ratio to float {first}"] if several else []), "labels right", "zeros by multiplications",
              "validation loss"]
    rows = [[row["model"], row["variant"], distance(row), f"{row['ratio']:.2f}",
             *([f"{row['ratio_to_first']:.2f}"] if several else []), percent(row["label_accuracy"]),
             percent(row.get("zeros")), f"{row['validation_loss']:.4f}"] for row in result["rows"]]
    return markdown(header, rows)


def shown_steps(count: int) -> list[int]:
    """Numbers, from 0, of a few steps spread over all: the first, the last and some between."""
    if count <= COLUMNS:
        return list(range(count))
    return [column * (count - 1) // (COLUMNS - 1) for column in range(COLUMNS)]


def zeros_table(zeros: dict) -> str:
    """Zeros among the left operands: a row for each layer, the mean of its blocks, and a column for a few steps."""
    steps = shown_steps(len(zeros["weighted_by_step"]))
    rows = [[LAYERS.get(name, name), *(percent(zeros["layers"][name]["by_step"][step]) for step in steps),
             percent(zeros["layers"][name]["all"])] for name in (*LEFT_OPERANDS, *PLANE_OPERANDS)]
    rows.append(["all, by multiplications", *(percent(zeros["weighted_by_step"][step]) for step in steps),
                 percent(zeros["weighted"])])
    return markdown(["left operand of", *(f"step {step + 1}" for step in steps), "all steps"], rows)


def labels_table(result: dict, names: list[str]) -> str:
    """What share of each attribute the judge sees, a row for each variant."""
    rows = [["real test images", "", *map(percent, result["real"]["accuracy_by_label"])]]
    rows += [[row["model"], row["variant"], *map(percent, row["accuracy_by_label"])] for row in result["rows"]]
    return markdown(["model", "variant", *names], rows)


def sweep_table(result: dict) -> str:
    """A row for each of the settings."""
    rows = [[row["sampler"], str(row["steps"]), str(row["evaluations"]),
             "{:g} to {:g}".format(*row["guidance_range"]), f"{row['stop']:g}" if row["stop"] else "never",
             f"{row['contexts']:.1f}", distance(row), percent(row["label_accuracy"]), percent(row.get("zeros"))]
            for row in result["rows"]]
    return markdown(["sampler", "steps", "evaluations", "guided", "ended below", "contexts an image",
                     "Fréchet distance", "labels right", "zeros by multiplications"], rows)


def page(result: dict, attributes: list[str]) -> str:
    """All of a table's figures."""
    parts = [introduction(result), quality_table(result)]
    if attributes:
        parts += ["Labels right, by attribute:", labels_table(result, attributes)]
    for zeros in result["zeros"]:
        parts += [f"Zeros among the left operands of {zeros['model']}, {zeros['variant']}:", zeros_table(zeros)]
    return "\n\n".join(parts)


def card(result: dict, command: str) -> str:
    """What a model's card needs, to be pasted into it: the command, the figures, the zeros when fine-tuned."""
    parts = [f"**Figures.** `{command}`: {introduction(result)}", quality_table(result)]
    for zeros in result["zeros"]:
        if zeros["variant"] == FINE_TUNED:
            parts += [f"**Zeros** of the same drawings, {zeros['model']}, {zeros['variant']}; the last row weighs each "
                      "layer, the two 8-bit ones by their nibbles, with its multiplications.", zeros_table(zeros)]
    return "\n\n".join(parts)
