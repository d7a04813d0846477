"""Wrong words in a table: a memory with contents is given copies of them, one of which ``select`` chooses."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from amaranth.hdl import Cat, Const, Fragment, Shape, Signal, unsigned
from amaranth.hdl._ast import SwitchValue
from amaranth.hdl._mem import MemoryData, MemoryInstance
from amaranth.utils import ceil_log2

from rtl.mutants.expressions import Variant

Words = tuple[int, ...]


def table_variants(fragment: MemoryInstance) -> Iterator[tuple[Variant, Words]]:
    """Every word with one flipped bit, which its position picks; none for a memory that starts empty."""
    data = fragment._data
    words, bits = tuple(data._init._raw), Shape.cast(data.shape).width
    if not any(words):
        return
    for place, word in enumerate(words):
        bit = zlib.crc32(str(place).encode()) % bits
        changed = (*words[:place], word ^ 1 << bit, *words[place + 1:])
        yield Variant("table", f"bit {bit} of word {place} flipped", lambda: Const(0)), changed


def with_tables(fragment: MemoryInstance, select: Signal, planted: Mapping[int, Words]) -> Fragment:
    """The memory with a copy of its words for each planted one, addressed by ``select``."""
    if not planted:
        return fragment
    data = fragment._data
    page = 1 << ceil_log2(data.depth)
    pages = [tuple(data._init._raw), *planted.values()]
    words = [word for content in pages for word in (*content, *[0] * (page - len(content)))]
    shape = unsigned(Shape.cast(data.shape).width)
    mask = (1 << shape.width) - 1
    larger = MemoryInstance(data=MemoryData(shape=shape, depth=len(words), init=[word & mask for word in words]),
                            attrs=fragment._attrs, src_loc=fragment.src_loc)
    chosen = SwitchValue(select, [*((number, Const(place, ceil_log2(len(pages))))
                                    for place, number in enumerate(planted, 1)),
                                  (None, Const(0, ceil_log2(len(pages))))])
    bits = ceil_log2(len(words))
    for port in fragment._write_ports:
        larger.write_port(domain=port._domain, addr=Cat(port._addr, chosen)[:bits], data=port._data, en=port._en)
    for port in fragment._read_ports:
        larger.read_port(domain=port._domain, addr=Cat(port._addr, chosen)[:bits], data=port._data, en=port._en,
                         transparent_for=port._transparent_for)
    return larger
