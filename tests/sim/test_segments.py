"""Programs whose steps differ, on the core: guidance in a range of the steps, and a drawing in parts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.compile.compiler import Compiled
from golden.compile.operands import predict_parts
from golden.compile.partial import compile_steps, noise_state
from golden.compile.program import ProgramWriter
from golden.spec.descriptors import Engine
from golden.spec.hardware import load_hardware
from golden.spec.image import Kind, Memory, Section, build_segment, parse_segment
from sim import runner
from sim import seed as seeds
from sim.comparison import Comparison
from sim.core import build_core
from sim.fuzz import explain, try_compiled
from sim.job import JOB_VARIABLE, PARTS_FILE, RESULT_FILE, Job
from sim.random_case import random_system
from sim.random_model import LABEL as RANDOM_LABEL
from sim.recorder import TOP
from sim.units import config_file
from tests.golden.test_segments import LABEL, ranged, steps_of

SEED = 3


@pytest.fixture(scope="module", params=["small", "small_hybrid"])
def core(request):
    """File and build of a configuration without and with dense lanes."""
    config = Path(config_file(request.param))
    return config, build_core(config)


def test_guidance_in_a_range_is_drawn_bit_for_bit_in_the_predicted_cycles(core):
    config, build = core
    outcome = try_compiled(ranged([1, 2, 1], load_hardware(config)), LABEL, build, SEED)
    assert outcome.good, explain(outcome, config)
    assert "contexts=1,2,1 " in outcome.shape and outcome.values > 500_000


def with_wrong_tables(compiled: Compiled) -> Compiled:
    """The second segment's tables begin a norm too late."""
    first, second, *rest = compiled.segments
    wrong = replace(second, modulation=second.modulation + second.layout.token_words)
    writer = ProgramWriter(compiled.model, (first, wrong, *rest), compiled.plan.draws_noise).write()
    hardware, descriptors = compiled.layout.hardware, writer.encoded()
    kept = [section for section in parse_segment(compiled.program, hardware).sections
            if section.memory != Memory.PROGRAM]
    program = build_segment(hardware, Kind.PROGRAM, [Section(Memory.PROGRAM, 0, descriptors), *kept])
    return replace(compiled, descriptors=tuple(descriptors), program=program, operands=writer.operands)


def test_a_wrong_table_in_the_second_segment_is_named(core):
    config, build = core
    outcome = try_compiled(with_wrong_tables(ranged([1, 2, 1], load_hardware(config))), LABEL, build, SEED)
    assert not outcome.good and outcome.mismatches > 1000
    assert outcome.first[0].tensor == "blocks.0.norm_attention of step 2"


def draw_in_parts(compiled: Compiled, label: str, seed: int, build: Path, folder: Path, ranges) -> None:
    """Run programs of some steps each, one after the other, and require what the whole drawing gives."""
    parts = [compile_steps(compiled, first, last) for first, last in ranges]
    steps = steps_of(compiled, label, seed)
    given = [{"segment": part.segment.hex(), "state": noise_state(compiled, seed, part.first)} for part in parts]
    (folder / PARTS_FILE).write_text(json.dumps(given), encoding="utf-8")
    results = run_parts(compiled, label, build, folder, "draws_in_parts")
    predictions = predict_parts(compiled, label, seed, parts)
    comparison, before = Comparison(compiled, folder), np.empty(0)
    for step in steps:
        comparison.step(step, before)
        before = step.image
    comparison.finish()
    assert (comparison.mismatches, comparison.first) == (0, [])
    for part, result, prediction in zip(parts, results, predictions, strict=True):
        assert result["pixels"] == steps[part.last].image.ravel().tolist()
        assert result["steps"] == len(prediction.step_cycles)
        counted = {name: result["counters"][name] for name in ("CYCLES", "BUSY_ARRAY", "MACS", "MACS_OFFERED")}
        assert counted == {"CYCLES": prediction.cycles, "BUSY_ARRAY": prediction.busy[Engine.ARRAY],
                           "MACS": prediction.macs, "MACS_OFFERED": prediction.macs_offered}


def run_parts(compiled: Compiled, label: str, build: Path, folder: Path, testcase: str) -> list[dict]:
    """Run a bench of ``sim.bench_parts`` on the parts of a folder; returns what it wrote."""
    compiled.write(folder / "image.htn")
    size = compiled.model.config.image_size
    job = Job(str(folder / "image.htn"), label, SEED, compiled.model.config.image_channels * size**2, str(folder),
              rest_cycles=2000, polls=1000)
    runner.run("sim.bench_parts", TOP, build, env={JOB_VARIABLE: str(job.write())}, testcase=testcase,
               plusargs=[f"+records={folder}"], name=f"parts-{testcase}-{build.name}")
    written = folder / RESULT_FILE
    return json.loads(written.read_text(encoding="utf-8")) if written.exists() else []


def test_a_drawing_in_parts_is_the_whole_drawing(core, tmp_path):
    config, build = core
    draw_in_parts(ranged([1, 2, 2, 1], load_hardware(config)), LABEL, SEED, build, tmp_path, [(1, 2), (3, 3), (4, 4)])


def test_a_random_system_with_fresh_noise_is_drawn_in_parts(core, tmp_path):
    config, build = core
    hardware, first = load_hardware(config), seeds.seed()
    systems = (random_system(np.random.default_rng(seed), hardware) for seed in range(first, first + 100))
    compiled = next(system for system in systems if system.plan.draws_noise and system.plan.steps > 1
                    and not any(row.stop_below for row in system.plan.rows))     # parts follow each other to the end
    ranges = [(1, 1), (2, compiled.plan.steps)]
    draw_in_parts(compiled, RANDOM_LABEL, SEED, build, tmp_path, ranges)


def test_a_part_of_kind_program_needs_its_conditioning_again(core, tmp_path):
    config, build = core
    compiled = ranged([1, 2], load_hardware(config))
    part = compile_steps(compiled, 1, 1, Kind.PROGRAM)
    given = [{"segment": part.segment.hex(), "state": noise_state(compiled, SEED, 1), "steps": 2}]
    (tmp_path / PARTS_FILE).write_text(json.dumps(given), encoding="utf-8")
    run_parts(compiled, LABEL, build, tmp_path, "a_program_needs_its_conditioning_again")
