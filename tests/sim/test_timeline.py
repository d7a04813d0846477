"""Timeline and waves of a drawing: what they say is what the RTL did, and their formats are what viewers read."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pywellen

from golden.spec.descriptors import Engine, Opcode
from golden.spec.hardware import load_hardware
from rtl.core import Core
from sim import draw, observation, waves
from sim.event_bench import SUFFIX
from sim.events import Events, Levels, intervals, read_port
from sim.trace_format import read_trace
from sim.wave_signals import enumerations
from sim.wave_view import GTKWAVE_FILE, MAPPINGS_FOLDER, NAMES_FOLDER, SURFER_FILE, write_views

SMALL = Path(__file__).resolve().parents[2] / "configs" / "small.toml"
STEPS = 2
FIRST, CYCLES = 8_000, 2_000
"""Of the waves: the first softmax of a step begins in them."""
RECORD_WORDS = 3
"""Of the ports whose records are changed below: a cycle, and 33 to 64 bits."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """``tiny`` in two steps with timeline and waves: the output, its report, and what the timeline was made from."""
    folder = tmp_path_factory.mktemp("observed")
    kept = SimpleNamespace(output=folder / "out", records=folder / "records")
    honest = observation.write_timeline

    def keep(compiled, reference, steps, build, records, target):
        shutil.copytree(records, kept.records)
        kept.build = build
        kept.again = lambda changed, into: honest(compiled, reference, steps, build, changed, into)
        return honest(compiled, reference, steps, build, records, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observation, "write_timeline", keep)
        status = draw.main(["--model", "tiny", "--steps", str(STEPS), "--config", str(SMALL), "--output",
                            str(kept.output), "--timeline-steps", "0", str(STEPS), "--waves-from", str(FIRST),
                            "--waves-cycles", str(CYCLES)])
    kept.report = json.loads((kept.output / "report.json").read_text())
    assert status == 0
    kept.trace = read_trace(kept.output / observation.TIMELINE_FILE)
    return kept


def tracks(trace: dict) -> dict[str, list[dict]]:
    """Slices by the name of their track."""
    names = {event["tid"]: event["args"]["name"] for event in trace["traceEvents"] if event["name"] == "thread_name"}
    found = defaultdict(list)
    for event in trace["traceEvents"]:
        if event["ph"] == "X":
            found[names[event["tid"]]].append(event)
    return found


def test_the_timeline_agrees_with_program_counters_and_prediction(drawn):
    part = drawn.report["timeline"]
    assert part["differences"] == []
    assert part["steps"] == [0, STEPS]
    assert drawn.report["mismatches"] == 0 and drawn.report["cycles"] == drawn.report["predicted_cycles"]
    slices = tracks(drawn.trace)
    assert part["descriptors"] == sum("opcode" in event["args"] for engine in Engine for event in slices[engine.name])
    issued = Counter(event["name"] for event in slices["sequencer"] if event["name"] in Engine.__members__)
    assert issued == {engine.name: sum("opcode" in event["args"] for event in slices[engine.name])
                      for engine in Engine}


def test_the_files_slices_add_up_to_the_cores_counters(drawn):
    slices, busy = tracks(drawn.trace), drawn.report["busy_cycles"]
    for engine in (Engine.LOAD, Engine.SOFTMAX, Engine.NORM, Engine.PIXEL):
        work = sum(event["args"]["finished"] - event["args"]["accepted"] for event in slices[engine.name]
                   if "opcode" in event["args"])
        waits = sum(event["dur"] for event in slices[engine.name] if event["name"].startswith("waits for"))
        assert work - waits == busy[engine.name.lower()], engine.name
    steps = slices["steps"]
    assert [event["ts"] + event["dur"] for event in steps] == drawn.report["step_cycles"]
    assert max(event["ts"] + event["dur"] for event in slices["sequencer"]) == drawn.report["step_cycles"][-1]


def test_the_trace_keeps_the_rules_of_its_format(drawn):
    trace = drawn.trace
    assert set(trace) == {"traceEvents", "displayTimeUnit", "otherData"} and trace["displayTimeUnit"] in ("ms", "ns")
    times = []
    for event in trace["traceEvents"]:
        assert {"ph", "pid", "tid", "ts", "name", "args"} <= set(event) and event["ph"] in "XCM"
        assert isinstance(event["ts"], int) and event["ts"] >= 0 and isinstance(event["name"], str) and event["name"]
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name", "thread_sort_index") and not times
            continue
        times.append(event["ts"])
        if event["ph"] == "X":
            assert isinstance(event["dur"], int) and event["dur"] > 0 and event["cat"]
        else:
            assert event["args"] and all(isinstance(value, int | float) for value in event["args"].values())
    assert times == sorted(times)


def test_slices_of_a_track_are_apart_or_inside_each_other(drawn):
    for name, slices in tracks(drawn.trace).items():
        around: list[int] = []
        for event in slices:                # by time, the longer one first
            while around and around[-1] <= event["ts"]:
                around.pop()
            stop = event["ts"] + event["dur"]
            assert not around or stop <= around[-1], (name, event)
            around.append(stop)


def test_fields_are_decoded_and_operands_named(drawn):
    slices = tracks(drawn.trace)
    names = {event["name"] for event in slices["ARRAY"]}
    assert {"patches to RESIDUAL_REPLACE", "blocks.2.query to SCORE", "blocks.0.hidden to RESIDUAL_ADD"} <= names
    products = [event["args"] for event in slices["ARRAY"] if event["name"].startswith("blocks.1.query")]
    assert {args["left_memory"] for args in products} == {"ACTIVATION"}
    assert {args["step"] for args in products} == set(range(1, STEPS + 1))
    assert all(args["loops"] for args in products)


def layout(build: Path, port: str) -> dict[str, int]:
    """Mask of each field in the first word of a port's data."""
    masks, offset = {}, 0
    for field in next(event for event in observation.described(build)["events"] if event["name"] == port)["fields"]:
        masks[field["name"]] = (1 << field["bits"]) - 1 << offset
        offset += field["bits"]
    return masks


