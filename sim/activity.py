"""What a drawing's engines did over time, descriptor by descriptor and product by product: parts of its report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from golden.spec.descriptors import Destination, Engine, LoadSource, NormFormat, PixelOperation
from sim.recorded_timing import Execution, Interval, RecordedModel

BINS = 160
Part = dict[str, Any]


def busy_cycles(intervals: Sequence[Interval], edges: np.ndarray) -> list[int]:
    """Cycles of intervals, in order and without overlap, between each edge (n + 1,) and the next: n integers."""
    if not intervals:
        return [0] * (len(edges) - 1)
    begins, ends = np.array(intervals, dtype=np.int64).T
    sums = np.concatenate([[0], np.cumsum(ends - begins)])
    number = np.searchsorted(begins, edges, side="right")       # intervals begun before each edge
    over = np.where(number > 0, np.minimum(edges, ends[number - 1]) - begins[number - 1], 0)
    before = np.where(number > 0, sums[number - 1], 0) + over
    return np.diff(before).tolist()


def spread(amounts: Sequence[tuple[int, int, int]], edges: np.ndarray) -> list[float]:
    """(begin, end, amount), each spread evenly from begin to end, between each edge and the next."""
    amounts = [entry for entry in amounts if entry[2]]
    if not amounts:
        return [0.0] * (len(edges) - 1)
    begins, ends, values = np.array(amounts, dtype=np.int64).T
    rates = values / (ends - begins)
    times = np.concatenate([begins, ends])
    order = np.argsort(times, kind="stable")
    rate = np.cumsum(np.concatenate([rates, -rates])[order])
    sums = np.concatenate([[0], np.cumsum(rate[:-1] * np.diff(times[order]))])
    return np.diff(np.interp(edges, times[order], sums)).tolist()


def window(model: RecordedModel, first: int, last: int) -> Part:
    """Working cycles of each engine, and multiply-accumulates, of up to BINS bins of cycles ``first`` to ``last``."""
    edges = np.linspace(first, last, min(BINS, last - first) + 1).astype(np.int64)
    amounts = [(run.begin, run.end, run.channels * model.config.width) for run in model.lanes.runs]
    return {"edges": edges.tolist(),
            "busy_cycles": {engine.name.lower(): busy_cycles(intervals, edges)
                            for engine, intervals in model.intervals().items()},
            "macs": spread(amounts, edges)}


def time_part(model: RecordedModel) -> Part:
    """Over the whole drawing, and over its last step."""
    before = model.ends[-2] if len(model.ends) > 1 else 0
    return {"drawing": window(model, 0, model.cycles), "last_step": window(model, before, model.ends[-1])}


def work(done: Execution) -> str:
    """What a descriptor does, in a few words that are the same for every block."""
    fields = done.fields
    if done.engine is Engine.LOAD:
        return f"tile from {LoadSource(fields['source']).name.lower()} memory" if fields["rows"] else "empty"
    if done.engine is Engine.ARRAY:
        if not fields["count"]:
            return "split decision" if fields["decide"] else "empty"
        name = done.product.rpartition(".")[2]
        return f"{name}: {Destination(fields['destination']).name.lower()}" if name == "query_key_value" else name
    if done.engine is Engine.NORM:
        return f"norm to {NormFormat(fields['format']).name.lower()}"
    if done.engine is Engine.PIXEL:
        return {PixelOperation.STEP: "sampler step", PixelOperation.PATCH: "patches"}[fields["operation"]]
    return "softmax"


def descriptors_part(executions: Iterable[Execution]) -> list[Part]:
    """Each descriptor of the program that an engine ran: how often, and its own cycles added, least and most."""
    runs: dict[int, list[Execution]] = defaultdict(list)
    for done in executions:
        runs[done.address].append(done)
    return [{"address": address, "engine": all_of[0].engine.name.lower(), "work": work(all_of[0]),
             "executions": len(all_of), "cycles": sum(done.own for done in all_of),
             "least": min(done.own for done in all_of), "most": max(done.own for done in all_of)}
            for address, all_of in sorted(runs.items())]


def split_part(executions: Sequence[Execution]) -> dict[str, list[float]]:
    """Share of each product's multiply-accumulates that dense lanes did, by step from 1 on."""
    steps = max(done.step for done in executions)
    every: dict[str, list[int]] = defaultdict(lambda: [0] * (steps + 1))
    dense: dict[str, list[int]] = defaultdict(lambda: [0] * (steps + 1))
    for done in executions:
        if done.product:
            every[done.product][done.step] += sum(run.channels for run in done.groups)
            dense[done.product][done.step] += sum(run.dense_channels for run in done.groups)
    return {name: [part / max(1, whole) for part, whole in zip(dense[name][1:], every[name][1:], strict=True)]
            for name in every}


def activity_part(model: RecordedModel, split: bool) -> Part:
    """What the timing model kept of a drawing; shares of dense lanes where there are any."""
    return {"activity": time_part(model), "descriptors": descriptors_part(model.executions),
            "dense_share_by_step": split_part(model.executions) if split else {}}
