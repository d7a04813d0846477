"""Random models on the small core: every value that it writes, and every cycle that it takes, is as foretold."""

from pathlib import Path

import numpy as np
import pytest

from golden.spec.hardware import load_hardware
from sim import seed as seeds
from sim.core import build_core
from sim.fuzz import explain, try_system
from sim.random_model import random_system
from sim.units import config_file

COUNT = 6
SMALL = Path(config_file("small"))


@pytest.fixture(scope="module")
def build():
    return build_core(SMALL)


@pytest.mark.parametrize("number", range(COUNT))
def test_a_random_model_is_drawn_bit_for_bit_in_the_predicted_cycles(build, number):
    outcome = try_system(SMALL, build, seeds.seed() + number)
    assert outcome.good, explain(outcome, SMALL)
    assert outcome.values > 1000


@pytest.mark.parametrize("seed", [1, 3])
def test_a_model_whose_norm_cannot_keep_pace_waits_for_the_whole_layer(build, seed):
    """Shapes that once met at a residual port: expansion 1 ahead of the decoder's norm; one word a token."""
    outcome = try_system(SMALL, build, seed)
    assert outcome.good, explain(outcome, SMALL)


def test_random_models_are_the_same_for_the_same_seed():
    hardware = load_hardware(SMALL)
    first, second = (random_system(np.random.default_rng(5), hardware) for _ in range(2))
    assert first.program == second.program