@pytest.mark.parametrize(("port", "field", "damage", "words"), [
    ("accept_softmax", "words", "late", "expected as many of each, in the same cycles"),
    ("accept_softmax", "words", "other", "the program's at address"),
    ("state", "busy", "late", "the timeline has BUSY_"),
    ("lanes", "multiplying", "late", "the timeline has MACS "),
    ("control", "issue", "lost", "was issued .* descriptors and took"),
])
def test_a_record_that_is_wrong_is_told(drawn, tmp_path, port, field, damage, words):
    """The first record after the middle in which a field changes: another cycle, another value, or no record."""
    records = tmp_path / "records"
    shutil.copytree(drawn.records, records)
    path = records / f"{port}{SUFFIX}"
    rows = np.fromfile(path, dtype="<u4").reshape(-1, RECORD_WORDS)
    mask = layout(drawn.build, port)[field]
    levels = port in ("state", "lanes")
    place = next(row for row in range(len(rows) // 2, len(rows) - 1) if mask & (
        (rows[row, 1] ^ rows[row - 1, 1]) if levels else rows[row, 1])
        and (damage != "late" or rows[row + 1, 0] > rows[row, 0] + 1))
    if damage == "lost":
        rows = np.delete(rows, place, axis=0)
    elif damage == "late":
        rows[place, 0] += 1
    else:
        rows[place, 1] ^= mask & -mask
    rows.tofile(path)
    part = drawn.again(records, tmp_path)
    assert re.search(words, " ".join(part["differences"])), part


def test_what_a_pause_records_twice_counts_once(tmp_path):
    np.array([[5, 1], [5, 2], [9, 3]], dtype="<u4").tofile(tmp_path / "port")
    events = read_port(tmp_path / "port", 3, [{"name": "low", "bits": 1}, {"name": "high", "bits": 2}])
    assert events.cycles.tolist() == [5, 9]
    assert events.fields["low"].tolist() == [0, 1] and events.fields["high"].tolist() == [1, 1]
    assert len(read_port(tmp_path / "none", 3, [{"name": "low", "bits": 3}]).cycles) == 0


