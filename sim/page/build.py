"""From a drawing's folder to one HTML file that needs nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sim.page import figures
from sim.page.load import read_pictures, read_report
from sim.page.readings import energy_parts, kinds_of_work, readings, stall_rows, unit_shares
from sim.report import wrong_predictions

PAGE_FILE = "report.html"
TEMPLATES = Path(__file__).parent / "templates"


def plots(report: dict[str, Any]) -> dict[str, str]:
    """Every plot as an SVG element; no heat map of a drawing without steps, no split without dense lanes."""
    made = {"drawing": figures.over_time(report, "drawing"), "last_step": figures.over_time(report, "last_step"),
            "stalls": figures.stalls(report), "descriptors": figures.descriptors(report),
            "energy": figures.energy(report), "memory": figures.memory(report)}
    for name, title in (("zero", "Zeros among the left operands"), ("dense", "Work of the dense lanes")):
        shares = report[f"{name}_share_by_step"]
        if any(shares.values()):
            made[name] = figures.heat_map(shares, name, f"{title} of each matrix product at each step; the table below "
                                          "has every value", "zeros" if name == "zero" else "on dense lanes")
    return made


def render(report: dict[str, Any], pictures: dict[str, str]) -> str:
    """The page, the same bytes for the same report and pictures."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters["percent"] = lambda value, digits=1: f"{value:.{digits}%}"
    environment.filters["number"] = lambda value, digits=0: f"{value:,.{digits}f}"
    return environment.get_template("page.html.j2").render(
        report=report, pictures=pictures, plots=plots(report), readings=readings(report),
        stalls=stall_rows(report), kinds=kinds_of_work(report), energy_parts=energy_parts(report),
        shares={part: unit_shares(report, part) for part in report["activity"]},
        wrong=wrong_predictions(report))


def write_page(folder: Path) -> Path:
    """Write ``report.html`` beside the report and pictures, whole or not at all; raises ``PageError``."""
    report = read_report(folder)
    text = render(report, read_pictures(folder, report))
    path = folder / PAGE_FILE
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
    return path
