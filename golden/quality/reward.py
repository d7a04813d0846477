"""Rewards for a particle search: what makes one image better than another."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from golden.model import judge, zoo
from golden.spec.validation import ConfigError, require

Reward = Callable[[np.ndarray], np.ndarray]
"""Images (n, C, H, H) float in [-1, 1] to a number for each, (n,)."""


def class_reward(set_name: str, label: str, weights: Path = zoo.WEIGHTS) -> Reward:
    """Logarithm of the probability that the judge of a data set gives a label; of several sets, the one that has it.

    Raises ``ConfigError`` for a label that no set of the judge has.
    """
    examiner = judge.load(set_name, weights).judge
    places = [index for index, names in enumerate(examiner.label_sets) if label in names]
    known = ", ".join(name for names in examiner.label_sets for name in names)
    require(bool(places), f"the judge of {set_name} knows no '{label}'; expected one of {known}")
    place = places[0]
    column = examiner.label_sets[place].index(label)

    def reward(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            logits = examiner.split(examiner(torch.from_numpy(images).float()))[place]
        return functional.log_softmax(logits.double(), dim=1)[:, column].numpy()

    return reward


def user_reward(text: str) -> Reward:
    """The function of "file.py:function"; raises ``ConfigError`` for a file or a function that is not there."""
    path, _, name = text.rpartition(":")
    try:
        found = runpy.run_path(path)
    except (OSError, SyntaxError, ImportError) as error:
        raise ConfigError(f"reward {text} could not be read ({error}); expected file.py:function") from None
    if not callable(found.get(name)):
        raise ConfigError(f"{path} has no function '{name}'; expected one that takes images (n, C, H, H) in [-1, 1] "
                          "and gives a number for each")
    return found[name]
