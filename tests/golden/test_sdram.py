"""Weights in an SDRAM: when words come, how long the chip goes without a refresh, and what a drawing loses by it."""

from dataclasses import replace
from pathlib import Path

import pytest

from golden.compile.compiler import compile_checkpoint
from golden.compile.operands import predict_drawing
from golden.model import checkpoint, zoo
from golden.spec import sdram
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.validation import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SHAPES = [HardwareConfig(width=width, lanes=8, word_checks=checks, sdram_weights=1)
          for width in (8, 16, 32, 64) for checks in (0, 1)]


@pytest.mark.parametrize("config", SHAPES, ids=lambda config: f"{config.width}-{config.word_checks}")
@pytest.mark.parametrize("base", [0, 1, 15, 31, 1000])
def test_a_fetch_ends_with_its_last_word(config, base):
    for words in (1, 2, 7, 8, 33, 520):
        times = sdram.arrivals(config, base, words)
        assert len(times) == words and times == sorted(set(times))
        assert times[-1] == sdram.fetch_cycles(config, base, words)
        assert sum(sdram.visits(config, base, words)) == words
    assert sdram.fetch_cycles(config, base, 0) == 0 and not sdram.arrivals(config, base, 0)


@pytest.mark.parametrize("config", SHAPES, ids=lambda config: f"{config.width}-{config.word_checks}")
def test_no_visit_leaves_its_row_or_lets_a_refresh_be_late(config):
    words = sdram.visit_words(config)
    columns = sdram.word_columns(config)
    assert columns * sdram.DATA_PINS >= config.kept_bits(config.word_bits)
    assert words >= 1 and words * sdram.word_stride(config) <= 1 << sdram.COLUMN_BITS
    before_its_refresh = sdram.VISIT_OVERHEAD - sdram.REFRESH_CYCLES + words * columns
    assert sdram.IDLE_CYCLES + sdram.FETCH_LEAD + before_its_refresh <= sdram.LONGEST_GAP
    assert sdram.LONGEST_GAP / sdram.LEAST_CLOCK_HZ < 0.064 / 8192
    assert sdram.POWER_UP_CYCLES / sdram.MOST_CLOCK_HZ > 200e-6


@pytest.mark.parametrize("config", SHAPES, ids=lambda config: f"{config.width}-{config.word_checks}")
def test_the_most_weights_fit_the_chip(config):
    most = sdram.COLUMNS // sdram.word_stride(config)
    sdram.require_size(replace(config, weight_words=min(most, 1 << 20)))
    if most < 1 << 20:
        with pytest.raises(ConfigError, match=f"weight_words is {most + 1}; expected at most {most}"):
            sdram.require_size(replace(config, weight_words=most + 1))


def test_a_program_does_not_depend_on_where_the_weights_are():
    config = load_hardware(CONFIGS / "small.toml")
    assert replace(config, sdram_weights=1).fingerprint == config.fingerprint


@pytest.mark.parametrize(("config", "waits"), [("small", False), ("default", True)])
def test_a_drawing_loses_no_cycle_where_the_array_is_slower_than_the_chip(config, waits):
    """64 tokens of two contexts: 64 multipliers take longer for a tile than the chip, 256 do not."""
    hardware = load_hardware(CONFIGS / f"{config}.toml")
    source = checkpoint.load(zoo.checkpoint_path("tiny"))
    cycles = [predict_drawing(compile_checkpoint(source, replace(hardware, sdram_weights=chip), steps=1, guidance=1.5),
                              "boot", 1).cycles for chip in (0, 1)]
    assert (cycles[1] > cycles[0]) == waits
