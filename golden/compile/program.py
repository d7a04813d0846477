"""The program: descriptors of the whole sampler loop, one core block reused for all.

Blocks of the same precision that follow each other are one loop; a model with 8-bit groups has several.

Who waits for whom. Between engines, semaphores: an array's signal comes when the group that it belongs to, and every
one before it, is written. So the norm follows the array group by group, overwrites operands that every product before
has read, and the array overwrites a residual word only after the norm that read it has let a product begin. The same
holds for both slots of scores, probabilities, row scales and maxima: the scores of group n + 2 begin after the product
of group n has begun, thus after its softmax has ended, and the softmax of group n + 2 after that product has retired.
Within the array, the distance of two groups or a fence: see "order" in ``golden/compile/layout.py``. A loader's
load waits until the one ``slots`` before it is spent, so that a slot's rows and parameters are not in use.

None of this needs a product or a norm to be quick, so it holds for 8-bit ones too, which only take longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from golden.compile.attention import AttentionWriter
from golden.compile.builder import (
    ATTENTION_MULTIPLIER,
    BLOCK,
    FIRST_NORM_SHIFT,
    MODULATION,
    SCORE_MULTIPLIER,
    SECOND_NORM_SHIFT,
    SPLIT,
    STEP,
    WEIGHT,
    Builder,
    engines,
)
from golden.compile.segments import StepSegment
from golden.integer.evaluate import norm_format
from golden.integer.model import IntegerBlock, IntegerModel
from golden.spec import numbers
from golden.spec.descriptors import (
    NORM_PLANES,
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
from golden.spec.precision import ATTENTION, HIDDEN


class ProgramWriter:
    """Writes the program of one model, a loop for each segment; with the first draw of noise if they begin with step 1.

    The weight store holds tiles in the order in which they are emitted here, which is the same in every segment.
    """

    def __init__(self, model: IntegerModel, segments: Sequence[StepSegment], draws_noise: bool,
                 skip_zeros: bool = True) -> None:
        self.model = model
        self.segments = segments
        self.draws_noise = draws_noise
        self.skip = int(skip_zeros)
        self.layout = segments[0].layout    # of the segment that is being written
        self.split = segments[0].split
        self.out = Builder(self.layout.hardware.slots)
        self.weight_cursor = 0
        self.constants: list[int] = []      # descriptors that pick a block's constants

    def write(self) -> Builder:
        """The whole program."""
        out, (start, *others) = self.out, self.segments
        out.emit(Opcode.CREDIT, giver=Engine.ARRAY, taker=Engine.LOAD, count=self.layout.hardware.slots)
        out.set_registers({MODULATION: start.modulation, STEP: start.first})
        if start.first == 1:
            self.sampler_step(draw_noise=True)
        self.segment(start)
        for segment in others:
            out.set_registers({MODULATION: segment.modulation})
            self.segment(segment)
        out.emit(Opcode.HALT)
        self.block_constants()
        return out

    def segment(self, segment: StepSegment) -> None:
        """The loop over a segment's steps. Every slot is free again at its end, as at its beginning."""
        self.layout, self.split, out = segment.layout, segment.split, self.out
        block_modulation = 2 * self.layout.token_words
        spent = block_modulation * len(self.model.blocks)
        with out.loop(segment.steps, {MODULATION: self.layout.modulation_step_words - spent, STEP: 1}):
            out.set_registers({WEIGHT: 0, BLOCK: 0} | ({SPLIT: 0} if self.split.entries else {}))
            self.convolution()
            self.blocks(block_modulation)
            self.decoder()
            self.sampler_step(draw_noise=self.draws_noise, step_register=STEP, wait_first=engines(Engine.ARRAY))

    def sampler_step(self, *, draw_noise: bool, **values: int) -> None:
        """Update the image from the velocities of both contexts, or twice the only one's; the step is over."""
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
                operand="patches", left=(LeftMemory.NORMALISED, layout.patches, 0, 2 * layout.patch_words),
                shift=self.model.convolution.shift, kind=Format.WIDE,
                target=self.residual_target(Destination.RESIDUAL_REPLACE, tile))
        self.out.align_slots()

    def product(self, rows: int, words: int, *, operand: str, left: tuple[int, int, int, int], shift: int,
                kind: Format, target: tuple[int, list[int], int, int], nibble_passes: int = 0, left_signed: int = 0,
                wait_once: int = 0, wait_each: int = 0, signal_each: int = 0, signal_once: int = 0,
                first_tile: bool = False, fence: bool = False) -> None:
        """One weight tile against the tokens of every context.

        operand: name of the left tensor; its first tile's product counts its zeros, of the guided context.
        left: memory, base, words from one context to the next, words of a token.
        target: destination, base of each context, step of a group (keys: of a transposer tile), stride of a token.
        """
        layout, out = self.layout, self.out
        memory, base, context_step, stride = left
        destination, target_bases, group_step, vector_stride = target
        slot = out.load(source=LoadSource.WEIGHT, base=self.weight_cursor, base_register=WEIGHT, rows=rows,
                        parameters=1)
        self.weight_cursor += numbers.PARAMETER_ROWS + rows
        for context in range(layout.contexts):
            first, last = context == 0, context == layout.contexts - 1
            out.emit(Opcode.ARRAY, operand=operand, fence=int(fence and first), skip=self.skip, count=layout.groups,
                     words=words, nibble_passes=nibble_passes, left_memory=memory, left_signed=left_signed,
                     left_base=base + context * context_step, left_step=layout.hardware.lanes * stride,
                     lane_stride=stride, slot=slot, multiplier_source=MultiplierSource.COLUMN, shift=shift,
                     format=kind, destination=destination, destination_base=target_bases[context],
                     destination_step=group_step, vector_stride=vector_stride, wait_each=wait_each,
                     signal_each=signal_each,
                     wait_first=(engines(Engine.LOAD) | wait_once) if first else 0,
                     signal_last=(engines(Engine.LOAD) | signal_once) if last else 0,
                     **({} if nibble_passes else self.split.fields(operand, detect=first_tile and last)))

    def normalised_product(self, group: str, block: IntegerBlock, *, operand: str, **values: object) -> None:
        """One weight tile of a layer behind a norm, its operand in two planes where the layer is 8-bit."""
        layout = self.layout
        planes = 2 if group in block.eight_bit else 1
        self.product(planes**2 * layout.model.channels, layout.token_words, nibble_passes=planes - 1, operand=operand,
                     left=(LeftMemory.NORMALISED, layout.NORMALISED, planes * layout.context_words,
                           planes * layout.token_words), **values)

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
        """Norm of every context, group by group behind the array; 8-bit outputs have biases in whole steps."""
        layout = self.layout
        self.out.emit(
            Opcode.NORM, count=layout.contexts * layout.groups, words=layout.token_words, residual_base=0,
            table_base=table, table_base_register=MODULATION, table_groups=layout.groups,
            table_step=layout.modulation_context_words, format=form, destination_base=layout.NORMALISED,
            bias_shift=numbers.MODULATION_FRACTION_BITS if form in NORM_PLANES else 0,
            wait_each=engines(Engine.ARRAY), signal_each=engines(Engine.ARRAY), **shift)

    def runs(self) -> Iterator[tuple[IntegerBlock, int]]:
        """The first of each run of blocks with the same 8-bit groups, and how many they are."""
        for _, run in groupby(self.model.blocks, lambda block: block.eight_bit):
            blocks = list(run)
            yield blocks[0], len(blocks)

    def blocks(self, block_modulation: int) -> None:
        """The core block, as often as the model has blocks: a loop for each run of them with the same bits."""
        for block, count in self.runs():
            self.block_loop(block, count, block_modulation)

    def block_loop(self, block: IntegerBlock, count: int, block_modulation: int) -> None:
        """So many blocks that differ from ``block`` in their weights and constants only."""
        layout, out = self.layout, self.out
        words_before = self.weight_cursor
        out.emit(Opcode.LOOP, count=count)
        self.constants.append(out.emit(Opcode.EXECUTE, address=0, address_register=BLOCK))
        self.norm(0, norm_format(block, ATTENTION), shift=0, shift_register=FIRST_NORM_SHIFT)
        self.query_key_value(block)
        AttentionWriter(self.model, layout, self.split, out, self.skip).write()
        self.projection(block)
        self.norm(layout.token_words, norm_format(block, HIDDEN), shift=0, shift_register=SECOND_NORM_SHIFT)
        self.fully_connected(block)
        if self.split.decides:
            out.emit(Opcode.ARRAY, **self.split.decision())
        out.align_slots()
        block_words = self.weight_cursor - words_before
        out.emit(Opcode.END, **{f"value{WEIGHT}": block_words, f"value{MODULATION}": block_modulation,
                                f"value{BLOCK}": 1, f"value{SPLIT}": self.split.entries})
        # what comes next follows the last block's weights, to which the register has advanced by now
        self.weight_cursor = words_before

    def query_key_value(self, block: IntegerBlock) -> None:
        """Keys first, as the transposer needs the longest; then queries, then values."""
        layout, out = self.layout, self.out
        words, head_channels = layout.token_words, layout.model.head_channels
        operand = "blocks.{}.norm_attention"
        contexts = range(layout.contexts)
        for tile in range(words):
            head, part = divmod(tile, layout.head_words)
            base = layout.KEY + head * layout.key_words * head_channels + part * layout.hardware.width
            target = Destination.KEY, [base + c * layout.context_words for c in contexts], head_channels, 0
            self.normalised_product(ATTENTION, block, operand=operand, shift=block.key.shift, kind=Format.INT4,
                                    target=target, wait_each=engines(Engine.NORM) if tile == 0 else 0,
                                    first_tile=tile == 0)
        for tile in range(words):
            self.normalised_product(ATTENTION, block, operand=operand, shift=block.query.shift,
                                    kind=Format.UINT4 if self.model.config.rectified_query else Format.INT4,
                                    target=self.activation_target(layout.QUERY, tile, words))
        for tile in range(words):
            bases = [layout.value + c * layout.context_words + tile * layout.model.tokens for c in contexts]
            self.normalised_product(ATTENTION, block, operand=operand, shift=block.value.shift, kind=Format.INT4,
                                    target=(Destination.VALUE, bases, layout.hardware.lanes, 1),
                                    fence=tile == 0 and layout.values_need_fence)
        for _ in range(self.empty_loads()):
            out.load()
            out.emit(Opcode.ARRAY, wait_first=engines(Engine.LOAD), signal_last=engines(Engine.LOAD))

    def empty_loads(self) -> int:
        """Empty loads ahead of the first head's, so that each load of keys and values waits for what it reads.

        A load waits until the load ``slots`` before it is spent. For values, that one must not be older than the tile
        which wrote the last of them. For keys, it must not be older than the first tile of queries, whose groups
        outlast the transposer; or of values, if these are fenced (``Layout.values_need_fence``).
        """
        layout = self.layout
        slots, words = layout.hardware.slots, layout.token_words
        values = [slots - words + (head + 1) * layout.head_words - 2 - 2 * head for head in range(layout.model.heads)]
        return max(0, slots - (1 if layout.values_need_fence else 2) * words, *values)

    def projection(self, block: IntegerBlock) -> None:
        """Attention outputs back into the residual stream."""
        layout, last = self.layout, self.layout.token_words - 1
        for tile in range(layout.token_words):
            self.product(layout.model.channels, layout.token_words, left_signed=1, operand="blocks.{}.attention",
                         first_tile=tile == 0, fence=tile == 0 and layout.layer_needs_fence,
                         left=(LeftMemory.ACTIVATION, layout.attention, layout.context_words, layout.token_words),
                         shift=block.projection.shift, kind=Format.WIDE,
                         target=self.residual_target(Destination.RESIDUAL_ADD, tile),
                         signal_each=engines(Engine.NORM) if tile == last else 0)

    def fully_connected(self, block: IntegerBlock) -> None:
        """Expand, ReLU, contract into the residual stream."""
        layout, last = self.layout, self.layout.token_words - 1
        for tile in range(layout.hidden_words):
            self.normalised_product(HIDDEN, block, operand="blocks.{}.norm_hidden", first_tile=tile == 0,
                                    fence=tile == 0 and layout.expand_needs_fence, shift=block.expand.shift,
                                    kind=Format.UINT4, wait_each=engines(Engine.NORM) if tile == 0 else 0,
                                    target=self.activation_target(layout.HIDDEN, tile, layout.hidden_words))
        hidden_context = layout.model.tokens * layout.hidden_words
        for tile in range(layout.token_words):
            self.product(layout.model.hidden_channels, layout.hidden_words, operand="blocks.{}.hidden",
                         first_tile=tile == 0, fence=tile == 0 and layout.layer_needs_fence,
                         left=(LeftMemory.ACTIVATION, layout.HIDDEN, hidden_context, layout.hidden_words),
                         shift=block.contract.shift, kind=Format.WIDE,
                         target=self.residual_target(Destination.RESIDUAL_ADD, tile),
                         signal_each=engines(Engine.NORM) if tile == last else 0)

    def decoder(self) -> None:
        """Last norm and linear layer; the velocity replaces the first word of each token's residual."""
        layout = self.layout
        self.norm(0, NormFormat.INT8, shift=self.model.norm_shifts[-1])
        self.product(4 * layout.model.channels, layout.token_words, nibble_passes=1, operand="decoder_norm",
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
            for place in self.constants if number == 0 else ():
                self.out.patch(place, address=address)
