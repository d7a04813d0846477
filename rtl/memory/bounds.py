"""Addresses that are wider than a port."""

from __future__ import annotations

from amaranth.hdl import Mux, Value


def bounded(address: Value, port: Value) -> Value:
    """``address`` in the bits of ``port``; one that does not fit becomes all ones, which every memory refuses.

    A port has one bit more than its memory's depth needs, so all ones is past the end.
    """
    bits = len(port)
    if len(address) <= bits:
        return address
    return Mux(address[bits:].any(), (1 << bits) - 1, address[:bits])
