"""Samplers: integer rows against the papers' formulas, orders of convergence, guidance, and when a drawing stops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from golden.integer import pixel
from golden.integer.plan import PIXEL_ONE, SamplerPlan, StepRow, coefficient, make_plan
from golden.integer.samplers import SAMPLERS, evaluations
from golden.model import sampler as float_sampler
from golden.model.sampler import times
from golden.model.solvers import SOLVERS, Point
from golden.spec import numbers
from golden.spec.validation import ConfigError
from sim import seed as seeds

BITS = 10
VELOCITY_ONE = PIXEL_ONE / 2**BITS
MEAN, DEVIATION = 0.4, 0.3


def gaussian(x, t):
    """The exact velocity of data that is normal with MEAN and DEVIATION."""
    variance = (1 - t) ** 2 + t**2 * DEVIATION**2
    return MEAN + (t * DEVIATION**2 - (1 - t)) / variance * (x - t * MEAN)


def bent(x, t):
    """A velocity that is not linear in x, so that a wrong x shows."""
    return np.sin(3 * x + 2 * t) - 0.5 * x


def toy(x, t, guidance, field=bent):
    """Guided velocity of two branches that differ."""
    conditional, unconditional = field(x, t), 0.3 * field(x, t) - 0.2
    return unconditional + guidance * (conditional - unconditional), conditional, unconditional


def follow(plan: SamplerPlan, x, fresh, field=bent) -> list[tuple[np.ndarray, np.ndarray]]:
    """The integer rows in exact arithmetic, without rounding of pixels: (x, clean) after each evaluation."""
    one, clean, way = 1 << numbers.STEP_FRACTION_BITS, np.zeros_like(x), []
    for number, (row, t) in enumerate(zip(plan.rows[1:], plan.times, strict=True), 1):
        _, conditional, unconditional = toy(x, t, 1.0, field)
        velocities = [v / VELOCITY_ONE for v in (conditional, unconditional)]
        noise = fresh(number) * numbers.NOISE_DEVIATION / PIXEL_ONE
        x, clean = ((row.keep * x + row.guided * velocities[0] + row.unguided * velocities[1] + row.noise * noise
                     + row.history * clean) / one,
                    (row.clean_keep * x + row.clean_guided * velocities[0] + row.clean_unguided * velocities[1]) / one)
        way.append((x, clean))
    return way


@pytest.fixture
def noises():
    generator = seeds.numpy_generator("samplers")
    return generator.standard_normal((20, 50))


@pytest.mark.parametrize("guidance", [1.0, 2.5])
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_integer_rows_are_the_papers_sampler(sampler, steps, guidance, noises):
    """Coefficients are rounded to 1/8192 at most, and each step adds a few of these to values of about 1."""
    plan = make_plan(sampler, times(steps), guidance, BITS, 1)
    got = follow(plan, noises[0], lambda number: noises[number])
    expected = SOLVERS[sampler](lambda x, t, step: toy(x, t, guidance)[0], noises[0], times(steps), eta=1.0,
                                fresh=lambda number: noises[number])
    for (x, clean), point in zip(got, expected, strict=True):
        assert np.abs(x - point.x).max() < 0.01
        assert np.abs(clean - point.clean).max() < 0.01


@pytest.mark.parametrize("sampler", ["heun", "dpm", "maruyama"])
def test_a_planted_error_in_a_row_shows(sampler, noises):
    """A history, or a strength of the noise, that is left out is far outside the bound of the test above."""
    plan = make_plan(sampler, times(7), 1.0, BITS, 1)
    spoiled = SamplerPlan(tuple(StepRow(**{**vars(row), "history": 0, "noise": 0}) for row in plan.rows), plan.times)
    honest, wrong = (follow(p, noises[0], lambda number: noises[number])[-1][0] for p in (plan, spoiled))
    assert np.abs(honest - wrong).max() > 0.05


def flow(noise, t):
    """Where the exact flow of a Gaussian brings noise by t."""
    return t * MEAN + math.sqrt((1 - t) ** 2 + t**2 * DEVIATION**2) * noise


def error(sampler, grid):
    """Largest error at the end of ``grid``, against the exact flow of a Gaussian."""
    noise = np.linspace(-2, 2, 9)
    *_, last = SOLVERS[sampler](lambda x, t, step: gaussian(x, t), flow(noise, grid[0]), grid)
    return np.abs(last.x - flow(noise, grid[-1])).max()


@pytest.mark.parametrize(("sampler", "least", "most"), [("euler", 1.9, 2.1), ("heun", 3.8, 4.2)])
def test_order_of_convergence(sampler, least, most):
    """Halving the steps' length halves the error of order 1, and quarters that of order 2."""
    for steps in (40, 80, 160):
        assert least < error(sampler, times(steps)) / error(sampler, times(2 * steps)) < most