def test_levels_become_intervals_that_end_with_the_records():
    cycles, values = np.array([2, 4, 7, 9]), np.array([1, 3, 0, 2])
    levels = Levels(Events(cycles, {"level": values}), 12)
    assert levels.intervals("level") == [(2, 7), (9, 12)]
    assert levels.intervals("level", 0) == [(2, 7)] and levels.intervals("level", 1) == [(4, 7), (9, 12)]
    assert levels.pieces("level") == [(2, 4, 1), (4, 7, 3), (9, 12, 2)]
    assert levels.total("level") == 2 + 9 + 6
    assert intervals(np.array([3]), np.array([True]), 3) == []


def test_a_core_has_event_ports_only_if_asked():
    config = load_hardware(SMALL)
    with_events = {name for name in Core(config, events=True).signature.members if name.startswith("event_")}
    assert {"event_control", "event_state", "event_lanes", "event_begin", "event_running"} < with_events
    assert not any(name.startswith("event_") for name in Core(config, trace=True).signature.members)


@pytest.fixture(scope="module")
def waveform(drawn):
    """The waves as the library reads them that Surfer is built on, and their folder."""
    path = drawn.output / drawn.report["files"]["waves"]
    return SimpleNamespace(folder=path.parent, path=path,
                           signals={var.full_name: var for var in pywellen.Waveform(str(path)).all_vars()})


def test_waves_are_of_the_window_and_their_time_is_the_cycle(waveform):
    changes = waveform.signals["bench.view_cycle"].tv
    assert [time for time, _ in changes] == list(range(FIRST, FIRST + CYCLES))
    assert all(int(value) == time for time, value in changes)


def test_waves_agree_with_the_timeline(drawn, waveform):
    """The softmax works in the cycles in which the timeline says so."""
    codes = enumerations({"sequencer": {}})["EngineState"]
    works = [int(value) == codes["WORKS"] for _, value in sampled(waveform.signals["bench.view_softmax_state"])]
    expected = np.zeros(CYCLES, dtype=bool)
    for event in tracks(drawn.trace)["SOFTMAX"]:
        first, last = event["args"]["accepted"] + 1 - FIRST, event["args"]["finished"] + 1 - FIRST
        expected[max(0, first):max(0, last)] = True
    assert works == expected.tolist() and any(works) and not all(works)


def sampled(signal) -> list[tuple[int, object]]:
    """A signal's value in every cycle of the window."""
    times, values = zip(*signal.tv, strict=True)
    places = np.searchsorted(times, np.arange(FIRST, FIRST + CYCLES), side="right") - 1
    return [(FIRST + number, values[place]) for number, place in enumerate(places)]


def test_views_name_only_signals_that_exist(waveform):
    gtkwave = re.findall(r"^(bench\.\S+?)(?:\[\d+:0\])?$", (waveform.folder / GTKWAVE_FILE).read_text(), re.MULTILINE)
    surfer = re.findall(r"^variable_add (\S+)$", (waveform.folder / SURFER_FILE).read_text(), re.MULTILINE)
    assert gtkwave == surfer and len(gtkwave) > 60
    assert not set(gtkwave) - set(waveform.signals)
    spans = re.findall(r"^(bench\.\S+?)\[(\d+):0\]$", (waveform.folder / GTKWAVE_FILE).read_text(), re.MULTILINE)
    assert all(waveform.signals[path].bitwidth == int(high) + 1 for path, high in spans)


def test_names_of_values_come_from_the_contract(waveform):
    for place in (NAMES_FOLDER, MAPPINGS_FOLDER):
        lines = (waveform.folder / place / "Opcode.txt").read_text().splitlines()
        pairs = [line.split() for line in lines if "=" not in line]
        base = 16 if place == NAMES_FOLDER else 10
        assert {name: int(value, base) for value, name in pairs} == {opcode.name: opcode for opcode in Opcode}


