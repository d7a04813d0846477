"""What ``rtl.verilog --unit`` builds from the memories around the array and its write-back: units for benches."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from golden.spec import numbers
from golden.spec.check import stored_bits
from golden.spec.hardware import HardwareConfig
from rtl.array.layouts import GroupRecord
from rtl.array.write_back import WriteBack
from rtl.bench import bugs_memory as bugs
from rtl.memory.checked_ram import CheckedRam, VerifiedRam
from rtl.memory.line_ram import LineRam
from rtl.memory.part_ram import PARTS, PartRam
from rtl.memory.ports import WritePort
from rtl.memory.ram import Ram
from rtl.memory.step_ram import STEP_KEPT_BITS, StepRam
from rtl.memory.transposer import Transposer
from rtl.memory.twin_ram import TwinRam

TYPES: dict[str, dict[str | None, type]] = {
    "transposer": {None: Transposer, "early": bugs.EarlyTransposer, "impatient": bugs.ImpatientTransposer},
    "line_ram": {None: LineRam, "strict": bugs.StrictLineRam},
    "twin_ram": {None: TwinRam, "lone": bugs.LoneRam},
    "part_ram": {None: PartRam, "smear": bugs.SmearingRam},
    "step_ram": {None: StepRam, "turned": bugs.TurnedStepRam},
    "verified_ram": {None: VerifiedRam, "blind": bugs.BlindRam},
    "checked_ram": {None: CheckedRam, "mistaken": bugs.MistakenRam},
    "write_back": {None: WriteBack, "any_slot": bugs.TokenWriteBack},
}
"""The component of each unit, and those with a planted bug."""


class TransposerBench(wiring.Component):
    """Transposer with ports that are no words of Verilog."""

    INPUTS = ("valid", "vector", "base", "row", "tile")
    OUTPUTS = {"output_valid": "output_valid", "output_word": "output", "output_address": "output_address",
               "overrun": "overrun"}

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.unit = TYPES["transposer"][bug](config)
        members = self.unit.signature.members
        super().__init__({**{name: members[name] for name in self.INPUTS},
                          **{name: members[port] for name, port in self.OUTPUTS.items()}})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit = self.unit
        m.d.comb += [getattr(self.unit, name).eq(getattr(self, name)) for name in self.INPUTS]
        m.d.comb += [getattr(self, name).eq(getattr(self.unit, port)) for name, port in self.OUTPUTS.items()]
        return m


class WriteBackBench(wiring.Component):
    """Write-back with a residual memory, which the bench loads, parameters of every slot, and all its writes."""

    WRITES = ("activation", "key_value", "score")
    INPUTS = ("drained", "drained_token", "drained_valid", "row_multiplier", "row_exponent")
    OUTPUTS = ("score_lane", "score_slot", "transposing", "conflict")

    def __init__(self, config: HardwareConfig, bug: str | None = None) -> None:
        self.config = config
        self.unit = TYPES["write_back"][bug](config)
        shapes = config.memory_shapes
        members = self.unit.signature.members
        super().__init__({
            **{name: members[name] for name in (*self.INPUTS, *self.OUTPUTS)},
            **{f"record_{name}": In(field.shape) for name, field in GroupRecord()},
            **{f"written_{name}": Out(WritePort(*shapes[name])) for name in (*self.WRITES, "residual")},
            "load_residual": In(WritePort(*shapes["residual"])),
            "parameter_sets": In(data.ArrayLayout(config.width * numbers.PARAMETER_BITS, config.slots)),
            "fault": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit = unit = self.unit
        m.submodules.residual = memory = Ram(*self.config.memory_shapes["residual"])
        connect(m, unit.residual_read, memory.read)
        for name in self.WRITES:
            connect(m, getattr(unit, name), flipped(getattr(self, f"written_{name}")))
        for part in ("enable", "address", "data"):
            write, load, shown = (getattr(port, part)
                                  for port in (unit.residual_write, self.load_residual, self.written_residual))
            m.d.comb += [shown.eq(write), getattr(memory.write, part).eq(write)]
            with m.If(self.load_residual.enable):
                m.d.comb += getattr(memory.write, part).eq(load)
        sets = Array(self.parameter_sets[slot] for slot in range(self.config.slots))
        m.d.comb += [getattr(unit, name).eq(getattr(self, name)) for name in self.INPUTS]
        m.d.comb += [getattr(self, name).eq(getattr(unit, name)) for name in self.OUTPUTS]
        m.d.comb += [unit.record[name].eq(getattr(self, f"record_{name}")) for name, _ in GroupRecord()]
        m.d.comb += [unit.parameters.eq(sets[unit.parameter_slot]), self.fault.eq(memory.fault)]
        return m


class FlippedWords(wiring.Component):
    """Words with check bits, of which ``flips`` turns some as they are written."""

    def __init__(self, words: wiring.Component, flips: Signal) -> None:
        self.words = words
        self.flips = flips
        super().__init__(words.signature)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.words = words = self.words
        connect(m, flipped(self.read), words.read)
        m.d.comb += [
            words.write.enable.eq(self.write.enable),
            words.write.address.eq(self.write.address),
            words.write.data.eq(self.write.data ^ self.flips),
            *(getattr(self, name).eq(getattr(words, name)) for name in ("fault", "collision", "damaged")),
        ]
        return m


class CheckedBench(wiring.Component):
    """A memory with check bits, of which a bench can flip any stored bit as its word is written."""

    FLAGS = ("fault", "collision", "damaged")

    def __init__(self, unit: wiring.Component, bits: int) -> None:
        self.unit = unit
        super().__init__({**unit.signature.members, "flips": In(stored_bits(bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        unit = self.unit
        if isinstance(unit, CheckedRam):
            self.flip(unit)
        else:       # its store is there once it is elaborated
            made = unit.elaborate
            unit.elaborate = lambda platform: self.flip_inside(made(platform))
        m.submodules.unit = unit
        connect(m, flipped(self.read), unit.read)
        connect(m, flipped(self.write), unit.write)
        m.d.comb += [getattr(self, name).eq(getattr(unit, name)) for name in self.FLAGS]
        return m

    def flip_inside(self, unit: Module) -> Module:
        """Have the words of a unit's store flipped."""
        self.flip(unit.submodules.store)
        return unit

    def flip(self, store: CheckedRam) -> None:
        """Have the words of a store flipped."""
        made = store.store_unit
        store.store_unit = lambda *shape: FlippedWords(made(*shape), self.flips)


