"""Shape of the generated hardware: every width, depth and address size derives from here."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from golden.spec import numbers
from golden.spec.check import stored_bits
from golden.spec.step import STEP_WORD_BITS
from golden.spec.toml import read_table
from golden.spec.validation import require, require_file_name, require_integer, require_power_of_two

REGISTER_BITS = 20
"""Bits of an address in descriptors and of the sequencer's registers."""

SPLIT_ENTRY_BITS = 10
"""Bits of an entry of the split table in descriptors."""
MOST_SPLIT_LINES = 1 << SPLIT_ENTRY_BITS
NOT_IN_IMAGE = ("name", "norm_parts", "word_checks", "sdram_weights")
"""Fields of the configuration that no program image depends on."""
OPTIONAL = ("dense_lanes", "dsp_lanes", "word_checks", "sdram_weights")
"""Fields of the configuration that may be 0."""
CHECKED_MEMORIES = ("program", "weight", "modulation", "step", "coordinate", "tile", "split")
"""Memories whose words carry check bits (``golden.spec.check``), unless ``word_checks`` is 0."""

FORMAT_VERSION = 3
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
    line_words: int = 4            # words of one token that a lane receives at once
    dense_lanes: int = 0           # lanes for channels that are seldom zero: none, or one beside each sparse lane
    dsp_lanes: int = 0             # dense lanes that multiply in DSP blocks; the others do in logic
    split_lines: int = 256         # entries of the split table: a mask of a line's dense channels each
    longest_dot_product: int = 512  # terms of the longest 8-bit dot product; sizes the accumulator
    slots: int = 4                 # weight-tile slots: one in use, the others loading
    slot_rows: int = 512           # rows of one weight-tile slot
    program_words: int = 1024      # descriptors
    weight_words: int = 32768      # rows of the weight store
    modulation_words: int = 4096   # gain and bias words of all norms and steps
    normalised_words: int = 4096   # left operands written by norm and patch units
    activation_words: int = 8192   # queries, attention outputs, hidden activations
    key_value_words: int = 4096    # keys (transposed) and values
    residual_words: int = 2048     # residual stream, kept twice
    score_words: int = 512         # scores of two groups of tokens, and their probabilities
    pixel_words: int = 1024        # image values, of the latent and as many of the predicted clean image
    step_words: int = 64           # sampler coefficients, one word a step
    coordinate_words: int = 32     # coordinate channels, one word a grid line
    norm_parts: int = 1            # cycles that the norm takes for a word: 1, or 2 for half of its multipliers
    word_checks: int = 1           # 1: words of the memories in CHECKED_MEMORIES carry check bits; 0: none does
    sdram_weights: int = 0         # 1: the weight store is an SDRAM beside the FPGA (golden.spec.sdram); 0: block RAM
    watchdog_cycles: int = 1 << 20  # no progress for so long stops the core

    def __post_init__(self) -> None:
        require_file_name("hardware.name", self.name)
        for field in dataclasses.fields(self):
            if field.name != "name":
                require_integer(self, field.name, minimum=int(field.name not in OPTIONAL), maximum=1 << 20)
        for name in ("lanes", "width", "slots", "line_words"):
            require_power_of_two(self, name)
        require(8 <= self.width <= 64, f"hardware.width is {self.width}; expected 8 to 64")
        require(2 <= self.lanes <= self.width,
                f"hardware.lanes is {self.lanes}; expected 2 to the width {self.width}, "
                "as keys leave in tiles of that many tokens")
        require(self.tile_rows >= self.line_words * self.width,
                f"hardware.slots x hardware.slot_rows is {self.tile_rows}; expected at least "
                f"{self.line_words * self.width}, the channels of a line")
        require(self.slots in (2, 4, 8), f"hardware.slots is {self.slots}; expected 2, 4 or 8")
        require(self.line_words <= 8, f"hardware.line_words is {self.line_words}; expected 1, 2, 4 or 8")
        for name in ("normalised_words", "activation_words", "score_words"):
            depth, unit = getattr(self, name), 2 * self.line_words
            require(depth % unit == 0, f"hardware.{name} is {depth}; expected a multiple of {unit}, two lines")
        require(self.norm_parts in (1, 2), f"hardware.norm_parts is {self.norm_parts}; expected 1 or 2")
        require(self.word_checks <= 1, f"hardware.word_checks is {self.word_checks}; expected 0 or 1")
        require(self.sdram_weights <= 1, f"hardware.sdram_weights is {self.sdram_weights}; expected 0 or 1")
        self.check_dense()

    def check_dense(self) -> None:
        """Dense lanes stand beside the sparse ones, in pairs."""
        require(self.dense_lanes in (0, self.lanes),
                f"hardware.dense_lanes is {self.dense_lanes}; expected 0 or the number of lanes, {self.lanes}")
        require(self.dsp_lanes % 2 == 0 and self.dsp_lanes <= self.dense_lanes,
                f"hardware.dsp_lanes is {self.dsp_lanes}; "
                f"expected an even number of the {self.dense_lanes} dense lanes")
        require(self.split_lines <= MOST_SPLIT_LINES,
                f"hardware.split_lines is {self.split_lines}; expected 1 to {MOST_SPLIT_LINES}")

    @property
    def multipliers(self) -> int:
        """4-bit multipliers of the array."""
        return (self.lanes + self.dense_lanes) * self.width

    @property
    def norm_channels(self) -> int:
        """Channels of a word that the norm takes in a cycle."""
        return self.width // self.norm_parts

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
    def line_bits(self) -> int:
        """Bits of a line, which one read of a left operand's memory gives."""
        return self.line_words * self.word_bits

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
            "step": (self.step_words, STEP_WORD_BITS),
            "coordinate": (self.coordinate_words, 32),
            "tile": (self.tile_rows, self.word_bits),
            "normalised": (self.normalised_words, self.word_bits),
            "activation": (self.activation_words, self.word_bits),
            "key_value": (self.key_value_words, self.word_bits),
            "residual": (self.residual_words, self.width * numbers.WIDE_BITS),
            "score": (self.score_words, self.width * numbers.SCORE_BITS),
            "probability": (self.score_words, self.word_bits),
            "pixel": (self.pixel_words, numbers.WIDE_BITS),
            "clean": (self.pixel_words, numbers.WIDE_BITS),
            "split": (self.split_lines, self.line_words * self.width),
        }

    def kept_bits(self, bits: int) -> int:
        """Bits that a checked memory keeps for a word of so many bits, its check bits among them."""
        return stored_bits(bits) if self.word_checks else bits

    @property
    def fingerprint(self) -> int:
        """32-bit hash of everything that a program image depends on."""
        fields = {k: v for k, v in dataclasses.asdict(self).items() if k not in NOT_IN_IMAGE}
        text = json.dumps({"version": FORMAT_VERSION, **fields}, sort_keys=True)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def load_hardware(path: Path) -> HardwareConfig:
    """Read ``[hardware]`` of a TOML file; raises ``ConfigError`` with one sentence that names what is wrong."""
    return read_table(path, "hardware", HardwareConfig)
