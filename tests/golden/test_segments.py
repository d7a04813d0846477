"""Programs whose steps differ: guidance in a range of the steps, and programs of some steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.compile import fitting
from golden.compile.blank import blank
from golden.compile.builder import STEP
from golden.compile.compiler import NO_LABEL, compile_checkpoint, compile_integers, weight_words
from golden.compile.fitting import fit, holders
from golden.compile.layout import CompileError, Layout
from golden.compile.operands import DrawingTiming, predict_drawing, predict_parts
from golden.compile.partial import compile_steps, noise_state
from golden.compile.program import ProgramWriter
from golden.compile.segments import make_segments, runs_of
from golden.compile.words import layer_rows, modulation_words
from golden.integer.evaluate import draw_noise, sample
from golden.integer.noise import NoiseGenerator
from golden.integer.plan import SamplerPlan, make_plan
from golden.integer.workload import ZeroShares
from golden.model import checkpoint, zoo
from golden.model.sampler import times
from golden.quantise.to_integers import to_integers
from golden.spec.descriptors import Opcode, decode
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.image import Kind, Memory, parse_segment
from golden.spec.interpreter import Interpreter
from golden.spec.model import load_model
from golden.spec.timing import estimate, predict
from sim.random_case import random_system

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SMALL = load_hardware(CONFIGS / "small.toml")
HYBRID = load_hardware(CONFIGS / "small_hybrid.toml")
LARGE = load_hardware(CONFIGS / "large.toml")
TINY = checkpoint.load(zoo.checkpoint_path("tiny"))
LABEL = TINY.config.labels[0]


def ranged(step_contexts, hardware=SMALL, **choices):
    """``tiny`` with guidance 2 in the steps of two contexts, and the tables of two labels."""
    moments, config = times(len(step_contexts)), TINY.config
    everywhere, nowhere = (make_plan("euler", moments, guidance, TINY.residual_fraction_bits, config.image_pixels).rows
                           for guidance in (2.0, 1.0))
    rows = [everywhere[0], *(replace((everywhere if contexts == 2 else nowhere)[number], contexts=contexts)
                             for number, contexts in enumerate(step_contexts, start=1))]
    model, tables = to_integers(TINY, moments[:-1])
    named = dict(zip((*TINY.config.labels, NO_LABEL), tables, strict=True))
    return compile_integers(model, {name: named[name] for name in (LABEL, NO_LABEL)},
                            SamplerPlan(tuple(rows), tuple(moments[:-1])), 2.0, hardware, **choices)


def steps_of(compiled, label, seed):
    modulations = compiled.contexts(label)
    return list(sample(compiled.model, modulations, compiled.plan, seed))


def images(compiled):
    return [step.image for step in steps_of(compiled, LABEL, seed=3)]


def loaded(compiled):
    """The modulation memory after program and conditioning: a word, or None, at each address."""
    memory = [None] * compiled.layout.hardware.modulation_words
    for segment in (compiled.program, compiled.conditionings[LABEL]):
        for section in parse_segment(segment, compiled.layout.hardware).sections:
            if section.memory == Memory.MODULATION:
                place = slice(section.start, section.start + len(section.words))
                assert memory[place] == [None] * len(section.words), "a word is loaded twice"
                memory[place] = section.words
    return memory


def norm_tables(program):
    """(step row, base of the table) of every norm, by the interpreter."""
    interpreter, found = Interpreter(program), []
    for opcode, fields in interpreter.run():
        if opcode is Opcode.NORM:
            found.append((interpreter.registers[STEP], fields))
    return found


@pytest.mark.parametrize("contexts", [1, 2])
def test_a_program_of_equal_steps_is_the_one_that_guidance_makes(contexts):
    given = ranged([contexts] * 3)
    guided = compile_checkpoint(TINY, SMALL, steps=3, guidance=float(contexts))
    assert given.descriptors == guided.descriptors
    assert given.conditionings[LABEL] == guided.conditionings[LABEL]
    assert given.program == guided.program
    loops = [fields["count"] for opcode, fields in map(decode, given.descriptors) if opcode is Opcode.LOOP]
    assert loops.count(3) >= 1 and len(given.segments) == 1


def test_segments_are_runs_of_steps_and_their_tables_are_packed():
    segments = make_segments(TINY.config, SMALL, runs_of([1, 2, 2, 1]))
    words = segments[0].layout.modulation_context_words
    assert [(s.first, s.last, s.layout.contexts, s.modulation) for s in segments] == [
        (1, 1, 1, 0), (2, 3, 2, words), (4, 4, 1, 5 * words)]
    assert segments[1].tables(3) == 3 * words
    assert {s.layout.needs()["modulation"] for s in segments} == {6 * words}
    assert {s.split.entries for s in make_segments(TINY.config, HYBRID, [(1, 1), (2, 1)])} != {0}


def norms_read_wrong_tables(compiled):
    """Tables that the program's norms read and that are not those of their step, context and norm."""
    memory, wrong, model = loaded(compiled), 0, compiled.model.config
    seen = {}
    for step, fields in norm_tables(compiled.descriptors):
        tables = compiled.contexts(LABEL)[-compiled.plan.contexts[step - 1]:]
        number = seen[step] = seen.get(step, -1) + 1
        assert fields["count"] == len(tables) * compiled.layout.groups
        for context, table in enumerate(tables):
            base = fields["table_base"] + context * fields["table_step"]
            expected = modulation_words(table.gain[step - 1, number], table.bias[step - 1, number], SMALL.width)
            wrong += memory[base:base + fields["words"]] != expected
    assert set(seen.values()) == {model.norms - 1} and len(seen) == compiled.plan.steps
    return wrong


