"""Random hardware is as foretold, too; a case that fails is made smaller, and the line that is printed repeats it."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace

import numpy as np
import pytest

from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.numbers import Format
from golden.spec.split import least_lanes
from golden.spec.validation import ConfigError
from sim import fuzz
from sim import seed as seeds
from sim.board import SMALLEST
from sim.fuzz import Bench, cases, differences
from sim.minimise import minimise, smaller_cases
from sim.random_case import Case, compile_case, random_case, read_case
from sim.random_hardware import CAPS, random_hardware

MODELS = 2
ROOMY = {name: 1 << 14 for name in CAPS if name.endswith("_words")} | {
    "slot_rows": 1 << 12, "split_lines": 1 << 10, "longest_dot_product": 1 << 9}
WIDEST = 8
"""Width of the random hardware that a test builds, which takes most of its time."""


@pytest.fixture
def bench():
    """Random hardware; what was built for it is deleted."""
    made = Bench(None)
    yield made
    made.forget()


def drawn(number: int) -> Case:
    """A random case with its hardware."""
    return random_hardware(np.random.default_rng(number))[1]


def test_random_models_on_random_hardware_are_drawn_bit_for_bit_in_the_predicted_cycles(bench):
    for case in cases(bench, seeds.seed(), MODELS, WIDEST):
        outcome = bench.attempt(case)
        assert not isinstance(outcome, str), f"{outcome}\nreplay: {bench.replay(case)}"
        assert outcome.good and outcome.values, f"{differences(outcome)}\nreplay: {bench.replay(case)}"


def test_random_hardware_is_of_every_kind_and_often_exactly_as_large_as_its_model_needs():
    found = [case.on(HardwareConfig()) for case in map(drawn, range(24))]
    assert {hardware.lanes for hardware in found} == {2, 4, 8, 16}
    assert {hardware.line_words for hardware in found} == {1, 2, 4, 8}
    assert {hardware.norm_parts for hardware in found} == {1, 2} and {hardware.slots for hardware in found} == {4, 8}
    assert {bool(hardware.dense_lanes) for hardware in found} == {False, True}
    assert any(0 < hardware.dsp_lanes < hardware.dense_lanes for hardware in found)
    assert all(hardware.lanes >= least_lanes(hardware) for hardware in found if hardware.dense_lanes)
    assert len({hardware.fingerprint for hardware in found}) == len(found)
    assert any(hardware.weight_words & hardware.weight_words - 1 for hardware in found)


def test_a_case_is_read_back_and_its_numbers_follow_its_seed():
    for number in range(4):
        case = drawn(number)
        assert read_case(case.text()) == case
        programs = [compile_case(each, HardwareConfig()).program for each in (case, case, replace(case, seed=1))]
        assert programs[0] == programs[1] != programs[2]


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 5000, '{"model": {}, "contexts": [1], "seed": 1}'])
def test_a_line_that_is_no_case_is_refused(text, capsys):
    assert fuzz.main(["--case", text]) == 2
    assert "give the line that a failure has printed" in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"contexts": [3]}, {"contexts": []}, {"seed": -1}, {"hardware": {"width": 7}},
                                    {"hardware": {"size": 7}}, {"seed": "x"}, {"more": 1}])
def test_a_case_that_cannot_be_is_refused_in_one_sentence(change, capsys):
    text = json.dumps({**json.loads(drawn(1).text()), **change})
    assert fuzz.main(["--case", text]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(ConfigError):
        read_case(text).on(HardwareConfig())


@pytest.mark.parametrize("number", range(3))
def test_only_what_the_failure_needs_is_left(number):
    case = drawn(number)
    case = replace(case, contexts=(1, 2, 1), guidance=2.0, model=replace(case.model, rectified_query=True),
                   hardware={**case.hardware, **ROOMY})

    def fails(each: Case) -> bool:
        compile_case(each, HardwareConfig())        # nothing is tried that could not be
        return each.model.rectified_query and 2 in each.contexts

    smallest = minimise(case, HardwareConfig(), fails, 1000)
    assert fails(smallest)
    assert smallest.contexts == (2,) and smallest.model.rectified_query
    model, hardware = smallest.model, smallest.on(HardwareConfig())
    assert (model.blocks, model.heads, model.image_channels, model.expansion) == (1, 1, 1, 1)
    assert model.coordinate_channels == 0
    assert not smallest.eight_bit and not smallest.draws_noise and not smallest.stops
    assert (hardware.line_words, hardware.dense_lanes, hardware.norm_parts, hardware.slots) == (1, 0, 1, 4)
    assert not any(fails(each) for each in smaller_cases(smallest) if compiles(each))


def compiles(case: Case) -> bool:
    """Whether it fits."""
    try:
        compile_case(case, HardwareConfig())
    except ValueError:
        return False
    return True


def test_a_case_is_tried_once_and_not_more_often_than_told():
    tried = []

    def fails(case: Case) -> bool:
        tried.append(case.text())
        return False

    case = drawn(4)
    assert minimise(case, HardwareConfig(), fails, 5) == case
    assert len(tried) == 5
    minimise(case, HardwareConfig(), fails, 1000)
    assert len(set(tried[5:])) == len(tried[5:])


def test_a_planted_bug_is_made_smaller_and_its_line_repeats_it_alone(monkeypatch, capsys):
    hardware = load_hardware(SMALLEST)
    generator = np.random.default_rng(3)
    case = next(each for each in (random_case(generator, hardware) for _ in range(100))
                if each.model.rectified_query and len(each.contexts) > 1 and each.eight_bit)
    monkeypatch.setattr(fuzz, "cases", lambda *chosen: iter([case]))
    monkeypatch.setattr("golden.integer.evaluate.query_format", lambda config: Format.INT4)
    config = ["--config", str(SMALLEST)]
    assert fuzz.main([*config, "--seed", "1", "--count", "1", "--attempts", "10"]) == 1
    told = capsys.readouterr().err
    first, last = re.findall(r"^replay: python -m sim\.fuzz (.*)$", told, flags=re.MULTILINE)
    smallest = read_case(shlex.split(last)[-1])
    assert read_case(shlex.split(first)[-1]) == case
    assert smallest.model.rectified_query and len(smallest.contexts) == 1 and not smallest.eight_bit
    assert len(smallest.text()) < len(case.text())
    assert fuzz.main(shlex.split(last)) == 1
    assert "mismatches in" in capsys.readouterr().err
    monkeypatch.undo()
    assert fuzz.main(shlex.split(last)) == 0
