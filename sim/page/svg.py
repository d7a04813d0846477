"""Plots as SVG that stands inside a page: its colours are the page's, in light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import matplotlib
from matplotlib.figure import Figure

TEXT, LINE, GROUND = "#010101", "#020202", "#0a0a0a"
SERIES = tuple(f"#0{number}0{number}0{number}" for number in range(3, 10))
"""Stand-ins that become the page's own colours; no plot uses them otherwise."""
PAGE_COLOURS = {TEXT: "currentColor", LINE: "var(--line)", GROUND: "var(--ground)",
                **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES)}}
WIDTH = 9.6
"""Inches of every plot."""
STYLE = {
    "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "axes.titlesize": 10,
    "text.color": TEXT, "axes.labelcolor": TEXT, "xtick.color": TEXT, "ytick.color": TEXT, "axes.edgecolor": LINE,
    "grid.color": LINE, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "legend.frameon": False,
    "legend.labelcolor": TEXT,
}


@contextmanager
def styled(salt: str) -> Iterator[None]:
    """Plots made inside have the page's style; ``salt`` makes their names differ from other plots'."""
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": salt}):
        yield


def to_svg(figure: Figure, name: str, description: str) -> str:
    """An SVG element of its own names, with a description for readers who do not see it; the same for the same plot."""
    file = io.StringIO()
    figure.savefig(file, format="svg", bbox_inches="tight", pad_inches=0.05, metadata={"Date": None})
    text = file.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    for reference in ('id="', "url(#", 'href="#'):
        text = text.replace(reference, f"{reference}{name}-")
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px var(--font)", text)
    for colour, own in PAGE_COLOURS.items():
        text = text.replace(colour, own)
    text = re.sub(r'<svg ([^>]*?)(height|width)="[^"]*"', r"<svg \1", text, count=1)
    text = re.sub(r'<svg ([^>]*?)(height|width)="[^"]*"', r"<svg \1", text, count=1)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1)
