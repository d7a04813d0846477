"""The smallest memories that hold a model on an array of a given shape."""

from __future__ import annotations

from dataclasses import replace

from golden.compile.fitting import all_layers, fit
from golden.compile.layout import CompileError, Layout
from golden.compile.segments import runs_of, widest
from golden.compile.words import layer_rows
from golden.integer.model import IntegerModel
from golden.integer.plan import SamplerPlan
from golden.spec.hardware import MOST_SPLIT_LINES, REGISTER_BITS, HardwareConfig

ROOM = 1 << REGISTER_BITS
LINE_MEMORIES = ("normalised", "activation", "score")
"""Memories whose depth is a multiple of two lines."""
ROOMY = {f"{name}_words": ROOM for name in (
    "program", "weight", "modulation", "normalised", "activation", "key_value", "residual", "score", "pixel", "step",
    "coordinate")}
LONGEST_DOT_PRODUCTS = tuple(1 << exponent for exponent in range(4, 14))


def smallest(model: IntegerModel, shape: HardwareConfig, plan: SamplerPlan) -> HardwareConfig:
    """``shape`` with the smallest memories that hold a model's drawing.

    Of ``shape`` lanes, width, line, dense lanes and slots count. Raises ``CompileError`` for a model that no memories
    make fit, and ``ConfigError`` for what cannot be built.
    """
    roomy = with_dot_product(model, replace(shape, **ROOMY, slot_rows=ROOM // shape.slots,
                                            split_lines=MOST_SPLIT_LINES), plan.contexts)
    segments, program = fit(model, roomy, runs_of(plan.contexts), draws_noise=plan.draws_noise)
    layout, split = widest(segments).layout, widest(segments).split
    needs = layout.needs() | {"weight": sum(layer_rows(layer, shape.width) for layer in all_layers(model)),
                              "program": len(program.descriptors)}
    unit = 2 * shape.line_words
    depths = {f"{name}_words": -(-need // unit) * unit if name in LINE_MEMORIES else need
              for name, need in needs.items()}
    rows = max(*layout.slot_needs().values(), -(-shape.line_words * shape.width // shape.slots))
    return replace(roomy, **depths, slot_rows=rows, split_lines=max(1, split.table_entries))


def with_dot_product(model: IntegerModel, roomy: HardwareConfig, contexts: tuple[int, ...]) -> HardwareConfig:
    """The narrowest accumulator that holds every product of the model."""
    for terms in LONGEST_DOT_PRODUCTS:
        candidate = replace(roomy, longest_dot_product=terms)
        try:
            Layout(model.config, candidate, max(contexts), len(contexts), eight_bit=model.eight_bit)
        except CompileError as error:
            if "longest_dot_product" not in str(error) or terms == LONGEST_DOT_PRODUCTS[-1]:
                raise
        else:
            return candidate
    raise AssertionError("the last length either holds the model or was refused")

