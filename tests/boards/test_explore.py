"""The search for configurations: sizes, cycles, front, determinism, and what it says of bad input."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boards.area.model import RANGED, AreaModel, load
from boards.explore import __main__ as command
from boards.explore import report
from boards.explore.evaluate import LOSES_SAMPLES, NEVER_ENDS, NO_ROOM, UNBUILDABLE, Outcome, Task, evaluate_choice
from boards.explore.front import front_of, pareto
from boards.explore.search import EVERYTHING, SAMPLERS, ClusterError, evaluator, search
from boards.explore.space import CHOICES as CHOICES_OF
from boards.explore.space import NO_DENSE, Choice, everything, within
from boards.explore.targets import Target
from boards.explore.timing import drawing_cycles
from boards.explore.workload import evenly, record
from golden.compile import fitting
from golden.compile.calibrate import compile_calibrated
from golden.compile.fitting import fit
from golden.compile.layout import CompileError
from golden.compile.operands import predict_drawing
from golden.compile.segments import runs_of
from golden.compile.sizing import LINE_MEMORIES, smallest
from golden.model import zoo
from golden.model.checkpoint import load as load_checkpoint
from golden.model.labels import describe, usual
from golden.spec.validation import ConfigError
from sim import drawing
from sim.drawing import Request

MODEL, STEPS, SEED = "tiny", 2, 7
PLENTY = {"LUT4": 10**6, "TRELLIS_FF": 10**6, "DP16KD": 10**4, "MULT18X18D": 10**4}
CHOICES = [Choice(4, 8, 2, 4, 2, NO_DENSE), Choice(8, 16, 4, 8, 1, NO_DENSE), Choice(8, 16, 2, 4, 2, "half"),
           Choice(8, 8, 4, 4, 1, "dsp")]


@pytest.fixture(scope="module")
def workload():
    return record(MODEL, steps=STEPS, guidance=2.0, seed=SEED)


@pytest.fixture(scope="module")
def task(workload):
    anywhere = replace(load(), ranges=dict.fromkeys(RANGED, (1, 64)))   # however much of the space has been fitted
    return Task(workload, PLENTY, 50e6, anywhere)


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.name)
def test_cycles_are_those_of_a_compiled_drawing(workload, choice):
    hardware = smallest(workload.model, choice.shape(), workload.plan)
    checkpoint = load_checkpoint(zoo.checkpoint_path(MODEL, "quantised"))
    compiled = compile_calibrated(checkpoint, hardware, steps=STEPS, guidance=2.0)
    expected = predict_drawing(compiled, describe(checkpoint.config, usual(checkpoint.config)), SEED)
    assert drawing_cycles(workload, hardware).drawing == expected.step_cycles[-1]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.name)
def test_memories_are_the_smallest_that_hold_the_model(workload, choice):
    hardware = smallest(workload.model, choice.shape(), workload.plan)
    runs = runs_of(workload.plan.contexts)
    fit(workload.model, hardware, runs)
    for memory in ("program", "weight", "modulation", "normalised", "activation", "key_value", "residual", "score",
                   "pixel", "step", "coordinate"):
        less = 2 * hardware.line_words if memory in LINE_MEMORIES else 1
        smaller = replace(hardware, **{f"{memory}_words": getattr(hardware, f"{memory}_words") - less})
        with pytest.raises(CompileError, match=memory):
            fit(workload.model, smaller, runs)
    with pytest.raises(CompileError, match="slot_rows"):
        fit(workload.model, replace(hardware, slot_rows=hardware.slot_rows - 1, slots=8), runs)


def test_a_shorter_following_is_close_to_the_whole_drawing():
    whole = record(MODEL, steps=6, guidance=2.0)
    part = whole.thinned(3)
    assert part.followed == (1, 3, 6)
    assert [step.number for step in part.steps] == [0, 1, 2, 3]
    hardware = smallest(whole.model, CHOICES[1].shape(), whole.plan)
    exact, estimated = (drawing_cycles(one, hardware).drawing for one in (whole, part))
    assert estimated == pytest.approx(exact, rel=0.02)


@given(steps=st.integers(1, 50), count=st.integers(1, 60))
def test_followed_steps_are_of_the_drawing(steps, count):
    chosen = evenly(steps, count)
    assert list(chosen) == sorted(set(chosen))
    assert 1 <= min(chosen) <= max(chosen) <= steps
    assert len(chosen) <= count
    if count >= steps:
        assert len(chosen) == steps
    if count > 1:
        assert {1, steps} <= set(chosen)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9))))
def test_the_front_is_what_nothing_dominates(items):
    def dominated(item: tuple[int, int]) -> bool:
        return any(other[0] >= item[0] and other[1] <= item[1] and other != item for other in items)

    front = pareto(items, lambda item: item[0], lambda item: item[1])
    assert set(front) == {item for item in items if not dominated(item)}
    assert len(front) == len(set(front))
    assert [item[1] for item in front] == sorted(item[1] for item in front)


def fake(choices: list[Choice]) -> list[Outcome]:
    """A known trade: speed is lanes x width, of which 64 are too large."""
    return [Outcome(choice.name, needs={"LUT4": 100 * choice.lanes * choice.width + 7 * choice.line_words},
                    images_per_second=choice.lanes * choice.width,
                    **({"causes": ("too many LUT4",), "excess": 1.0} if choice.lanes * choice.width > 64 else {}))
            for choice in choices]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_finds_the_same(sampler):
    first, again, other = (search(fake, 48, seed, sampler, quiet=True) for seed in (1, 1, 2))
    assert list(first.items()) == list(again.items())
    assert (list(first) != list(other)) == (sampler != EVERYTHING)
    assert all(outcome.images_per_second <= 64 for outcome in front_of(first.values()))


def test_a_search_of_everything_finds_the_best():
    found = search(fake, 10**6, 0, "grid", quiet=True)
    assert set(found) == set(everything())
    assert [outcome.images_per_second for outcome in front_of(found.values())] == [16, 32, 64]


def test_workers_and_a_cluster_find_what_one_process_finds(task):
    from dask.distributed import LocalCluster

    def run(**how: object) -> dict[Choice, Outcome]:
        with evaluator(task, **how) as evaluate:
            return search(evaluate, 16, seed=3, quiet=True)

    alone = run()
    assert run(workers=2) == alone
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster:
        assert run(dask=cluster.scheduler_address) == alone
    assert sum(outcome.feasible for outcome in alone.values()) > 0


def test_no_cluster_is_one_sentence(task):
    with pytest.raises(ClusterError, match="no Dask scheduler answers at tcp://127.0.0.1:1 "), \
            evaluator(task, dask="tcp://127.0.0.1:1"):
        pass


def test_infeasible_choices_say_why(task):
    assert evaluate_choice(Choice(16, 8, 4, 4, 1, NO_DENSE), task).causes == (UNBUILDABLE,)
    wide = evaluate_choice(Choice(4, 32, 4, 4, 1, NO_DENSE), task)
    assert (wide.causes, wide.feasible) == ((NO_ROOM,), False)
    assert "16 channels of a head" in wide.reason
    nothing = dict.fromkeys(PLENTY, 0) | {"LUT4": 1}
    small = evaluate_choice(CHOICES[0], replace(task, capacity={**PLENTY, "LUT4": 1}))
    assert small.causes == ("too many LUT4",)
    assert small.cycles is None
    assert nothing["LUT4"] < small.needs["LUT4"]
    outcomes = [wide, small]
    assert "not feasible: does not hold the model 1, too many LUT4 1" in report.summary(outcomes, [])
    assert report.nearest(outcomes) is small


def test_dense_lanes_whose_detector_loses_samples_are_refused(task):
    def causes(lanes: int, line: int) -> tuple[str, ...]:
        return evaluate_choice(Choice(lanes, 16, line, 4, 1, "dsp"), task).causes

    assert [causes(4, 2), causes(8, 8), causes(8, 4)] == [(LOSES_SAMPLES,), (LOSES_SAMPLES,), ()]


def test_only_what_the_area_model_knows_is_suggested():
    narrowed = within({"lanes": (2, 8), "width": (8, 8), "line_words": (2, 4), "slots": (4, 4), "norm_parts": (1, 2)})
    assert narrowed == {**CHOICES_OF, "lanes": (2, 4, 8), "width": (8,), "line_words": (2, 4), "slots": (4,)}
    assert len(everything(narrowed)) == 48
    found = search(fake, 200, 1, quiet=True, choices=narrowed)
    assert set(found) <= set(everything(narrowed))


def test_two_slots_are_refused(task):
    outcome = evaluate_choice(Choice(4, 8, 2, 2, 1, NO_DENSE), task)
    assert outcome.causes == (NO_ROOM,)
    assert "hardware.slots is 2" in outcome.reason


def test_a_program_that_never_ends_is_no_crash(task, monkeypatch):
    monkeypatch.setattr(fitting, "LEAST_SLOTS", 2)       # which the compiler refuses otherwise
    outcome = evaluate_choice(Choice(4, 8, 2, 2, 1, NO_DENSE), task)
    assert outcome.causes == (NEVER_ENDS,)
    assert "would never start" in outcome.reason


def test_an_area_beyond_the_fit_is_refused(task):
    narrow = AreaModel(task.area.coefficients, {**task.area.ranges, "width": (32, 32)})
    outcome = evaluate_choice(CHOICES[0], replace(task, area=narrow))
    assert outcome.causes == ("beyond the area fit",)
    assert "boards.area fit" in outcome.reason


@pytest.mark.parametrize(("arguments", "words"), [
    (["--board", "none"], "there is no board or device 'none'; expected one of ulx3s_25f, ulx3s_85f, LFE5U-25F"),
    (["--model", "none"], "there is no quantised model 'none'"),
    (["--trials", "0"], "trials is 0; expected 1 or more"),
    (["--clock", "0"], "clock is 0.0 MHz"),
    (["--follow", "0"], "follow is 0; expected 1 or more"),
])
def test_bad_input_is_one_sentence(capsys, tmp_path, arguments, words):
    assert command.main(["--output", str(tmp_path / "none"), "--model", MODEL, "--steps", "1", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_a_device_that_holds_nothing_is_one_sentence(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "find", lambda _: Target({**PLENTY, "LUT4": 100}, 50.0))
    assert command.main(["--model", MODEL, "--steps", "1", "--trials", "8", "--output", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "comes nearest and needs" in error


def test_a_written_configuration_takes_the_predicted_cycles_in_rtl(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "find", lambda _: Target(PLENTY, 50.0))
    assert command.main(["--model", MODEL, "--steps", "1", "--follow", "1", "--trials", "16", "--write", "1",
                         "--output", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    name = f"{MODEL}-LFE5U-85F"
    found = json.loads((tmp_path / f"{name}.json").read_text())
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / f"{name}.md").read_text() in shown
    config = tmp_path / f"{name}-1.toml"
    request = Request(MODEL, None, SEED, 1, 2.0, config)
    folder = tmp_path / "drawing"
    folder.mkdir()
    counted = drawing.draw(drawing.prepare(request), folder)
    assert counted["mismatches"] == 0
    assert counted["step_cycles"][-1] == found["front"][0]["cycles"]["drawing"]


def test_write_beyond_the_front_is_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "find", lambda _: Target(PLENTY, 50.0))
    assert command.main(["--model", MODEL, "--steps", "1", "--follow", "1", "--trials", "4", "--write", "99",
                         "--output", str(tmp_path)]) == 2
    assert "write is 99; the front has" in capsys.readouterr().err


def test_choices_are_checked_before_anything_is_drawn():
    with pytest.raises(ConfigError, match="lanes is 16"):
        Choice(16, 8, 4, 4, 1, NO_DENSE).shape()
