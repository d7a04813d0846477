"""Shape of the generated hardware: every width, depth and address size derives from here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from golden.spec import numbers
from golden.spec.toml import read_table
from golden.spec.validation import require, require_integer, require_power_of_two

REGISTER_BITS = 20
"""Bits of an address in descriptors and of the sequencer's registers."""

FORMAT_VERSION = 1
"""Version of the program image and of the descriptor set; the hardware refuses any other."""


def address_bits(depth: int) -> int:
    """Bits of an address that reaches every one of ``depth`` words."""
    return max(1, (depth - 1).bit_length())


@dataclass(frozen=True, kw_only=True)
class HardwareConfig:
    """The array and its memories. A *word* holds ``width`` channels of one token.

    Raises ``ConfigError`` (one sentence) for a value that cannot be built.
    """

    name: str = "default"
    lanes: int = 16                # tokens in flight; one lane owns one token
    width: int = 16                # output channels of a lane, and channels of a word
    longest_dot_product: int = 512  # terms of the longest 8-bit dot product; sizes the accumulator
    slots: int = 4                 # weight-tile slots: one in use, the others loading
    slot_rows: int = 512           # rows of one weight-tile slot
    program_words: int = 512       # descriptors
    weight_words: int = 32768      # rows of the weight store
    modulation_words: int = 4096   # gain and bias words of all norms and steps
    normalised_words: int = 4096   # left operands written by norm and patch units
    activation_words: int = 8192   # queries, attention outputs, hidden activations
    key_value_words: int = 4096    # keys (transposed) and values
    residual_words: int = 2048     # residual stream, in two banks of half this depth
    score_words: int = 512         # scores of two groups of tokens, and their probabilities
    pixel_words: int = 1024        # image values
    step_words: int = 64           # sampler coefficients, one word a step
    coordinate_words: int = 32     # coordinate channels, one word a grid line
    watchdog_cycles: int = 1 << 20  # no progress for so long stops the core

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if field.name != "name":
                require_integer(self, field.name, minimum=1, maximum=1 << 20)
        for name in ("lanes", "width", "slots"):
            require_power_of_two(self, name)
        require(8 <= self.width <= 64, f"hardware.width is {self.width}; expected 8 to 64")
        require(2 <= self.lanes <= self.width,
                f"hardware.lanes is {self.lanes}; expected 2 to the width {self.width}, "
                "as one memory word feeds each lane in turn")
        require(self.slots in (2, 4, 8), f"hardware.slots is {self.slots}; expected 2, 4 or 8")
        require(self.residual_words % 2 == 0, f"hardware.residual_words is {self.residual_words}; expected even")
        require(self.score_words % 2 == 0, f"hardware.score_words is {self.score_words}; expected even")

    @property
    def multipliers(self) -> int:
        """4-bit multipliers of the array."""
        return self.lanes * self.width

    @property
    def accumulator_bits(self) -> int:
        """Exact: |sum| <= terms x 128 x 119, the largest balanced-nibble 8-bit product."""
        largest = self.longest_dot_product * 128 * numbers.BALANCED_MAXIMUM
        return largest.bit_length() + 1

    @property
    def word_bits(self) -> int:
        """Bits of a word of 4-bit channels."""
        return self.width * numbers.NIBBLE_BITS

    @property
    def tile_rows(self) -> int:
        """Depth of the weight-tile memory."""
        return self.slots * self.slot_rows

    @property
    def memory_shapes(self) -> dict[str, tuple[int, int]]:
        """Depth in words and bits of a word of every memory."""
        return {
            "program": (self.program_words, 256),
            "weight": (self.weight_words, self.word_bits),
            "modulation": (self.modulation_words, self.width * 16),
            "step": (self.step_words, 128),
            "coordinate": (self.coordinate_words, 32),
            "tile": (self.tile_rows, self.word_bits),
            "normalised": (self.normalised_words, self.word_bits),
            "activation": (self.activation_words, self.word_bits),
            "key_value": (self.key_value_words, self.word_bits),
            "residual": (self.residual_words, self.width * numbers.WIDE_BITS),
            "score": (self.score_words, self.width * numbers.SCORE_BITS),
            "probability": (self.score_words, self.word_bits),
            "pixel": (self.pixel_words, numbers.WIDE_BITS),
        }

    @property
    def fingerprint(self) -> int:
        """32-bit hash of everything that a program image depends on; the name does not count."""
        fields = {k: v for k, v in dataclasses.asdict(self).items() if k != "name"}
        text = json.dumps({"version": FORMAT_VERSION, **fields}, sort_keys=True)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def load_hardware(path: Path) -> HardwareConfig:
    """Read ``[hardware]`` of a TOML file; raises ``ConfigError`` with one sentence that names what is wrong."""
    return read_table(path, "hardware", HardwareConfig)
