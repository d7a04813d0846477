"""Block RAMs are foretold from the memories that a core is built of."""

from __future__ import annotations

import re
from collections import Counter

from amaranth.back import rtlil

from boards import memories
from golden.spec.hardware import HardwareConfig
from rtl.core import Core

MEMORY = re.compile(r"attribute \\no_rw_check 1\n(?:  attribute .*\n)*  memory width (\d+) size (\d+) ")
SMALL = HardwareConfig(lanes=2, width=8, line_words=2, dense_lanes=2, norm_parts=2, step_words=16, split_lines=128)


def test_every_memory_is_counted_as_it_is_built():
    built = Counter((int(depth), int(bits)) for bits, depth in
                    MEMORY.findall(rtlil.convert(Core(SMALL), name="core", emit_src=False)))
    shapes = Counter()
    for copies, depth, bits in memories.shapes(SMALL).values():
        shapes[depth, bits] += copies
    delay = built - shapes    # the norm's
    assert not shapes - built and sum(delay.values()) <= 2 and all(bits <= 128 for _, bits in delay)


def test_the_sum_is_of_all_memories():
    counted = [memories.blocks(shape) for shape in memories.shapes(SMALL).values()]
    assert f"**{sum(counted)}**" in memories.table(SMALL)
    assert memories.blocks((3, 512, 36)) == 3 and memories.blocks((2, 513, 36)) == 4


def test_an_unknown_configuration_is_refused_in_one_sentence(capsys):
    assert memories.main(["--config", "configs/none.toml"]) == 2
    error = capsys.readouterr().err
    assert "there is no configuration configs/none.toml" in error and error.count("\n") == 1
