"""The search: Optuna asks for batches of configurations, which processes or a Dask cluster evaluate."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial

import optuna
from tqdm import tqdm

from boards.explore.evaluate import Outcome, Task, evaluate_choice
from boards.explore.space import CHOICES, Choice, choose, everything
from golden.integer.processes import one_thread_each

BATCH = 16
"""Configurations asked for at a time. The same for any number of workers, so that a seed finds the same with all."""
HOPELESS = 100.0
"""Excess of what has no area: worse than any that is merely too large."""
NOWHERE = 1e9
"""Look-up table sites of the same."""
TOO_LARGE = "excess"
EVERYTHING = "grid"
SAMPLERS = ("nsga2", "tpe", EVERYTHING)
"""Optuna's, and none at all: every configuration in turn."""
DASK_SECONDS = 10
"""For a scheduler to answer."""
Evaluate = Callable[[Sequence[Choice]], list[Outcome]]


class ClusterError(Exception):
    """A cluster that cannot be had; one sentence."""


def search(evaluate: Evaluate, trials: int, seed: int, sampler: str = "nsga2",
           quiet: bool = False, choices: dict[str, tuple] = CHOICES) -> dict[Choice, Outcome]:
    """Every configuration that was looked at, in the order in which it was asked for.

    ``evaluate`` takes a batch and returns its outcomes in order. The same seed gives the same outcomes.
    """
    asker = InOrder(trials, choices) if sampler == EVERYTHING else Asker(sampler, seed, choices)
    known: dict[Choice, Outcome] = {}
    left = asker.most(trials)
    with tqdm(total=left, desc="configurations", disable=quiet, unit="") as progress:
        while left:
            asked = asker.ask(min(BATCH, left))
            new = [choice for choice in dict.fromkeys(asked) if choice not in known]
            known |= zip(new, evaluate(new), strict=True)
            asker.tell([known[choice] for choice in asked])
            progress.update(len(asked))
            left -= len(asked)
    return known


class Asker:
    """Optuna's choice of what to look at next, by what came of the last batches."""

    def __init__(self, sampler: str, seed: int, choices: dict[str, tuple]) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        kinds = {"nsga2": partial(optuna.samplers.NSGAIISampler, population_size=2 * BATCH),
                 "tpe": optuna.samplers.TPESampler}
        self.study = optuna.create_study(directions=["maximize", "minimize"], sampler=kinds[sampler](seed=seed))
        self.choices = choices
        self.asked: list[optuna.Trial] = []

    def most(self, trials: int) -> int:
        """How many there are to ask for."""
        return trials

    def ask(self, count: int) -> list[Choice]:
        """A batch; one choice may come again."""
        self.asked = [self.study.ask() for _ in range(count)]
        return [choose(trial.suggest_categorical, self.choices) for trial in self.asked]

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """What came of the batch. What is too large is a constraint, by its excess, and has no speed."""
        for trial, outcome in zip(self.asked, outcomes, strict=True):
            trial.set_constraint(TOO_LARGE, outcome.excess if outcome.needs else HOPELESS)
            self.study.tell(trial, [outcome.images_per_second, outcome.sites if outcome.needs else NOWHERE])


class InOrder:
    """Everything, one after the other; at most so many."""

    def __init__(self, trials: int, choices: dict[str, tuple]) -> None:
        self.left = everything(choices)[:trials]

    def most(self, trials: int) -> int:
        """How many there are to ask for."""
        return len(self.left)

    def ask(self, count: int) -> list[Choice]:
        """The next batch."""
        batch, self.left = self.left[:count], self.left[count:]
        return batch

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Nothing follows from it."""


@contextmanager
def evaluator(task: Task, workers: int = 1, dask: str | None = None) -> Iterator[Evaluate]:
    """Evaluates batches in this process, in so many of its own, or on the Dask cluster with this scheduler."""
    if dask is not None:
        with on_dask(task, dask) as evaluate:
            yield evaluate
    elif workers == 1:
        yield lambda choices: [evaluate_choice(choice, task) for choice in choices]
    else:
        # not forked: torch and OpenBLAS may hold locks in threads of this process
        with one_thread_each(), ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), keep,
                                                    (task,)) as pool:
            yield lambda choices: list(pool.map(evaluate_kept, choices))


KEPT: list[Task] = []
"""A worker's task, which it gets once."""


def keep(task: Task) -> None:
    """Begin a worker process."""
    KEPT[:] = [task]


def evaluate_kept(choice: Choice) -> Outcome:
    """In a worker."""
    return evaluate_choice(choice, KEPT[0])


@contextmanager
def on_dask(task: Task, address: str) -> Iterator[Evaluate]:
    """The same on a cluster, whose workers need this package too. Raises ``ClusterError`` where none answers."""
    from dask.distributed import Client  # only here: nothing else needs it

    try:
        client = Client(address, timeout=DASK_SECONDS)
    except (OSError, ValueError) as error:
        raise ClusterError(f"no Dask scheduler answers at {address} ({error}); expected an address as "
                           "tcp://host:8786") from None
    with client:
        everywhere = client.scatter(task, broadcast=True, hash=False)
        yield lambda choices: client.gather(
            [client.submit(evaluate_choice, choice, everywhere, pure=False) for choice in choices])
