"""Draw many images by the integer reference: batches, and processes that share them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from tqdm import tqdm

from golden.integer import batch_kernels, pixel
from golden.integer.batch import BatchEvaluator, to_images
from golden.integer.model import IntegerModel, Modulation
from golden.integer.plan import SamplerPlan
from golden.integer.processes import one_thread_each
from golden.integer.workload import ZeroShares
from golden.spec.model import ModelConfig
from golden.spec.seed import generator_state
from golden.spec.validation import require

Contexts = tuple[Modulation, ...]
"""Modulations of one image: the unguided context first where there are two, the guided (or only) one last."""
BATCH = 4
"""Images at a time; with 8, those of 256 tokens took longer each (docs/performance.md)."""
WORKERS = 2
WORKERS_FROM = 100
"""Images; for fewer, processes take longer to start than they save."""


class BatchNoise:
    """``NoiseGenerator`` and ``evaluate.draw_noise`` for one generator for each of B seeds."""

    def __init__(self, seeds: Sequence[int], config: ModelConfig) -> None:
        self.config = config
        self.state = np.array([generator_state(int(seed)) for seed in seeds], dtype=np.int64)

    def images(self) -> np.ndarray:
        """The next noise of each, (B, C, H, H) int64."""
        values = np.empty((len(self.state), self.config.tokens * self.config.token_pixels), dtype=np.int64)
        batch_kernels.noise(self.state, values)
        return to_images(values, self.config)


def stacked(tables: Sequence[Modulation]) -> tuple[np.ndarray, np.ndarray]:
    """Gains and biases of one context of every image, (B, steps, norms, D); (1, ...) where all share one table."""
    different = tables[:1] if all(table is tables[0] for table in tables) else tables
    return np.stack([table.gain for table in different]), np.stack([table.bias for table in different])


class BatchSampler:
    """``evaluate.sample`` of B images side by side; an image whose drawing has ended early stands still."""

    def __init__(self, model: IntegerModel, modulations: Sequence[Contexts], plan: SamplerPlan,
                 seeds: Sequence[int]) -> None:
        """``modulations``: of each image, all with as many contexts."""
        config = model.config
        self.plan = plan
        self.evaluator = BatchEvaluator(model)
        self.contexts = [stacked(tables) for tables in zip(*modulations, strict=True)]
        self.noise = BatchNoise(seeds, config)
        self.images = np.zeros((len(seeds), config.image_channels, config.image_size, config.image_size), np.int64)
        self.clean = self.images.copy()
        self.going = np.arange(len(seeds))

    def velocities(self, number: int, counted: ZeroShares | None) -> tuple[np.ndarray, np.ndarray]:
        """The unguided and the guided velocity of the images under way, for row ``number`` of the plan."""
        found = []
        for tables in self.contexts[-self.plan.rows[number].contexts:]:
            gain, bias = (table[:, number - 1] if len(table) == 1 else table[self.going, number - 1]
                          for table in tables)
            found.append(self.evaluator.velocity(self.images[self.going], gain, bias, counted))
        return found[0], found[-1]

    def step(self, number: int, counted: ZeroShares | None = None) -> None:
        """One row of the plan, for the images under way."""
        row, going = self.plan.rows[number], self.going
        zero = np.zeros_like(self.images[going])
        unguided, guided = self.velocities(number, counted) if number else (zero, zero)
        fresh = self.noise.images()[going] if self.plan.draws_noise or not number else zero
        images, clean = pixel.sampler_step(self.images[going], self.clean[going], guided, unguided, fresh, row)
        stopped = [pixel.update(*pair) < row.stop_below for pair in zip(self.clean[going], clean, strict=True)]
        self.images[going], self.clean[going] = images, clean
        self.going = going[~np.array(stopped, dtype=bool)]


def draw_batch(model: IntegerModel, modulations: Sequence[Contexts], plan: SamplerPlan, seeds: Sequence[int],
               zeros: Sequence[ZeroShares] | None = None) -> np.ndarray:
    """The clean images that ``evaluate.sample`` ends with, one for each seed: (B, C, H, H) int16.

    ``zeros``: one counter for each of the plan's evaluations.
    """
    sampler = BatchSampler(model, modulations, plan, seeds)
    for number in range(len(plan.rows)):
        if not len(sampler.going):
            break
        sampler.step(number, zeros[number - 1] if zeros is not None and number else None)
    return sampler.clean.astype(np.int16)


def draw_part(model: IntegerModel, modulations: Sequence[Contexts], plan: SamplerPlan, seeds: Sequence[int],
              part: tuple[int, int], latents: tuple[np.ndarray, np.ndarray] | None) -> tuple[np.ndarray, np.ndarray]:
    """Steps ``part`` (first and last, from 1) of a drawing: images and clean images after them, (B, C, H, H) int64.

    ``latents``: the same from the steps before, None where the drawing begins with noise. Noise begins anew with each
    part, from its seeds, as on a core that a part's program is started on. The plan must not end early.
    """
    sampler = BatchSampler(model, modulations, plan, seeds)
    first, last = part
    if latents is not None:
        sampler.images[:], sampler.clean[:] = latents
    for number in range(first if latents is not None else 0, last + 1):
        sampler.step(number)
    return sampler.images, sampler.clean


@dataclass(frozen=True)
class Drawn:
    """Images (n, C, H, H) int16, and the zeros of each denoising step where they were counted."""

    images: np.ndarray
    zeros: tuple[ZeroShares, ...] = ()


def counters(model: IntegerModel, plan: SamplerPlan) -> tuple[ZeroShares, ...]:
    """A counter of zeros for each of the plan's evaluations."""
    return tuple(ZeroShares(model.config, model.eight_bit) for _ in range(plan.evaluations))


