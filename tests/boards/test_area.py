"""The area model: exact memories, known modules, and errors that hold."""

from __future__ import annotations

import json

import pytest
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.data import StructLayout
from amaranth.lib.wiring import In, Out, connect, flipped

from boards.area import __main__ as command
from boards.area import points
from boards.area.check import encode_cells, verify_cells
from boards.area.fit import errors, fit, largest, leave_one_out
from boards.area.measure import repeated
from boards.area.memory import memory_cells
from boards.area.model import FITTED_FILE, RANGED, AreaRangeError, load
from boards.area.modules import Library, own_cells, read_design
from boards.area.terms import DSP_PAIR, LANE, LUT_PAIR, copies, known_cells, part_terms, stores
from boards.report import needs
from boards.synthesis import KINDS, SynthesisError, by_submodule, synthesise, total
from golden.spec.check import check_bits, stored_bits
from golden.spec.hardware import CHECKED_MEMORIES, HardwareConfig
from rtl.array.lane import Lane
from rtl.control.queue import DescriptorQueue
from rtl.memory.checked_ram import CheckedRam
from rtl.memory.ports import ReadPort, WritePort
from rtl.memory.ram import Ram

SHAPES = ((12, 112), (25, 112), (48, 64), (640, 256), (1536, 128), (3744, 256), (5000, 32), (6144, 64))
CHECKED = ((512, 32), (512, 64), (640, 256))


class Shelf(wiring.Component):
    """Memories side by side."""

    def __init__(self) -> None:
        self.units = {f"ram_{depth}_{bits}": Ram(depth, bits) for depth, bits in SHAPES}
        for depth, bits in CHECKED:
            self.units |= {f"checked_{depth}_{bits}": CheckedRam(depth, bits),
                           f"plain_{depth}_{bits}": CheckedRam(depth, bits, checked=False)}
        super().__init__({f"{name}_{side}": In(port(unit.depth, unit.bits)) for name, unit in self.units.items()
                          for side, port in (("read", ReadPort), ("write", WritePort))}
                         | {f"{name}_damaged": Out(1) for name in self.units})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, unit in self.units.items():
            m.submodules[name] = unit
            m.d.comb += getattr(self, f"{name}_damaged").eq(getattr(unit, "damaged", 0))
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


@pytest.mark.parametrize(("depth", "bits"), CHECKED)
def test_check_bits_take_what_yosys_makes_of_them(shelf, depth, bits):
    checked, plain = shelf[f"checked_{depth}_{bits}"], shelf[f"plain_{depth}_{bits}"]
    made, verified = encode_cells(bits), verify_cells(bits)
    assert made["LUT4"] + verified["LUT4"] == pytest.approx(checked["LUT4"] - plain["LUT4"], rel=0.15)
    assert verified["TRELLIS_FF"] + check_bits(bits) == checked["TRELLIS_FF"] - plain["TRELLIS_FF"]
    assert memory_cells(depth, stored_bits(bits))["DP16KD"] == checked["DP16KD"]


@pytest.mark.parametrize("lanes", [2, 4])
def test_every_memory_of_the_core_is_counted(lanes):
    config = HardwareConfig(lanes=lanes, width=8, dense_lanes=lanes)
    bits = sum(depth * width for depth, width in stores(config))
    shapes = {name: (depth, config.kept_bits(width) if name in CHECKED_MEMORIES else width)
              for name, (depth, width) in config.memory_shapes.items()}
    assert bits == sum(depth * width for depth, width in shapes.values()) - _bits(shapes["tile"]) \
        + _bits(shapes["residual"])


def _bits(shape: tuple[int, int]) -> int:
    return shape[0] * shape[1]


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
    assert roles == set(points.BY_ROLE)
    names = [config.name for configs in points.BY_ROLE.values() for config in configs]
    assert len(names) == len(set(names))
    assert set(fitted["measured"]) <= set(names)


def linear(config: HardwareConfig) -> dict[str, dict[str, int]]:
    """A core whose lanes follow the terms exactly."""
    cells = {kind: 0 for kind in KINDS} | {"LUT4": round(sum(part_terms(LANE, config)))}
    known = known_cells(LANE, config)
    return {LANE: {kind: cells[kind] + known[kind] for kind in KINDS}}


def test_a_fit_finds_what_follows_its_terms():
    made = [(config, linear(config)) for config in (*points.WHOLE, *points.GROWING)]
    model = fit(made)
    for config in points.HELD_OUT:
        assert errors(model, (config, linear(config)))["LUT4"]["error"] == pytest.approx(0, abs=1e-3)
    left_out = leave_one_out(made)
    assert left_out
    assert largest(left_out, "LUT4") < 1e-3


def test_a_planted_error_is_seen():
    made = [(config, linear(config)) for config in (*points.WHOLE, *points.GROWING)]
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
    narrowed = type(model)(model.coefficients, {**model.ranges, name: (0, 1)})
    with pytest.raises(AreaRangeError, match=f"hardware.{name} is "):
        narrowed.needs(config)


def test_bad_input_is_one_sentence(capsys):
    assert command.main(["show", "--config", "configs/none.toml"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
