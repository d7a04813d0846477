"""Plots of a report. Each function takes the report and returns an SVG element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.page.readings import energy_parts, kinds_of_work, stall_rows, unit_shares
from sim.page.svg import GROUND, LINE, SERIES, WIDTH, styled, to_svg

Report = dict[str, Any]
ENGINE_COLOURS = {"array": SERIES[0], "load": SERIES[1], "norm": SERIES[2], "softmax": SERIES[3], "pixel": SERIES[4]}
ROW = 0.24
"""Inches of a row of bars."""
MEMORY_HEIGHT = 0.74
"""Of the distance of two memories."""
NAME_WIDTH = 0.011
"""Of a memory's bar that a letter takes, at least."""


def over_time(report: Report, part: str) -> str:
    """Share of each bin's cycles in which each unit worked: a row a unit."""
    window = report["activity"][part]
    rows = unit_shares(report, part)
    edges = np.array(window["edges"])
    with styled(part):
        figure = Figure(figsize=(WIDTH, 0.62 * len(rows) + 0.5))
        for place, (axes, (name, shares)) in enumerate(zip(
                figure.subplots(len(rows), 1, sharex=True, gridspec_kw={"hspace": 0.35}), rows.items(), strict=True)):
            colour = ENGINE_COLOURS.get(name, SERIES[5])
            axes.stairs(shares, edges, fill=True, color=colour)
            axes.set(ylim=(0, 1), yticks=[0, 1], yticklabels=["0", "100 %"], xlim=(edges[0], edges[-1]))
            axes.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=34)
            axes.tick_params(axis="x", length=0 if place < len(rows) - 1 else 3)
            for cycle in report["step_cycles"] if part == "drawing" else ():
                axes.axvline(cycle, color=LINE, linewidth=0.8)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.set_xlabel("clock cycle")
        return to_svg(figure, f"time-{part}", f"Share of time in which each unit works, over the "
                      f"{part.replace('_', ' ')}; the table below has every value")


def heat_map(shares: Mapping[str, Sequence[float]], name: str, description: str, label: str) -> str:
    """Shares by matrix product (rows) and step (columns)."""
    values = np.array(list(shares.values()))
    with styled(name):
        figure = Figure(figsize=(WIDTH, 0.19 * len(values) + 0.9))
        axes = figure.subplots()
        mesh = axes.pcolormesh(values, vmin=0, vmax=1, cmap="viridis")
        axes.set_yticks(np.arange(len(values)) + 0.5, list(shares), fontsize=8)
        ticks = np.unique(np.linspace(0, values.shape[1] - 1, min(values.shape[1], 16)).astype(int))
        axes.set_xticks(ticks + 0.5, [str(tick + 1) for tick in ticks])
        axes.set_xlabel("denoising step")
        axes.invert_yaxis()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(mesh, ax=axes, pad=0.02, fraction=0.05)
        bar.solids.set(rasterized=False, edgecolor="face")
        bar.set_ticks([0, 0.5, 1], labels=["0", "50 %", "100 %"])
        bar.set_label(label)
        bar.outline.set_visible(False)
        return to_svg(figure, name, description)


def behind(axes: Axes, value: float, place: float, text: str) -> None:
    """A text behind the end of a bar."""
    axes.annotate(text, (value, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)


def bars(axes: Axes, names: Sequence[str], values: Sequence[float], texts: Sequence[str],
         colours: Sequence[str] | str) -> None:
    """Bars from left to right, one under the other, each with its text behind it."""
    places = np.arange(len(names))
    axes.barh(places, values, color=colours, height=0.7)
    for place, value, text in zip(places, values, texts, strict=True):
        behind(axes, value, place, text)
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1.25 * max([*values, 1e-9]))
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])


def stalls(report: Report) -> str:
    """What the array's dispatcher waited for, and what its lanes waited for, as shares of their time."""
    rows = stall_rows(report)
    with styled("stalls"):
        figure = Figure(figsize=(WIDTH, ROW * len(rows) + 0.9))
        kinds = {kind: [row for row in rows if row["unit"] == kind] for kind in dict.fromkeys(r["unit"] for r in rows)}
        parts = figure.subplots(len(kinds), 1, gridspec_kw={
            "height_ratios": [len(part) for part in kinds.values()], "hspace": 0.45})
        for number, (axes, (kind, part)) in enumerate(zip(parts, kinds.items(), strict=True)):
            bars(axes, [row["cause"] for row in part], [row["share"] for row in part],
                 [f"{row['share']:.2%}" for row in part], SERIES[number])
            axes.set_title(f"{kind}: share of their cycles" if kind == "lanes" else f"{kind}: share of its cycles",
                           loc="left")
        return to_svg(figure, "stalls", "Waiting time of dispatcher and lanes by cause; the table below has the values")


