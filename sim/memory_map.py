"""What lies where in the core's memories: a part of a drawing's report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from golden.compile.compiler import Compiled
from golden.compile.fitting import all_layers
from golden.compile.layout import Layout
from golden.compile.words import layer_rows
from golden.integer.model import IntegerModel

Region = tuple[str, int, int]
"""Name, first word, words."""


def memory_part(compiled: Compiled) -> list[dict[str, Any]]:
    """Every memory: words, bits of a word, the words in use, and the regions that a step with most contexts uses.

    Regions of one memory may overlap: one tensor takes the place of another that is spent.
    """
    layout = compiled.layout
    regions = tensor_regions(layout) | image_regions(layout) | {
        "program": [("descriptors", 0, len(compiled.descriptors))],
        "weight": list(weight_regions(compiled.model, layout.hardware.width)),
        "split": [("masks", 0, len(compiled.split_table))] if compiled.split_table else []}
    return [{"memory": name, "words": words, "bits": bits,
             "used": len(set().union(*(range(first, first + count) for _, first, count in regions[name]))),
             "regions": [list(region) for region in regions[name]]}
            for name, (words, bits) in layout.hardware.memory_shapes.items()
            if name != "split" or layout.hardware.dense_lanes]


def weight_regions(model: IntegerModel, width: int) -> Iterator[Region]:
    """Weight tiles: initial convolution, each block, decoder."""
    rows = [layer_rows(layer, width) for layer in all_layers(model)]
    blocks, inner = len(model.blocks), rows[1:-1]
    step = len(inner) // blocks
    counts = {"initial convolution": rows[0],
              **{f"block {number}": sum(inner[number * step:(number + 1) * step]) for number in range(blocks)},
              "decoder": rows[-1]}
    first = 0
    for name, count in counts.items():
        yield name, first, count
        first += count


def tensor_regions(layout: Layout) -> dict[str, list[Region]]:
    """Tensors between the array and the units beside it."""
    hardware, tensor, needs = layout.hardware, layout.tensor_words, layout.needs()
    hidden = layout.contexts * layout.model.tokens * layout.hidden_words
    row = hardware.lanes * layout.key_words
    slots = [(f"slot {slot}", slot * layout.score_slot_words, row) for slot in range(2)]
    return {
        "tile": [(f"slot {slot}", slot * hardware.slot_rows, max(layout.slot_needs().values()))
                 for slot in range(hardware.slots)],
        "normalised": [("norm output, two planes", layout.NORMALISED, 2 * tensor),
                       ("patches", layout.patches, layout.patch_tensor_words)],
        "activation": [("queries", layout.QUERY, tensor), ("attention outputs", layout.attention, tensor),
                       ("hidden activations", layout.HIDDEN, hidden)],
        "key_value": [("keys", layout.KEY, tensor), ("values", layout.value, tensor)],
        "residual": [("residual stream", 0, needs["residual"])],
        "score": slots,
        "probability": slots,
    }


def image_regions(layout: Layout) -> dict[str, list[Region]]:
    """Tables and images."""
    needs = layout.needs()
    return {
        "modulation": [("gains and biases", 0, needs["modulation"])],
        "step": [("sampler's coefficients", 0, needs["step"])],
        "coordinate": [("coordinate channels", 0, needs["coordinate"])],
        "pixel": [("latent image", 0, needs["pixel"])],
        "clean": [("predicted clean image", 0, needs["pixel"])],
    }
