"""The report of a drawing: figures for people and programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from golden.compile.compiler import Compiled
from golden.compile.split_plan import NEVER
from golden.integer.workload import products, useful_macs
from golden.spec.descriptors import Engine
from golden.spec.registers import LANE_WAITS, STALL_CAUSES
from sim.activity import activity_part
from sim.energies import constants, estimate
from sim.memory_map import memory_part
from sim.reference import Reference

Report = dict[str, Any]


def drawing_part(compiled: Compiled, label: str, seed: int, sampler: str, reference: Reference) -> Report:
    """What was drawn on what. Steps are evaluations, as many as the core came to of those that it had."""
    hardware = compiled.layout.hardware
    return {"model": compiled.model.config.name, "label": label, "seed": seed, "sampler": sampler,
            "steps": evaluated(reference), "planned_steps": compiled.plan.evaluations,
            "updates": [done.update for done in reference.ended],
            "guidance": compiled.guidance, "contexts": compiled.layout.contexts,
            "step_contexts": list(compiled.plan.contexts), "split": compiled.split.mode,
            "hardware": {"name": hardware.name, "lanes": hardware.lanes, "width": hardware.width,
                         "fingerprint": f"{hardware.fingerprint:08x}"}}


def evaluated(reference: Reference) -> int:
    """Evaluations of the network that the core came to."""
    return len(reference.ended) - 1


def cycles_part(compiled: Compiled, counters: Mapping[str, int], reference: Reference) -> Report:
    """Cycles, measured and predicted, and what the array did in them."""
    prediction = reference.prediction
    multipliers = compiled.layout.hardware.multipliers
    evaluation = sum(useful_macs(compiled.model.config, compiled.model.eight_bit).values())
    macs = evaluation * sum(compiled.plan.contexts[:evaluated(reference)])
    cycles = counters["CYCLES"]
    return {"cycles": cycles, "predicted_cycles": prediction.cycles,
            "step_cycles": [done.cycles for done in reference.ended],
            "predicted_step_cycles": list(prediction.step_cycles),
            "busy_cycles": {engine.name.lower(): counters[f"BUSY_{engine.name}"] for engine in Engine},
            "predicted_busy_cycles": {engine.name.lower(): prediction.busy[engine] for engine in Engine},
            "array_stall_cycles": {cause.lower(): counters[f"STALL_{cause}"] for cause in STALL_CAUSES},
            "lane_wait_cycles": {name.removeprefix("WAIT_").lower(): counters[name] for name in LANE_WAITS},
            "multipliers": multipliers, "lanes": compiled.layout.hardware.lanes,
            "useful_macs": macs, "utilisation": macs / (multipliers * cycles),
            "macs": counters["MACS"], "predicted_macs": prediction.macs,
            "macs_offered": counters["MACS_OFFERED"], "predicted_macs_offered": prediction.macs_offered,
            "dense_shares": list(prediction.dense_shares[1:]),
            "skipped_share": 1 - counters["MACS"] / max(1, counters["MACS_OFFERED"]),
            "share_of_ideal": counters["MACS"] / (multipliers * cycles)}


def wrong_predictions(report: Report) -> list[tuple[str, Any, Any]]:
    """Figures that the timing model predicts and that came out otherwise: name, measured, predicted."""
    return [(name, report[name], report[f"predicted_{name}"])
            for name in ("cycles", "step_cycles", "busy_cycles", "macs", "macs_offered")
            if report[name] != report[f"predicted_{name}"]]


def comparison_part(reference: Reference) -> Report:
    """What was compared, and what differed; ``memory_writes`` are those that the simulation recorded."""
    comparison = reference.comparison
    return {"values_compared": comparison.values, "mismatches": comparison.mismatches,
            "first_mismatches": [asdict(mismatch) for mismatch in comparison.first],
            "memory_writes": dict(sorted(comparison.cursors.items()))}


def zeros_part(reference: Reference) -> Report:
    """Shares of zeros among the array's left operands."""
    zeros = reference.zeros
    by_step = [step.shares() for step in reference.step_zeros[1:]]
    return {"zero_share": zeros.shares(), "zero_share_by_layer": zeros.by_layer(), "zero_share_mean": zeros.mean(),
            "zero_share_by_step": {name: [shares[name] for shares in by_step]
                                   for name in products(zeros.config) if name in zeros.values}}


