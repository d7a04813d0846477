"""The program: descriptors of the whole sampler loop, one core block reused for all."""

from __future__ import annotations

from golden.compile.builder import Builder, engines
from golden.compile.layout import Layout
from golden.integer.model import IntegerModel
from golden.spec import numbers
from golden.spec.descriptors import (
    Destination,
    Engine,
    LeftMemory,
    LoadSource,
    MultiplierSource,
    NormFormat,
    Opcode,
    PixelOperation,
)
from golden.spec.numbers import Format

WEIGHT, MODULATION, BLOCK, GROUP, STEP = range(5)
"""Registers that advance: weight-store address, modulation address, block, group offset, step."""
SCORE_MULTIPLIER, ATTENTION_MULTIPLIER, FIRST_NORM_SHIFT, SECOND_NORM_SHIFT = range(8, 12)
"""Registers that each block sets."""


class ProgramWriter:
    """Writes the program of one model. The weight store holds tiles in the order in which they are emitted here."""

    def __init__(self, model: IntegerModel, layout: Layout, draws_noise: bool) -> None:
        self.model = model
        self.layout = layout
        self.draws_noise = draws_noise
        self.out = Builder(layout.hardware.slots)
        self.weight_cursor = 0

    def write(self) -> Builder:
        """The whole program."""
        layout, out = self.layout, self.out
        out.emit(Opcode.CREDIT, giver=Engine.ARRAY, taker=Engine.LOAD, count=layout.hardware.slots)
        out.set_registers({MODULATION: 0, STEP: 1})
        self.sampler_step(draw_noise=True)
        block_modulation = 2 * layout.token_words
        spent = block_modulation * len(self.model.blocks)
        with out.loop(layout.steps, {MODULATION: layout.modulation_step_words - spent, STEP: 1}):
            out.set_registers({WEIGHT: 0, BLOCK: 0})
            self.convolution()
            self.blocks(block_modulation)
            self.decoder()
            self.sampler_step(draw_noise=self.draws_noise, step_register=STEP, wait_first=engines(Engine.ARRAY))
        out.emit(Opcode.HALT)
        self.block_constants()
        return out

    def sampler_step(self, *, draw_noise: bool, **values: int) -> None:
        """Update the image from both contexts' velocities; the step is over."""
        layout, config = self.layout, self.model.config
        self.out.emit(Opcode.PIXEL, operation=PixelOperation.STEP, step=0, grid=config.grid,
                      stride=config.stride, channels=config.image_channels, draw_noise=int(draw_noise),
                      guided_base=layout.residual(layout.contexts - 1), unguided_base=layout.residual(0),
                      token_stride=layout.token_words, **values)
        self.out.emit(Opcode.SYNC, step_end=1)

    def convolution(self) -> None:
        """Patches, then the initial convolution into every context's residual stream."""
        layout, config = self.layout, self.model.config
        self.out.emit(Opcode.PIXEL, operation=PixelOperation.PATCH, grid=config.grid, stride=config.stride,
                      channels=config.image_channels, coordinates=config.coordinate_channels,
                      words=layout.patch_words, destination_base=layout.patches, signal_last=engines(Engine.ARRAY))
        self.weight_cursor = 0
        for tile in range(layout.token_words):
            self.product(
                4 * layout.patch_words * layout.hardware.width, layout.patch_words, nibble_passes=1,
                wait_once=engines(Engine.PIXEL) if tile == 0 else 0,
                signal_each=engines(Engine.NORM) if tile == layout.token_words - 1 else 0,
                left=(LeftMemory.NORMALISED, layout.patches, 0, 2 * layout.patch_words),
                shift=self.model.convolution.shift, kind=Format.WIDE,
                target=self.residual_target(Destination.RESIDUAL_REPLACE, tile))
        self.out.align_slots()

    def keep_apart(self, form: NormFormat, terms: int) -> None:
        """Let the next norm wait for the whole layer of so many terms if it could not keep pace with its groups."""
        if not self.layout.norm_overlaps(form, terms):
            self.out.emit(Opcode.SYNC)

    def product(self, rows: int, words: int, *, left: tuple[int, int, int, int], shift: int, kind: Format,
                target: tuple[int, list[int], int, int], nibble_passes: int = 0, left_signed: int = 0,
                wait_once: int = 0, wait_each: int = 0, signal_each: int = 0, signal_once: int = 0) -> None:
        """One weight tile against the tokens of every context.

        left: memory, base, words from one context to the next, words of a token. target: destination, base of each
        context, step of a group, stride of a token.
        """
        layout, out = self.layout, self.out
        memory, base, context_step, stride = left
        destination, target_bases, group_step, vector_stride = target
        slot = out.load(source=LoadSource.WEIGHT, base=self.weight_cursor, base_register=WEIGHT, rows=rows,
                        parameters=1)
        self.weight_cursor += numbers.PARAMETER_ROWS + rows
        for context in range(layout.contexts):
            first, last = context == 0, context == layout.contexts - 1
            out.emit(Opcode.ARRAY, count=layout.groups, words=words, nibble_passes=nibble_passes,
                     left_memory=memory, left_signed=left_signed, left_base=base + context * context_step,
                     left_step=layout.hardware.lanes * stride, lane_stride=stride, slot=slot,
                     multiplier_source=MultiplierSource.COLUMN, shift=shift, format=kind, destination=destination,
                     destination_base=target_bases[context], destination_step=group_step,
                     vector_stride=vector_stride, wait_each=wait_each, signal_each=signal_each,
                     wait_first=(engines(Engine.LOAD) | wait_once) if first else 0,
                     signal_last=(engines(Engine.LOAD) | signal_once) if last else 0)

    def residual_target(self, destination: Destination, tile: int) -> tuple[int, list[int], int, int]:
        """Channels ``tile`` of the residual stream."""
        layout = self.layout
        bases = [layout.residual(context) + tile for context in range(layout.contexts)]
        return destination, bases, layout.hardware.lanes * layout.token_words, layout.token_words

    def activation_target(self, base: int, tile: int, words: int) -> tuple[int, list[int], int, int]:
        """Channels ``tile`` of a tensor of ``words`` words a token in the activation memory."""
        layout = self.layout
        bases = [base + context * layout.model.tokens * words + tile for context in range(layout.contexts)]
        return Destination.ACTIVATION, bases, layout.hardware.lanes * words, words

    def norm(self, table: int, form: NormFormat, **shift: int) -> None:
        """Norm of every context, group by group behind the array."""
        layout = self.layout
        self.out.emit(
            Opcode.NORM, count=layout.contexts * layout.groups, words=layout.token_words, residual_base=0,
            table_base=table, table_base_register=MODULATION, table_groups=layout.groups,
            table_step=layout.modulation_context_words, format=form, destination_base=layout.NORMALISED,
            bias_shift=numbers.MODULATION_FRACTION_BITS if form == NormFormat.INT8 else 0,
            wait_each=engines(Engine.ARRAY), signal_each=engines(Engine.ARRAY), **shift)

    def blocks(self, block_modulation: int) -> None:
        """The core block, as often as the model has blocks."""
        layout, out = self.layout, self.out
        convolution_words = self.weight_cursor
        out.emit(Opcode.LOOP, count=len(self.model.blocks))
        self.constants = out.emit(Opcode.EXECUTE, address=0, address_register=BLOCK)
        convolution_terms = 4 * layout.patch_words * layout.hardware.width
        self.keep_apart(NormFormat.UINT4, min(convolution_terms, layout.model.hidden_channels))
        self.norm(0, NormFormat.UINT4, shift=0, shift_register=FIRST_NORM_SHIFT)
        self.query_key_value()
        self.attention()
        self.projection()
        self.keep_apart(NormFormat.UINT4, layout.model.channels)
        self.norm(layout.token_words, NormFormat.UINT4, shift=0, shift_register=SECOND_NORM_SHIFT)
        self.fully_connected()
        out.align_slots()
        block_words = self.weight_cursor - convolution_words
        out.emit(Opcode.END, **{f"value{WEIGHT}": block_words, f"value{MODULATION}": block_modulation,
                                f"value{BLOCK}": 1})
        # the decoder's weights follow the last block's, to which the register has advanced by now
        self.weight_cursor -= block_words

    def query_key_value(self) -> None:
        """Keys first, as the transposer needs the longest; then queries, then values."""
        layout, block, out = self.layout, self.model.blocks[0], self.out
        left = (LeftMemory.NORMALISED, layout.NORMALISED, layout.context_words, layout.token_words)
        contexts = range(layout.contexts)
        width, head_channels = layout.hardware.width, layout.model.head_channels
        for tile in range(layout.token_words):
            head, part = divmod(tile, layout.head_words)
            base = layout.KEY + head * layout.key_words * head_channels + part * width
            target = (Destination.KEY, [base + c * layout.context_words for c in contexts],
                      head_channels * layout.hardware.lanes // width, 0)
            self.product(layout.model.channels, layout.token_words, left=left, shift=block.key.shift,
                         kind=Format.INT4, target=target, wait_each=engines(Engine.NORM) if tile == 0 else 0)
        for tile in range(layout.token_words):
            self.product(layout.model.channels, layout.token_words, left=left, shift=block.query.shift,
                         kind=Format.INT4, target=self.activation_target(layout.QUERY, tile, layout.token_words))
        for tile in range(layout.token_words):
            bases = [layout.value + c * layout.context_words + tile * layout.model.tokens for c in contexts]
            self.product(layout.model.channels, layout.token_words, left=left, shift=block.value.shift,
                         kind=Format.INT4, target=(Destination.VALUE, bases, layout.hardware.lanes, 1))
        for _ in range(self.empty_loads()):
            out.load()
            out.emit(Opcode.ARRAY, wait_first=engines(Engine.LOAD), signal_last=engines(Engine.LOAD))

    def empty_loads(self) -> int:
        """Empty loads ahead of the first head's, so that each load of keys and values waits for what it reads.

        A load waits until the load ``slots`` before it is spent; that one must not be older than the tile which
        wrote the last of its source.
        """
        layout = self.layout
        slots, words = layout.hardware.slots, layout.token_words
        values = [slots - words + (head + 1) * layout.head_words - 2 - 2 * head for head in range(layout.model.heads)]
        return max(0, slots - 2 * words, *values)

    def attention(self) -> None:
        """Scores of one group of tokens are computed while the softmax of the group before it runs."""
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

    def scores(self, place: tuple[int, int], group: int, keys: int, first: bool = False, looped: bool = False) -> None:
        """Scores of one group of queries against every key of a head, and their softmax."""
        layout, block = self.layout, self.model.blocks[0]
        context, head = place
        slot = group % 2
        base = (layout.QUERY + context * layout.context_words + head * layout.head_words
                + group * layout.hardware.lanes * layout.token_words)
        register = {"left_base_register": GROUP} if looped else {}
        self.out.emit(
            Opcode.ARRAY, count=layout.key_words, words=layout.head_words, left_memory=LeftMemory.ACTIVATION,
            left_signed=1, left_base=base, left_step=0, lane_stride=layout.token_words, slot=keys,
            tile_step=layout.model.head_channels, multiplier_source=MultiplierSource.CONSTANT, multiplier=0,
            multiplier_register=SCORE_MULTIPLIER, shift=block.score_shift, row_slot=slot, format=Format.SCORE,
            destination=Destination.SCORE, destination_base=slot * layout.score_slot_words, destination_step=1,
            vector_stride=layout.key_words, wait_first=engines(Engine.LOAD) if first else 0,
            signal_last=engines(Engine.SOFTMAX), **register)
        self.out.emit(Opcode.SOFTMAX, slot=slot, words=layout.key_words, multiplier=0,
                      multiplier_register=ATTENTION_MULTIPLIER, wait_first=engines(Engine.ARRAY),
                      signal_last=engines(Engine.ARRAY))

    def mix(self, place: tuple[int, int], group: int, values: int, first: bool = False, last: bool = False,
            looped: bool = False) -> None:
        """Product of one group's probabilities with a head's values; the first group's waits for the values."""
        layout, block = self.layout, self.model.blocks[0]
        context, head = place
        slot = group % 2
        base = (layout.attention + context * layout.context_words + head * layout.head_words
                + group * layout.hardware.lanes * layout.token_words)
        register = {"destination_base_register": GROUP} if looped else {}
        self.out.emit(
            Opcode.ARRAY, count=layout.head_words, words=layout.key_words, left_memory=LeftMemory.PROBABILITY,
            left_base=slot * layout.score_slot_words, left_step=0, lane_stride=layout.key_words, slot=values,
            tile_step=layout.model.tokens, multiplier_source=MultiplierSource.ROW, shift=block.attention_shift,
            row_slot=slot, format=Format.INT4, destination=Destination.ACTIVATION, destination_base=base,
            destination_step=1, vector_stride=layout.token_words,
            wait_first=engines(Engine.SOFTMAX) | (engines(Engine.LOAD) if first else 0),
            signal_last=engines(Engine.LOAD) if last else 0, **register)

    def projection(self) -> None:
        """Attention outputs back into the residual stream."""
        layout, last = self.layout, self.layout.token_words - 1
        for tile in range(layout.token_words):
            self.product(layout.model.channels, layout.token_words, left_signed=1,
                         left=(LeftMemory.ACTIVATION, layout.attention, layout.context_words, layout.token_words),
                         shift=self.model.blocks[0].projection.shift, kind=Format.WIDE,
                         target=self.residual_target(Destination.RESIDUAL_ADD, tile),
                         signal_each=engines(Engine.NORM) if tile == last else 0)

    def fully_connected(self) -> None:
        """Expand, ReLU, contract into the residual stream."""
        layout, block, last = self.layout, self.model.blocks[0], self.layout.token_words - 1
        for tile in range(layout.hidden_words):
            self.product(layout.model.channels, layout.token_words,
                         left=(LeftMemory.NORMALISED, layout.NORMALISED, layout.context_words, layout.token_words),
                         shift=block.expand.shift, kind=Format.UINT4,
                         target=self.activation_target(layout.HIDDEN, tile, layout.hidden_words),
                         wait_each=engines(Engine.NORM) if tile == 0 else 0)
        hidden_context = layout.model.tokens * layout.hidden_words
        for tile in range(layout.token_words):
            self.product(layout.model.hidden_channels, layout.hidden_words,
                         left=(LeftMemory.ACTIVATION, layout.HIDDEN, hidden_context, layout.hidden_words),
                         shift=block.contract.shift, kind=Format.WIDE,
                         target=self.residual_target(Destination.RESIDUAL_ADD, tile),
                         signal_each=engines(Engine.NORM) if tile == last else 0)

    def decoder(self) -> None:
        """Last norm and linear layer; the velocity replaces the first word of each token's residual."""
        layout = self.layout
        self.keep_apart(NormFormat.INT8, layout.model.hidden_channels)
        self.norm(0, NormFormat.INT8, shift=self.model.norm_shifts[-1])
        self.product(4 * layout.model.channels, layout.token_words, nibble_passes=1,
                     left=(LeftMemory.NORMALISED, layout.NORMALISED, 2 * layout.context_words, 2 * layout.token_words),
                     shift=self.model.decoder.shift, kind=Format.WIDE,
                     target=self.residual_target(Destination.RESIDUAL_REPLACE, 0),
                     wait_each=engines(Engine.NORM), signal_once=engines(Engine.PIXEL))
        self.out.align_slots()

    def block_constants(self) -> None:
        """One SET for each block, behind the program's end."""
        for number, block in enumerate(self.model.blocks):
            address = self.out.set_registers({
                SCORE_MULTIPLIER: block.score_multiplier, ATTENTION_MULTIPLIER: block.attention_multiplier,
                FIRST_NORM_SHIFT: self.model.norm_shifts[2 * number],
                SECOND_NORM_SHIFT: self.model.norm_shifts[2 * number + 1]})
            if number == 0:
                self.out.patch(self.constants, address=address)
