"""Faults in a running core: each ends in the exact image or an error, and a core without checks is found out."""

import json
import random

import pytest

from sim.faults import __main__ as command
from sim.faults import table
from sim.faults.campaign import CONFIG, LINK, NOISE, SHARES, UNCHECKED, numbers
from sim.faults.injections import PATTERNS, damage_segment, draw_flips, generator, pattern_mask
from sim.faults.job import EXACT, HANG, SILENT, Outcome
from sim.faults.stores import CHECKED, Store, bench_verilog, find_stores, memory_of
from sim.verilator import REPOSITORY

SEED, COUNT = 2, 300
STORES = [Store("program", "core.program_memory.store.words.store.store", 512, 144),
          Store("tile", "core.array.grid.lane_0.rows.store.store", 256, 40),
          *(Store(name, f"core.{name}_memory.store", 64, 40) for name in CHECKED[1:-1])]


def test_no_injection_of_a_fixed_sample_hangs_or_changes_an_image_silently(tmp_path, capsys):
    result = tmp_path / "faults.json"
    assert command.main(["--count", str(COUNT), "--seed", str(SEED), "--output", str(result)]) == 0
    counted = json.loads(result.read_text(encoding="utf-8"))
    assert counted["injections"] >= COUNT and set(counted["outcomes"]) == set(SHARES)
    assert not any({SILENT, HANG} & set(found) for found in counted["outcomes"].values())
    assert set(counted["outcomes"]["memory, running"]) == {EXACT, "MEMORY"}     # nothing else sees a flip first
    assert counted["outcomes"]["image bytes"].get("CRC") and "| reset |" in capsys.readouterr().out


def test_a_core_without_checks_is_found_out_and_each_find_can_be_replayed(capsys):
    words = ["--unchecked", "--kind", "memory, running", "--seed", "3"]
    assert command.main([*words, "--count", "60"]) == 1
    told = capsys.readouterr().err
    assert "silently different: memory, running " in told
    number = told.split("--number ")[1].split()[0]
    assert command.main([*words, "--number", number]) == 1
    assert f"silently different: memory, running {number}: " in capsys.readouterr().err


def test_the_reference_result_is_of_thousands_without_a_hang_or_a_silent_difference():
    content = json.loads((REPOSITORY / "docs" / "faults.json").read_text(encoding="utf-8"))
    assert content["injections"] >= 4000 and content["config"] == CONFIG.stem
    judged = {kind: found for kind, found in content["outcomes"].items() if kind != UNCHECKED}
    assert set(judged) == set(SHARES) and sum(SHARES.values()) == 100
    assert not any({SILENT, HANG} & set(found) for found in judged.values())
    page = (REPOSITORY / "docs" / "faults.md").read_text(encoding="utf-8")
    assert table.markdown(content["outcomes"]) in page and content["command"] in page


def test_an_injection_is_the_same_whatever_came_before_it():
    draws = [draw_flips(generator(SEED, "memory, running", 5), STORES, {}, 3000, False) for _ in range(2)]
    assert draws[0] == draws[1] != draw_flips(generator(SEED, "memory, running", 6), STORES, {}, 3000, False)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_flip_what_they_say(pattern):
    draw = random.Random(NOISE)
    masks = [pattern_mask(draw, pattern, 40) for _ in range(200)]
    spans = [mask.bit_length() - (mask & -mask).bit_length() + 1 for mask in masks]
    assert all(0 < mask < 1 << 40 for mask in masks)
    assert {"two bits": {mask.bit_count() for mask in masks} == {2}, "neighbours": max(spans) == 8}.get(
        pattern, set(spans) == {1})


def test_damage_changes_a_segment():
    content = bytes(range(200))
    draw = random.Random(SEED)
    damaged = [damage_segment(draw, content, 4) for _ in range(200)]
    assert len({what for what, _ in damaged}) == 6
    assert sum(changed != content for _, changed in damaged) > 190
    assert all(changed == content[:len(changed)] for what, changed in damaged if what == "cut")


def test_arrays_are_found_with_their_memory_and_each_can_be_flipped():
    assert [memory_of(path) for path in ("core.weight_memory.words.store", "core.array.grid.pair_3.rows.store",
                                         "core.load_queue", "core.array.in_flight")] == ["weight", "tile", None, None]
    core = ("module \\core.weight_memory.words.store (clk);\n  reg [39:0] store [511:0];\nendmodule\n"
            "module \\core.load_queue (clk);\n  reg [56:0] store [3:0];\nendmodule\n"
            "module core(clk, status);\n  input clk;\n  output [6:0] status;\nendmodule\n")
    assert find_stores(core) == [Store("weight", "core.weight_memory.words.store.store", 512, 40)]
    assert "0: core.weight_memory.words.store.store[flip_index[8:0]] <= " in bench_verilog(core)


def test_every_kind_has_its_share_and_bad_outcomes_are_told():
    assert {kind: len(found) for kind, found in numbers(1000).items()} == {kind: 10 * n for kind, n in SHARES.items()}
    outcomes = [Outcome(LINK, 0, "", EXACT), Outcome(LINK, 1, "", "CRC"), Outcome(LINK, 2, "", HANG)]
    assert table.markdown(table.counts(outcomes)).splitlines()[-1] == \
        "| link frames | 3 | 1 | 1 | 0 | 1 | CRC 1 |"
    assert [outcome.bad for outcome in outcomes] == [False, False, True]


@pytest.mark.parametrize(("words", "sentence"), [
    (["--count", "0"], "--count is 0; expected at least 1"), (["--number", "3"], "--number is 3; expected"),
    (["--config", "none.toml"], "none.toml")])
def test_a_bad_argument_is_one_sentence(capsys, words, sentence):
    assert command.main(words) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
