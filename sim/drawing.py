"""One image through the RTL: compile, build, simulate, compare, report."""

from __future__ import annotations

import json
import math
import re
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from golden.compile.calibrate import compile_calibrated, first_step_table
from golden.compile.compiler import Compiled, compile_checkpoint
from golden.compile.fitting import check_layout
from golden.compile.split_plan import BALANCED, FROZEN
from golden.integer.plan import DEFAULT
from golden.integer.samplers import evaluations
from golden.model import zoo
from golden.model.checkpoint import Checkpoint, load, load_float
from golden.model.labels import describe, parse, usual
from golden.model.transformer import Transformer
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.model import ModelConfig
from golden.spec.seed import generator_state
from golden.spec.timing import Estimate, estimate
from golden.spec.validation import ConfigError
from sim import observation, picture, report
from sim.core import build_core, run_job
from sim.coverage.drawings import mark_drawing
from sim.coverage.marks import mark
from sim.job import RESULT_FILE, Job
from sim.progress import Progress, follow_steps, last_cycle
from sim.reference import PIXEL_ONE, Reference, float_way
from sim.report import Report
from sim.runner import SimulationError
from sim.verilator import REPOSITORY
from sim.waves import FST, VCD, Window, written_format

Result = TypeVar("Result")
IMAGE_FILE, SHEET_FILE, FILM_FILE, PROGRAM_FILE = "image.png", "steps.png", "film.png", "image.htn"
REPORT_FILE = "report.json"
REST_CYCLES = 1000
"""Cycles between two looks of the driver at the core."""
PATIENCE = 4
"""A step may take so many times the cycles that it would take without zeros before it counts as hung."""
SLOWEST_CYCLES_A_SECOND = 500
"""Of a simulator that still counts as alive; with waves on a slow machine."""
LEAST_SECONDS = 600
PICTURE_PIXELS = 256
WAVE_BYTES_A_CYCLE = {FST: 2000, VCD: 20_000}
"""Size of a waveform, roughly."""


@dataclass(frozen=True)
class Request:
    """What to draw; ``label`` is a prompt, None for the model's usual one."""

    model: str
    label: str | None
    seed: int
    steps: int
    guidance: float
    config: Path
    weights: Path = zoo.WEIGHTS
    skip_zeros: bool = True
    split: str | None = None    # what dense lanes get: a mode of golden.compile.split_plan, None for the usual one
    sampler: str = DEFAULT
    eta: float = 1.0            # strength of the noise of a stochastic sampler
    guidance_range: tuple[float, float] = (0.0, 1.0)    # times of the steps with guidance
    stop: float = 0.0           # mean absolute change of the predicted image that ends the drawing; 0: never
    timeline: tuple[int, int] | None = None     # first and last step of a timeline; None: there is none
    waves: Window | None = None                 # cycles of a waveform; None: there is none

    @property
    def way(self) -> dict:
        """What decides on the sampler's way, for the integer and the float one."""
        return {"sampler": self.sampler, "steps": self.steps, "guidance": self.guidance, "eta": self.eta,
                "guidance_range": self.guidance_range}


@dataclass(frozen=True)
class Prepared:
    """A request that can be drawn."""

    request: Request
    label: str
    compiled: Compiled
    estimate: Estimate
    float_model: Transformer

    @property
    def name(self) -> str:
        """Folder of the run: two drawings that differ share none."""
        words = re.sub(r"[^A-Za-z0-9]+", "-", self.label)
        return "-".join([self.request.model, words, str(self.request.seed), self.request.sampler,
                         str(self.request.steps)])


def timed(what: str, action: Callable[[], Result]) -> tuple[Result, float]:
    """Say what is being done and how long it took, in one line."""
    print(f"{what} ... ", end="", flush=True)
    started = time.monotonic()
    try:
        result = action()
    except BaseException:
        print(flush=True)
        raise
    seconds = time.monotonic() - started
    print(f"{seconds:.1f} s", flush=True)
    return result, seconds


def choose_prompt(prompt: str | None, config: ModelConfig) -> str:
    """A prompt in its usual words; raises ``ConfigError`` that lists what there is."""
    return describe(config, usual(config) if prompt is None else parse(config, prompt))


def prepare(request: Request) -> Prepared:
    """Load, check and compile; raises one of the errors that name a bad input in one sentence."""
    generator_state(request.seed)
    hardware = load_hardware(request.config)
    checkpoint: Checkpoint = load(zoo.checkpoint_path(request.model, "quantised", request.weights))
    float_model = load_float(zoo.checkpoint_path(request.model, "float", request.weights))
    label = choose_prompt(request.label, checkpoint.config)
    # before the tables, which are as long as the steps are many
    check_layout(checkpoint.config, hardware, contexts=1 if request.guidance == 1 else 2,
                 steps=evaluations(request.sampler, request.steps), eight_bit=checkpoint.eight_bit)
    compiled = compile_request(checkpoint, hardware, request, label)
    if request.timeline is not None:
        observation.check_steps(request.timeline, compiled.plan.evaluations)
    expected = estimate(compiled.descriptors, hardware, compiled.plan.evaluations, compiled.plan.contexts)
    if request.waves is not None:
        check_disk(min(expected.cycles, request.waves.cycles) * WAVE_BYTES_A_CYCLE[written_format()])
    return Prepared(request, label, compiled, expected, float_model)


