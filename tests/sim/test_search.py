"""A particle search on the core is the search on the reference: the same latents, rewards and parents."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from boards.host.particles import SearchPlan, search
from boards.host.population import latent_segment
from golden.compile.compiler import compile_checkpoint
from golden.compile.partial import compile_steps
from golden.integer.batch_draw import draw_batch, draw_part
from golden.model import checkpoint, zoo
from golden.quality.reward import class_reward, user_reward
from golden.spec.hardware import load_hardware
from golden.spec.image import Memory, parse_segment
from golden.spec.validation import ConfigError
from sim import runner
from sim import search as command
from sim import seed as seeds
from sim.core import build_core
from sim.job import JOB_VARIABLE, RESULT_FILE, SEARCH_FILE, Job
from sim.population import ReferencePopulation, brightness
from sim.recorder import TOP
from sim.units import config_file

HARDWARE = load_hardware(config_file("small"))
PLAN = SearchPlan(particles=3, steps=3, checks=(1, 2), temperature=0.02, seed=5)
LABEL = "boot"


@pytest.fixture(scope="module")
def compiled():
    source = checkpoint.load(zoo.checkpoint_path("tiny"))
    return compile_checkpoint(source, HARDWARE, steps=PLAN.steps, guidance=1.0, sampler="maruyama", prompts=[LABEL])


def on_the_core(compiled, folder, parts):
    """What a search on the simulated core finds."""
    compiled.write(folder / "image.htn")
    told = {"hardware": asdict(HARDWARE), "plan": asdict(PLAN), "parts": parts}
    (folder / SEARCH_FILE).write_text(json.dumps(told), encoding="utf-8")
    config = compiled.model.config
    job = Job(str(folder / "image.htn"), LABEL, 0, config.image_pixels, str(folder), rest_cycles=200, polls=10_000)
    runner.run("sim.bench_search", TOP, build_core(Path(config_file("small"))), env={JOB_VARIABLE: str(job.write())},
               plusargs=[f"+records={folder}"], timeout=600, name="search")
    return json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))


def on_the_reference(compiled):
    return asyncio.run(search(ReferencePopulation(compiled, LABEL), brightness, PLAN))


@pytest.mark.parametrize("wrong", [False, True])
def test_a_search_on_the_core_is_the_references(compiled, tmp_path, wrong):
    """Bit for bit, with weights loaded once; a part that begins a step too late is planted and seen."""
    ranges = {steps: (2, 3) if wrong and steps == (3, 3) else steps for steps in PLAN.intervals}
    parts = [{"steps": steps, "segment": compile_steps(compiled, *ran).segment.hex()} for steps, ran in ranges.items()]
    found, expected = on_the_core(compiled, tmp_path, parts), on_the_reference(compiled)
    same = [[list(image) for image in latent] for latent in expected.latents]
    assert (found["latents"] == same) is not wrong
    assert found["history"] == [list(rewards) for rewards in expected.history]
    assert found["parents"] == [list(parents) for parents in expected.parents]
    if not wrong:
        assert found["rewards"] == list(expected.rewards)
        assert any(len(set(parents)) < PLAN.particles for parents in expected.parents)    # one takes another's place


def test_a_drawing_in_one_part_is_the_drawing(compiled):
    contexts = [compiled.contexts(LABEL)] * 2
    images, clean = draw_part(compiled.model, contexts, compiled.plan, [1, 2], (1, PLAN.steps), None)
    assert np.array_equal(clean, draw_batch(compiled.model, contexts, compiled.plan, [1, 2]))
    assert np.array_equal(images, clean)                                     # the last step's rows are equal


def test_a_latent_travels_as_two_sections(compiled):
    latent = on_the_reference(compiled).latents[0]
    sections = parse_segment(latent_segment(latent, HARDWARE), HARDWARE).sections
    assert [section.memory for section in sections] == [Memory.PIXEL, Memory.CLEAN]
    values = np.array(sections[0].words, dtype=np.uint16).astype(np.int16)
    assert values.tolist() == list(latent.image)


def test_the_command_writes_a_table_that_its_seed_repeats(tmp_path, capsys):
    seed, tables = seeds.seed(), []
    (tmp_path / "bright.py").write_text("def bright(images):\n    return images.mean((1, 2, 3))\n")
    for folder in ("first", "second"):
        line = ["--model", "tiny", "--reward", f"{tmp_path / 'bright.py'}:bright", "--particles", "1", "6",
                "--steps", "4", "--searches", "3", "--temperature", "0.01", "--seed", str(seed % 1000),
                "--output", str(tmp_path / folder)]
        assert command.main(line) == 0
        tables.append(capsys.readouterr().out.split("\n\n")[0])
        rows = json.loads((tmp_path / folder / "search.json").read_text())["rows"]
        assert (tmp_path / folder / "search.png").exists()
    assert tables[0] == tables[1]
    assert rows[1]["best"] > rows[0]["best"] and rows[1]["particles"] == 6


def test_a_class_reward_is_the_judges_log_probability():
    reward = class_reward("garments", "bag")
    images = np.random.default_rng(0).uniform(-1, 1, (3, 1, 32, 32))
    every = np.stack([class_reward("garments", name)(images) for name in zoo.config("fashion").labels])
    assert np.allclose(np.exp(every).sum(0), 1) and np.allclose(reward(images), every[8])


@pytest.mark.parametrize("line,message", [
    (["--reward", "class:hat"], "the judge of garments knows no 'hat'; expected one of t-shirt"),
    (["--reward", "nowhere.py:reward"], "reward nowhere.py:reward could not be read"),
    (["--reward", "class:bag", "--particles", "0"], "particles is 0"),
    (["--reward", "class:bag", "--searches", "0"], "--searches is 0"),
    (["--reward", "class:bag", "--checks", "9", "2"], "checks are 9, 2"),
])
def test_bad_orders_get_one_sentence(line, message, capsys):
    assert command.main(["--model", "tiny", *line]) == 2
    told = capsys.readouterr().err
    assert message in told and told.startswith("error: ") and told.count("\n") == 1


def test_a_file_without_the_function_is_told(tmp_path):
    (tmp_path / "empty.py").write_text("x = 1\n")
    with pytest.raises(ConfigError, match="has no function 'reward'"):
        user_reward(f"{tmp_path / 'empty.py'}:reward")
