"""One-sentence validation of configuration values."""

from __future__ import annotations


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
    require(good and (maximum is None or value <= maximum), f"{section}.{name} is {value!r}; expected {limits}")


def require_power_of_two(owner: object, name: str) -> None:
    """Raise ``ConfigError`` unless attribute ``name`` of ``owner`` is a power of two."""
    value = getattr(owner, name)
    section = type(owner).__name__.removesuffix("Config").lower()
    require(value > 0 and value & (value - 1) == 0, f"{section}.{name} is {value!r}; expected a power of two")
