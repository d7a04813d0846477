"""What a report says: figures derived from it for plots and tables, and a sentence on each plot."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

Report = dict[str, Any]
MULTIPLIERS = "multipliers"
STALLS = {"queue": "a descriptor", "window": "groups in flight to retire", "load": "weight loads",
          "array": "its own results", "softmax": "softmax", "norm": "norm", "pixel": "the pixel engine"}
"""What the dispatcher waits for, by counter."""
WAITS = {"line": "a line of operands", "drain": "the drain", "token": "a token"}
"""What lanes wait for, by counter."""
LEFT_MEMORIES = ("normalised", "activation", "probability")


def unit_shares(report: Report, part: str) -> dict[str, list[float]]:
    """Of each bin, the share of cycles in which each unit worked, and of products that the multipliers did."""
    window = report["activity"][part]
    lengths = np.diff(window["edges"])
    shares = {name: (np.array(window["busy_cycles"][name]) / lengths).tolist()
              for name in ("array", "load", "norm", "softmax", "pixel")}
    return {MULTIPLIERS: (np.array(window["macs"]) / lengths / report["multipliers"]).clip(0, 1).tolist()} | shares


def stall_rows(report: Report) -> list[Report]:
    """Waits of the dispatcher in cycles, and of lanes in lane-cycles; shares are of all such."""
    cycles = report["cycles"]
    return [{"unit": "dispatcher", "cause": STALLS.get(name, name), "cycles": count, "share": count / cycles}
            for name, count in report["array_stall_cycles"].items()] + [
           {"unit": "lanes", "cause": WAITS.get(name, name), "cycles": count,
            "share": count / (cycles * report["lanes"])} for name, count in report["lane_wait_cycles"].items()]


def kinds_of_work(report: Report) -> list[Report]:
    """Descriptors of the same engine and work added, those with the most cycles first."""
    kinds: dict[tuple[str, str], list[Report]] = defaultdict(list)
    for row in report["descriptors"]:
        kinds[row["engine"], row["work"]].append(row)
    rows = [{"engine": engine, "work": work, "descriptors": len(part),
             "executions": sum(row["executions"] for row in part), "cycles": sum(row["cycles"] for row in part),
             "least": min(row["least"] for row in part), "most": max(row["most"] for row in part)}
            for (engine, work), part in kinds.items()]
    return sorted(rows, key=lambda row: (-row["cycles"], row["engine"], row["work"]))


def energy_parts(report: Report) -> tuple[list[str], dict[str, list[float]]]:
    """Designs, and by what takes the energy, the energy of each design over that of all of this core."""
    designs = report["energy"]["designs"]
    whole = designs[0]["picojoules"]

    def share(design: Report, chosen: object) -> float:
        return sum(part["picojoules"] for name, part in design["memories"].items() if chosen(name)) / whole

    others = (*LEFT_MEMORIES, "tile")
    return [design["design"] for design in designs], {
        "multiply": [design["multiply_picojoules"] / whole for design in designs],
        "accumulate": [design["accumulate_picojoules"] / whole for design in designs],
        "weight tiles": [share(design, lambda name: name == "tile") for design in designs],
        "left operands": [share(design, lambda name: name in LEFT_MEMORIES) for design in designs],
        "other memories": [share(design, lambda name: name not in others) for design in designs]}


def readings(report: Report) -> dict[str, str]:
    """One sentence for each section, on what its plot shows."""
    return {"picture": picture(report), "time": time(report), "zeros": zeros(report), "split": split(report),
            "stalls": stalls(report), "descriptors": descriptors(report), "energy": energy(report),
            "memory": memory(report)}


def picture(report: Report) -> str:
    """How far the image is from the float model's."""
    return (f"The RTL's image and the float model's from the same noise differ by "
            f"{report['difference_to_float_model']:.3f} (root mean square, of values from −1 to 1), which is what "
            f"4 bits and integer arithmetic change.")


def time(report: Report) -> str:
    """How much of the time each unit works."""
    busy = report["busy_cycles"]
    others = ", ".join(f"{name} {busy[name] / report['cycles']:.1%}" for name in sorted(busy, key=busy.get)[::-1]
                       if name != "array")
    return (f"The array has work in {busy['array'] / report['cycles']:.1%} of the cycles, its multipliers are busy "
            f"{report['share_of_ideal']:.1%} of the time, and the other units work beside it: {others}.")


def zeros(report: Report) -> str:
    """How many operands are zero, and where most and fewest are."""
    layers = report["zero_share_by_layer"]
    if report["zero_share_mean"] is None or not layers:
        return "No step has ended, so no operand was counted."
    most, least = max(layers, key=layers.get), min(layers, key=layers.get)
    return (f"Weighted by multiplications, {report['zero_share_mean']:.1%} of the left operands are zero: most of "
            f"those of {most} ({layers[most]:.0%}), fewest of those of {least} ({layers[least]:.0%}).")


def split(report: Report) -> str:
    """How much of the work dense lanes do."""
    shares = report["dense_shares"]
    if not shares:
        return "No step has ended."
    return (f"With the split '{report['split']}', dense lanes do {min(shares):.1%} to {max(shares):.1%} of a step's "
            f"multiplications, and sparse lanes the rest.")


def stalls(report: Report) -> str:
    """What dispatcher and lanes wait for longest."""
    rows = stall_rows(report)
    dispatcher = max((row for row in rows if row["unit"] == "dispatcher"), key=lambda row: row["cycles"])
    lanes = max((row for row in rows if row["unit"] == "lanes"), key=lambda row: row["cycles"])
    return (f"The dispatcher waits longest for {dispatcher['cause']} ({dispatcher['share']:.2%} of the cycles), the "
            f"lanes for {lanes['cause']} ({lanes['share']:.2%} of theirs).")


def descriptors(report: Report) -> str:
    """Which of the array's descriptors take the most cycles."""
    rows = [row for row in kinds_of_work(report) if row["engine"] == "array"]
    if not rows:
        return "The array ran no descriptor."
    whole = sum(row["cycles"] for row in rows)
    return (f"Of the array's descriptors, {rows[0]['work']} takes the most cycles, {rows[0]['cycles']:,} or "
            f"{rows[0]['cycles'] / whole:.0%} of them.")


def energy(report: Report) -> str:
    """The ratio of every other design to this core."""
    designs = report["energy"]["designs"]
    ratios = ", ".join(f"{design['ratio']:.2f} for “{design['design']}”" for design in designs[1:])
    return f"Against this core as it ran, which is 1, the estimate for the same work is {ratios}."


def memory(report: Report) -> str:
    """How large the memories are, and which is fullest."""
    shares = {part["memory"]: part["used"] / part["words"] for part in report["memory"]}
    fullest = max(shares, key=shares.get)
    kilobytes = sum(part["words"] * part["bits"] for part in report["memory"]) / 8192
    return (f"The memories hold {kilobytes:,.0f} KiB, copies and check bits not counted; the fullest is "
            f"{fullest.replace('_', ' ')} with {shares[fullest]:.0%} of its words in use.")