def line_ram(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """The probabilities': the smallest."""
    return TYPES["line_ram"][bug](*config.memory_shapes["probability"], config.line_words)


def twin_ram(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """The residual stream's."""
    return TYPES["twin_ram"][bug](*config.memory_shapes["residual"])


def part_ram(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """The program's."""
    depth, bits = config.memory_shapes["program"]
    return CheckedBench(TYPES["part_ram"][bug](depth, bits), bits // PARTS)


def step_ram(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """The sampler's."""
    return CheckedBench(TYPES["step_ram"][bug](config.step_words), STEP_KEPT_BITS)


def verified_ram(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """A copy of the tile memory, written with check bits, so that a bench can flip any bit."""
    return TYPES["verified_ram"][bug](*config.memory_shapes["tile"])


def checked_ram(config: HardwareConfig, bug: str | None = None) -> wiring.Component:
    """One like it, which makes its check bits."""
    depth, bits = config.memory_shapes["tile"]
    return CheckedBench(TYPES["checked_ram"][bug](depth, bits), bits)


UNITS = {"transposer": TransposerBench, "line_ram": line_ram, "twin_ram": twin_ram, "part_ram": part_ram,
         "step_ram": step_ram, "verified_ram": verified_ram, "checked_ram": checked_ram,
         "write_back": WriteBackBench}
"""Name of a unit -> constructor(config, bug) of its top level."""

BUGS = {unit: tuple(bug for bug in types if bug) for unit, types in TYPES.items()}
"""Name of a unit -> bugs that can be planted in it."""
