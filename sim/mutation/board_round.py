"""How mutants of a board's top level are tried: a drawing through the serial line, and the button."""

from __future__ import annotations

from pathlib import Path

from golden.compile.operands import predict_drawing
from golden.integer.evaluate import sample
from golden.spec.hardware import load_hardware
from sim.board import BENCH as BOARD_BENCH
from sim.board import JOB_VARIABLE, BoardJob
from sim.mutation.core_rounds import Round
from sim.mutation.targets import Target
from sim.random_model import LABEL
from sim.recorder import ports
from sim.small_system import small_system

__all__ = ["BOARD_BENCH", "board_bench", "board_round"]


def board_bench(top: str) -> str:
    """The board's bench top with the input ``mutant``, which it hands to the top level in this Verilog."""
    (span,) = (span for _, span, name in ports(top, "top") if name == "mutant")
    bench = BOARD_BENCH.read_text(encoding="utf-8")
    clock, instance = "    input wire clk,\n", "top top("
    if clock not in bench or instance not in bench:
        raise ValueError(f"{BOARD_BENCH.name} has no {clock.strip()} or no {instance}; expected both")
    return bench.replace(clock, f"{clock}    input wire {span}mutant,\n", 1).replace(
        instance, f"{instance}.mutant(mutant), ", 1)


def board_round(target: Target, config: Path, folder: Path, seed: int) -> Round:
    """A small system, and the pixels and cycles of its drawing."""
    compiled = small_system(seed, load_hardware(config))
    compiled.write(folder / "image.htn")
    *_, last = sample(compiled.model, compiled.contexts(LABEL), compiled.plan, seed)
    job = BoardJob(image=str(folder / "image.htn"), config=str(config), label=LABEL, seed=seed,
                   expected=[int(value) for value in last.clean.ravel()],
                   cycles=predict_drawing(compiled, LABEL, seed).cycles, result=str(folder / "line.json"))
    return Round(target.benches, seed, {JOB_VARIABLE: str(job.write(folder / "line.job.json"))})
