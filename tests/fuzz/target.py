"""What is fuzzed: a strategy that makes input, and a check that raises for what must not happen."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

LONGEST_SENTENCE = 2000
"""Characters of a refusal; whoever sends megabytes does not get them back."""

words = st.one_of(st.integers(0, 8), st.integers(0, (1 << 32) - 1), st.sampled_from([1 << 31, (1 << 32) - 1]))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 300), st.integers(), st.floats(), st.text(max_size=8),
              st.sampled_from([math.inf, -math.inf, math.nan, "../x", "/x", "\x1b[2J", "\ud800", 1 << 64])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=8)
"""Anything that JSON can say, Python's infinities and lone surrogates included."""
DEEP = "[" * 10_000
"""JSON that is deeper than an interpreter's stack."""


@dataclass(frozen=True)
class Target:
    """One reader of foreign bytes.

    ``check`` takes what ``strategy`` draws and a folder of its own; it swallows the reader's own errors and raises
    for anything else. ``modules``: whose coverage guides atheris.
    """

    name: str
    what: str
    strategy: st.SearchStrategy[Any]
    check: Callable[[Any, Path], None]
    modules: tuple[str, ...]


def check_sentence(error: Exception) -> None:
    """A refusal can be printed, and is short."""
    sentence = " ".join(str(error).split())
    assert sentence, f"{error!r} says nothing"
    assert len(sentence) <= LONGEST_SENTENCE, f"a refusal of {len(sentence)} characters: {sentence[:200]}"
    sentence.encode()


def check_within(folder: Path, name: str) -> None:
    """A name that a reader let through names a file in ``folder``, not elsewhere."""
    path = (folder / f"{name}.json").resolve()
    assert path.parent == folder.resolve(), f"{name!r} leads to {path}"
