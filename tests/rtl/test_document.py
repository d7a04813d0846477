"""Every unit has a page that is true: its ports, its bench, its bugs, and a diagram that was recorded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec.latency import ARRAY_TAIL
from rtl.bus.wishbone import WishboneBridge
from rtl.document import __main__ as command
from rtl.document import pages, planted, scenes_bus
from rtl.document.diagram import svg, wave_json
from rtl.document.instances import BIT_CYCLES
from rtl.document.interface import constants, ports
from rtl.document.recording import Cycle, Recording, Row, Scene, locate, record
from rtl.document.stimuli import played
from rtl.document.units import REPOSITORY, ROOMS, hardware, units, users
from rtl.link.frames import FrameLink
from rtl.link.uart import UartReceiver
from rtl.units.gather import Gather
from rtl.units.requantise import REQUANTISE_LATENCY, Requantise
from rtl.verilog import BUGS

NAMES = [unit.name for unit in units()]


def recorded(name: str) -> Recording:
    """The recording of a unit's scene."""
    scene = pages.SCENES[name]
    return record(scene, hardware(scene.config))


def unit(name: str):
    """A unit by its name."""
    return units()[NAMES.index(name)]


class Delay(wiring.Component):
    """A register, and a port that is driven by nothing."""

    def __init__(self) -> None:
        super().__init__({"value": In(4), "late": Out(4), "flag": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += self.late.eq(self.value)
        m.d.comb += self.flag.eq(self.late.any())
        return m


DELAY = Scene(top=lambda config: Delay(), drive=lambda config: played([{"value": 3}, {"value": 3}, {"value": 12}], 2),
              rows=(Row("value"), Row("late", "flag"), Row("flag")), text="A register.")


def test_no_two_units_share_a_name_and_every_file_of_the_hardware_is_covered():
    assert len(set(NAMES)) == len(NAMES)
    files = {path.relative_to(REPOSITORY).as_posix() for room in ROOMS
             for path in (REPOSITORY / "rtl" / room.removeprefix("core")).glob("*.py")
             if "(wiring.Component)" in path.read_text()}
    assert {found.file for found in units()} == files | {"rtl/events.py"}  # whose components watch others


@pytest.mark.parametrize("name", NAMES)
def test_every_unit_has_a_scene_or_a_reason(name):
    assert (name in pages.SCENES) != (name in pages.WITHOUT)
    assert {*pages.SCENES, *pages.WITHOUT} <= set(NAMES)


@pytest.mark.parametrize("name", sorted(pages.SCENES))
def test_every_scene_runs_and_something_happens(name):
    """Every row's part of the interface exists, and more than the clock moves at the unit's outputs."""
    recording = recorded(name)
    moving = [path for path, values in recording.values.items()
              if path not in recording.inputs and len(set(values)) > 1]
    assert moving
    assert 4 < recording.cycles < 60


def test_a_recording_shows_what_the_unit_did():
    recording = record(DELAY, hardware("small"))
    assert recording.values == {"value": [3, 3, 12, 0, 0], "late": [0, 3, 3, 12, 0], "flag": [0, 1, 1, 1, 0]}
    assert recording.inputs == {"value"}
    clock, inputs, outputs = wave_json(DELAY, recording)["signal"]
    assert clock["wave"] == "p...."
    assert inputs[1] == {"name": "value", "wave": "3.33.", "data": ["3", "12", "0"]}
    assert outputs[1:] == [{"name": "late", "wave": "x5.5x", "data": ["3", "12"]}, {"name": "flag", "wave": "01..0"}]


def test_the_diagram_holds_the_recorded_values():
    drawn = svg(wave_json(DELAY, record(DELAY, hardware("small"))))
    assert drawn.startswith("<svg")
    assert {"late", "12"} <= set(re.findall(r">([^<>]+)<", drawn))
    assert "href=\"http" not in drawn


def test_a_port_of_an_array_is_an_input_by_its_index():
    recording = recorded("request_arbiter")
    assert {"requests[0].valid", "requests[3].valid", "request.ready"} <= recording.inputs
    assert "requests[0].ready" not in recording.inputs
    assert {port.name for port in ports(unit("request_arbiter"))} >= {"requests[0].valid", "responses[3].ready"}


def test_a_planted_bug_changes_the_picture():
    """The diagram is the hardware's: with another rounding another value stands in it."""
    scene = pages.SCENES["requantise"]
    wrong = Scene(top=type("Truncating", (Requantise,), {"half": 0}), drive=scene.drive, rows=scene.rows, text="")
    right, different = (record(each, hardware("small")).values["values[0]"] for each in (scene, wrong))
    assert right != different


@pytest.mark.parametrize(("name", "first", "then", "cycles"), [
    ("requantise", "valid", "output_valid", REQUANTISE_LATENCY),
    ("in_flight", "retire", "give", ARRAY_TAIL),
    ("write_back", "drained_valid", "written_activation.enable", 5),
    ("softmax_engine", "engine.score.enable", "written.enable", 5),
    ("wishbone_bridge", "request.valid", "wb_ack", WishboneBridge.WRITE_CYCLES),
    ("gather", "valid", "word_valid", Gather.LATENCY + 1),
])
def test_the_pictures_have_the_latencies_of_the_contract(name, first, then, cycles):
    values = recorded(name).values
    starts, ends = (next(cycle for cycle, value in enumerate(values[path]) if value) for path in (first, then))
    assert ends - starts == cycles


def test_the_link_s_pictures_have_its_latencies():
    """Of a byte from the fall of its start bit on, of a byte behind a byte, and of an answer behind its request."""
    made = UartReceiver(BIT_CYCLES)
    assert recorded("uart_receiver").values["valid"].index(1) == made.SAMPLE_LATENCY + 9 * BIT_CYCLES
    taken = [cycle for cycle, ready in enumerate(recorded("uart_transmitter").values["bytes.ready"]) if ready]
    assert taken == [0, 10 * BIT_CYCLES]
    values = recorded("frame_link").values
    last = max(cycle for cycle, valid in enumerate(values["received_valid"]) if valid)
    assert values["sent.valid"].index(1) == last + FrameLink.ANSWER_CYCLES + FrameLink.WRITE_CYCLES


def test_the_buses_pictures_have_what_was_read_and_written():
    """Requests in the order in which they pass, and pixels as the register file gave them."""
    values = recorded("axi_bridge").values
    asked = [values["request.payload.data"][cycle] for cycle, valid in enumerate(values["request.valid"])
             if valid and values["request.payload.write"][cycle]]
    assert asked == [0x11, scenes_bus.DATA, 0x22]
    pixels = [values["m_axis_tdata"][cycle] for cycle, valid in enumerate(values["m_axis_tvalid"]) if valid]
    assert tuple(pixels) == scenes_bus.PIXELS


def test_the_numerics_examples_are_in_the_pictures():
    assert recorded("requantise").values["values[0]"][REQUANTISE_LATENCY:][:2] == [4, -1]
    assert {1013, 1200} <= {*recorded("sampler_step").values["value"], *recorded("sampler_step").values["clean_value"]}
    assert {-727, -174, -128, 127} <= set(recorded("noise_generator").values["value"])


def test_ports_come_from_the_signature_and_its_comments():
    found = {port.name: port for port in ports(unit("line_queue"))}
    assert found["reserve"].direction == "in"
    assert found["reserve"].meaning == "a line was fetched for this lane in this cycle"
    assert found["line"].bits == tuple(hardware(name).line_bits for name in ("small", "default"))
    assert {port.name for port in ports(unit("norm_engine"))} >= {"descriptor.payload", "residual.address", "give"}


def test_numbers_that_a_contract_names_have_their_values():
    assert {number.name: number.value for number in constants(unit("array_engine"))} == {"ARRAY_TAIL": ARRAY_TAIL}
    assert {number.name: number.value for number in constants(unit("exponential"))} == {"LATENCY": 2}


def test_every_planted_bug_is_told_on_a_page():
    told = {(bug.unit, bug.name): bug.meaning for bugs in planted.bugs().values() for bug in bugs}
    assert set(told) == {(unit, name) for unit, names in BUGS.items() for name in names}
    assert all(told.values())


def test_every_bench_exists_and_a_test_runs_it():
    tests = "".join(path.read_text() for path in (REPOSITORY / "tests").glob("*/test_*.py")) \
        + (REPOSITORY / "sim" / "gemm_run.py").read_text()
    assert all((REPOSITORY / file).is_file() for file in planted.WHOLE.values())
    assert set(planted.WHOLE).isdisjoint(found.name for found in units() if found.kind in planted.benches())
    for benches in planted.benches().values():
        for bench in benches:
            assert (REPOSITORY / bench.file).is_file(), bench
            assert f'"{bench.unit}"' in tests, bench


def test_pages_name_what_a_unit_is_part_of():
    assert [user.name for user in users()[unit("normalise").kind]] == ["norm_engine"]
    assert [user.name for user in users()[unit("norm_engine").kind]] == ["core"]


def test_the_command_writes_pages_whose_links_lead_somewhere(tmp_path):
    assert command.main(["--output", str(tmp_path), "--unit", "requantise", "--unit", "core"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"requantise.md", "requantise.svg", "core.md", "index.md"}
    for page in tmp_path.glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if link.startswith("../"):
                assert (Path(REPOSITORY, "docs") / link.removeprefix("../")).is_file(), link
            else:
                assert Path(link).stem in {*NAMES, "index"}, link
    text = (tmp_path / "requantise.md").read_text(encoding="utf-8")
    assert "| `output_valid` | out | 1 | 1 |" in text
    assert "Truncates where it should round." in text


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert command.main(["--output", str(tmp_path / "file" / "units")]) == 2
    assert re.fullmatch(r"rtl\.document: .* is no folder to write to: .*; give another --output\n",
                        capsys.readouterr().err)


def test_a_scene_without_an_end_and_a_port_that_is_not_there_are_refused():
    endless = Scene(top=DELAY.top, drive=lambda config: (Cycle({}) for _ in iter(int, 1)), rows=DELAY.rows, text="")
    with pytest.raises(ValueError, match="expected one that ends"):
        record(endless, hardware("small"))
    with pytest.raises(AttributeError):
        locate(Delay(), "gone")
