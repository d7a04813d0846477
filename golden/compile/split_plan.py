"""Where the split table holds which operand's masks, and what descriptors say of it.

A mask belongs to a line as it lies in memory, so an operand has one only if each of its rows begins at the same place
of a line. The entries of a block follow each other; those of the next block follow behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from golden.compile.builder import SPLIT
from golden.compile.layout import CompileError, Layout
from golden.spec.hardware import HardwareConfig
from golden.spec.split import COUNT_MAXIMUM, REQUEST_DEPTH, decide_cycles, line_channels

NEVER, BALANCED, FIXED, FROZEN = MODES = ("never", "balanced", "fixed", "frozen")
"""Nothing on dense lanes; masks renewed after each step, by either rule; the masks of the beginning for ever."""
Fields = dict[str, int]


@dataclass(frozen=True)
class SplitOperand:
    """Rows of one left tensor, or of one head's part of it."""

    name: str       # of the tensor, in a block
    head: int       # 0 where all heads' channels are one row
    entry: int      # first one, from the block's first
    start: int      # word of its line in which every row begins
    words: int      # of a row


class SplitPlan:
    """The entries of a program. Raises ``CompileError`` for a mode that the hardware or the model cannot have."""

    def __init__(self, layout: Layout, mode: str | None = None, skip_zeros: bool = True) -> None:
        self.layout = layout
        self.mode = choose_mode(layout.hardware, mode, skip_zeros)
        self.operands: dict[tuple[str, int], SplitOperand] = {}
        self.entries = 0        # of a block
        if self.mode != NEVER:
            self.place_operands()
            self.check()

    @property
    def decides(self) -> bool:
        """Whether masks are renewed."""
        return self.entries > 0 and self.mode in (BALANCED, FIXED)

    @property
    def table_entries(self) -> int:
        """Of all blocks."""
        return self.entries * self.layout.model.blocks

    def place_operands(self) -> None:
        """Every operand whose rows are whole lines, in the order of the block's products."""
        layout = self.layout
        self.place("norm_attention", 0, layout.token_words, 0, layout.token_words)
        for head in range(layout.model.heads):
            self.place("query", head, layout.token_words, head * layout.head_words, layout.head_words)
        for head in range(layout.model.heads):
            self.place("probabilities", head, layout.key_words, 0, layout.key_words)
        self.place("attention", 0, layout.token_words, 0, layout.token_words)
        self.place("norm_hidden", 0, layout.token_words, 0, layout.token_words)
        self.place("hidden", 0, layout.hidden_words, 0, layout.hidden_words)

    def place(self, name: str, head: int, stride: int, offset: int, words: int) -> None:
        """Entries for rows of ``words`` words every ``stride`` words, unless they begin at different places of lines.

        The base of every tensor is a multiple of its tokens' stride, that of probabilities of a line.
        """
        unit = self.layout.hardware.line_words
        if stride % unit == 0:
            start = offset % unit
            self.operands[name, head] = SplitOperand(name, head, self.entries, start, words)
            self.entries += -(-(start + words) // unit)

    def check(self) -> None:
        """The table is deep enough, the samples are few enough, and the detector keeps pace."""
        layout = self.layout
        model, hardware = layout.model, layout.hardware
        if self.table_entries > hardware.split_lines:
            raise CompileError(f"the split table of hardware {hardware.name} holds {hardware.split_lines} lines; model "
                               f"{model.name} needs {self.table_entries}: raise hardware.split_lines, or split never")
        if not self.decides:
            return
        if layout.groups > COUNT_MAXIMUM:
            raise CompileError(f"model {model.name} has {layout.groups} groups of tokens on hardware {hardware.name}; "
                               f"the detector counts {COUNT_MAXIMUM} samples, so split frozen or never")
        # lanes take at most one token a cycle; with few blocks, all requests of a step may wait
        tiles = 5 * layout.token_words + layout.hidden_words     # keys, queries, values, projection, contract; expand
        taken = layout.contexts * model.tokens * (tiles + model.heads * (layout.key_words + layout.head_words))
        if model.blocks > REQUEST_DEPTH and self.entries * decide_cycles(hardware) > taken:
            raise CompileError(f"deciding {self.entries} entries takes longer than a block of {model.name} on hardware "
                               f"{hardware.name} may; split frozen or never")

    def fields(self, operand: str, head: int = 0, detect: bool = False) -> Fields:
        """Of a product of this left tensor; ``detect``: its rows are to be counted."""
        place = self.operands.get((operand.removeprefix("blocks.{}."), head))
        if place is None:
            return {}
        return {"split": 1, "split_base": place.entry, "split_base_register": SPLIT,
                "detect": int(detect and self.decides)}

    def decision(self) -> Fields:
        """Of the empty descriptor that renews a block's masks."""
        return {"decide": 1, "decide_fixed": int(self.mode == FIXED), "words": self.entries, "split_base": 0,
                "split_base_register": SPLIT}

    def table(self, given: Sequence[int] | None) -> list[int]:
        """Masks of the first step; without any ``given``, every other channel is dense."""
        bits = line_channels(self.layout.hardware)
        if given is None:
            return [((1 << bits) - 1) // 3] * self.table_entries
        if len(given) != self.table_entries:
            raise CompileError(f"the split table has {len(given)} masks; expected {self.table_entries}")
        return [int(mask) for mask in given]


def choose_mode(hardware: HardwareConfig, mode: str | None, skip_zeros: bool) -> str:
    """Balanced wherever there are dense lanes; where zeros are multiplied too, half of the channels, which takes least.

    Raises ``CompileError`` for a mode that does not exist or needs dense lanes where there are none.
    """
    if mode is None:
        return NEVER if not hardware.dense_lanes else BALANCED if skip_zeros else FROZEN
    if mode not in MODES:
        raise CompileError(f"there is no split '{mode}'; expected {', '.join(MODES)}")
    if mode != NEVER and not hardware.dense_lanes:
        raise CompileError(f"split is {mode} and hardware {hardware.name} has no dense lanes; expected {NEVER}")
    return mode
