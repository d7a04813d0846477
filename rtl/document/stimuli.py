"""What the scenes share: random values that are the same in every run, descriptors, memories that are filled before."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import Any

from golden.spec import numbers
from golden.spec.descriptors import ENGINES, Engine
from rtl.document.recording import Cycle, Drive, signed_low

SEED = 1
EVERY_ENGINE = (1 << ENGINES) - 1


def generator() -> random.Random:
    """Random numbers of a scene; always the same."""
    return random.Random(SEED)


def pack(values: Iterable[int], bits: int) -> int:
    """Channels to a word, channel 0 lowest."""
    mask = (1 << bits) - 1
    return sum((value & mask) << (bits * place) for place, value in enumerate(values))


def hexadecimal(value: int) -> str:
    """As a hexadecimal number."""
    return f"{value:x}"


def int16(value: int) -> str:
    """Channel 0 of a word of int16."""
    return str(signed_low(value, numbers.WIDE_BITS))


def nibbles(value: int) -> str:
    """A word's last four hexadecimal digits, which are its lowest channels."""
    return f"{value & 0xFFFF:04x}"


def member(kind: type[IntEnum]) -> Callable[[int], str]:
    """Name of a value of an enumeration."""
    return lambda value: kind(value).name


def engines(mask: int) -> str:
    """Names of the engines of a mask; a dash for none."""
    return " ".join(engine.name for engine in Engine if mask >> engine & 1) or "-"


def idle(cycles: int) -> Iterator[Cycle]:
    """Cycles without inputs."""
    return (Cycle({}) for _ in range(cycles))


def played(inputs: Iterable[dict[str, Any]], after: int = 0) -> Drive:
    """One cycle for each set of inputs, then ``after`` cycles without any."""
    for values in inputs:
        yield Cycle(values)
    yield from idle(after)


def loaded(port: str, words: Iterable[int], pause: int = 0) -> Iterator[Cycle]:
    """Cycles before the diagram that write a memory through a port, from address 0 on; ``pause`` cycles lie between."""
    for address, word in enumerate(words):
        yield Cycle({f"{port}.enable": 1, f"{port}.address": address, f"{port}.data": word}, shown=False)
        yield from (Cycle({}, shown=False) for _ in range(pause))


def issued(payload: dict[str, int], held: dict[str, Any], after: int) -> Drive:
    """Offer a descriptor that waits for LOAD, with ``held`` inputs; go on until ``give``, and ``after`` cycles more."""
    yield Cycle(held)
    offer = {"descriptor.valid": 1, "descriptor.payload": {**payload, "wait_first": 1 << Engine.LOAD}}
    while not (yield Cycle({**held, **offer}))["descriptor.ready"]:
        pass
    while not (yield Cycle(held))["give"]:
        pass
    for _ in range(after):
        yield Cycle(held)
