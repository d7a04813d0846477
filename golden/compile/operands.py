"""Left operands of a drawing for the timing model: how many channels of each word are not zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from golden.compile.builder import BLOCK
from golden.compile.compiler import Compiled
from golden.compile.layout import CompileError
from golden.compile.partial import PartialProgram
from golden.compile.split_masks import SplitMasks
from golden.integer.evaluate import Step, Tensors, sample
from golden.integer.product import activation_planes
from golden.spec.array_timing import Fields
from golden.spec.descriptors import LeftMemory
from golden.spec.timing import Prediction, TimingModel


class ReferenceOperands:
    """The reference's tensors of one step, as they lie in the array's left memories. See ``spec.Operands``.

    The masks of dense lanes follow from the steps before, or are given by those that a part begins with.
    """

    def __init__(self, compiled: Compiled, part: PartialProgram | None = None, masks: SplitMasks | None = None) -> None:
        self.compiled = compiled
        self.layout = compiled.layout       # of the step
        self.names = (part or compiled).operands
        self.masks = masks or SplitMasks(compiled.split, compiled.layout, compiled.split_table)
        self.contexts: tuple[Tensors, ...] = ()
        self.known: dict[tuple, list] = {}

    def load(self, step: Step) -> None:
        """The step whose products are timed next."""
        self.end_step()
        self.layout = self.compiled.layout_of(step.number)
        self.contexts = step.contexts
        self.known.clear()

    def end_step(self) -> None:
        """The masks become those of the next step."""
        if self.contexts:
            self.masks.follow(self.contexts)
        self.contexts = ()

    def counts(self, address: int, fields: Fields, registers: Sequence[int]) -> Sequence[int]:
        """Non-zero channels of each word of a product's left memory, without those of dense lanes."""
        name = self.names[address].format(registers[BLOCK])
        if fields["left_memory"] == LeftMemory.PROBABILITY:
            return self.probabilities(name, fields)
        stride = fields["lane_stride"]
        key = (name, fields["split_base"], fields["left_base"] % stride) if fields["split"] else (name,)
        if key not in self.known:
            self.known[key] = self.memory(name, self.taken(fields, stride))
        return self.known[key]

    def dense(self, address: int, fields: Fields, registers: Sequence[int]) -> Sequence[int]:
        """Channels of dense lanes in each word of a product's rows."""
        key = fields["split_base"], fields["left_base"] % self.layout.hardware.line_words, fields["words"]
        if key not in self.known:
            self.known[key] = np.count_nonzero(self.masks.row(*key), axis=-1).tolist()
        return self.known[key]

    def taken(self, fields: Fields, stride: int) -> np.ndarray | None:
        """Channels [word of a token, channel] of dense lanes; a token's words come every ``stride`` words."""
        if not fields["split"]:
            return None
        masks = np.zeros((stride, self.layout.hardware.width), dtype=bool)
        first = fields["left_base"] % stride
        masks[first:first + fields["words"]] = self.masks.row(fields["split_base"], fields["left_base"],
                                                              fields["words"])
        return masks

    def memory(self, name: str, taken: np.ndarray | None) -> list[int]:
        """Counts of a tensor's memory up to its last word, without the channels of its tokens that are taken."""
        layout = self.layout
        tensors = [self.contexts[0][name]] if name == "patches" else [tensors[name] for tensors in self.contexts]
        if name in layout.plane_tensors:            # each token's high plane, then its low one
            tensors = [np.stack(activation_planes(tensor), axis=1) for tensor in tensors]
        bases = {"patches": layout.patches, "attention": layout.attention}
        base = bases.get(name.rpartition(".")[2], 0)
        return [0] * base + self.words(np.stack(tensors), taken).ravel().tolist()

    def words(self, values: np.ndarray, taken: np.ndarray | None) -> np.ndarray:
        """(..., channels) -> (..., words): non-zero channels of each word that are not taken."""
        width = self.layout.hardware.width
        padding = [(0, 0)] * (values.ndim - 1) + [(0, -values.shape[-1] % width)]
        channels = np.pad(values, padding).reshape(*values.shape[:-1], -1, width)
        return np.count_nonzero(channels if taken is None else np.where(taken, 0, channels), axis=-1)

    def probabilities(self, name: str, fields: Fields) -> list[int]:
        """Counts of one group's probabilities, behind what lies before their slot; the destination tells which."""
        layout = self.layout
        context, place = divmod(fields["destination_base"] - layout.attention, layout.context_words)
        token, word = divmod(place, layout.token_words)
        head = word // layout.head_words
        key = name, context, head
        if key not in self.known:      # of each group, a list of words
            counts = self.words(self.contexts[context][name][head], self.taken(fields, layout.key_words))
            self.known[key] = counts.reshape(layout.groups, -1).tolist()
        return [0] * fields["left_base"] + self.known[key][token // layout.hardware.lanes]


class DrawingTiming:
    """Predicts a drawing's cycles step by step, behind the reference.

    ``part``: those of some steps; ``masks`` of dense lanes are what the part before has left (``operands.masks``).
    """

    def __init__(self, compiled: Compiled, part: PartialProgram | None = None, masks: SplitMasks | None = None) -> None:
        self.operands = ReferenceOperands(compiled, part, masks)
        self.model = TimingModel((part or compiled).descriptors, compiled.layout.hardware, self.operands)
        self.ends = self.model.walk()

    def follow(self, step: Step) -> int:
        """Walk one step, the first noise being step 0; returns the cycles at its end."""
        self.operands.load(step)
        cycles = next(self.ends)
        self.model.stopped = step.stopped
        return cycles

    def finish(self) -> Prediction:
        """After the last step."""
        for _ in self.ends:
            pass
        self.operands.end_step()
        return self.model.prediction()


def predict_drawing(compiled: Compiled, label: str, seed: int) -> Prediction:
    """Cycles of one drawing: what the counters will say."""
    timing = DrawingTiming(compiled)
    for step in sample(compiled.model, compiled.contexts(label), compiled.plan, seed):
        timing.follow(step)
    return timing.finish()


def predict_parts(compiled: Compiled, label: str, seed: int, parts: Sequence[PartialProgram]) -> list[Prediction]:
    """Cycles of each part of one drawing. The parts follow each other from step 1 on.

    Raises ``CompileError`` for parts that do not.
    """
    predictions, masks, following = [], None, 1
    steps = sample(compiled.model, compiled.contexts(label), compiled.plan, seed)
    for part in parts:
        if part.first != following:
            raise CompileError(f"a part begins with step {part.first}; expected {following}, which follows")
        timing = DrawingTiming(compiled, part, masks)
        for _ in range(part.last - part.first + 1 + (part.first == 1)):     # and the first draw
            step = next(steps, None)
            if step is None:
                raise CompileError(f"the drawing ends before step {part.last}; "
                                   "expected a sampler that does not stop early")
            timing.follow(step)
        predictions.append(timing.finish())
        masks, following = timing.operands.masks, part.last + 1
    return predictions
