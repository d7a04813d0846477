"""Fuzz what the host reads from others: program images, checkpoints, configurations, the serial line.

    python -m tests.fuzz --seconds 120
    python -m tests.fuzz checkpoint --engine hypothesis --examples 20000 --seed 5
    python -m tests.fuzz checkpoint --replay build/fuzz-host/checkpoint/crash-...

With atheris, where it is installed, inputs are guided by coverage; what was new is kept under build/fuzz-host and
carries on. Without, hypothesis tries random ones. Exit status: 0 when nothing was found, 1 with the smallest input
that breaks a reader and the line that repeats it, 2 for a bad argument.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase

from sim import seed as seeds
from sim.verilator import BUILD, REPOSITORY
from tests.fuzz.run import TARGETS, as_test
from tests.fuzz.target import Target

FOLDER = BUILD / "fuzz-host"
LONGEST_INPUT = 8192
"""Bytes from which a strategy draws."""
FIRST_INPUTS = 64
ROUND = 500
"""Examples of hypothesis between two looks at the clock."""
ONE_INPUT_SECONDS = 60
MEMORY_MEGABYTES = 2048
STATISTIC = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
FOUND = re.compile(r"Test unit written to (\S+/(?:crash|timeout|oom|leak)-\S+)")


def explain(target: Target, error: BaseException) -> str:
    """What hypothesis says of the smallest input, without the way there."""
    text = "\n".join([*traceback.format_exception_only(error), *getattr(error, "__notes__", ())]).strip()
    return f"{target.name}: {text}"


def random_inputs(target: Target, seconds: float, examples: int | None, seed: int) -> int:
    """Hypothesis until the time is over, or for as many examples; returns the exit status."""
    end, number, tried = time.monotonic() + seconds, seed, 0
    while tried < examples if examples is not None else time.monotonic() < end:
        size = ROUND if examples is None else min(ROUND, examples - tried)
        try:
            as_test(target, size, number)()
        except Exception as error:      # of any kind: this is what was looked for
            print(f"{explain(target, error)}\nreplay: python -m tests.fuzz {target.name} --engine hypothesis "
                  f"--examples {size} --seed {number}", file=sys.stderr)
            return 1
        tried, number = tried + size, number + 1
    print(f"{target.name}: {tried} inputs by hypothesis, none broke it", flush=True)
    return 0


def guided_inputs(target: Target, seconds: float, examples: int | None, seed: int) -> int:
    """Atheris in a process of its own, for that is how it ends; returns the exit status."""
    folder, corpus = FOLDER / target.name, FOLDER / target.name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number in range(FIRST_INPUTS):
        (corpus / f"first-{number}").write_bytes(random.Random(number).randbytes(LONGEST_INPUT // 2))
    limit = f"-max_total_time={round(seconds)}" if examples is None else f"-runs={examples}"
    command = [sys.executable, "-m", "tests.fuzz.guided", target.name, str(corpus), limit, f"-seed={seed}",
               f"-max_len={LONGEST_INPUT}", "-len_control=0", "-print_final_stats=1", f"-timeout={ONE_INPUT_SECONDS}",
               f"-rss_limit_mb={MEMORY_MEGABYTES}", f"-artifact_prefix={folder}/"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    tried, found = STATISTIC.search(text), FOUND.search(text)
    if found:
        print(f"{target.name}: broken by the input in {found[1]}", file=sys.stderr)
        return replay(target, Path(found[1]))
    if done.returncode or tried is None:
        print(f"{target.name}: atheris ended with status {done.returncode}: {text[-2000:]}", file=sys.stderr)
        return 1
    print(f"{target.name}: {tried[1]} inputs by atheris, none broke it", flush=True)
    return 0


def replay(target: Target, path: Path) -> int:
    """Try the input in a file again; if it breaks the target, shrink it first. Returns the exit status."""
    database = DirectoryBasedExampleDatabase(FOLDER / target.name / "shrinking")
    test = as_test(target, 1, 0, database)
    try:
        test.hypothesis.fuzz_one_input(path.read_bytes())
        print(f"{target.name}: the input in {path} does not break it")
        return 0
    except Exception:
        pass                            # it is in the database now, from where the test takes and shrinks it
    try:
        test()
    except Exception as error:
        print(f"{explain(target, error)}\nreplay: python -m tests.fuzz {target.name} --replay {path}", file=sys.stderr)
        return 1
    print(f"{target.name}: the input in {path} broke it once, and then no more", file=sys.stderr)
    return 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("targets", nargs="*", metavar="target",
                      help="; ".join(f"{name}: {target.what}" for name, target in TARGETS.items()) + " (default: all)")
    made.add_argument("--engine", choices=("atheris", "hypothesis"), help="default: atheris where it is installed")
    made.add_argument("--seconds", type=float, default=60, help="for each target (default: %(default)s)")
    made.add_argument("--examples", type=int, help="inputs for each target, instead of a time")
    made.add_argument("--seed", type=int, help="of the random inputs (default: HALFTONE_SEED, or a fresh one)")
    made.add_argument("--replay", type=Path, metavar="FILE", help="try one input that atheris found")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    command_line = parser()
    options = command_line.parse_args(arguments)
    for name in options.targets:
        if name not in TARGETS:
            command_line.error(f"there is no target {name!r}; expected one of {', '.join(TARGETS)}")
    if options.seconds <= 0 or (options.examples or 1) < 1:
        command_line.error(f"--seconds is {options.seconds} and --examples {options.examples}; expected more than 0")
    chosen = [TARGETS[name] for name in options.targets or TARGETS]
    if options.replay is not None:
        if len(chosen) != 1 or not options.replay.is_file():
            command_line.error(f"--replay needs one target and a file; there is no file {options.replay}"
                               if len(chosen) == 1 else "--replay needs one target, the one that the input is for")
        return replay(chosen[0], options.replay)
    installed = importlib.util.find_spec("atheris") is not None
    if options.engine == "atheris" and not installed:
        command_line.error("atheris is not installed; run make fuzz-host once, or leave out --engine")
    if options.engine is None and not installed:
        print("atheris is not installed, so hypothesis tries random inputs without the guidance of coverage")
    fuzz = guided_inputs if installed and options.engine != "hypothesis" else random_inputs
    seed = seeds.seed() if options.seed is None else options.seed
    return max(fuzz(target, options.seconds, options.examples, seed) for target in chosen)


if __name__ == "__main__":
    sys.exit(main())
