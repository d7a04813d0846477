"""Figures on the terminal."""

from __future__ import annotations

from collections.abc import Iterable


def cell(value: object) -> str:
    """A name as it is, a share in percent, nothing for what was not measured."""
    if value is None:
        return "-"
    return f"{100 * value:.2f} %" if isinstance(value, float) else str(value)


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """Rows under their heads: names to the left, figures to the right."""
    lines = [head, *(tuple(map(cell, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(text.rjust(width) if index else text.ljust(width)
                               for index, (text, width) in enumerate(zip(line, widths, strict=True))).rstrip()
                     for line in lines)
