"""Split tables of programs: which operands have masks, and the masks in use from step to step."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from golden.compile.builder import BLOCK
from golden.compile.calibrate import CALIBRATION_SEED, compile_calibrated, first_step_table
from golden.compile.compiler import NO_LABEL, compile_checkpoint
from golden.compile.layout import CompileError
from golden.compile.operands import ReferenceOperands, predict_drawing
from golden.compile.split_plan import MODES
from golden.compile.writes import StepWrites
from golden.integer.evaluate import sample
from golden.integer.split import count, decide
from golden.model import checkpoint, zoo
from golden.spec.descriptors import LeftMemory, Opcode, decode, encode
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.image import Memory, parse_segment
from golden.spec.interpreter import Interpreter, ProgramError
from golden.spec.latency import ARRAY_TAIL
from golden.spec.split import REQUEST_DEPTH, decide_cycles
from golden.spec.timing import predict

TINY = checkpoint.load(zoo.checkpoint_path("tiny"))
WIDE = HardwareConfig(dense_lanes=16)
SMALL = HardwareConfig(lanes=8, width=8, dense_lanes=8)     # heads begin within a line
THIN = HardwareConfig(lanes=8, width=8, dense_lanes=8, line_words=1)


def compiled_for(config, split=None, steps=2, guidance=2.0, **values):
    return compile_checkpoint(TINY, config, steps=steps, guidance=guidance, split=split, **values)


def arrays(compiled):
    return [fields for opcode, fields in map(decode, compiled.descriptors) if opcode is Opcode.ARRAY]


class Walk:
    """Every product of a drawing, with its left operand as it lies in memory by what the core must write."""

    def __init__(self, compiled) -> None:
        self.compiled = compiled
        self.layout = compiled.layout
        self.steps = sample(compiled.model, compiled.contexts(NO_LABEL), compiled.plan, seed=3)
        self.before = next(self.steps).image
        self.samples = defaultdict(list)
        length = compiled.layout.hardware.line_words * compiled.layout.hardware.width
        self.masks = [np.array([mask >> i & 1 for i in range(length)], dtype=bool) for mask in compiled.split_table]
        self.operands = ReferenceOperands(compiled)
        self.checked = 0

    def run(self) -> None:
        """The whole program, step by step."""
        interpreter, step, block_mixes = Interpreter(self.compiled.descriptors), None, 0
        for opcode, fields in interpreter.run():
            if opcode is Opcode.SYNC:
                assert np.array_equal(self.operands.masks.masks, self.masks_before) if step else True
                step = next(self.steps, None)
                if step:
                    self.writes = {w.tensor: w for w in StepWrites(self.layout, step, self.before).all()}
                    self.before, self.masks_before = step.image, np.array(self.masks)
                    self.operands.load(step)
            elif opcode is Opcode.SET and fields["mask"] >> BLOCK & 1 and not fields["upper"]:
                block_mixes = 0
            elif opcode is Opcode.ARRAY and fields["count"]:
                name = self.compiled.operands[interpreter.counter].format(interpreter.registers[BLOCK])
                mix = fields["left_memory"] == LeftMemory.PROBABILITY
                self.product(interpreter, name, fields, block_mixes if mix else None)
                block_mixes = (block_mixes + mix) % self.mixes
            elif opcode is Opcode.ARRAY and fields["decide"]:
                self.decision(fields)

    @property
    def mixes(self) -> int:
        """Products with probabilities in a block, in the order in which the softmax writes them."""
        return self.layout.contexts * self.layout.model.heads * self.layout.groups

    def memory(self, name, mix):
        """Words by address."""
        writes, chosen = self.writes[name], slice(None)
        if mix is not None:
            length = self.layout.hardware.lanes * self.layout.key_words
            chosen = slice(mix * length, (mix + 1) * length)
        words = np.zeros((int(writes.addresses.max()) + 1, self.layout.hardware.width), dtype=int)
        words[writes.addresses[chosen]] = writes.values[chosen]
        return words

    def product(self, interpreter, name, fields, mix) -> None:
        """Its counts, and its samples."""
        if not fields["split"]:
            assert not fields["detect"]
            return
        words, unit = self.memory(name, mix), self.layout.hardware.line_words
        place = interpreter.counter, fields, interpreter.registers
        counts, dense = self.operands.counts(*place), self.operands.dense(*place)
        for group in range(fields["count"] if fields["left_step"] else 1):
            for token in range(self.layout.hardware.lanes):
                base = fields["left_base"] + group * fields["left_step"] + token * fields["lane_stride"]
                lines = defaultdict(lambda: np.zeros((unit, self.layout.hardware.width), dtype=int))
                for index, address in enumerate(range(base, base + fields["words"])):
                    line = address // unit - base // unit
                    mask = self.masks_before[fields["split_base"] + line].reshape(unit, -1)[address % unit]
                    assert counts[address] == np.count_nonzero(words[address][~mask])
                    assert dense[index] == mask.sum()
                    lines[line][address % unit] = words[address]
                    self.checked += 1
                if fields["detect"] and token == 0:
                    for line, content in lines.items():
                        self.samples[fields["split_base"] + line].append(content.ravel())

    def decision(self, fields) -> None:
        for entry in range(fields["split_base"], fields["split_base"] + fields["words"]):
            mask = decide(*count(np.array(self.samples.pop(entry))), bool(fields["decide_fixed"]))
            self.masks[entry] = self.masks[entry] if mask is None else mask


@pytest.mark.parametrize("split", ["balanced", "fixed", "frozen"])
@pytest.mark.parametrize(("config", "guidance"), [(WIDE, 2.0), (SMALL, 2.0), (THIN, 1.0)])
def test_counts_and_masks_follow_from_what_the_program_reads(config, guidance, split):
    compiled = compiled_for(config, split, guidance=guidance)
    walk = Walk(compiled)
    walk.run()
    assert walk.checked > 10_000
    changed = np.any(np.array(walk.masks) != ReferenceOperands(compiled).masks.masks)
    assert changed == (split != "frozen")


def test_operands_whose_rows_are_not_whole_lines_are_not_split():
    """Tiny has 32 channels: with lines of 4 words of 16, two tokens are a line."""
    split = {fields["left_memory"] for fields in arrays(compiled_for(WIDE)) if fields["split"]}
    assert split == {LeftMemory.PROBABILITY, LeftMemory.ACTIVATION}
    plan = compiled_for(WIDE).split
    assert set(plan.operands) == {("probabilities", 0), ("probabilities", 1), ("hidden", 0)}
    assert (plan.entries, plan.table_entries) == (1 + 1 + 2, 3 * 4)
    every = compiled_for(SMALL).split
    assert {name for name, _ in every.operands} == {"norm_attention", "query", "probabilities", "attention",
                                                    "norm_hidden", "hidden"}
    assert [every.operands["query", head].start for head in (0, 1)] == [0, 2]
    assert not any(fields["nibble_passes"] for fields in arrays(compiled_for(SMALL)) if fields["split"])


def test_every_operand_is_counted_once_in_the_guided_context():
    compiled = compiled_for(SMALL, steps=1)
    walk = Walk(compiled)
    walk.decision = lambda fields: None
    walk.run()
    assert {len(rows) for rows in walk.samples.values()} == {compiled.layout.groups}
    assert len(walk.samples) == compiled.split.table_entries


@pytest.mark.parametrize("mode", MODES)
def test_modes_differ_in_their_fields(mode):
    compiled = compiled_for(WIDE, mode)
    found = arrays(compiled)
    assert any(fields["split"] for fields in found) == (mode != "never")
    decisions = [fields for fields in found if fields["decide"]]
    assert len(decisions) == (mode in ("balanced", "fixed"))
    assert any(fields["detect"] for fields in found) == bool(decisions)
    assert all(fields["decide_fixed"] == (mode == "fixed") and fields["count"] == 0 and fields["words"] == 4
               for fields in decisions)
    for conditioning in compiled.conditionings.values():
        sections = [section for section in parse_segment(conditioning, WIDE).sections
                    if section.memory is Memory.SPLIT]
        assert [list(section.words) for section in sections] == (
            [[0x5555_5555_5555_5555] * 12] if mode != "never" else [])


def test_a_program_without_dense_lanes_has_nothing_of_it():
    assert not any(fields["split"] or fields["decide"] for fields in arrays(compiled_for(HardwareConfig())))
    assert compiled_for(HardwareConfig()).split_table == ()


@pytest.mark.parametrize(("config", "values", "words"), [
    (HardwareConfig(), {"split": "balanced"}, "hardware default has no dense lanes; expected never"),
    (WIDE, {"split": "half"}, "there is no split 'half'; expected never, balanced, fixed, frozen"),
    (WIDE, {"split": "frozen", "split_table": [1, 2]}, "has 2 masks; expected 12"),
    (HardwareConfig(dense_lanes=16, split_lines=8), {}, "holds 8 lines; model tiny needs 12"),
])
def test_a_split_that_cannot_be_gets_one_sentence(config, values, words):
    with pytest.raises(CompileError) as caught:
        compiled_for(config, **values)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_masks_decide_what_dense_lanes_do():
    never, none, half, every = (
        predict_drawing(compiled_for(SMALL, split, split_table=table), NO_LABEL, seed=3)
        for split, table in (("never", None), ("frozen", [0] * 39), ("frozen", None), ("frozen", [2**32 - 1] * 39)))
    assert none.cycles == never.cycles and none.macs == never.macs
    assert set(never.dense_shares) == set(none.dense_shares) == {0.0}
    assert never.macs < half.macs < every.macs < every.macs_offered
    assert 0 < half.dense_shares[1] < every.dense_shares[1] < 1 and half.dense_shares[0] == 0


def test_masks_of_the_first_step_are_better_than_every_other_channel():
    label = TINY.config.labels[0]
    table = first_step_table(compiled_for(SMALL, "balanced"), label, seed=3)
    assert len(table) == 39 and len(set(table)) > 10
    frozen, half = (predict_drawing(compiled_for(SMALL, "frozen", split_table=given), label, seed=3)
                    for given in (table, None))
    assert frozen.cycles < half.cycles and frozen.macs < half.macs


def test_programs_begin_with_a_calibrated_split():
    choices = {"steps": 2, "guidance": 2.0}
    calibrated = compile_calibrated(TINY, SMALL, **choices)
    plain = compile_checkpoint(TINY, SMALL, **choices)
    assert calibrated.split_table == tuple(first_step_table(plain, NO_LABEL, CALIBRATION_SEED)) != plain.split_table
    first, other = (predict_drawing(compiled, TINY.config.labels[1], seed=5).step_cycles for compiled in
                    (calibrated, plain))
    assert first[1] - first[0] < other[1] - other[0]


def test_dense_work_is_halved_by_dense_lanes():
    alone = predict(compile_checkpoint(TINY, HardwareConfig(), steps=1, guidance=2.0, skip_zeros=False).descriptors,
                    HardwareConfig())
    beside = predict_drawing(compiled_for(WIDE, steps=1, skip_zeros=False), NO_LABEL, seed=3)
    assert beside.macs == beside.macs_offered == alone.macs
    assert beside.cycles < alone.cycles


def decisions(*words: int) -> list[int]:
    return [*(encode(Opcode.ARRAY, {"decide": 1, "words": number}) for number in words),
            encode(Opcode.SYNC, {"step_end": 1}), encode(Opcode.HALT, {})]


def test_a_step_ends_when_the_last_decision_is_made():
    cycles = decide_cycles(WIDE)
    (first,), end = predict(decisions(3), WIDE).spans, predict(decisions(3), WIDE).step_cycles[0]
    assert end == first.finished + 3 * cycles + 2
    assert predict(decisions(3, 1), WIDE).step_cycles[0] == end + cycles
    assert end > first.finished + ARRAY_TAIL + 2
    with pytest.raises(ProgramError, match="while 4 wait"):
        predict(decisions(*[1] * (REQUEST_DEPTH + 1)), WIDE)


def test_the_hybrid_configuration_has_a_dense_lane_beside_each_sparse_one():
    config = load_hardware(Path(__file__).resolve().parents[2] / "configs" / "hybrid.toml")
    assert (config.lanes, config.dense_lanes, config.dsp_lanes, config.multipliers) == (16, 16, 16, 512)
    assert compiled_for(config).split.decides
