"""Counts of one drawing's multiplications and memory accesses, on this core and on arrays that it is compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from golden.spec import numbers
from golden.spec.array_timing import NIBBLE_PASSES
from golden.spec.descriptors import NORM_PLANES, Destination, Engine, LeftMemory, LoadSource, NormFormat, PixelOperation
from golden.spec.hardware import HardwareConfig
from sim.recorded_timing import Execution

PAIR = 2
"""Tokens of a dense pair, which share each weight row that they read."""
RESIDUAL_COPIES = 2
WIDE_OPERAND_BITS = 16
DELAY = "norm delay"
"""Memory inside the norm engine, which keeps a token's words until its sum of squares is known."""
WRITTEN = {Destination.ACTIVATION: "activation", Destination.VALUE: "key_value", Destination.KEY: "key_value",
           Destination.SCORE: "score", Destination.RESIDUAL_ADD: "residual", Destination.RESIDUAL_REPLACE: "residual"}
"""Memory of each destination."""


@dataclass(frozen=True)
class Design:
    """An array that runs the same descriptors.

    ``operand_bits``: 4, with 8-bit products in four passes, or 16, with every product in one. ``shares_rows``: all
    lanes multiply the same channel in a cycle, so that one read of a weight row serves them all, and none can skip.
    """

    name: str
    operand_bits: int
    skips_zeros: bool
    shares_rows: bool


SKIPPING = Design("this core", numbers.NIBBLE_BITS, skips_zeros=True, shares_rows=False)
MULTIPLYING = Design("this core, zeros multiplied", numbers.NIBBLE_BITS, skips_zeros=False, shares_rows=False)
LOCKSTEP = Design("4-bit lanes in lock-step", numbers.NIBBLE_BITS, skips_zeros=False, shares_rows=True)
LOCKSTEP_WIDE = Design("16-bit lanes in lock-step", WIDE_OPERAND_BITS, skips_zeros=False, shares_rows=True)
DESIGNS = (SKIPPING, MULTIPLYING, LOCKSTEP, LOCKSTEP_WIDE)


@dataclass
class Counts:
    """Multiply-accumulates, and bits that went in and out of each memory."""

    macs: int = 0
    skipped: int = 0
    read: Counter = field(default_factory=Counter)
    written: Counter = field(default_factory=Counter)


def eight_bit_loads(executions: Sequence[Execution]) -> set[int]:
    """Places of the loads whose weight tile belongs to an 8-bit product."""
    latest: dict[int, int] = {}
    found = set()
    for place, done in enumerate(executions):
        if done.engine is Engine.LOAD:
            latest[done.fields["slot"]] = place
        elif done.engine is Engine.ARRAY and done.fields["count"] and done.fields["nibble_passes"]:
            found.add(latest[done.fields["slot"]])
    return found


def count_accesses(executions: Sequence[Execution], hardware: HardwareConfig, design: Design) -> Counts:
    """What a drawing's descriptors do on a design. Descriptors themselves, registers and queues are not counted."""
    counter = AccessCounter(hardware, design)
    wide = eight_bit_loads(executions)
    for place, done in enumerate(executions):
        if done.engine is Engine.LOAD:
            counter.load(done, place in wide)
        elif done.engine is Engine.ARRAY:
            counter.array(done)
        elif done.engine is Engine.SOFTMAX:
            counter.softmax(done)
        elif done.engine is Engine.NORM:
            counter.norm(done)
        else:
            counter.pixel(done)
    return counter.counts