@pytest.mark.parametrize("named", [True, False])
def test_gtkwave_takes_names_from_the_waveform_or_from_files(drawn, tmp_path, named):
    """GTKWave ignores the files where the waveform has names of its own, as was seen with version 3.3.118."""
    write_views(tmp_path, "waves.fst", FIRST, CYCLES, observation.described(drawn.build), named)
    text = (tmp_path / GTKWAVE_FILE).read_text()
    paths = re.findall(r"^@2022\n\^1 (\S+)\nbench\.\S+$", text, re.MULTILINE)
    assert all((tmp_path / path).is_file() for path in paths)
    assert (len(paths) == 0) is named and text.count("@100000028\n") == (16 if named else 0)


def test_an_fst_holds_the_names_itself_and_a_vcd_leaves_them_to_the_views(waveform):
    if waves.written_format() != waves.FST:              # this compiler finds no headers of lz4 and zlib
        assert not waveform.signals["bench.view_opcode"].enum_type
        return
    name, values = waveform.signals["bench.view_opcode"].enum_type
    assert {text: int(value, 2) for value, text in values} == {opcode.name: opcode for opcode in Opcode}


def test_repeated_units_and_memories_are_left_out(waveform):
    scopes = {path.rpartition(".")[0] for path in waveform.signals}
    assert {"bench.core.sequencer", "bench.core.array.grid.lane_0", "bench.core.softmax"} <= scopes
    assert not [scope for scope in scopes if re.search(r"lane_1|_memory|rows", scope)]


def test_without_fst_there_is_vcd_and_a_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(waves.shutil, "which", lambda name: None)
    path = tmp_path / "waves.vcd"
    path.write_text("$enddefinitions $end\n")
    assert waves.smaller(path) == path and path.exists()
    assert re.search(r"the file is VCD.*install the headers of lz4 and zlib", capsys.readouterr().out)


def test_with_gtkwaves_converter_vcd_becomes_fst(tmp_path, monkeypatch):
    if shutil.which("vcd2fst") is None:                  # a stand-in that copies, as readers go by a file's content
        converter = tmp_path / "vcd2fst"
        converter.write_text('#!/bin/sh\ncp "$1" "$2"\n')
        converter.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    path = tmp_path / "waves.vcd"
    path.write_text("$timescale 1us $end\n$scope module bench $end\n$var wire 4 a value [3:0] $end\n$upscope $end\n"
                    "$enddefinitions $end\n#7\nb101 a\n#9\nb110 a\n")
    converted = waves.smaller(path)
    assert converted.suffix == ".fst" and not path.exists()
    (signal,) = pywellen.Waveform(str(converted)).all_vars()
    assert signal.full_name == "bench.value" and [(time, int(value)) for time, value in signal.tv] == [(7, 5), (9, 6)]


@pytest.mark.parametrize(("arguments", "words"), [
    (["--timeline-steps", "2", "9"], "timeline steps are 2 to 9; expected a range within 0.* to 2"),
    (["--timeline-steps", "2", "1"], "timeline steps are 2 to 1"),
    (["--timeline-steps", "-1", "1"], "timeline steps are -1 to 1"),
    (["--waves-from", "-5"], "waves from cycle -5; expected a cycle from 0"),
    (["--waves-cycles", "0"], "waves of 0 cycles; expected 1 or more"),
])
def test_a_range_that_makes_no_sense_is_one_sentence(tmp_path, capsys, arguments, words):
    assert draw.main(["--model", "tiny", "--steps", str(STEPS), "--config", str(SMALL), "--output",
                      str(tmp_path / "out"), *arguments]) == 2
    errors = capsys.readouterr().err
    assert re.search(words, errors) and errors.count("\n") == 1
    assert not (tmp_path / "out").exists()