def descriptors(report: Report) -> str:
    """Cycles of each kind of descriptor, added."""
    rows = kinds_of_work(report)
    with styled("descriptors"):
        figure = Figure(figsize=(WIDTH, ROW * len(rows) + 0.3))
        bars(figure.subplots(), [f"{row['engine']}: {row['work']}" for row in rows], [row["cycles"] for row in rows],
             [f"{row['cycles']:,}" for row in rows], [ENGINE_COLOURS[row["engine"]] for row in rows])
        return to_svg(figure, "descriptors", "Cycles by kind of descriptor; the table below has the values")


def energy(report: Report) -> str:
    """Estimated energy of each design, by what takes it, over this core's."""
    designs, parts = energy_parts(report)
    with styled("energy"):
        figure = Figure(figsize=(WIDTH, 0.42 * len(designs) + 0.9))
        axes = figure.subplots()
        left = np.zeros(len(designs))
        places = np.arange(len(designs))
        for number, (name, shares) in enumerate(parts.items()):
            axes.barh(places, shares, left=left, color=SERIES[number], height=0.62, label=name)
            left += shares
        for place, total in zip(places, left, strict=True):
            behind(axes, total, place, f"{total:.2f}")
        axes.set_yticks(places, designs)
        axes.set_ylim(len(designs) - 0.5, -0.5)
        axes.set_xlim(0, 1.1 * left.max())
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines["bottom"].set_visible(False)
        axes.legend(ncols=3, loc="upper left", bbox_to_anchor=(0, 0), fontsize=9)
        return to_svg(figure, "energy", "Estimated energy relative to this core, by what takes it; the table below "
                      "has the values")


def memory(report: Report) -> str:
    """Regions of every memory as shares of its words; regions that share words lie under each other."""
    memories = report["memory"]
    with styled("memory"):
        figure = Figure(figsize=(WIDTH, 0.33 * len(memories) + 0.4))
        axes = figure.subplots()
        for place, part in enumerate(memories):
            axes.barh(place, 1, color="none", edgecolor=LINE, height=MEMORY_HEIGHT)
            draw_regions(axes, place, part)
            axes.text(1.01, place, f"{part['used'] / part['words']:.0%} of {part['words']:,} × {part['bits']} bits",
                      va="center", fontsize=9)
        axes.set_yticks(range(len(memories)), [part["memory"].replace("_", " ") for part in memories])
        axes.set(ylim=(len(memories) - 0.5, -0.5), xlim=(0, 1.3), xticks=[])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        return to_svg(figure, "memory", "Regions in each memory; the table below has every address")


def draw_regions(axes: Axes, place: int, part: Report) -> None:
    """One memory's regions, each with its name where that has room."""
    rows = stacked(part["regions"])
    height = MEMORY_HEIGHT / (max(rows, default=0) + 1)
    for number, ((name, first, words), row) in enumerate(zip(part["regions"], rows, strict=True)):
        middle = place - MEMORY_HEIGHT / 2 + height * (row + 0.5)
        left, share = first / part["words"], words / part["words"]
        axes.barh(middle, share, left=left, height=height, color=SERIES[number % len(SERIES)])
        if share > NAME_WIDTH * len(name):
            axes.text(left + share / 2, middle, name, color=GROUND, ha="center", va="center", fontsize=7)


def stacked(regions: Sequence[Sequence[Any]]) -> list[int]:
    """A row for each region, 0 first, so that none covers another of its row."""
    rows: list[int] = []
    for number, (_, first, words) in enumerate(regions):
        taken = {rows[other] for other, (_, start, length) in enumerate(regions[:number])
                 if start < first + words and first < start + length}
        rows.append(next(row for row in range(len(regions)) if row not in taken))
    return rows
