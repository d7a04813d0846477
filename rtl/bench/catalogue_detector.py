"""The detector as a top level for its bench."""

from __future__ import annotations

from amaranth.lib import wiring

from golden.spec.hardware import HardwareConfig
from rtl.array.detector import Detector
from rtl.bench import bugs_detector as bugs

DETECTORS: dict[str | None, type[Detector]] = {
    None: Detector, "wraps": bugs.WrappingDetector, "sticky": bugs.StickyDetector,
    "remembers": bugs.RememberingDetector, "strict": bugs.StrictDetector, "greedy": bugs.GreedyDetector,
    "hasty": bugs.HastyDetector, "long": bugs.LongDetector, "crowded": bugs.CrowdedDetector,
}
"""The detector, and those with a planted bug."""


def detector(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """The detector needs nothing around it."""
    return DETECTORS[bug](config)


UNITS = {"detector": detector}
"""Name of a unit -> constructor(config, bug) of its top level."""

BUGS = {"detector": tuple(bug for bug in DETECTORS if bug)}
"""Name of a unit -> bugs that can be planted in it."""
