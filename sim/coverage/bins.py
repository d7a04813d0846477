"""Every functional bin, by group: what the tests must lead the hardware to. Most follow from the contract."""

from __future__ import annotations

from golden.compile.split_plan import MODES
from golden.integer.samplers import SAMPLERS
from golden.spec.descriptors import FIELDS, Engine, NormFormat, Opcode
from golden.spec.hardware import HardwareConfig
from golden.spec.image import Kind, Memory
from golden.spec.numbers import Format
from golden.spec.precision import EIGHT_BIT_LAYERS
from golden.spec.registers import COUNTERS, REGISTERS, Access, ErrorCode
from sim.coverage.fields import CHOICES, DENSE, ENDS, engine_fields
from sim.link_model import EVENTS

MEMORIES = tuple(HardwareConfig().memory_shapes)
"""In the order of the bits of an error's detail."""
CUT = ("at its least", "between", "at its greatest")
ENGINES = tuple(Opcode(engine) for engine in Engine)


def engine_names(opcode: Opcode) -> list[str]:
    """Names of an engine's fields."""
    return [field.name for field in engine_fields(opcode)]


def counts(config: HardwareConfig, opcode: Opcode, name: str) -> bool:
    """Whether a field means anything in hardware of this configuration."""
    return opcode is not Opcode.ARRAY or name not in DENSE or config.dense_lanes > 0


def _decoded() -> list[str]:
    return [f"decoded {opcode.name}.{field.name} {end}" for opcode, fields in FIELDS.items() for field in fields
            for end in ENDS]


def _taken() -> list[str]:
    ends = [f"{opcode.name}.{name} {end}" for opcode in ENGINES for name in engine_names(opcode) for end in ENDS]
    return ends + [f"{opcode.name}.{name} {value.name}" for (opcode, name), kind in CHOICES.items()
                   if opcode in ENGINES for value in kind]


def _cut(*results: str) -> list[str]:
    return [f"{result} {place}" for result in results for place in CUT]


GROUPS: dict[str, tuple[str, ...]] = {
    "fields that the sequencer decoded": tuple(_decoded()),
    "fields that an engine took": tuple(_taken()),
    "waits": tuple(f"{taker.name} waits for {giver.name}" for taker in Engine for giver in Engine),
    "counters of a drawing": tuple(f"{name} counted" for name in COUNTERS),
    "queues and semaphores": (
        "queue empty", "queue full", "queue full and taken from", "queue in and out in one cycle",
        "queue cleared while full",
        "semaphore given and taken in one cycle", "semaphore given and credited in one cycle",
        "semaphore at its greatest count", "semaphore past its greatest count", "semaphore below zero",
        "semaphore cleared"),
    "array": (
        "row all zero", "row without a zero", "row with some zeros", "line all zero", "zeros not skipped",
        "row all zero in four passes", "row in more lines than a lane holds", "product without groups",
        "fence waits", "window full", "lane waits for a line", "lane waits for the drain", "lane waits for a token",
        "mask none dense", "mask all dense", "mask some dense"),
    "saturation": (
        *_cut(*(f"requantise {kind.name}" for kind in Format), *(f"norm {kind.name}" for kind in NormFormat),
              "residual sum", "latent", "clean image"),
        "update between", "update at its greatest",
        "softmax score past the table", "softmax row of equal scores", "softmax row of one probability",
        "norm row all zero", "norm row of largest values"),
    "conflicts": (
        *(f"guard tells a write and read at one word of {name}" for name in MEMORIES),
        *(f"guard tells an address past {name}" for name in MEMORIES),
        *(f"guard tells a damaged word of {name}" for name in MEMORIES),
        *(f"{unit} collision" for unit in ("line_ram", "twin_ram", "part_ram", "step_ram")),
        *(f"{unit} fault" for unit in ("line_ram", "twin_ram", "part_ram", "step_ram")),
        *(f"bus: {count} of AXI's channels ask at once" for count in (2, 3))),
    "sdram": ("sdram fetch of one visit", "sdram fetch of several", "sdram fetch aborted", "sdram word damaged",
              "sdram written between fetches", "sdram idle longer than a refresh may take"),
    "errors": (*(f"{code.name} in the register" for code in ErrorCode if code is not ErrorCode.NONE),
               *(f"{code.name} of a whole core" for code in ErrorCode if code is not ErrorCode.NONE)),
    "registers": (
        *(f"{register.name} read" for register in REGISTERS if register.access is not Access.WRITE),
        *(f"{register.name} written" for register in REGISTERS if register.access is not Access.READ)),
    "image": (*(f"section for {memory.name}" for memory in Memory),
              *(f"section to the end of {memory.name}" for memory in Memory),
              *(f"segment of kind {kind.name}" for kind in Kind)),
    "serial link": (
        *(f"bytes of {bits} bits received" for bits in ("short", "exact", "long")),
        "byte received right behind another", "byte received after a rest", "low stop bit", "break longer than a byte",
        "spike shorter than half a bit", "byte sent right behind another", "line rests behind the last byte",
        *EVENTS, "frame with a bad byte", "frame given up after a pause", "frame with a pause short of the timeout",
        "frame with needless escapes", "core makes a request wait", "core makes a value wait",
        "line makes an answer wait"),
    "host at a board": (
        "request sent again", "answer dropped", "request answered again", "frame damaged on the line",
        "frame cut by a host that vanishes", "frame left behind before a pause", "image left half loaded",
        "settings left half written", "noise, spikes and a break", "reset while drawing told",
        "reset while loading told", "silence told", "host with shorter bits", "host with longer bits",
        "request sent several times on purpose", "image drawn over the line"),
    "drawings": (
        *(f"sampler {name}" for name in SAMPLERS),
        "guided", "unguided", "guided in some steps", "paused", "ended early", "noise in a step",
        "4-bit blocks", *(f"8-bit {group}" for group in EIGHT_BIT_LAYERS), "all groups 8-bit", "runs of unlike blocks",
        *(f"split {mode}" for mode in MODES), "rectified query", "signed query", "stride 1", "stride 2",
        "one image channel", "several image channels", "one head", "several heads", "no coordinates",
        "most coordinates"),
}
"""Name of each group -> its bins."""


def group_of(name: str) -> str:
    """The group of a bin."""
    return next(group for group, names in GROUPS.items() if name in names)