def inside_part(compiled: Compiled, reference: Reference) -> Report:
    """What the core's engines did when, what lies in its memories, and what its work would take in energy."""
    model = reference.timing.model
    hardware = compiled.layout.hardware
    return {**activity_part(model, bool(hardware.dense_lanes)), "memory": memory_part(compiled),
            "energy": {"constants": constants(), "designs": estimate(model.executions, hardware)}}


def configuration_part(compiled: Compiled) -> Report:
    """Every choice: the hardware's, the model's and the program's."""
    model = asdict(compiled.model.config)
    for names in ("labels", "attributes"):
        del model[names]
    return {"configuration": {
        "hardware": asdict(compiled.layout.hardware), "model": model,
        "program": {"steps": compiled.plan.steps, "guidance": compiled.guidance, "skip_zeros": compiled.skip_zeros,
                    "split": compiled.split.mode, "eight_bit": list(compiled.model.eight_bit),
                    "descriptors": len(compiled.descriptors)}}}


def speed_part(reference: Reference, result: Mapping[str, Any]) -> Report:
    """Clock cycles a second from the end of step 0 on, recording and the driver's reads included."""
    first = reference.ended[0]
    seconds = result["seconds"] - first.seconds
    return {"simulated_cycles_per_second": (result["simulated"] - first.simulated) / seconds}


def difference(image: np.ndarray, other: np.ndarray) -> float:
    """Root mean square difference of two images in [-1, 1]."""
    return float(np.sqrt(np.mean((image - other) ** 2)))


def summary(report: Report) -> list[str]:
    """The report in a few lines."""
    hardware, stalls = report["hardware"], report["array_stall_cycles"]
    agree = "as predicted" if report["cycles"] == report["predicted_cycles"] else \
        f"but {report['predicted_cycles']:,} were predicted"
    zero = report["zero_share_mean"]
    idle = ", ".join(f"{cause} {count:,}" for cause, count in stalls.items() if count)
    lanes = report["lanes"] * report["cycles"]
    shares = ", ".join(f"{share:.1%}" for share in report["dense_shares"])
    waits = ", ".join(f"{cause} {count / lanes:.1%}" for cause, count in report["lane_wait_cycles"].items())
    steps = str(report["steps"])
    if report["steps"] != report["planned_steps"]:
        steps += f" of {report['planned_steps']}"
    return [
        f"{report['model']} drew '{report['label']}' (seed {report['seed']}, {report['sampler']}, {steps} steps) on "
        f"{hardware['name']}: {report['multipliers'] // hardware['width']} x {hardware['width']} multipliers",
        f"cycles       {report['cycles']:,}, {agree}",
        f"useful work  {report['useful_macs']:,} 4-bit multiply-accumulates, "
        f"{report['utilisation']:.1%} of what {report['multipliers']} multipliers without zero skipping could do",
        f"multiplied   {report['macs']:,}, {report['skipped_share']:.1%} of those due skipped; "
        f"multipliers busy {report['share_of_ideal']:.1%} of the time",
        *([f"split        {report['split']}, of each step's multiply-accumulates {shares} on dense lanes"]
          if report["split"] != NEVER else []),
        f"array waits  {idle or 'never'} (cycles)",
        f"lanes wait   {waits} (share of their cycles)",
        *([f"zeros        {zero:.1%} of the left operands"] if zero is not None else []),
        f"compared     {report['values_compared']:,} values bit by bit, {report['mismatches']:,} differ",
        *timeline_line(report.get("timeline")),
        f"simulated    {report['simulated_cycles_per_second']:,.0f} cycles per second, "
        f"{report['seconds']['simulation']:.1f} s",
    ]


def timeline_line(part: Report | None) -> list[str]:
    """What was recorded, if that was asked for."""
    if part is None:
        return []
    first, last = part["steps"]
    if part["file"] is None:
        return [f"timeline     none of steps {first} to {last}"]
    return [f"timeline     {part['descriptors']:,} descriptors of steps {first} to {last}; order, cycles and busy "
            f"cycles have {len(part['differences'])} differences from program, prediction and counters"]
