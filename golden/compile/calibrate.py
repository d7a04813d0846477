"""A split table for ever: masks by what a whole drawing shows, for programs that decide nothing."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from golden.compile.compiler import Compiled
from golden.compile.split_masks import SplitMasks
from golden.integer.evaluate import sample


def calibrated_table(compiled: Compiled, label: str, seed: int) -> list[int]:
    """Masks by the samples of every step of one drawing, the guided context's.

    ``compiled`` is the model with any split but never; the table suits every program of it on the same hardware.
    """
    masks = SplitMasks(compiled.split, compiled.layout, compiled.split_table)
    lines = defaultdict(list)
    for step in sample(compiled.model, compiled.contexts(label), compiled.plan, seed):
        for block in range(compiled.layout.model.blocks if step.contexts else 0):
            for operand in compiled.split.operands.values():
                sampled = masks.samples(step.contexts[-1][f"blocks.{block}.{operand.name}"], operand)
                for line in range(sampled.shape[1]):
                    lines[block * compiled.split.entries + operand.entry + line].append(sampled[:, line] != 0)
    shares = [np.concatenate(lines[entry]).mean(axis=0) for entry in range(compiled.split.table_entries)]
    return [sum(1 << channel for channel in densest(share)) for share in shares]


def densest(shares: np.ndarray) -> list[int]:
    """Channels for the dense lane, by their shares of non-zeros: the most of them that it has done no later.

    It takes a cycle for each of its channels, the sparse lane on average the sum of the others' shares. Of channels
    with the same share the lowest come first.
    """
    order = np.argsort(-shares, kind="stable")
    left = shares.sum() - np.cumsum(shares[order])
    return order[:int(np.count_nonzero(np.arange(1, len(order) + 1) <= left))].tolist()
