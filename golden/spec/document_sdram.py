"""Weights in an SDRAM, as a part of the contract's page (``golden.spec.document``)."""

from __future__ import annotations

from dataclasses import replace

from golden.spec import sdram
from golden.spec.hardware import HardwareConfig

WIDTHS = (8, 16, 32)
SAMPLE_WORDS = 136


def sdram_part() -> list[str]:
    """How words lie in the chip, and when they come."""
    paragraphs = [" ".join(paragraph.split()) for paragraph in sdram.__doc__.split("\n\n")[1:]]
    values = ", ".join(f"{name} {value:,}" for name, value in vars(sdram).items() if name.isupper())
    lines = ["### Weights in an SDRAM", "",
             "Where the configuration's `sdram_weights` is 1; no image depends on it.", "",
             *(line for paragraph in paragraphs for line in (paragraph, "")), f"{values}.", "",
             "| width | columns of a word | words lie apart by | words of a visit | cycles of a fetch of "
             f"{SAMPLE_WORDS} words |", "| --- | --- | --- | --- | --- |"]
    for width in WIDTHS:
        config = replace(HardwareConfig(), width=width, lanes=8, sdram_weights=1)
        lines.append(f"| {width} | {sdram.word_columns(config)} | {sdram.word_stride(config)} | "
                     f"{sdram.visit_words(config)} | {sdram.fetch_cycles(config, 0, SAMPLE_WORDS)} |")
    return [*lines, ""]
