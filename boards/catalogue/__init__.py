"""The boards: every module of this package is one and defines ``BOARD``."""

from __future__ import annotations

import importlib
import pkgutil

from boards.board import Board
from golden.spec.validation import require


def names() -> list[str]:
    """Every board's name, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "__main__")


def find(name: str) -> Board:
    """The board of that name; raises ``ConfigError``, which lists the boards, where there is none."""
    known = names()
    require(name in known, f"there is no board {name!r}; expected one of {', '.join(known)}")
    return importlib.import_module(f"{__name__}.{name}").BOARD
