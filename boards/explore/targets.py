"""What a configuration is to fit: devices by name, and the clock it is taken to run at."""

from __future__ import annotations

from boards.report import DEVICES
from golden.spec.validation import require

DEFAULT_CLOCK_MHZ = 50.0
"""Nothing has been routed yet; ``--clock`` takes a board's."""


def targets() -> tuple[str, ...]:
    """Names that are known."""
    return tuple(DEVICES)


def capacity(name: str) -> dict[str, int]:
    """What a target has; raises ``ConfigError`` for one that is not known."""
    require(name in DEVICES, f"there is no device '{name}'; expected one of {', '.join(DEVICES)}")
    return DEVICES[name]
