"""Particle search: draws follow the weights, copies diverge, and the reward rises with the number of particles."""

import asyncio
import math
import random
from collections import Counter

import pytest

from boards.host.particles import Latent, SearchPlan, relative_weights, search, systematic_draw
from golden.spec.validation import ConfigError


class Walk:
    """A population whose particles are sums of one unit normal a step, kept as the only pixel, in thousandths."""

    def __init__(self):
        self.runs = []

    async def run(self, first, last, latents, seeds):
        self.runs.append((first, last, tuple(latents), tuple(seeds)))
        results = []
        for latent, seed in zip(latents, seeds, strict=True):
            chance = random.Random(seed)
            moved = round(1000 * sum(chance.gauss() for _ in range(first, last + 1)))
            place = (latent.image[0] if latent else 0) + moved
            results.append(Latent((place,), (place,)))
        return results


def height(images):
    return [image[0] / 1000 for image in images]


def found(particles, seed, temperature=0.5, checks=(1, 2, 3, 4, 5)):
    plan = SearchPlan(particles=particles, steps=6, checks=checks, temperature=temperature, seed=seed)
    return asyncio.run(search(Walk(), height, plan))


def test_more_particles_find_a_greater_reward():
    means = [sum(max(found(count, seed).rewards) for seed in range(40)) / 40 for count in (1, 4, 16)]
    assert means[0] + 1 < means[1] and means[1] + 0.5 < means[2], means


def test_the_same_seed_repeats_and_another_differs():
    assert found(4, 3) == found(4, 3)
    assert found(4, 3).rewards != found(4, 4).rewards


def test_particles_stand_for_the_reward_weighted_distribution():
    """A normal of variance 6, weighted with exp(height / temperature): its mean moves by 6 / temperature."""
    rewards = [reward for seed in range(200) for reward in found(16, seed, temperature=4.0).rewards]
    # exp of the last gain is not drawn upon, so five of six steps are shifted
    assert sum(rewards) / len(rewards) == pytest.approx(5 / 4, abs=0.25)


def test_a_particle_goes_on_from_its_parent_with_noise_of_its_own():
    walk = Walk()
    plan = SearchPlan(particles=8, steps=3, checks=(2,), temperature=0.1, seed=1)
    result = asyncio.run(search(walk, height, plan))
    (first, last, begun, _), (second, end, latents, seeds) = walk.runs
    assert (first, last, second, end) == (1, 2, 3, 3) and begun == (None,) * 8
    assert len(set(seeds)) == 8 and len(set(latents)) < 8
    assert [latent.image[0] / 1000 for latent in latents] == [result.history[0][parent] for parent in result.parents[0]]
    assert result.rewards[result.best] == max(result.rewards)


@pytest.mark.parametrize("weights", [[0.5, 0.25, 0.25, 0.0], [1.0], [0.1] * 10, [0.97, 0.01, 0.01, 0.01]])
def test_a_draw_gives_each_its_share_rounded_either_way(weights):
    for offset in (0.0, 0.3, 0.999):
        drawn = Counter(systematic_draw(weights, offset))
        assert sum(drawn.values()) == len(weights)
        for index, weight in enumerate(weights):
            share = weight * len(weights)
            assert math.floor(share - 1e-9) <= drawn[index] <= math.ceil(share + 1e-9)


def test_weights_survive_large_logarithms():
    assert relative_weights([1e6, 1e6, -1e6]) == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("values,message", [
    ({"particles": 0}, "particles is 0"), ({"temperature": 0}, "temperature is 0"),
    ({"checks": (3, 2)}, "checks are 3, 2"),
    ({"checks": (6,)}, "expected rising steps from 1 to 5"), ({"checks": (0, 2)}, "checks are 0, 2"),
])
def test_a_plan_that_cannot_be_is_one_sentence(values, message):
    with pytest.raises(ConfigError, match=message):
        SearchPlan(**{"particles": 2, "steps": 6, "checks": (2,), "temperature": 1.0} | values)


@pytest.mark.parametrize("answer", [[1.0], [math.nan, 1.0], None, ["a", "b"]])
def test_a_reward_that_does_not_answer_is_one_sentence(answer):
    plan = SearchPlan(particles=2, steps=2, checks=(1,), temperature=1.0)
    with pytest.raises(ConfigError, match="the reward gave .*expected a"):
        asyncio.run(search(Walk(), lambda images: answer, plan))
