"""Random systems as cases: a shape that can be written down, cut smaller and tried again; its numbers follow a seed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace

import numpy as np

from golden.compile.blank import blank
from golden.compile.compiler import NO_LABEL, Compiled, compile_integers
from golden.compile.fitting import fit
from golden.compile.layout import CompileError
from golden.compile.segments import runs_of
from golden.compile.split_plan import MODES, SplitPlan
from golden.spec.hardware import HardwareConfig
from golden.spec.model import ModelConfig
from golden.spec.precision import EIGHT_BIT_LAYERS, group_name
from golden.spec.split import line_channels
from golden.spec.validation import ConfigError
from sim.random_model import (
    LABEL,
    random_config,
    random_contexts,
    random_eight_bit,
    random_integers,
    random_masks,
    random_modulation,
    random_plan,
)

ATTEMPTS = 1000


@dataclass(frozen=True, kw_only=True)
class Case:
    """A random system but for its numbers.

    ``hardware``: fields that differ from the configuration that the case is tried on. ``contexts``: of each step.
    ``seed``: of weights, tables, coefficients, masks and noise.
    """

    model: ModelConfig
    contexts: tuple[int, ...]
    guidance: float
    seed: int
    eight_bit: tuple[str, ...] = ()
    split: str | None = None
    draws_noise: bool = False
    stops: bool = False
    hardware: dict[str, int] = field(default_factory=dict)

    def on(self, base: HardwareConfig) -> HardwareConfig:
        """The hardware of the case; raises ``ConfigError`` for one that cannot be built."""
        if not self.hardware:
            return base
        made = replace(base, **self.hardware, name="case")
        return replace(made, name=f"case-{made.fingerprint:08x}")

    def text(self) -> str:
        """The case as one line of JSON, without what is as usual."""
        usual = {each.name: each.default for each in fields(ModelConfig)}
        model = {name: value for name, value in asdict(self.model).items() if value != usual[name]}
        plain = {each.name: each.default for each in fields(self)}
        return json.dumps({name: value for name, value in {**asdict(self), "model": model}.items()
                           if value != plain[name] and value != {}}, sort_keys=True)


def read_case(text: str) -> Case:
    """A case from its line of JSON; raises ``ConfigError`` for anything else."""
    try:
        content = json.loads(text)
        made = Case(**{**content, "model": ModelConfig(**content["model"]), "contexts": tuple(content["contexts"]),
                       "eight_bit": tuple(content.get("eight_bit", ()))})
        Case.text(made)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"--case is not a case ({error}); give the line that a failure has printed") from None
    if not made.contexts or not set(made.contexts) <= {1, 2} or not isinstance(made.seed, int) or made.seed < 0:
        raise ConfigError(f"--case has contexts {made.contexts} and seed {made.seed!r}; expected 1 or 2 for each step, "
                          "and a number from 0 on")
    unknown = sorted(set(made.hardware) - {each.name for each in fields(HardwareConfig)})
    if unknown:
        raise ConfigError(f"--case sets hardware.{unknown[0]}, which does not exist")
    return made


def check_fit(case: Case, hardware: HardwareConfig) -> SplitPlan:
    """What dense lanes get; raises ``CompileError`` for a case that the hardware cannot hold."""
    if case.split is not None and not hardware.dense_lanes:
        raise CompileError("the case splits channels, and its hardware has no dense lanes")
    segments, _ = fit(blank(case.model, case.eight_bit), hardware, runs_of(case.contexts),
                      draws_noise=case.draws_noise, split=case.split)
    return segments[0].split


def group_layers(names: Iterable[str], blocks: int) -> list[frozenset[str]]:
    """8-bit layers of each block, from the names of their groups."""
    chosen = set(names)
    return [frozenset(layer for group, layers in EIGHT_BIT_LAYERS.items() if group_name(block, group) in chosen
                      for layer in layers) for block in range(blocks)]


def compile_case(case: Case, base: HardwareConfig) -> Compiled:
    """The system with its numbers; raises ``CompileError`` where it does not fit, ``ConfigError`` for its hardware."""
    hardware = case.on(base)
    split = check_fit(case, hardware)
    generator = np.random.default_rng(case.seed)
    steps, config = len(case.contexts), case.model
    tables = {name: random_modulation(generator, config, steps) for name in (LABEL, NO_LABEL)}
    plan = random_plan(generator, case.contexts, case.draws_noise, case.stops)
    model = random_integers(generator, config, group_layers(case.eight_bit, config.blocks))
    masks = random_masks(generator, split.table_entries, line_channels(hardware)) if case.split else None
    return compile_integers(model, tables, plan, case.guidance, hardware, split=case.split, split_table=masks)


def random_case(generator: np.random.Generator, hardware: HardwareConfig) -> Case:
    """A case that fits ``hardware``; raises ``CompileError`` where none does in many attempts."""
    contexts = tuple(random_contexts(generator, int(generator.integers(1, 4)), guidance :=
                                     float(generator.choice([1.0, 2.0]))))
    for _ in range(ATTEMPTS):
        model = random_config(generator, hardware)
        wide = random_eight_bit(generator, model.blocks)
        groups = [group_name(block, group) for block, layers in enumerate(wide)
                  for group, each in EIGHT_BIT_LAYERS.items() if layers.issuperset(each)]
        case = Case(model=model, contexts=contexts, guidance=guidance, seed=int(generator.integers(1 << 31)),
                    eight_bit=tuple(groups), split=str(generator.choice(MODES)) if hardware.dense_lanes else None,
                    draws_noise=bool(generator.integers(2)), stops=bool(generator.integers(2)))
        try:
            check_fit(case, hardware)
        except CompileError:
            continue
        return case
    raise CompileError(f"no random model fits hardware {hardware.name} in {ATTEMPTS} attempts; give it deeper memories")


def random_system(generator: np.random.Generator, hardware: HardwareConfig) -> Compiled:
    """A compiled random model that fits ``hardware``."""
    return compile_case(random_case(generator, hardware), hardware)