def compile_request(checkpoint: Checkpoint, hardware: HardwareConfig, request: Request, label: str) -> Compiled:
    """The request's program; a split that is asked to be frozen is that of this drawing's first step."""
    choices = {**request.way, "stop": request.stop, "skip_zeros": request.skip_zeros,
               "prompts": [label] if checkpoint.config.attributes else None}
    if request.split != FROZEN:
        return compile_calibrated(checkpoint, hardware, split=request.split, **choices)
    deciding = compile_checkpoint(checkpoint, hardware, split=BALANCED, **choices)
    return compile_checkpoint(checkpoint, hardware, split=FROZEN, **choices,
                              split_table=first_step_table(deciding, label, request.seed))


def check_disk(need: int) -> None:
    """Raise ``ConfigError`` unless the disk has room for a waveform of so many bytes."""
    free = shutil.disk_usage(REPOSITORY).free
    if need > free:
        raise ConfigError(f"the waveform of this drawing takes about {need / 1e9:.0f} GB and the disk has "
                          f"{free / 1e9:.0f} GB free; use fewer --waves-cycles, or no waves")


def simulate(prepared: Prepared, build: Path, folder: Path, image: Path) -> Reference:
    """Run the simulation in a process of its own; meanwhile a thread computes and compares what it has ended.

    Raises ``runner.SimulationError`` when it fails or hangs.
    """
    expected, config, waves = prepared.estimate, prepared.compiled.model.config, prepared.request.waves
    job = Job(str(image), prepared.label, prepared.request.seed, config.image_channels * config.image_size**2,
              str(folder), REST_CYCLES, PATIENCE * math.ceil(expected.longest / REST_CYCLES) + PATIENCE,
              prepared.request.timeline)
    reference = Reference(prepared.compiled, prepared.label, prepared.request.seed, folder)
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, prepared, reference, ended)
        try:
            run_job(job, build, more=waves.arguments(folder, written_format()) if waves else (),
                    timeout=LEAST_SECONDS + PATIENCE * expected.cycles / SLOWEST_CYCLES_A_SECOND)
        finally:
            ended.set()
        following.result()
    return reference


def follow(prepared: Prepared, reference: Reference, ended: threading.Event) -> None:
    """Show and compare every step as it ends."""
    comparison = reference.comparison
    with Progress(prepared.estimate) as progress:
        for done in follow_steps(comparison.folder, ended):
            if done is None:
                progress.tick(last_cycle(comparison))
            else:
                progress.step(done)
                reference.follow(done)


def draw(prepared: Prepared, folder: Path) -> Report:
    """Draw into an empty folder: pictures, program image and report; the simulation's records go."""
    request, compiled = prepared.request, prepared.compiled
    compiled.write(folder / PROGRAM_FILE)
    build, build_seconds = timed(f"generating and building the core of {request.config.name}",
                                 lambda: build_core(request.config, request.timeline is not None,
                                                    request.waves is not None))
    records = folder / prepared.name
    records.mkdir()
    print(f"simulating up to about {prepared.estimate.cycles:,} cycles", flush=True)
    started = time.monotonic()
    reference = simulate(prepared, build, records, folder / PROGRAM_FILE)
    seconds = time.monotonic() - started
    if not reference.ended:
        raise SimulationError("the core said that it was done before the first step had ended")
    result = json.loads((records / RESULT_FILE).read_text(encoding="utf-8"))
    reference.finish(result["pixels"], result["latent"], result["counters"]["CYCLES"])
    difference, float_seconds = timed("drawing the float model's image",
                                      lambda: pictures(prepared, reference, result["pixels"], folder))
    written = {
        **report.drawing_part(compiled, prepared.label, request.seed, request.sampler, reference),
        **report.cycles_part(compiled, result["counters"], reference),
        **report.comparison_part(reference),
        **report.zeros_part(reference),
        **report.inside_part(compiled, reference),
        **report.configuration_part(compiled),
        "difference_to_float_model": difference,
        **report.speed_part(reference, result),
        "seconds": {"build": build_seconds, "simulation": seconds, "float_model": float_seconds},
        "files": {"image": IMAGE_FILE, "steps": SHEET_FILE, "film": FILM_FILE, "program": PROGRAM_FILE},
    }
    written |= observation.report_part(written["files"], request, compiled, reference, build, records, folder)
    (folder / REPORT_FILE).write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    remove_records(records)
    if not written["mismatches"]:
        mark(f"sampler {request.sampler}")
        mark_drawing(compiled, len(reference.ended) - 1)
    return written


def pictures(prepared: Prepared, reference: Reference, pixels: list[int], folder: Path) -> float:
    """Write image, contact sheet and film of the latents; returns the images' root mean square difference."""
    rtl = [image / PIXEL_ONE for image in reference.images]
    image = np.array(pixels).reshape(reference.shape) / PIXEL_ONE
    labels = parse(prepared.compiled.model.config, prepared.label)
    way, wanted = float_way(prepared.float_model, reference.images[0], reference.noises, labels, **prepared.request.way)
    captions = ["noise", *(f"step {number}" for number in range(1, len(way)))]
    picture.write_image(folder / IMAGE_FILE, image, scale=max(1, PICTURE_PIXELS // image.shape[-1]))
    picture.contact_sheet(folder / SHEET_FILE, {"RTL": rtl, "float model": np.stack(way)}, captions)
    picture.film(folder / FILM_FILE, list(zip(rtl, way, strict=False)),
                 scale=max(1, PICTURE_PIXELS // image.shape[-1]))
    return report.difference(image, wanted)


def remove_records(folder: Path) -> None:
    """Records take much space and can be had again with the same seed."""
    for path in folder.iterdir():
        path.unlink()
    with suppress(OSError):
        folder.rmdir()
