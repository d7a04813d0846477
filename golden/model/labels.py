"""Labels of images: from the words of a prompt to the numbers that a model takes, (A,) or (B, A), and back.

A model with classes has A = 1 label; one with attributes has a label for each attribute. ``config.no_label`` says
nothing of any of them.
"""

from __future__ import annotations

import difflib

import torch
from torch import Tensor

from golden.spec.model import ModelConfig
from golden.spec.validation import ConfigError

NO_LABEL = "none"
REPRESENTATIVES = 512
"""Images of random attributes that stand for all of them where there are too many to try each."""
HIDDEN = 0.1             # share of the images of which training says nothing, for classifier-free guidance
ATTRIBUTE_HIDDEN = 0.15  # share of the single attributes that it leaves open in the others


def parse(config: ModelConfig, prompt: str) -> tuple[int, ...]:
    """Labels of a prompt: a class by name or number, "head: cat, glasses: red", or "none".

    Raises ``ConfigError``, which lists what there is, for a word that the model does not know.
    """
    if prompt.strip() in (NO_LABEL, ""):
        return config.no_label
    if config.attributes:
        return parse_attributes(config, prompt)
    if prompt in config.labels:
        return (config.labels.index(prompt),)
    if prompt.isdecimal() and len(prompt) <= len(str(len(config.labels))) and int(prompt) < len(config.labels):
        return (int(prompt),)
    numbers = f", or a number from 0 to {len(config.labels) - 1}" if config.labels else ""
    raise ConfigError(f"model {config.name} has no class '{prompt}'; "
                      f"expected one of {', '.join((*config.labels, NO_LABEL))}{numbers}")


def parse_attributes(config: ModelConfig, prompt: str) -> tuple[int, ...]:
    """Labels of "attribute: value, ..."; an attribute that is not named is left open."""
    attributes = dict(config.attributes)
    found: dict[str, int] = {}
    for part in prompt.split(","):
        name, colon, value = (piece.strip() for piece in part.partition(":"))
        if not colon or name not in attributes:
            raise ConfigError(f"'{part.strip()}' names no attribute of model {config.name}; "
                              f"expected attribute: value, with {', '.join(attributes)}")
        if name in found:
            raise ConfigError(f"the prompt names {name} twice; expected every attribute once")
        values = attributes[name]
        if value not in (*values, NO_LABEL):
            near = difflib.get_close_matches(value, values, n=5) or values
            raise ConfigError(f"model {config.name} has no {name} '{value}'; expected one of "
                              f"{', '.join((*near, NO_LABEL))}")
        found[name] = len(values) if value == NO_LABEL else values.index(value)
    return tuple(found.get(name, len(values)) for name, values in config.attributes)


def describe(config: ModelConfig, labels: tuple[int, ...]) -> str:
    """The prompt that ``parse`` turns into these labels."""
    if labels == config.no_label:
        return NO_LABEL
    if not config.attributes:
        return config.labels[labels[0]]
    return ", ".join(f"{name}: {values[label]}" for (name, values), label in zip(config.attributes, labels, strict=True)
                     if label < len(values))


def usual(config: ModelConfig) -> tuple[int, ...]:
    """What is drawn unless told otherwise: the last of each set."""
    return tuple(max(0, count - 1) for count in config.no_label)


def none(config: ModelConfig, count: int) -> Tensor:
    """``count`` times no label, (count, A)."""
    return torch.tensor(config.no_label).expand(count, -1)


def in_turn(config: ModelConfig, count: int, seed: int = 0) -> Tensor:
    """Labels of ``count`` images, (count, A): classes in turn, or attributes at random."""
    generator = torch.Generator().manual_seed(seed)
    columns = [torch.randint(size, (count,), generator=generator) if config.attributes else torch.arange(count) % size
               for size in (max(1, size) for size in config.no_label)]
    return torch.stack(columns, dim=1)


def representatives(config: ModelConfig) -> Tensor:
    """Labels that stand for all, (n, A), no label last: they scale what all share, as a norm's gains."""
    count = REPRESENTATIVES if config.attributes else len(config.labels)
    return torch.cat([in_turn(config, count), none(config, 1)])


def hide(labels: Tensor, no_label: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Labels (B, A) with some hidden: all of an image's, or where there are several, single ones of the others."""
    hidden = (torch.rand(len(labels), generator=generator) < HIDDEN)[:, None]
    if len(no_label) > 1:
        hidden = hidden | (torch.rand(labels.shape, generator=generator) < ATTRIBUTE_HIDDEN)
    return torch.where(hidden, torch.tensor(no_label), labels)
