"""Split of a line's channels between dense and sparse lanes, as the detector decides it."""

from __future__ import annotations

import numpy as np

from golden.spec.split import COUNT_MAXIMUM, FIXED_SHARE


def count(rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Non-zeros of every channel, and samples, of sampled lines in their order.

    Args:
        rows: [sample, channel]; channels outside the masked words are zero.

    Nothing is counted any more once there are COUNT_MAXIMUM samples.
    """
    counted = np.asarray(rows)[:COUNT_MAXIMUM]
    return np.count_nonzero(counted, axis=0), len(counted)


def decide(counts: np.ndarray, samples: int, fixed: bool) -> np.ndarray | None:
    """Mask of an entry's channels, True for dense; None without samples, when the mask stays as it is.

    Fixed: a channel is dense if more than 7 in 10 of its samples are non-zero.

    Balanced: channels turn dense one after the other, those of most non-zeros first, of as many the lowest first, as
    long as the dense lane, with a cycle for each of its channels, is done no later than the sparse lane, with a cycle
    for each non-zero of the others: k * samples <= non-zeros of the channels that remain. Each channel adds to the left
    side and takes from the right one, so those that fit come before all that do not. One without non-zeros is sparse.
    """
    counts = np.asarray(counts, dtype=np.int64)
    if not samples:
        return None
    if fixed:
        share, whole = FIXED_SHARE
        return whole * counts > share * samples
    order = np.argsort(-counts, kind="stable")
    ranked = counts[order]
    remaining = ranked.sum() - np.cumsum(ranked)
    fits = (np.arange(1, len(ranked) + 1) * samples <= remaining) & (ranked > 0)
    dense = np.zeros(counts.shape, dtype=bool)
    dense[order[:fits.sum()]] = True
    return dense
