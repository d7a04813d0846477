"""The split table of a drawing step after step: what the detector makes of the reference's tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from golden.compile.layout import Layout
from golden.compile.split_plan import FIXED, SplitOperand, SplitPlan
from golden.integer.evaluate import Tensors
from golden.integer.split import count, decide


class SplitMasks:
    """Masks of the step at hand, True for channels of the dense lanes: [entry, channel of the line]."""

    def __init__(self, plan: SplitPlan, layout: Layout, table: Sequence[int]) -> None:
        self.plan = plan
        self.layout = layout
        channels = layout.hardware.line_words * layout.hardware.width
        bits = [[mask >> channel & 1 for channel in range(channels)] for mask in table]
        self.masks = np.array(bits, dtype=bool).reshape(-1, channels)

    def follow(self, contexts: Sequence[Tensors]) -> None:
        """A step has ended: the masks of the next one, by what was sampled of the guided context, the last."""
        if not self.plan.decides:
            return
        for block in range(self.layout.model.blocks):
            for operand in self.plan.operands.values():
                if f"blocks.{block}.{operand.name}" in self.layout.plane_tensors:
                    continue    # it stays with the sparse lanes, and nothing of it is sampled
                lines = self.samples(contexts[-1][f"blocks.{block}.{operand.name}"], operand)
                first = block * self.plan.entries + operand.entry
                for line in range(lines.shape[1]):
                    mask = decide(*count(lines[:, line]), self.plan.mode == FIXED)
                    if mask is not None:
                        self.masks[first + line] = mask

    def samples(self, tensor: np.ndarray, operand: SplitOperand) -> np.ndarray:
        """[sample, line, channel of the line] of the first token of every group, as it lies in memory."""
        hardware = self.layout.hardware
        rows = tensor[operand.head] if tensor.ndim == 3 else tensor
        length = operand.words * hardware.width
        column = operand.head * length if tensor.ndim == 2 else 0
        rows = rows[::hardware.lanes, column:column + length]
        line = hardware.line_words * hardware.width
        start = operand.start * hardware.width
        return np.pad(rows, ((0, 0), (start, -(start + length) % line))).reshape(len(rows), -1, line)

    def row(self, entry: int, base: int, words: int) -> np.ndarray:
        """Masks [word, channel] of a row of so many words from word ``base`` on, from an entry of the table on."""
        hardware = self.layout.hardware
        start = base % hardware.line_words
        entries = -(-(start + words) // hardware.line_words)
        return self.masks[entry:entry + entries].reshape(-1, hardware.width)[start:start + words]