def test_each_norm_reads_the_tables_of_its_step_and_context():
    assert norms_read_wrong_tables(ranged([1, 2, 2, 1])) == 0


def test_a_segment_that_begins_at_a_wrong_table_is_found():
    compiled = ranged([1, 2, 2, 1])
    first, second, third = compiled.segments
    wrong = replace(second, modulation=second.modulation + second.layout.token_words)
    planted = ProgramWriter(compiled.model, (first, wrong, third), draws_noise=False).write().encoded()
    assert norms_read_wrong_tables(replace(compiled, descriptors=tuple(planted))) == 2 * 2 * TINY.config.norms


def test_guidance_in_a_range_differs_from_both_and_costs_in_between():
    nowhere, inside, everywhere = (ranged(contexts) for contexts in ([1, 1, 1], [1, 2, 1], [2, 2, 2]))
    drawn = [images(compiled) for compiled in (nowhere, inside, everywhere)]
    assert (drawn[0][1] == drawn[1][1]).all()       # up to the range it is unguided
    assert (drawn[0][2] != drawn[1][2]).any() and (drawn[1][3] != drawn[2][3]).any()
    work = [predict(compiled.descriptors, SMALL).macs for compiled in (nowhere, inside, everywhere)]
    assert work[1] - work[0] == (work[2] - work[0]) / 3 == work[0] / 3


def test_a_step_of_one_context_costs_what_it_costs_alone():
    """From step end to step end; the registers that a segment sets are all that is more."""
    each = np.diff(predict(ranged([1, 2, 1]).descriptors, SMALL).step_cycles)
    alone, guided = (np.diff(predict(ranged([contexts] * 3).descriptors, SMALL).step_cycles) for contexts in (1, 2))
    assert each[0] == alone[0]
    assert abs(each[1] - guided[1]) < 20 and abs(each[2] - alone[2]) < 20


def test_an_estimate_tells_steps_of_one_and_two_contexts_apart():
    compiled = ranged([1, 1, 2, 2])
    ends = predict(compiled.descriptors, SMALL).step_cycles
    made = estimate(compiled.descriptors, SMALL, 4, compiled.plan.contexts)
    assert made.step_cycles[:2] == ends[:2] and made.each[0] == made.each[1] and made.each[2] == made.each[3]
    assert made.each[2] == ends[3] - ends[2] == made.longest
    assert abs(made.cycles - ends[-1]) < 20


def test_zeros_are_counted_over_every_evaluation_that_there_is():
    zeros = ZeroShares(TINY.config)
    for step in steps_of(ranged([1, 2, 1]), LABEL, seed=3):
        zeros.add(step)
    assert zeros.values["blocks.0.scores"] == (1 + 2 + 1) * TINY.config.tokens * TINY.config.channels


@pytest.mark.parametrize(("step_contexts", "words"), [
    ([1, 3], "step 2 has 3 contexts; expected 1 or 2"),
    ([0, 2], "step 1 has 0 contexts; expected 1 or 2"),
])
def test_bad_contexts_get_one_sentence(step_contexts, words):
    with pytest.raises(CompileError) as caught:
        ranged(step_contexts)
    assert words in str(caught.value) and "\n" not in str(caught.value)


# --- dense lanes -------------------------------------------------------------------------------------------------


