"""Split of channels between dense and sparse lanes: the rule against its definition, and the configuration."""

import itertools

import numpy as np
import pytest

from golden.integer.split import count, decide
from golden.spec.hardware import HardwareConfig
from golden.spec.split import COUNT_BITS, COUNT_MAXIMUM, decide_cycles, fixed_thresholds, sample_cycles
from golden.spec.validation import ConfigError


def balanced(counts, samples):
    """By the definition, channel by channel, of most non-zeros first, of as many the lowest first."""
    dense, remaining = set(), sum(counts)
    for channel in sorted(range(len(counts)), key=lambda channel: (-counts[channel], channel)):
        remaining -= counts[channel]
        if not counts[channel] or (len(dense) + 1) * samples > remaining:
            break
        dense.add(channel)
    return [channel in dense for channel in range(len(counts))]


def serial(counts, samples):
    """The same in one pass over the channels in their order, after the lowest threshold that fits; 64 always does."""
    def parts(threshold):
        dense = [value for value in counts if value >= threshold]
        return len(dense), sum(counts) - sum(dense)
    fitting = [threshold for threshold in range(1, 65) if parts(threshold)[0] * samples <= parts(threshold)[1]]
    threshold = min(fitting)
    taken, remaining = parts(threshold)
    mask = []
    for value in counts:
        tied = value == threshold - 1 > 0 and (taken + 1) * samples <= remaining - value
        taken, remaining = taken + tied, remaining - tied * value
        mask.append(value >= threshold or tied)
    return mask


@pytest.mark.parametrize("channels", [1, 2, 8, 64])
def test_balanced_takes_channels_while_dense_lanes_are_not_later(channels):
    random = np.random.default_rng(channels)
    seen = set()
    for _ in range(400):
        samples = int(random.choice([1, 2, 3, 16, 62, 63, random.integers(1, 64)]))
        counts = random.binomial(samples, random.choice([0, 0.1, 0.5, 0.9, 1], channels))
        mask = decide(counts, samples, fixed=False)
        assert mask.tolist() == balanced(counts.tolist(), samples) == serial(counts.tolist(), samples)
        assert mask.sum() * samples <= counts[~mask].sum()
        seen.add(int(mask.sum()))
    assert len(seen) > 1 or channels == 1


def test_balanced_is_right_for_every_line_of_four_channels():
    for samples in (1, 2, 3, 63):
        for counts in itertools.product({0, 1, samples - 1, samples}, repeat=4):
            assert decide(counts, samples, fixed=False).tolist() == balanced(counts, samples) == serial(counts, samples)


@pytest.mark.parametrize("samples", [1, 2, 16, 63])
def test_of_channels_alike_the_first_half_is_dense(samples):
    assert decide(np.full(9, samples), samples, fixed=False).tolist() == [True] * 4 + [False] * 5
    counts = [samples, 0, samples, samples, 0, samples]
    assert decide(counts, samples, fixed=False).tolist() == [True, False, True, False, False, False]


def test_fixed_is_fewer_than_three_zeros_in_ten():
    for samples in range(1, 64):
        counts = np.arange(samples + 1)
        mask = decide(counts, samples, fixed=True)
        assert mask.tolist() == [10 * (samples - value) < 3 * samples for value in range(samples + 1)]
        assert mask.tolist() == (counts >= fixed_thresholds()[samples]).tolist()


@pytest.mark.parametrize("fixed", [False, True])
def test_without_samples_the_mask_stays(fixed):
    assert decide(np.zeros(16, dtype=int), 0, fixed) is None


def test_channels_that_are_never_used_are_never_dense():
    assert not decide(np.zeros(16, dtype=int), 9, fixed=False).any()
    assert not decide(np.zeros(16, dtype=int), 9, fixed=True).any()


def test_counters_stop_together_with_the_samples():
    random = np.random.default_rng(1)
    rows = random.integers(0, 2, (100, 12)) * random.integers(-7, 8, (100, 12))
    for length in (0, 1, 62, 63, 64, 100):
        counts, samples = [0] * 12, 0
        for row in rows[:length]:
            if samples < 2**COUNT_BITS - 1:
                samples += 1
                counts = [before + int(value != 0) for before, value in zip(counts, row, strict=True)]
        got = count(rows[:length])
        assert (got[0].tolist(), got[1]) == (counts, samples)
        assert samples <= COUNT_MAXIMUM


def test_a_decision_of_64_channels_takes_less_than_400_cycles():
    assert decide_cycles(HardwareConfig()) == 32 * 4 + 3 + 65 + 128 + 65 + 1 == 390
    assert sample_cycles(HardwareConfig()) == 4


@pytest.mark.parametrize(("values", "words"), [
    ({"dense_lanes": 8}, "hardware.dense_lanes is 8; expected 0 or the number of lanes, 16"),
    ({"dense_lanes": -1}, "hardware.dense_lanes is -1; expected an integer from 0"),
    ({"dsp_lanes": 2}, "hardware.dsp_lanes is 2; expected an even number of the 0 dense lanes"),
    ({"dense_lanes": 16, "dsp_lanes": 3}, "hardware.dsp_lanes is 3"),
    ({"dense_lanes": 16, "dsp_lanes": 18}, "hardware.dsp_lanes is 18"),
    ({"split_lines": 0}, "hardware.split_lines is 0"),
    ({"split_lines": 1025}, "hardware.split_lines is 1025; expected 1 to 1024"),
])
def test_a_bad_configuration_gets_one_sentence(values, words):
    with pytest.raises(ConfigError) as caught:
        HardwareConfig(**values)
    assert words in str(caught.value)


def test_dense_lanes_double_the_multipliers():
    assert HardwareConfig().multipliers == 256
    config = HardwareConfig(dense_lanes=16, dsp_lanes=6, line_words=2)
    assert config.multipliers == 512
    assert config.memory_shapes["split"] == (256, 32)
