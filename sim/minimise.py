"""Failing cases made smaller: whatever can be left out and still fails is left out, one thing after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from golden.compile.layout import CompileError
from golden.compile.split_plan import MODES
from golden.spec.hardware import HardwareConfig
from golden.spec.precision import group_names
from golden.spec.validation import ConfigError
from sim.random_case import Case, check_fit

ATTEMPTS = 60
"""Cases that are tried, each of which is a drawing; those with other hardware are a build, too."""
GRIDS = (2, 4, 8, 12)
PLAIN_SPLIT = "never"
PLAIN_HARDWARE: tuple[dict[str, int], ...] = (
    {"dense_lanes": 0, "dsp_lanes": 0}, {"dsp_lanes": 0}, {"norm_parts": 1}, {"slots": 4}, {"line_words": 1},
    {"line_words": 2}, {"line_words": 4})


def fewer_steps(case: Case) -> Iterator[Case]:
    """One step of each kind, half of the steps, one less; then without guidance."""
    contexts = case.contexts
    for shorter in (*((each,) for each in sorted(set(contexts))), contexts[:len(contexts) // 2], contexts[1:],
                    contexts[:-1]):
        if shorter and len(shorter) < len(contexts):
            yield replace(case, contexts=shorter)
    if case.guidance != 1:
        yield replace(case, contexts=(1,) * len(contexts), guidance=1.0)


def smaller_model(case: Case) -> Iterator[Case]:
    """Fewer blocks, heads, channels; a smaller and simpler image."""
    model = case.model
    for changes in (
            {"blocks": 1}, {"blocks": model.blocks - 1},
            {"heads": 1, "channels": model.head_channels},
            {"heads": model.heads - 1, "channels": model.head_channels * (model.heads - 1)},
            {"channels": model.channels // 2},
            *({"image_size": grid * model.stride} for grid in GRIDS if grid < model.grid),
            {"stride": 1, "image_size": model.grid}, {"image_channels": 1}, {"expansion": 1},
            {"expansion": model.expansion - 1}, {"coordinate_channels": 0}, {"rectified_query": False}):
        if any(getattr(model, name) != value for name, value in changes.items()):
            try:
                shape = replace(model, **changes)
            except ConfigError:
                continue
            yield replace(case, model=shape, eight_bit=tuple(set(case.eight_bit) & set(group_names(shape))))


def plainer_choices(case: Case) -> Iterator[Case]:
    """4 bits everywhere, or in one group more; the plainest split, sampler and end."""
    if len(case.eight_bit) > 1:
        yield replace(case, eight_bit=())
    for name in case.eight_bit:
        yield replace(case, eight_bit=tuple(other for other in case.eight_bit if other != name))
    if case.split not in (None, PLAIN_SPLIT):
        yield from (replace(case, split=mode) for mode in (PLAIN_SPLIT, *MODES[:MODES.index(case.split)]))
    for name in ("draws_noise", "stops"):
        if getattr(case, name):
            yield replace(case, **{name: False})


def plainer_hardware(case: Case) -> Iterator[Case]:
    """No dense lanes, shorter lines, fewer lanes: of a case that brings its hardware."""
    if not case.hardware:
        return
    hardware = case.on(HardwareConfig())
    fewer = {"lanes": hardware.lanes // 2, **({"dense_lanes": hardware.lanes // 2} if hardware.dense_lanes else {}),
             **({"dsp_lanes": 0} if hardware.dsp_lanes else {})}
    for changes in (*PLAIN_HARDWARE, fewer):
        if any(getattr(hardware, name) > value for name, value in changes.items()):
            made = {**case.hardware, **changes}
            yield replace(case, hardware=made, split=case.split if made.get("dense_lanes") else None)


def smaller_cases(case: Case) -> Iterator[Case]:
    """Every case that is one thing simpler, the cheapest to try first."""
    for way in (fewer_steps, smaller_model, plainer_choices, plainer_hardware):
        yield from way(case)


def minimise(case: Case, base: HardwareConfig, fails: Callable[[Case], bool], attempts: int = ATTEMPTS) -> Case:
    """The smallest case that still fails, as far as so many attempts reach.

    ``fails`` is asked for cases alone that fit the hardware, and never twice for one. Greedy: the first simpler case
    that fails takes the place of the one before (delta debugging; Zeller and Hildebrandt, IEEE TSE 28, 2002).
    """
    tried: set[str] = set()
    left = attempts
    while True:
        for smaller in smaller_cases(case):
            if left == 0:
                return case
            if smaller.text() in tried or not fits(smaller, base):
                continue
            tried.add(smaller.text())
            left -= 1
            if fails(smaller):
                case = smaller
                break
        else:
            return case


def fits(case: Case, base: HardwareConfig) -> bool:
    """Whether the case can be built and compiled."""
    try:
        check_fit(case, case.on(base))
    except (CompileError, ConfigError):
        return False
    return True