def test_dense_lanes_have_one_table_for_all_segments():
    compiled = ranged([1, 2, 1], HYBRID)
    entries = {(fields["split_base"], fields["left_memory"]) for opcode, fields in map(decode, compiled.descriptors)
               if opcode is Opcode.ARRAY and fields["split"]}
    alone = {(fields["split_base"], fields["left_memory"])
             for opcode, fields in map(decode, ranged([2, 2], HYBRID).descriptors)
             if opcode is Opcode.ARRAY and fields["split"]}
    assert entries == alone and len(entries) > 5
    decisions = [fields for opcode, fields in map(decode, compiled.descriptors)
                 if opcode is Opcode.ARRAY and fields["decide"]]
    assert len(decisions) == len(compiled.segments)


# --- programs of some steps --------------------------------------------------------------------------------------


def test_parts_hold_descriptors_alone_and_begin_at_their_step():
    compiled = ranged([1, 2, 2, 1])
    for first, last in ((1, 1), (2, 4), (3, 3), (1, 4)):
        part = compile_steps(compiled, first, last)
        segment = parse_segment(part.segment, SMALL)
        assert segment.kind is Kind.CONDITIONING
        assert [(section.memory, section.start) for section in segment.sections] == [(Memory.PROGRAM, 0)]
        assert tuple(segment.sections[0].words) == part.descriptors
        steps = [step for step, _ in norm_tables(part.descriptors)]
        assert list(dict.fromkeys(steps)) == list(range(first, last + 1))
        of_whole = [fields["table_base"] for step, fields in norm_tables(compiled.descriptors) if first <= step <= last]
        assert [fields["table_base"] for _, fields in norm_tables(part.descriptors)] == of_whole
        assert len(predict(part.descriptors, SMALL).step_cycles) == last - first + 1 + (first == 1)
    assert compile_steps(compiled, 1, 4).descriptors == compiled.descriptors
    assert parse_segment(compile_steps(compiled, 1, 1, Kind.PROGRAM).segment, SMALL).kind is Kind.PROGRAM


@pytest.mark.parametrize(("first", "last"), [(0, 2), (2, 1), (3, 5), (5, 5)])
def test_steps_that_are_not_there_get_one_sentence(first, last):
    with pytest.raises(CompileError, match=f"steps {first} to {last} are asked for; expected a range within 1 to 4"):
        compile_steps(ranged([1, 2, 2, 1]), first, last)


@pytest.mark.parametrize("hardware", [SMALL, HYBRID], ids=lambda hardware: hardware.name)
def test_parts_take_the_work_of_the_whole(hardware):
    compiled = ranged([1, 2, 1], hardware)
    whole = predict_drawing(compiled, LABEL, 3)
    parts = predict_parts(compiled, LABEL, 3, [compile_steps(compiled, 1, 1), compile_steps(compiled, 2, 3)])
    assert sum(part.macs for part in parts) == whole.macs
    assert sum(part.macs_offered for part in parts) == whole.macs_offered
    assert abs(sum(part.cycles for part in parts) - whole.cycles) < 50
    assert parts[0].dense_shares + parts[1].dense_shares == whole.dense_shares


def test_masks_that_do_not_carry_over_would_be_found():
    compiled = ranged([1, 2, 1], HYBRID)
    _, second = predict_parts(compiled, LABEL, 3, [compile_steps(compiled, 1, 1), compile_steps(compiled, 2, 3)])
    forgetful = DrawingTiming(compiled, compile_steps(compiled, 2, 3))      # with the masks of the first step
    for step in steps_of(compiled, LABEL, seed=3)[2:]:
        forgetful.follow(step)
    assert forgetful.finish().cycles > second.cycles


def test_parts_that_do_not_follow_each_other_get_one_sentence():
    compiled = ranged([1, 2, 1])
    with pytest.raises(CompileError, match="a part begins with step 3; expected 2"):
        predict_parts(compiled, LABEL, 3, [compile_steps(compiled, 1, 1), compile_steps(compiled, 3, 3)])


def test_parts_of_a_drawing_that_ends_early_get_one_sentence():
    compiled = ranged([1, 1, 1])
    noise, first, *rest = compiled.plan.rows
    rows = (noise, replace(first, stop_below=2**32 - 1), *rest)
    early = replace(compiled, plan=replace(compiled.plan, rows=rows))
    with pytest.raises(CompileError, match="the drawing ends before step 3; expected a sampler that"):
        predict_parts(early, LABEL, 3, [compile_steps(early, 1, 1), compile_steps(early, 2, 3)])


