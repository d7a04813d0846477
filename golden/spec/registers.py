"""The register map: what the host reads and writes, at which address."""

from __future__ import annotations

import enum
from typing import NamedTuple

from golden.spec.descriptors import Engine

ADDRESS_BITS = 16
DATA_BITS = 32
IDENTITY = int.from_bytes(b"HALF", "little")
COUNTER_BITS = 48
"""Bits that a counter counts with; the rest of its 64 read 0."""


class Access(enum.Enum):
    READ = "read"
    WRITE = "write"
    READ_WRITE = "read and write"


class ErrorCode(enum.IntEnum):
    """Why the core stopped or refused."""

    NONE = 0
    MAGIC = 1
    VERSION = 2
    KIND = 3
    FINGERPRINT = 4
    SECTION = 5
    CRC = 6
    NOT_LOADED = 7
    OPCODE = 8
    ADDRESS = 9
    WATCHDOG = 10
    SEED = 11
    LOOP = 12
    BUSY = 13
    SCHEDULE = 14
    SEMAPHORE = 15
    MEMORY = 16


MEANINGS: dict[ErrorCode, tuple[str, str]] = {
    ErrorCode.NONE: ("no error", "nothing is to be done"),
    ErrorCode.MAGIC: ("the image does not begin as one", "clear, and load a segment of an .htn file"),
    ErrorCode.VERSION: ("the image has another format version", "compile it again for this hardware"),
    ErrorCode.KIND: ("the segment is neither program nor conditioning", "clear, and load a segment of an .htn file"),
    ErrorCode.FINGERPRINT: ("the image is for another hardware configuration", "compile it for this one"),
    ErrorCode.SECTION: ("a section of the image does not fit its memory", "compile the image again"),
    ErrorCode.CRC: ("the image was damaged on its way", "clear, and load it again"),
    ErrorCode.NOT_LOADED: ("program or conditioning is missing", "load both before the start"),
    ErrorCode.OPCODE: ("the program holds an illegal descriptor", "compile the image again"),
    ErrorCode.ADDRESS: ("an address is past the end of its memory", "compile the image again, or read fewer pixels"),
    ErrorCode.WATCHDOG: ("nothing moved for too long", "clear, and start again; report the program that does this"),
    ErrorCode.SEED: ("the noise state is all zero", "write the registers SEED0 to SEED3 before the start"),
    ErrorCode.LOOP: ("loops of the program are nested too deeply or do not match", "compile the image again"),
    ErrorCode.BUSY: ("it was asked for something that must wait until it stands still",
                     "wait until it is done or paused, or abort it"),
    ErrorCode.SCHEDULE: ("two units met at one port or word of a memory", "report the program that does this"),
    ErrorCode.SEMAPHORE: ("a semaphore left its range", "report the program that does this"),
    ErrorCode.MEMORY: ("a stored word no longer matches its check bits", "clear, and load the image again"),
}
"""What each code means, and what to do."""


class Control(enum.IntFlag):
    """Bits of CONTROL; each acts once."""

    START = 1
    RESUME = 2
    CLEAR = 4


class Option(enum.IntFlag):
    """Bits of OPTIONS."""

    PAUSE = 1


class Status(enum.IntFlag):
    """Bits of STATUS."""

    RUNNING = 1
    PAUSED = 2
    DONE = 4
    ERROR = 8
    PROGRAM_LOADED = 16
    CONDITIONING_LOADED = 32
    LOADING = 64


class Register(NamedTuple):
    """One 32-bit register."""

    name: str
    access: Access
    description: str


BUSY_COUNTERS = tuple(f"BUSY_{engine.name}" for engine in Engine)
STALL_CAUSES = ("QUEUE", "WINDOW", *(engine.name for engine in Engine))
LANE_WAITS = ("WAIT_LINE", "WAIT_DRAIN", "WAIT_TOKEN")
STALL_COUNTERS = tuple(f"STALL_{cause}" for cause in STALL_CAUSES)
COUNTERS: dict[str, str] = {
    "CYCLES": "Cycles from the start on in which the core ran",
    **{f"BUSY_{engine.name}": f"Cycles in which engine {engine.name} worked" for engine in Engine},
    "STALL_QUEUE": "Cycles in which ARRAY had no descriptor",
    "STALL_WINDOW": "Cycles in which ARRAY waited for groups in flight to retire",
    **{f"STALL_{engine.name}": f"Cycles in which ARRAY waited for {engine.name}" for engine in Engine},
    "WAIT_LINE": "Cycles, added over lanes, in which a lane's next line of operands was still on its way",
    "WAIT_DRAIN": "Cycles, added over lanes, in which a lane's sums waited for the drain",
    "WAIT_TOKEN": "Cycles, added over lanes, in which a lane had no token while the array worked",
    "MACS": "4-bit multiply-accumulates done",
    "MACS_OFFERED": "4-bit multiply-accumulates that were due, those with a zero included",
}
"""Name and description of each counter, in the order of their addresses; a start clears them."""

REGISTERS: tuple[Register, ...] = (
    Register("IDENTITY", Access.READ, "'HALF': this is a Halftone core"),
    Register("VERSION", Access.READ, "Version of program images and descriptors"),
    Register("FINGERPRINT", Access.READ, "Hash of the hardware configuration"),
    Register("CONTROL", Access.WRITE, "Bit 0 starts, bit 1 resumes, bit 2 clears an error and aborts"),
    Register("OPTIONS", Access.READ_WRITE, "Bit 0 pauses at the end of every step"),
    Register("STATUS", Access.READ, "Bits: 0 running, 1 paused, 2 done, 3 error, 4 program loaded, "
                                    "5 conditioning loaded, 6 loading"),
    Register("ERROR", Access.READ, "Code of the first error since the last start or clear"),
    Register("ERROR_DETAIL", Access.READ, "What the error adds: the refused word of an image, a mask of memories, "
                                          "or the program counter"),
    Register("STEP", Access.READ, "Steps ended since the start; fewer than the program has where the image settled"),
    Register("UPDATE", Access.READ, "Sum over pixels of the last step's change of the clean image, one is 1/4096; of "
                                    "step 0 it depends on what the memory held before"),
    *(Register(f"SEED{i}", Access.READ_WRITE, f"Word {i} of the noise generator's state") for i in range(4)),
    Register("LOAD", Access.WRITE, "Next 32-bit word of an image's segment"),
    Register("PIXEL_ADDRESS", Access.READ_WRITE, "Pixel that is read next"),
    Register("PIXEL_DATA", Access.READ, "That pixel of the predicted clean image, which at the end is the image, "
                                        "sign extended; then the address is one higher"),
    Register("LATENT_DATA", Access.READ, "That pixel of the latent image, likewise"),
    *(Register(f"{name}_{half}", Access.READ, f"{description}: {bits}")
      for name, description in COUNTERS.items()
      for half, bits in (("LOW", "bits 0 to 31; keeps the upper half for the next read"),
                         ("HIGH", "bits 32 to 63, as they were when LOW was read"))),
)

ADDRESSES: dict[str, int] = {register.name: position for position, register in enumerate(REGISTERS)}
"""Address of each register: its position in the map."""


def explain(code: int) -> str:
    """One sentence: what an error code means and what to do."""
    try:
        meaning, remedy = MEANINGS[ErrorCode(code)]
    except ValueError:
        return f"error {code} is unknown; the hardware is newer than this software, so update it"
    return f"error {ErrorCode(code).name}: {meaning}; {remedy}"
