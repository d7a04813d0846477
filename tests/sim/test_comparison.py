"""The comparison takes any order across addresses, and nothing else: planted faults in the records of a drawing."""

from __future__ import annotations

import re

import numpy as np
import pytest

from golden.compile.compiler import NO_LABEL, compile_checkpoint
from golden.compile.writes import StepWrites, pack_values
from golden.integer.evaluate import sample
from golden.model import checkpoint, zoo
from golden.spec.hardware import HardwareConfig
from sim.comparison import UNITS, Comparison, match
from sim.recorder import record_type


@pytest.fixture(scope="module")
def compiled():
    return compile_checkpoint(checkpoint.load(zoo.checkpoint_path("tiny")), HardwareConfig(), steps=1, guidance=1.0)


@pytest.fixture(scope="module")
def steps(compiled):
    return list(sample(compiled.model, compiled.contexts(NO_LABEL), compiled.plan, 5))


@pytest.fixture(scope="module")
def records(compiled, steps):
    """What a faultless core writes, by memory, with cycles 0, 1, 2 ..."""
    written = {memory: [] for memory in UNITS}
    before = np.empty(0)
    for step in steps:
        for writes in StepWrites(compiled.layout, step, before).all():
            content = pack_values(writes.values, writes.bits)
            made = np.zeros(len(content), record_type(8 * content.shape[1]))
            made["address"], made["data"] = writes.addresses, content
            written[writes.memory].append(made)
        before = step.image
    made = {memory: np.concatenate(parts) for memory, parts in written.items()}
    for part in made.values():
        part["cycle"] = np.arange(len(part))
    return made


def compare(compiled, steps, records, folder) -> Comparison:
    """The verdict on records."""
    for memory, part in records.items():
        (folder / f"{memory}.records").write_bytes(part.tobytes())
    comparison = Comparison(compiled, folder)
    before = np.empty(0)
    for step in steps:
        comparison.step(step, before)
        before = step.image
    comparison.finish()
    return comparison


def overtaken(part: np.ndarray, reach: int) -> np.ndarray:
    """Records that overtake others by up to ``reach``, never one of the same address."""
    order = np.argsort(np.arange(len(part)) + np.random.default_rng(1).integers(0, reach, len(part)), kind="stable")
    shuffled = part[order]
    for address in np.unique(part["address"]):
        shuffled[shuffled["address"] == address] = part[part["address"] == address]
    return shuffled


def test_what_overtakes_is_equal(compiled, steps, records, tmp_path):
    # the last step alone writes but the images
    mixed = {memory: part if memory in ("pixel", "clean") else overtaken(part, 60) for memory, part in records.items()}
    assert any((mixed[memory]["address"] != part["address"]).any() for memory, part in records.items())
    comparison = compare(compiled, steps, mixed, tmp_path)
    assert (comparison.mismatches, comparison.first) == (0, [])
    assert comparison.values > 100_000


def changed(part, **fields):
    part = part.copy()
    for name, value in fields.items():
        part[name][40] = value
    return part


def swapped(part):
    """Two writes of one address in the wrong order, with different content."""
    for first in range(len(part)):
        same = np.flatnonzero(part["address"] == part["address"][first])
        different = [other for other in same if (part["data"][other] != part["data"][first]).any()]
        if different:
            part = part.copy()
            part["data"][[first, different[0]]] = part["data"][[different[0], first]]
            return part
    raise AssertionError("no address is written twice")


@pytest.mark.parametrize(("fault", "sentence"), [
    (lambda part: changed(part, data=part["data"][40] ^ 1), "cycle 40: expected -?\\d+, got -?\\d+"),
    (lambda part: np.delete(part, 40), "expected a write to address \\d+, got none"),
    (lambda part: np.insert(part, 40, part[40]), "cycle \\d+: expected no more writes, got a write"),
    (lambda part: changed(part, address=5000), "tensor none of step 1, address 5000, cycle 40"),
    (lambda part: part[:-1], "cycle -1: expected a write to address \\d+, got none"),
    (lambda part: np.append(part, part[-1:]), "tensor none of the drawing, address \\d+, cycle \\d+: "
                                              "expected no more writes, got a write"),
    (swapped, "expected -?\\d+, got -?\\d+"),
], ids=["value", "missing", "twice", "elsewhere", "short", "long", "swapped"])
def test_a_fault_is_found_and_named(compiled, steps, records, tmp_path, fault, sentence):
    comparison = compare(compiled, steps, records | {"activation": fault(records["activation"])}, tmp_path)
    assert comparison.mismatches > 0
    found = [str(mismatch) for mismatch in comparison.first]
    assert all(text.startswith("unit array, tensor ") for text in found)
    assert any(re.search(sentence, text) for text in found), found


def test_matching_is_by_turn():
    found, extra = match(np.array([7, 3, 7, 9]), np.array([7, 9, 4, 7, 7]))
    assert found.tolist() == [0, -1, 3, 1]
    assert extra.tolist() == [2, 4]
