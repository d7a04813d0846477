"""Scenes of the engines that ``rtl.events`` watches: what the core's event ports show beside the engines' own."""

from __future__ import annotations

from collections.abc import Callable

from amaranth.lib import wiring

from golden.spec import numbers
from golden.spec.descriptors import Engine, NormFormat
from golden.spec.hardware import HardwareConfig
from rtl.bench.catalogue import NormBench
from rtl.bench.catalogue_array import ArrayBench
from rtl.document.recording import Cycle, Drive, Row, Scene
from rtl.document.scenes_array import array_engine
from rtl.document.stimuli import engines, loaded, pack
from rtl.events import WatchedArray, WatchedNorm

FROM_LOAD = 1 << Engine.LOAD
PATIENCE = 16
"""Cycles for which the second group's semaphore stays away."""


def watched(bench: type, engine: type) -> Callable[[HardwareConfig], wiring.Component]:
    """Makes a bench with the watched engine in place of the plain one."""
    def make(config: HardwareConfig) -> wiring.Component:
        made = bench(config)
        made.engine = engine(config)
        return made

    return make


def norm(config: HardwareConfig) -> Drive:
    """Two groups of tokens of one word; the semaphore of the second comes late."""
    yield from loaded("load_residual", [pack([1000] * config.width, numbers.WIDE_BITS)] * 2 * config.lanes)
    offer = {"descriptor.valid": 1, "available": FROM_LOAD, "descriptor.payload": {
        "count": 2, "words": 1, "format": NormFormat.UINT4, "wait_each": FROM_LOAD, "signal_each": 1 << Engine.ARRAY}}
    while not (yield Cycle(offer))["descriptor.ready"]:
        pass
    for _ in range(PATIENCE):
        yield Cycle({})
    while not (yield Cycle({"available": FROM_LOAD}))["take"]:
        pass
    for _ in range(config.lanes):
        yield Cycle({})


HANDSHAKE = (Row("descriptor.valid"), Row("descriptor.ready"), Row("busy"), Row("idle"))
GIVE = Row("give", text=engines)
SCENES = {
    "watched_array": Scene(
        top=watched(ArrayBench, WatchedArray), drive=array_engine,
        rows=(*HANDSHAKE, Row("engine.seen.dispatching"), Row("engine.seen.allocate"), Row("engine.seen.drained"),
              Row("engine.seen.retire"), GIVE),
        text="One descriptor with a group of tokens of one word, as on the page of the array engine: the group begins, "
             "its tokens are handed out and drained, and it ends."),
    "watched_norm": Scene(
        top=watched(NormBench, WatchedNorm), drive=norm,
        rows=(*HANDSHAKE, Row("available", text=engines), Row("take", text=engines), Row("engine.seen_waiting"), GIVE),
        text="Two groups of tokens of one word; the semaphore that the second waits for comes late."),
}