@dataclass(frozen=True)
class _Job:
    """What every batch of a drawing shares."""

    model: IntegerModel
    plan: SamplerPlan
    count_zeros: bool

    def draw(self, modulations: Sequence[Contexts], seeds: Sequence[int]) -> Drawn:
        """One batch."""
        zeros = counters(self.model, self.plan) if self.count_zeros else ()
        return Drawn(draw_batch(self.model, modulations, self.plan, seeds, zeros or None), zeros)


_shared: list[_Job] = []
"""Of a worker process: the job that it was started for."""


def _begin(job: _Job) -> None:
    _shared[:] = [job]


def _draw(modulations: Sequence[Contexts], seeds: Sequence[int]) -> Drawn:
    return _shared[0].draw(modulations, seeds)


def _batches(job: _Job, modulations: list[Sequence[Contexts]], seeds: list[Sequence[int]],
             workers: int) -> Iterator[Drawn]:
    """Every batch, in order, drawn here or by so many processes."""
    if workers == 1:
        yield from map(job.draw, modulations, seeds)
        return
    with one_thread_each(), ProcessPoolExecutor(workers, get_context("spawn"), _begin, (job,)) as pool:
        yield from pool.map(_draw, modulations, seeds)


def draw_many(model: IntegerModel, modulations: Sequence[Contexts], plan: SamplerPlan, seeds: Sequence[int], *,
              workers: int | None = None, batch: int = BATCH, count_zeros: bool = False,
              progress: bool = True) -> Drawn:
    """One image for each seed and its contexts; the same whatever ``workers`` and ``batch`` are.

    workers: processes; 1 draws in this one, None takes ``WORKERS`` where there are ``WORKERS_FROM`` images or more.
    Each starts Python anew (spawn), so a script that calls this needs its ``if __name__ == "__main__"``.
    Raises ``ConfigError`` for a seed that is not one, for unequal numbers of seeds and contexts, and for none of
    anything.
    """
    count = len(seeds)
    workers = (WORKERS if count >= WORKERS_FROM else 1) if workers is None else workers
    require(count > 0, "there are no images to draw; expected 1 or more")
    require(len(modulations) == count,
            f"{count} seeds came with contexts of {len(modulations)} images; expected one for each seed")
    require(workers > 0, f"workers is {workers}; expected 1 or more")
    require(batch > 0, f"batch is {batch}; expected 1 or more")
    starts = range(0, count, batch)
    parts = [modulations[start:start + batch] for start in starts], [seeds[start:start + batch] for start in starts]
    config = model.config
    images = np.zeros((count, config.image_channels, config.image_size, config.image_size), dtype=np.int16)
    zeros = counters(model, plan) if count_zeros else ()
    with tqdm(total=count, unit="image", disable=not progress) as bar:
        for start, drawn in zip(starts, _batches(_Job(model, plan, count_zeros), *parts, workers), strict=True):
            images[start:start + len(drawn.images)] = drawn.images
            for sums, part in zip(zeros, drawn.zeros, strict=True):
                sums.merge(part)
            bar.update(len(drawn.images))
    return Drawn(images, zeros)
