"""One-sentence validation of configuration values."""

from __future__ import annotations

import sys

LONGEST_SHOWN = 200
"""Characters of a value in a sentence."""
LONGEST_NAME = 100


class ConfigError(ValueError):
    """A configuration that cannot be built; the message is one sentence that names value and remedy."""


def require(condition: bool, sentence: str) -> None:
    """Raise ``ConfigError(sentence)`` unless ``condition``."""
    if not condition:
        raise ConfigError(sentence)


def require_integer(owner: object, name: str, *, minimum: int, maximum: int | None = None) -> None:
    """Raise ``ConfigError`` unless attribute ``name`` of ``owner`` is an integer in the range given."""
    value = getattr(owner, name)
    section = type(owner).__name__.removesuffix("Config").lower()
    limits = f"an integer of at least {minimum}" if maximum is None else f"an integer from {minimum} to {maximum}"
    good = isinstance(value, int) and not isinstance(value, bool) and value >= minimum
    require(good and (maximum is None or value <= maximum), f"{section}.{name} is {shown(value)}; expected {limits}")


def shown(value: object) -> str:
    """A value as text for a sentence: cut where it is long, and never an error itself, as of a number too large."""
    try:
        text = repr(value) if not isinstance(value, int) or value.bit_length() < sys.int_info.default_max_str_digits \
            else f"a number of {value.bit_length()} bits"
    except (ValueError, RecursionError):        # a container of such a number, or a very deep one
        text = f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def excerpt(text: str) -> str:
    """A text as ``shown`` has it, without quotes around it."""
    return shown(text).strip("'\"")


def require_file_name(what: str, value: object) -> None:
    """Raise ``ConfigError`` unless ``value`` is a text that names a file within a folder, not elsewhere."""
    good = isinstance(value, str) and value.isprintable() and 0 < len(value.encode()) <= LONGEST_NAME
    require(good and value not in (".", "..") and not set(value) & set("/\\"),
            f"{what} is {shown(value)}; expected a name of 1 to {LONGEST_NAME} bytes that a file can have")


def require_power_of_two(owner: object, name: str) -> None:
    """Raise ``ConfigError`` unless attribute ``name`` of ``owner`` is a power of two."""
    value = getattr(owner, name)
    section = type(owner).__name__.removesuffix("Config").lower()
    require(value > 0 and value & (value - 1) == 0, f"{section}.{name} is {value!r}; expected a power of two")