def test_order_of_convergence_of_dpm():
    """It is of order 2 in lambda, of which a finite stretch is given here, in steps that are alike.

    From t = 0 to 1 in steps alike in t, those at both ends stay long in lambda; each adds dt^2 / (its distance from the
    end in steps), so the error is dt^2 log(1 / dt), and the ratio comes near 4 but slowly.
    """
    def grid(steps):
        return [1 / (1 + math.exp(-length)) for length in np.linspace(-3, 3, steps + 1)]

    for steps in (80, 160):
        assert 3.8 < error("dpm", grid(steps)) / error("dpm", grid(2 * steps)) < 4.2
    for steps in (320, 640):
        bound = error("dpm", times(steps)) / (math.log(steps) / steps**2)
        assert 0.97 < error("dpm", times(2 * steps)) / (math.log(2 * steps) / (2 * steps) ** 2) / bound < 1.06


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_the_stochastic_sampler_keeps_mean_and_variance(eta):
    """20,000 samples: the mean is known to 0.002 and the deviation to 0.0015; bounds are four of these and the step."""
    generator = np.random.default_rng(seeds.seed())
    *_, last = SOLVERS["maruyama"](lambda x, t, step: gaussian(x, t), generator.standard_normal(20_000), times(200),
                                   eta=eta, fresh=lambda number: generator.standard_normal(20_000))
    assert abs(last.x.mean() - MEAN) < 0.012
    assert abs(last.x.std() - DEVIATION) < 0.012


def test_euler_rows_are_keep_change_and_nothing_else():
    """By hand: two steps, velocity in 1/1024, guidance 2: dt 4096/1024 = 2, so 4 guided and -2 unguided."""
    one = 1 << numbers.STEP_FRACTION_BITS
    plan = make_plan("euler", [0.0, 0.5, 1.0], 2.0, BITS, 1)
    first = StepRow(keep=one, guided=4 * one, unguided=-2 * one, clean_keep=one, clean_guided=8 * one,
                    clean_unguided=-4 * one, contexts=2)
    assert plan.rows[0] == StepRow(noise=coefficient(4096 / numbers.NOISE_DEVIATION))
    assert plan.rows[1] == first
    assert plan.rows[2] == StepRow(**{**vars(first), "clean_guided": 4 * one, "clean_unguided": -2 * one})


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("steps", [1, 2, 5, 50])
def test_the_last_step_goes_to_the_predicted_image(sampler, shift, steps):
    last = make_plan(sampler, times(steps, shift), 2.0, BITS, 1).rows[-1]
    assert (last.keep, last.guided, last.unguided) == (last.clean_keep, last.clean_guided, last.clean_unguided)
    assert last.noise == last.history == 0
    generator = seeds.numpy_generator("last step")
    x, clean, guided, unguided = (generator.integers(-32768, 32768, 1000) for _ in range(4))
    noise = generator.integers(-1020, 1021, 1000)
    latent, predicted = pixel.sampler_step(x, clean, guided, unguided, noise, last)
    assert np.array_equal(latent, predicted)


def test_the_second_step_of_dpm_has_no_history_as_lambda_begins_at_infinity():
    rows = make_plan("dpm", times(4), 1.0, BITS, 1).rows
    assert [row.history != 0 for row in rows] == [False, False, False, True, False]


