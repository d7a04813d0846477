"""The program of a block's attention: scores, softmax and the product with the values, group by group."""

from __future__ import annotations

from golden.compile.builder import ATTENTION_MULTIPLIER, GROUP, SCORE_MULTIPLIER, Builder, engines
from golden.compile.layout import Layout
from golden.compile.split_plan import SplitPlan
from golden.integer.model import IntegerModel
from golden.spec.descriptors import Destination, Engine, LeftMemory, LoadSource, MultiplierSource, Opcode
from golden.spec.numbers import Format


class AttentionWriter:
    """Scores of one group of tokens are computed while the softmax of the group before it runs."""

    def __init__(self, model: IntegerModel, layout: Layout, split: SplitPlan, out: Builder, skip: int) -> None:
        self.model = model
        self.layout = layout
        self.split = split
        self.out = out
        self.skip = skip

    def write(self) -> None:
        """Every context and head."""
        layout, out = self.layout, self.out
        pending = None
        for context in range(layout.contexts):
            for head in range(layout.model.heads):
                offset = context * layout.context_words
                keys = out.load(source=LoadSource.KEY_VALUE, rows=layout.key_words * layout.model.head_channels,
                                base=layout.KEY + offset + head * layout.key_words * layout.model.head_channels)
                values = out.load(source=LoadSource.KEY_VALUE, rows=layout.head_words * layout.model.tokens,
                                  base=layout.value + offset + head * layout.head_words * layout.model.tokens)
                self.head((context, head), keys, values, pending)
                pending = (context, head), values
        self.finish_head(*pending)

    def head(self, place: tuple[int, int], keys: int, values: int, pending: tuple | None) -> None:
        """All groups of one head but the last group's product with the values, which overlaps the next head."""
        layout, out = self.layout, self.out
        step = layout.hardware.lanes * layout.token_words
        self.scores(place, 0, keys, first=True)
        if pending:
            self.finish_head(*pending)
        self.scores(place, 1, keys)
        self.mix(place, 0, values, first=True)
        pairs = layout.groups // 2 - 1
        if pairs:
            out.set_registers({GROUP: 0})
            with out.loop(pairs, {GROUP: 2 * step}):
                self.scores(place, 2, keys, looped=True)
                self.mix(place, 1, values, looped=True)
                self.scores(place, 3, keys, looped=True)
                self.mix(place, 2, values, looped=True)

    def finish_head(self, place: tuple[int, int], values: int) -> None:
        """The last group's product; then keys and values are both spent, in the order in which they were loaded."""
        self.mix(place, self.layout.groups - 1, values, last=True)
        self.out.emit(Opcode.ARRAY, signal_last=engines(Engine.LOAD))

    def first_row(self, tensor: int, place: tuple[int, int], group: int) -> int:
        """Word address of a head's part of a group's first token, in a tensor of every context."""
        layout, (context, head) = self.layout, place
        return (tensor + context * layout.context_words + head * layout.head_words
                + group * layout.hardware.lanes * layout.token_words)

    def scores(self, place: tuple[int, int], group: int, keys: int, first: bool = False, looped: bool = False) -> None:
        """Scores of one group of queries against every key of a head, and their softmax."""
        layout, block = self.layout, self.model.blocks[0]
        context, head = place
        slot = group % 2
        base = self.first_row(layout.QUERY, place, group)
        register = {"left_base_register": GROUP} if looped else {}
        self.out.emit(
            Opcode.ARRAY, operand="blocks.{}.query", skip=self.skip, count=layout.key_words, words=layout.head_words,
            left_memory=LeftMemory.ACTIVATION, left_signed=int(not self.model.config.rectified_query),
            left_base=base, left_step=0, lane_stride=layout.token_words, slot=keys,
            tile_step=layout.model.head_channels, multiplier_source=MultiplierSource.CONSTANT, multiplier=0,
            multiplier_register=SCORE_MULTIPLIER, shift=block.score_shift, row_slot=slot, format=Format.SCORE,
            destination=Destination.SCORE, destination_base=slot * layout.score_slot_words, destination_step=1,
            vector_stride=layout.key_words, wait_first=engines(Engine.LOAD) if first else 0,
            signal_last=engines(Engine.SOFTMAX), **register,
            **self.split.fields("query", head, detect=context == layout.contexts - 1))
        self.out.emit(Opcode.SOFTMAX, slot=slot, words=layout.key_words, multiplier=0,
                      multiplier_register=ATTENTION_MULTIPLIER, wait_first=engines(Engine.ARRAY),
                      signal_last=engines(Engine.ARRAY))

    def mix(self, place: tuple[int, int], group: int, values: int, first: bool = False, last: bool = False,
            looped: bool = False) -> None:
        """Product of one group's probabilities with a head's values; the first group's waits for the values."""
        layout, block = self.layout, self.model.blocks[0]
        context, head = place
        slot = group % 2
        base = self.first_row(layout.attention, place, group)
        register = {"destination_base_register": GROUP} if looped else {}
        self.out.emit(
            Opcode.ARRAY, operand="blocks.{}.probabilities", skip=self.skip, count=layout.head_words,
            words=layout.key_words, left_memory=LeftMemory.PROBABILITY, left_base=slot * layout.score_slot_words,
            left_step=0, lane_stride=layout.key_words, slot=values, tile_step=layout.model.tokens,
            multiplier_source=MultiplierSource.ROW, shift=block.attention_shift, row_slot=slot, format=Format.INT4,
            destination=Destination.ACTIVATION, destination_base=base, destination_step=1,
            vector_stride=layout.token_words,
            wait_first=engines(Engine.SOFTMAX) | (engines(Engine.LOAD) if first else 0),
            signal_last=engines(Engine.LOAD) if last else 0, **register,
            **self.split.fields("probabilities", head, detect=context == layout.contexts - 1))