class AccessCounter:
    """Adds up descriptors, one kind a method."""

    def __init__(self, hardware: HardwareConfig, design: Design) -> None:
        self.hardware = hardware
        self.design = design
        self.narrow = design.operand_bits == numbers.NIBBLE_BITS
        self.operand_word = hardware.width * design.operand_bits
        self.wide_word = hardware.width * numbers.WIDE_BITS
        self.counts = Counts()

    @property
    def tile_copies(self) -> int:
        """Copies of the weight tile, each written by every load."""
        hardware = self.hardware
        return 1 if self.design.shares_rows else hardware.lanes + hardware.dense_lanes // PAIR

    def load(self, done: Execution, eight_bit: bool) -> None:
        """Rows into the tile memory; multipliers and biases into registers."""
        fields = done.fields
        rows = fields["rows"] // (len(NIBBLE_PASSES) if eight_bit and not self.narrow else 1)
        parameters = numbers.PARAMETER_ROWS * fields["parameters"] * self.hardware.word_bits
        source = LoadSource(fields["source"]).name.lower()
        self.counts.read[source] += rows * self.operand_word + parameters
        self.counts.written["tile"] += rows * self.operand_word * self.tile_copies

    def array(self, done: Execution) -> None:
        """Lines of operands, weight rows, products, and results."""
        fields, hardware, counts = done.fields, self.hardware, self.counts
        if not fields["count"]:
            return
        passes = len(NIBBLE_PASSES) if fields["nibble_passes"] and not self.narrow else 1
        offered = sum(run.words for run in done.groups) // passes * hardware.width
        lines = sum(run.lines for run in done.groups) // passes
        channels = sum(run.channels for run in done.groups) if self.design.skips_zeros else offered
        dense = sum(run.dense_channels for run in done.groups)
        rows = offered // hardware.lanes if self.design.shares_rows else channels - dense + dense // PAIR
        counts.macs += channels * hardware.width
        counts.skipped += (offered - channels) * hardware.width
        counts.read["tile"] += rows * self.operand_word
        counts.read[LeftMemory(fields["left_memory"]).name.lower()] += lines * hardware.line_words * self.operand_word
        if fields["split"] and not self.design.shares_rows:
            counts.read["split"] += lines * hardware.line_words * hardware.width
        self.results(Destination(fields["destination"]), fields["count"] * hardware.lanes)

    def results(self, destination: Destination, vectors: int) -> None:
        """So many vectors of ``width`` results go where they belong."""
        memory = WRITTEN[destination]
        if memory == "residual":
            self.counts.written[memory] += vectors * self.wide_word * RESIDUAL_COPIES
            if destination is Destination.RESIDUAL_ADD:
                self.counts.read[memory] += vectors * self.wide_word
        else:
            self.counts.written[memory] += vectors * (self.score_word if memory == "score" else self.operand_word)

    @property
    def score_word(self) -> int:
        """Bits of ``width`` scores."""
        return self.hardware.width * (numbers.SCORE_BITS if self.narrow else self.design.operand_bits)

    def softmax(self, done: Execution) -> None:
        """Scores to probabilities."""
        words = self.hardware.lanes * done.fields["words"]
        self.counts.read["score"] += words * self.score_word
        self.counts.written["probability"] += words * self.operand_word

    def norm(self, done: Execution) -> None:
        """Residual stream to left operands."""
        fields, counts = done.fields, self.counts
        words = fields["count"] * self.hardware.lanes * fields["words"]
        planes = 2 if self.narrow and NormFormat(fields["format"]) in NORM_PLANES else 1
        gain_bits = numbers.GAIN_BITS if self.narrow else self.design.operand_bits
        counts.read["residual"] += words * self.wide_word
        counts.written[DELAY] += words * self.wide_word
        counts.read[DELAY] += words * self.wide_word
        counts.read["modulation"] += words * self.hardware.width * 2 * gain_bits
        counts.written["normalised"] += words * planes * self.operand_word

    def pixel(self, done: Execution) -> None:
        """Patches, each of nine pixels a channel, those beyond the border too; or the sampler's step."""
        fields, counts = done.fields, self.counts
        tokens = fields["grid"] ** 2
        if fields["operation"] == PixelOperation.PATCH:
            planes = 2 if self.narrow else 1
            counts.read["pixel"] += tokens * 9 * fields["channels"] * numbers.WIDE_BITS
            counts.read["coordinate"] += tokens * fields["coordinates"] * self.bits("coordinate")
            counts.written["normalised"] += tokens * fields["words"] * planes * self.operand_word
            return
        pixels = tokens * fields["stride"] ** 2 * fields["channels"]
        counts.read["step"] += self.bits("step")
        counts.read["residual"] += 2 * pixels * self.wide_word
        for memory in ("pixel", "clean"):
            counts.read[memory] += pixels * numbers.WIDE_BITS
            counts.written[memory] += pixels * numbers.WIDE_BITS

    def bits(self, memory: str) -> int:
        """Bits of a word of a memory."""
        return self.hardware.memory_shapes[memory][1]