def test_heun_evaluates_twice_but_for_the_last_step():
    plan = make_plan("heun", [0.0, 0.25, 1.0], 1.0, BITS, 1, stop=0.1)
    assert plan.times == (0.0, 0.25, 0.25)
    assert [bool(row.stop_below) for row in plan.rows] == [False, False, False, True]
    for sampler in SAMPLERS:
        for steps in (1, 2, 9):
            assert make_plan(sampler, times(steps), 1.0, BITS, 1).evaluations == evaluations(sampler, steps)


def test_stop_is_a_mean_absolute_change():
    """0.01 of 1 = 4096 over 200 pixels is 8192; from the second evaluation on."""
    plan = make_plan("dpm", times(4), 1.0, BITS, 200, stop=0.01)
    assert [row.stop_below for row in plan.rows] == [0, 0, 8192, 8192, 8192]
    before, after = np.array([5, -7, 30]), np.array([-5, -7, 33])
    assert pixel.update(before, after) == 13
    assert pixel.update(np.full(1 << 17, -32768), np.full(1 << 17, 32767)) == (1 << 32) - 1


def test_guidance_counts_where_a_step_starts_within_its_range():
    plan = make_plan("heun", [0.0, 0.25, 0.5, 1.0], 3.0, BITS, 1, guidance_range=(0.25, 0.5))
    assert plan.times == (0.0, 0.25, 0.25, 0.5, 0.5)
    assert [row.contexts for row in plan.rows] == [0, 1, 1, 2, 2, 1]
    alone = make_plan("heun", [0.0, 0.25, 0.5, 1.0], 1.0, BITS, 1)
    assert [row.contexts for row in alone.rows] == [0, 1, 1, 1, 1, 1]
    assert [a == b for a, b in zip(plan.rows, alone.rows, strict=True)] == [True, True, True, False, False, True]


def test_the_float_samplers_guide_in_the_same_range():
    """A velocity that counts its branches: two images a call where guided, one elsewhere."""
    seen = []

    def velocity(x, t, labels):
        seen.append((round(float(t[0]), 3), len(x)))
        return torch.zeros_like(x)

    way = float_sampler.draw(velocity, torch.zeros(1, 1, 2, 2), torch.tensor([[0]]), no_label=(1,), sampler="heun",
                             steps=4, guidance=3.0, guidance_range=(0.25, 0.75))
    assert seen == [(0, 1), (0.25, 1), (0.25, 2), (0.5, 2), (0.5, 2), (0.75, 2), (0.75, 1)]
    assert len(way) == 8 and all(isinstance(point, Point) for point in way)


@pytest.mark.parametrize(("choices", "words"), [
    ({"sampler": "rk4"}, "sampler is 'rk4'; expected one of euler, heun, dpm, maruyama"),
    ({"times": [0.0, 0.5]}, "expected them to rise from 0 to 1"),
    ({"times": [0.0, 0.5, 0.5, 1.0]}, "expected them to rise from 0 to 1"),
    ({"guidance_range": (0.6, 0.5)}, "guidance range is 0.6 to 0.5"),
    ({"guidance_range": (math.nan, 0.5)}, "guidance range is nan to 0.5"),
    ({"eta": -1.0}, "eta is -1.0"),
    ({"eta": math.inf}, "eta is inf"),
    ({"stop": math.nan}, "stop is nan"),
    ({"stop": 1e9}, "stop is 1000000000.0, which 32 bits do not hold for 100 pixels"),
    ({"guidance": 40.0}, "a sampler coefficient is 80.000"),
])
def test_a_plan_that_cannot_be_made_is_one_sentence(choices, words):
    given = {"sampler": "euler", "times": [0.0, 0.5, 1.0], "guidance": 1.0, "residual_fraction_bits": BITS,
             "pixels": 100, **choices}
    with pytest.raises(ConfigError) as caught:
        make_plan(**given)
    assert words in str(caught.value) and "\n" not in str(caught.value)
