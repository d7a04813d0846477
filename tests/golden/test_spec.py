"""The contract: configurations, descriptors, interpreter and latencies."""

import random

import pytest

from golden.spec import latency
from golden.spec.descriptors import FIELDS, NormFormat, Opcode, PixelOperation, decode, encode
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.interpreter import Interpreter, ProgramError
from golden.spec.model import ModelConfig, load_model
from golden.spec.timing import predict
from golden.spec.validation import ConfigError
from rtl.array.lane import SUMS_LATENCY
from rtl.array.write_back import VALUE_LATENCY, WRITE_LATENCY
from rtl.units import norm_engine, softmax_engine
from rtl.units.pixel_engine import PixelEngine


@pytest.mark.parametrize(("text", "words"), [
    ("[hardware]\nlanes = 3\n", "hardware.lanes is 3; expected a power of two"),
    ("[hardware]\nlanes = 32\n", "hardware.lanes is 32; expected 2 to the width 16"),
    ("[hardware]\nlanes = 'two'\n", "hardware.lanes is 'two'; expected an integer"),
    ("[hardware]\nlanes = true\n", "hardware.lanes is True"),
    ("[hardware]\nwidth = 4\n", "hardware.width is 4; expected 8 to 64"),
    ("[hardware]\nword_checks = 2\n", "hardware.word_checks is 2; expected 0 or 1"),
    ("[hardware]\nslots = 16\n", "hardware.slots is 16; expected 2, 4 or 8"),
    ("[hardware]\nweight_words = 0\n", "hardware.weight_words is 0"),
    ("[hardware]\nline_words = 16\n", "hardware.line_words is 16; expected 1, 2, 4 or 8"),
    ("[hardware]\nscore_words = 12\n", "hardware.score_words is 12; expected a multiple of 8, two lines"),
    ("[hardware]\nbanks = 2\n", "hardware.banks, which does not exist"),
    ("[hardware]\nname = 3\n", "hardware.name is 3"),
    ("[model]\n", "has no [hardware] table"),
    ("hardware = ", "is not TOML"),
])
def test_a_bad_hardware_configuration_gets_one_sentence(tmp_path, text, words):
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_hardware(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_configuration_that_is_not_there_gets_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_hardware(tmp_path / "none.toml")


@pytest.mark.parametrize(("text", "words"), [
    ("channels = 64\nblocks = 1\nheads = 4\n", "does not set model.image_size"),
    ("image_size = 32\nchannels = 62\nblocks = 1\nheads = 4\n", "model.channels is 62"),
    ("image_size = 33\nchannels = 64\nblocks = 1\nheads = 4\n", "model.image_size is 33"),
    ("image_size = 32\nstride = 3\nchannels = 64\nblocks = 1\nheads = 4\n", "model.stride is 3"),
    ("image_size = 32\nchannels = 64\nblocks = 1\nheads = 4\nlabels = ['a', 'a']\n", "names a label twice"),
    ("image_size = 32\nchannels = 64\nblocks = 1\nheads = 4\nlabels = 3\n", "model.labels is 3"),
])
def test_a_bad_model_configuration_gets_one_sentence(tmp_path, text, words):
    path = tmp_path / "bad.toml"
    path.write_text("[model]\n" + text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_model(path)
    assert words in str(caught.value)


def test_the_fingerprint_follows_the_hardware_and_not_its_name():
    one = HardwareConfig()
    assert one.fingerprint == HardwareConfig(name="other").fingerprint
    assert one.fingerprint != HardwareConfig(slot_rows=1024).fingerprint


def test_every_descriptor_survives_encoding():
    generator = random.Random(1)
    for opcode, fields in FIELDS.items():
        for extreme in (0, 1, None):
            values = {}
            for field in fields:
                low, high = (-(1 << (field.bits - 1)), (1 << (field.bits - 1)) - 1) if field.signed \
                    else (0, (1 << field.bits) - 1)
                values[field.name] = generator.randint(low, high) if extreme is None else (low, high)[extreme]
            assert decode(encode(opcode, values)) == (opcode, values)


def test_a_field_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="ARRAY field count is 4096"):
        encode(Opcode.ARRAY, {"count": 4096})
    with pytest.raises(ValueError, match="has no field rows"):
        encode(Opcode.ARRAY, {"rows": 1})


def program(*descriptors):
    return [encode(opcode, values) for opcode, values in descriptors]


def test_nested_loops_run_the_product_of_their_counts():
    words = program((Opcode.SET, {"mask": 1, "value0": 5}), (Opcode.LOOP, {"count": 3}), (Opcode.LOOP, {"count": 4}),
                    (Opcode.LOAD, {"base": 1, "base_register": 1}), (Opcode.END, {"value0": 2}),
                    (Opcode.END, {"value0": -8}), (Opcode.HALT, {}))
    bases = [fields["base"] for opcode, fields in Interpreter(words).run() if opcode is Opcode.LOAD]
    assert bases == [6, 8, 10, 12] * 3


@pytest.mark.parametrize(("words", "sentence"), [
    ([15], "descriptor 0 is illegal"),
    (program((Opcode.END, {})), "ends no loop"),
    (program((Opcode.LOOP, {"count": 0})), "count 0"),
    (program((Opcode.SYNC, {})), "runs past its end"),
    (program((Opcode.ARRAY, {"count": 1, "words": 1, "wait_first": 8})), "would never start"),
])
def test_a_program_that_would_not_end_well_is_refused_by_the_timing_model(words, sentence):
    with pytest.raises(ProgramError, match=sentence):
        predict(words, HardwareConfig())


@pytest.mark.parametrize("config", [HardwareConfig(), HardwareConfig(lanes=8, width=8),
                                    HardwareConfig(lanes=4, width=64), HardwareConfig(lanes=4, width=8, norm_parts=2)])
def test_the_rtl_states_the_latencies_that_the_timing_model_counts_with(config):
    for form in NormFormat:
        for words in (1, 4, 9):
            assert latency.norm_tail(config, words, form) == norm_engine.tail(config, words, form)
            assert (config.lanes * words * latency.norm_word_cycles(config, form)
                    == norm_engine.iteration_cycles(config, words, form))
    assert latency.softmax_tail(config) == softmax_engine.tail(config)
    assert latency.DRAIN_LATENCY == SUMS_LATENCY
    # a group retires in the cycle after its last token is drained
    assert WRITE_LATENCY <= 1 + latency.ARRAY_TAIL
    assert VALUE_LATENCY + config.width <= 1 + latency.key_hold(config)
    nothing = {"grid": 0, "stride": 1, "channels": 1, "coordinates": 0}
    assert latency.pixel_cycles({**nothing, "operation": PixelOperation.STEP}) == PixelEngine.STEP_CYCLES
    assert latency.pixel_cycles({**nothing, "operation": PixelOperation.PATCH}) == PixelEngine.PATCH_CYCLES


def test_a_model_knows_its_shape():
    model = ModelConfig(name="m", image_size=32, stride=2, channels=64, blocks=6, heads=4)
    shape = model.tokens, model.head_channels, model.patch_terms, model.token_pixels, model.norms
    assert shape == (256, 16, 15, 4, 13)
