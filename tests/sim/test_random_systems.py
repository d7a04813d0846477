"""Random models on small cores: every value that it writes, and every cycle that it takes, is as foretold."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from golden.compile.operands import predict_drawing
from golden.integer.evaluate import sample
from golden.spec.hardware import load_hardware
from sim import seed as seeds
from sim.core import build_core
from sim.fuzz import explain, try_system
from sim.random_case import compile_case, group_layers, random_case, random_system
from sim.random_model import LABEL
from sim.units import config_file

COUNT = int(os.environ.get("HALFTONE_SYSTEMS", "5"))
"""Models of each configuration; `make coverage` draws more, so that rare kinds come too."""
SMALL = Path(config_file("small"))


@pytest.fixture(scope="module", params=["small", "small_hybrid", "small_sdram"])
def core(request):
    """File and build of a configuration without and with dense lanes, and with weights in an SDRAM."""
    config = Path(config_file(request.param))
    return config, build_core(config)


@pytest.mark.parametrize("number", range(COUNT))
def test_a_random_model_is_drawn_bit_for_bit_in_the_predicted_cycles(core, number):
    config, build = core
    outcome = try_system(config, build, seeds.seed() + number)
    assert outcome.good, explain(outcome, config)
    assert outcome.values > 1000


def test_random_models_are_the_same_for_the_same_seed():
    hardware = load_hardware(SMALL)
    first, second = (random_system(np.random.default_rng(5), hardware) for _ in range(2))
    assert first.program == second.program


def test_random_models_are_guided_everywhere_nowhere_and_in_between():
    hardware = load_hardware(SMALL)
    found = {frozenset(random_system(np.random.default_rng(seed), hardware).plan.contexts) for seed in range(16)}
    assert found == {frozenset({1}), frozenset({2}), frozenset({1, 2})}


def test_some_random_models_end_early_and_most_do_not():
    hardware = load_hardware(SMALL)
    early = 0
    for seed in range(12):
        compiled = random_system(np.random.default_rng(seed), hardware)
        *_, last = sample(compiled.model, compiled.contexts(LABEL), compiled.plan, seed)
        early += last.number < compiled.plan.evaluations
    assert 0 < early < 6


def test_random_models_have_8_bit_groups_of_every_kind_in_one_run_of_blocks_and_in_several():
    hardware = load_hardware(SMALL)
    cases = [random_case(np.random.default_rng(seed), hardware) for seed in range(60)]
    layers = [group_layers(case.eight_bit, case.model.blocks) for case in cases]
    runs = [1 + sum(one != other for one, other in pairwise(blocks)) for blocks in layers]
    groups = [{name.rpartition(".")[2] for name in case.eight_bit} for case in cases]
    assert sum(not found for found in groups) >= 4
    assert {"attention"} in groups and {"hidden"} in groups
    assert max(runs) > 1
    assert any(found and count == 1 for found, count in zip(groups, runs, strict=True))
    assert any("blocks.0.attention" in case.eight_bit for case in cases)        # patches beside planes


def test_a_compiled_case_has_the_8_bit_groups_that_it_says():
    hardware = load_hardware(SMALL)
    cases = [random_case(np.random.default_rng(seed), hardware) for seed in range(12)]
    chosen = next(case for case in cases if case.eight_bit)
    assert set(compile_case(chosen, hardware).model.eight_bit) == set(chosen.eight_bit)


def test_random_models_have_few_and_many_zeros():
    hardware = load_hardware(SMALL)
    shares = []
    for seed in range(8):
        prediction = predict_drawing(random_system(np.random.default_rng(seed), hardware), LABEL, seed)
        shares.append(1 - prediction.macs / prediction.macs_offered)
    assert min(shares) < 0.5 < 0.6 < max(shares)
