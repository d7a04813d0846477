"""Which units are mutated, in which configuration, and the benches that must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("configs")
CORE, BOARD = "core", "board"
DRAWINGS, WIRING = "sim.mutation.whole_core", "sim.bench_core_wiring"


@dataclass(frozen=True)
class Target:
    """A unit of ``rtl.verilog``, or the core, with a configuration by name or path, and modules of benches.

    A module's name may be followed by a colon and the name of one of its benches. A unit's benches run one after the
    other in one simulation; of the core each module has rounds of its own, to which come the mutants that lived through
    those before (``sim.mutation.core_rounds``).
    """

    unit: str
    config: str
    benches: tuple[str, ...]
    quick: bool = True      # built quickly, to what runs slowly: benches take longer than the design
    weight: int = 1         # mutants, in terms of those of other units

    @property
    def name(self) -> str:
        """Unit and configuration: a unit may be tried in several."""
        return f"{self.unit}-{Path(self.config).stem}"


FAULTS = "sim/faults.toml"
"""The smallest core, with a watchdog that a simulation can wait for."""


def _own(name: str) -> str:
    return str(FOLDER / f"{name}.toml")


HYBRID = _own("core_hybrid")
"""The same with dense lanes."""
TARGETS = (
    Target("array_engine", _own("array"), ("sim.bench_array",)),
    Target(CORE, FAULTS, (DRAWINGS, WIRING, "sim.bench_core_errors"), weight=2),
    Target(CORE, HYBRID, (DRAWINGS, WIRING, "sim.bench_core_errors:loaded_images"), weight=2),
    Target(BOARD, "sim/smallest.toml", ("sim.bench_board:draws_an_image", "sim.bench_board:survives_the_button")),
    Target("axi_bridge", "small", ("sim.bench_axi",)),
    Target("checked_ram", "small", ("sim.bench_checked_ram",)),
    Target("dense", "small", ("sim.bench_dense",)),
    Target("dense_16", "small", ("sim.bench_dense",)),
    Target("dense_pair", _own("hybrid"), ("sim.bench_dense_pair",)),
    Target("descriptor_queue", "small", ("sim.bench_queue",)),
    Target("detector", _own("hybrid"), ("sim.bench_detector", "sim.bench_detector_limits")),
    Target("frame_link", "small", ("sim.bench_frame_link",)),
    Target("grid", _own("lines"), ("sim.bench_grid",)),
    Target("guard", "small", ("sim.bench_guard",)),
    Target("image_loader", "small", ("sim.bench_image_loader",)),
    Target("lane", _own("lines"), ("sim.bench_lane",)),
    Target("sdram_store", "small_sdram", ("sim.bench_sdram",)),
    Target("line_ram", "small", ("sim.bench_memory",)),
    Target("loader", "small", ("sim.bench_loader",)),
    Target("noise", "small", ("sim.bench_noise",)),
    Target("norm", "small", ("sim.bench_norm",)),
    Target("norm", "ecp5_25k", ("sim.bench_norm",)),
    Target("packed", "small", ("sim.bench_packed",)),
    Target("part_ram", "small", ("sim.bench_memory",)),
    Target("pixel", "small", ("sim.bench_pixel",)),
    Target("registers", "small", ("sim.bench_registers", "sim.bench_counters")),
    Target("requantise", "small", ("sim.bench_requantise",)),
    Target("row_maximum", "small", ("sim.bench_row_maximum",)),
    Target("semaphores", "small", ("sim.bench_semaphores",)),
    Target("sequencer", "small", ("sim.bench_sequencer",)),
    Target("softmax", "small", ("sim.bench_softmax",)),
    Target("step_ram", "small", ("sim.bench_memory",)),
    Target("transposer", "small", ("sim.bench_transposer",)),
    Target("twin_ram", "small", ("sim.bench_memory",)),
    Target("uart", "small", ("sim.bench_uart",)),
    Target("wishbone_bridge", "small", ("sim.bench_wishbone",)),
    Target("write_back", "small", ("sim.bench_write_back",)),
)
"""Every unit that has a bench of its own, and the wiring of core and board."""
