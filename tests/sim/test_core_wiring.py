"""What the core itself wires up, with dense lanes and without: errors by memory, full queues, cycles of the end."""

from pathlib import Path

import pytest

from sim import runner
from sim.bench_core_wiring import CORE_VARIABLE
from sim.bench_engine import CONFIG_VARIABLE
from sim.faults.campaign import CONFIG, build
from sim.faults.stores import TOP
from sim.mutation.targets import HYBRID


@pytest.mark.parametrize("config", [CONFIG, Path(HYBRID)], ids=["smallest", "hybrid"])
def test_errors_name_their_memory_and_pauses_come_in_their_cycle(config):
    folder = build(config, quick=config != CONFIG)
    runner.run("sim.bench_core_wiring", TOP, folder, env={CONFIG_VARIABLE: str(config),
                                                          CORE_VARIABLE: str(folder / "core.v")})