def test_the_noise_goes_on_where_the_parts_before_have_left_it():
    compiled = next(system for system in (random_system(np.random.default_rng(seed), SMALL) for seed in range(50))
                    if system.plan.draws_noise and system.plan.steps == 3)
    drawn = [step.noise for step in steps_of(compiled, NO_LABEL, seed=5)]
    for first in (2, 3):
        generator = NoiseGenerator(noise_state(compiled, 5, first))
        assert (draw_noise(generator, compiled.model) == drawn[first]).all()
    assert noise_state(compiled, 5, 1) == tuple(NoiseGenerator.from_seed(5).state)
    euler = ranged([1, 2, 1])
    assert noise_state(euler, 5, 2) == noise_state(euler, 5, 3) != noise_state(euler, 5, 1)


# --- what fits where ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["avatars", "cifar"])
@pytest.mark.parametrize("runs", [[(2, 24)], [(1, 24)], [(1, 4), (2, 12), (1, 8)]])
def test_large_holds_the_models_in_colour(name, runs):
    model = blank(load_model(CONFIGS / "models" / f"{name}.toml"))
    fit(model, LARGE, runs)
    assert holders(model, runs) == ["configs/large.toml"]


def test_large_is_no_larger_than_needed():
    model = blank(load_model(CONFIGS / "models" / "cifar.toml"))
    needs = Layout(model.config, LARGE, contexts=2, steps=24).needs()
    assert {name: LARGE.memory_shapes[name][0] for name in needs} == needs
    with pytest.raises(CompileError, match="raise hardware.slot_rows"):
        fit(model, replace(LARGE, slot_rows=LARGE.slot_rows - 1), [(2, 24)])
    for field, least in (("weight_words", 45_656), ("program_words", 662)):     # what is above holds 8-bit groups
        fit(model, replace(LARGE, **{field: least}), [(1, 4), (2, 12), (1, 8)])
        with pytest.raises(CompileError, match=f"raise hardware.{field}"):
            fit(model, replace(LARGE, **{field: least - 1}), [(1, 4), (2, 12), (1, 8)])


@pytest.mark.parametrize("change,message", [
    ({"slots": 2}, "hardware.slots is 2; expected 4 or more for a drawing"),
    ({"lanes": 4, "dense_lanes": 4}, "hardware.lanes is 4 beside dense lanes; expected 8 or more"),
])
def test_hardware_on_which_no_drawing_would_end_is_refused(change, message):
    with pytest.raises(CompileError, match=message):
        fit(blank(load_model(CONFIGS / "models" / "cifar.toml")), replace(LARGE, **change), [(2, 24)])


def test_large_has_room_for_groups_of_8_bits():
    config = load_model(CONFIGS / "models" / "cifar.toml")
    fit(blank(config, ("blocks.0.attention", "blocks.0.hidden", "blocks.5.hidden")), LARGE, [(2, 24)])


def test_rows_of_the_weight_store_are_counted_right():
    compiled = compile_checkpoint(TINY, HardwareConfig(), steps=1, guidance=1.0)
    assert len(weight_words(compiled.model, 16)) == sum(layer_rows(layer, 16)
                                                        for layer in fitting.all_layers(compiled.model))


def test_a_refusal_names_the_configurations_that_would_hold_the_model(monkeypatch, tmp_path):
    config = load_model(CONFIGS / "models" / "cifar.toml")
    with pytest.raises(CompileError, match=r"raise hardware.\w+; configs/large.toml would hold it$"):
        fitting.check_layout(config, HardwareConfig(), contexts=2, steps=24)
    with pytest.raises(CompileError, match="raise hardware.modulation_words; no file of configs/ would hold it$"):
        fitting.check_layout(config, HardwareConfig(), contexts=2, steps=10**9)
    with pytest.raises(CompileError, match="configs/default.toml, .*configs/hybrid.toml, .*would hold it$"):
        compile_checkpoint(TINY, HardwareConfig(weight_words=64), steps=2, guidance=2.0)
    (tmp_path / "odd.toml").write_text("[hardware]\nlanes = 3\n")
    monkeypatch.setattr(fitting, "CONFIGS", tmp_path)
    with pytest.raises(CompileError, match=f"; no file of {tmp_path.name}/ would hold it$"):    # odd.toml is none
        fitting.check_layout(config, HardwareConfig(), contexts=2, steps=24)
