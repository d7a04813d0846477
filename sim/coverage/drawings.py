"""The bins of drawings on a whole core."""

from __future__ import annotations

from itertools import pairwise

from golden.compile.compiler import Compiled
from golden.spec.descriptors import Engine, Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.precision import EIGHT_BIT_LAYERS, group_names
from sim.coverage.marks import mark_all, mark_engine, mark_waits
from sim.program_order import orders
from sim.runs import Recorded

MOST_COORDINATES = 8


def mark_runs(seen: Recorded, hardware: HardwareConfig) -> None:
    """Descriptors as the core's engines took them, and semaphores that they waited for."""
    for run in seen.runs:
        mark_engine(hardware, Opcode(run.engine), run.fields)
    for engine in Engine:
        for _, _, missing in seen.state.pieces(f"missing_{engine.name.lower()}"):
            mark_waits(engine, missing)


def mark_drawing(compiled: Compiled, ended: int) -> None:
    """What was drawn, and the descriptors that it took; ``ended``: steps that the core ended, after the first noise.

    Call it when every write and the cycles were found to be those that these very descriptors lead to.
    """
    model, config, plan = compiled.model, compiled.model.config, compiled.plan
    contexts, eight_bit = set(plan.contexts), set(model.eight_bit)
    kinds = [block.eight_bit for block in model.blocks]
    names = set(group_names(config))
    met = {
        "guided": contexts == {2}, "unguided": contexts == {1}, "guided in some steps": contexts == {1, 2},
        "ended early": ended < plan.evaluations, "noise in a step": any(row.noise for row in plan.rows[1:]),
        "4-bit blocks": not eight_bit, "all groups 8-bit": eight_bit == names,
        "runs of unlike blocks": any(one != other for one, other in pairwise(kinds)),
        **{f"8-bit {group}": any(name.endswith(group) for name in eight_bit) for group in EIGHT_BIT_LAYERS},
        f"split {compiled.split.mode}": compiled.layout.hardware.dense_lanes > 0,
        "rectified query": config.rectified_query, "signed query": not config.rectified_query,
        f"stride {config.stride}": True, "one image channel": config.image_channels == 1,
        "several image channels": config.image_channels > 1, "one head": config.heads == 1,
        "several heads": config.heads > 1, "no coordinates": not config.coordinate_channels,
        "most coordinates": config.coordinate_channels == MOST_COORDINATES,
    }
    mark_all(name for name, true in met.items() if true)
    for order in orders(compiled.descriptors, 0, ended):
        mark_engine(compiled.layout.hardware, Opcode(order.engine), order.fields)
