"""Memories become block RAM, and the report counts what Yosys says."""

from __future__ import annotations

import json

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, connect, flipped

from boards import report
from boards.synthesis import KINDS, SynthesisError, by_submodule, cells, ideal_blocks, synthesise, total
from golden.spec.hardware import HardwareConfig
from rtl.memory.ports import ReadPort, WritePort
from rtl.memory.ram import Ram

SHAPES = ((2048, 64), (512, 256), (1024, 16))
PLANTED = (512, 32)


class Planted(wiring.Component):
    """What ``Ram`` is not: without the promise on collisions, or read in the same cycle."""

    def __init__(self, domain: str) -> None:
        self.domain = domain
        super().__init__({"read": In(ReadPort(*PLANTED)), "write": In(WritePort(*PLANTED))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        depth, bits = PLANTED
        m.submodules.store = store = memory.Memory(shape=bits, depth=depth, init=[])
        read = store.read_port(domain=self.domain)
        write = store.write_port()
        output = Signal(bits, reset_less=True)
        m.d.comb += [read.addr.eq(self.read.address), write.addr.eq(self.write.address),
                     write.data.eq(self.write.data), write.en.eq(self.write.enable)]
        m.d.sync += output.eq(read.data)
        m.d.comb += self.read.data.eq(output if self.domain == "sync" else read.data)
        return m


class Shelf(wiring.Component):
    """Memories side by side, each with its ports at the top."""

    def __init__(self) -> None:
        self.units = {f"ram_{depth}_{bits}": Ram(depth, bits) for depth, bits in SHAPES}
        self.units |= {"guarded": Planted("sync"), "asynchronous": Planted("comb")}
        shapes = dict(zip(self.units, (*SHAPES, PLANTED, PLANTED), strict=True))
        super().__init__({f"{name}_{side}": In(port(*shape)) for name, shape in shapes.items()
                          for side, port in (("read", ReadPort), ("write", WritePort))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, unit in self.units.items():
            m.submodules[name] = unit
            connect(m, flipped(getattr(self, f"{name}_read")), unit.read)
            connect(m, flipped(getattr(self, f"{name}_write")), unit.write)
        return m


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Cells of every memory, from one run of Yosys."""
    modules = synthesise(Shelf(), "shelf", tmp_path_factory.mktemp("synthesis"))
    return by_submodule(modules, "shelf")


def require_block_ram(counts: dict[str, int], depth: int, bits: int) -> None:
    """As many blocks as it takes, one output register, and next to nothing beside them."""
    assert counts["DP16KD"] == ideal_blocks(depth, bits)
    assert counts["TRELLIS_FF"] <= bits
    assert counts["LUT4"] + counts["CCU2C"] <= 8
    assert counts["TRELLIS_DPR16X4"] == 0


@pytest.mark.parametrize(("depth", "bits"), SHAPES)
def test_a_ram_is_block_ram(shelf, depth, bits):
    require_block_ram(shelf[f"ram_{depth}_{bits}"], depth, bits)


@pytest.mark.parametrize("name", ["guarded", "asynchronous"])
def test_a_planted_memory_is_found(shelf, name):
    with pytest.raises(AssertionError):
        require_block_ram(shelf[name], *PLANTED)


def test_an_asynchronous_memory_is_no_block_ram(shelf):
    assert shelf["asynchronous"]["DP16KD"] == 0
    assert shelf["asynchronous"]["TRELLIS_DPR16X4"] > 0
    assert shelf["guarded"]["DP16KD"] == 1


@pytest.mark.parametrize(("depth", "bits", "blocks"), [(2048, 64, 8), (16384, 32, 32), (512, 36, 1), (513, 36, 2),
                                                      (4096, 128, 30), (16385, 1, 2)])
def test_the_ideal_number_of_blocks(depth, bits, blocks):
    assert ideal_blocks(depth, bits) == blocks


def statistics(**modules: dict[str, int]) -> str:
    """What ``stat -json`` writes."""
    names = {name.replace("__", "."): counts for name, counts in modules.items()}
    return json.dumps({"modules": {f"\\{name}": {"num_cells_by_type": counts} for name, counts in names.items()}})


def test_cells_are_summed_by_submodule():
    modules = cells(statistics(
        core={"core.a": 1, "core.ab": 1, "LUT4": 1}, core__a={"core.a.x": 1, "LUT4": 2, "DP16KD": 3, "PFUMX": 9},
        core__a__x={"LUT4": 4, "MULT18X18D": 1}, core__ab={"TRELLIS_FF": 5}))
    parts = by_submodule(modules, "core")
    assert {name: counts["LUT4"] for name, counts in parts.items()} == {"core": 1, "a": 6, "ab": 0}
    assert total(modules) == dict(zip(KINDS, (7, 0, 5, 0, 3, 1), strict=True))


def test_a_cell_that_is_not_counted_is_an_error():
    with pytest.raises(SynthesisError, match=r"core was left with 2 cells of \$mul"):
        cells(statistics(core={"$mul": 2}))


def test_a_report_says_what_fits():
    modules = {"core": dict(zip(KINDS, (24000, 145, 10, 0, 50, 28), strict=True))}
    content = report.report(HardwareConfig(), modules, "core")
    assert content["needs"] == {"LUT4": 24290, "TRELLIS_FF": 10, "DP16KD": 50, "MULT18X18D": 28}
    assert content["fits"] == ["LFE5U-45F", "LFE5U-85F"]
    assert "| **sum** | 24000 | 145 | 10 | 0 | 50 | 28 |" in report.table(content)


def test_an_unknown_configuration_is_one_sentence(capsys, tmp_path):
    assert report.main(["--config", "configs/none.toml", "--output", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "configs/small.toml" in error
