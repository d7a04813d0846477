"""Particle search: several drawings side by side, the promising ones continued, on one load of the weights.

Sequential Monte Carlo over the denoising steps, as in diffusion alignment by expectation maximisation at test time
(arXiv 2510.00502, its E-step without gradients): at chosen steps the host scores each particle's predicted clean image
with a reward, and draws the next particles among them in proportion to exp(reward / temperature). The core's own noise,
another seed for each particle, makes copies of one particle differ again, so the sampler must draw noise.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from golden.spec.validation import ConfigError, require

SEED_BITS = 64
Reward = Callable[[Sequence[Sequence[int]]], Sequence[float]]
"""Clean images, each its pixels as integers, to a number for each: the more, the better."""


class Latent(NamedTuple):
    """One particle between two steps: the noisy image and the predicted clean one, pixels as int16, one is 4096."""

    image: tuple[int, ...]
    clean: tuple[int, ...]


class Population(Protocol):
    """Something that runs denoising steps on particles: a core behind a link, or the integer reference."""

    async def run(self, first: int, last: int, latents: Sequence[Latent | None], seeds: Sequence[int]) -> list[Latent]:
        """Steps ``first`` to ``last`` of each particle, from 1; None for one that begins with noise of its own."""


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """How to search. Raises ``ConfigError`` (one sentence) for a value that cannot be used."""

    particles: int
    steps: int
    checks: tuple[int, ...]      # steps after which particles are scored and drawn anew, rising, below ``steps``
    temperature: float           # of the reward: the lower, the greedier
    seed: int = 0                # of the particles' noise and of the draws

    def __post_init__(self) -> None:
        require(isinstance(self.particles, int) and self.particles >= 1,
                f"particles is {self.particles!r}; expected an integer from 1 on")
        require(isinstance(self.temperature, int | float) and self.temperature > 0,
                f"temperature is {self.temperature!r}; expected a number above 0")
        rising = all(low < high for low, high in zip((0, *self.checks), (*self.checks, self.steps), strict=True))
        require(rising, f"checks are {', '.join(map(str, self.checks)) or 'none'}; "
                        f"expected rising steps from 1 to {self.steps - 1}")

    @property
    def intervals(self) -> list[tuple[int, int]]:
        """First and last step of each run between two checks."""
        ends = (0, *self.checks, self.steps)
        return [(start + 1, end) for start, end in zip(ends, ends[1:], strict=False)]


@dataclass(frozen=True)
class Found:
    """What a search found."""

    latents: tuple[Latent, ...]             # after the last step
    rewards: tuple[float, ...]              # of them
    history: tuple[tuple[float, ...], ...]  # rewards at each check, before the draw
    parents: tuple[tuple[int, ...], ...]    # at each check, which particle each one goes on from

    @property
    def best(self) -> int:
        """The particle with the greatest reward."""
        return max(range(len(self.rewards)), key=self.rewards.__getitem__)


def relative_weights(logarithms: Sequence[float]) -> list[float]:
    """Weights that sum to 1, from their logarithms."""
    largest = max(logarithms)
    weights = [math.exp(value - largest) for value in logarithms]
    total = sum(weights)
    return [weight / total for weight in weights]


def systematic_draw(weights: Sequence[float], offset: float) -> tuple[int, ...]:
    """As many indices as weights, each about weight x count times; ``offset`` in [0, 1) is the only chance in it.

    Systematic resampling (Carpenter, Clifford and Fearnhead, IEE Proceedings F 146, 1999): evenly spaced points on the
    cumulative weights.
    """
    count = len(weights)
    drawn = []
    index, reached = 0, weights[0]
    for number in range(count):
        point = (number + offset) / count
        while reached <= point and index < count - 1:
            index += 1
            reached += weights[index]
        drawn.append(index)
    return tuple(drawn)


def checked(rewards: Sequence[float], count: int) -> tuple[float, ...]:
    """A reward's answer; raises ``ConfigError`` unless it is a finite number for each image."""
    try:
        numbers = tuple(float(reward) for reward in rewards)
    except (TypeError, ValueError):
        raise ConfigError(f"the reward gave {rewards!r}; expected a number for each of {count} images") from None
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise ConfigError(f"the reward gave {list(numbers)}; expected a finite number for each of {count} images")
    return numbers


async def search(population: Population, reward: Reward, plan: SearchPlan) -> Found:
    """Run the search; raises ``ConfigError`` for a reward that does not answer as it should.

    A particle's weight at a check is exp of what its reward gained since the last, over the temperature, so that the
    last particles stand for images in proportion to exp(reward / temperature).
    """
    chance = random.Random(plan.seed)
    latents: list[Latent | None] = [None] * plan.particles
    known = (0.0,) * plan.particles
    history: list[tuple[float, ...]] = []
    parents: list[tuple[int, ...]] = []
    for first, last in plan.intervals:
        seeds = [chance.getrandbits(SEED_BITS) for _ in latents]
        ran = await population.run(first, last, latents, seeds)
        rewards = checked(reward([latent.clean for latent in ran]), len(ran))
        if last == plan.steps:
            return Found(tuple(ran), rewards, tuple(history), tuple(parents))
        gains = [(now - before) / plan.temperature for now, before in zip(rewards, known, strict=True)]
        chosen = systematic_draw(relative_weights(gains), chance.random())
        history.append(rewards)
        parents.append(chosen)
        latents = [ran[index] for index in chosen]
        known = tuple(rewards[index] for index in chosen)
    raise AssertionError("the last interval ends at the last step")
