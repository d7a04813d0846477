"""The compiler: what fits, what is refused and how, and that its programs and images are what they say."""

import json
from dataclasses import replace

import numpy as np
import pytest

from golden.compile import __main__ as command
from golden.compile.compiler import NO_LABEL, compile_checkpoint, weight_words
from golden.compile.layout import CompileError
from golden.compile.operands import predict_drawing
from golden.compile.words import pack, parameter_words, tile_words
from golden.integer.evaluate import sample
from golden.integer.model import IntegerLinear
from golden.integer.workload import left_operands
from golden.model import checkpoint, zoo
from golden.spec import numbers
from golden.spec.descriptors import Destination, Opcode, decode
from golden.spec.hardware import HardwareConfig
from golden.spec.image import ImageError, Memory, parse_segment, read_image
from golden.spec.step import STEP_FIELDS, STEP_SLOT_BITS
from golden.spec.timing import predict

TINY = checkpoint.load(zoo.checkpoint_path("tiny"))


@pytest.fixture(scope="module")
def compiled():
    return compile_checkpoint(TINY, HardwareConfig(), steps=2, guidance=2.0)


@pytest.mark.parametrize(("field", "value", "words"), [
    ("weight_words", 64, "the weight memory of hardware default holds 64 words"),
    ("program_words", 64, "the program memory of hardware default holds 64 words"),
    ("modulation_words", 8, "the modulation memory"),
    ("activation_words", 8, "the activation memory"),
    ("normalised_words", 8, "the normalised memory"),
    ("key_value_words", 8, "the key_value memory"),
    ("residual_words", 8, "the residual memory"),
    ("score_words", 8, "the score memory"),
    ("pixel_words", 8, "the pixel memory"),
    ("step_words", 2, "the step memory"),
    ("coordinate_words", 2, "the coordinate memory"),
    ("slot_rows", 32, "a weight-tile slot of hardware default holds 32 rows"),
    ("longest_dot_product", 8, "hardware.longest_dot_product is 8"),
    ("width", 64, "expected a multiple of 64"),
])
def test_what_does_not_fit_is_refused_with_its_name_size_and_need(field, value, words):
    with pytest.raises(CompileError) as caught:
        compile_checkpoint(TINY, HardwareConfig(**{field: value}), steps=2, guidance=2.0)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("steps", "guidance", "words"), [
    (0, 1.0, "steps is 0"), (-3, 1.0, "steps is -3"), (2, -1.0, "guidance is -1.0"),
    (2, float("nan"), "guidance is nan"), (1, 90.0, "sampler coefficient"),
])
def test_bad_steps_and_guidance_get_one_sentence(steps, guidance, words):
    with pytest.raises(ValueError, match=words):
        compile_checkpoint(TINY, HardwareConfig(), steps=steps, guidance=guidance)


def test_a_float_checkpoint_is_refused():
    with pytest.raises(checkpoint.CheckpointError, match="of kind 'float'; expected 'quantised'"):
        compile_checkpoint(replace(TINY, kind="float"), HardwareConfig(), steps=1, guidance=1.0)


def test_the_image_file_holds_what_was_compiled(compiled, tmp_path):
    path = tmp_path / "image.htn"
    compiled.write(path)
    image = read_image(path, compiled.layout.hardware)
    sections = {section.memory: section for section in parse_segment(image.program, compiled.layout.hardware).sections
                if section.memory != Memory.MODULATION}
    assert tuple(sections[Memory.PROGRAM].words) == compiled.descriptors
    assert sections[Memory.WEIGHT].words == weight_words(compiled.model, 16)
    assert set(image.conditionings) == {*TINY.config.labels, NO_LABEL}
    with pytest.raises(ImageError, match="for hardware"):
        read_image(path, HardwareConfig(slot_rows=1024))


def test_compiling_twice_gives_the_same_bytes(compiled):
    again = compile_checkpoint(TINY, HardwareConfig(), steps=2, guidance=2.0)
    assert again.program == compiled.program
    assert again.conditionings == compiled.conditionings


def test_without_guidance_one_context_does_half_the_work(compiled):
    alone = compile_checkpoint(TINY, HardwareConfig(), steps=2, guidance=1.0)
    assert 2 * predict(alone.descriptors, HardwareConfig()).macs == predict(compiled.descriptors, HardwareConfig()).macs


def test_without_skipping_every_product_takes_its_time():
    every = compile_checkpoint(TINY, HardwareConfig(), steps=1, guidance=1.0, skip_zeros=False)
    prediction = predict_drawing(every, NO_LABEL, seed=3)
    assert prediction.macs == prediction.macs_offered
    assert prediction.cycles == predict(every.descriptors, HardwareConfig()).cycles


def test_a_drawing_takes_fewer_cycles_the_more_of_it_is_zero(compiled):
    prediction = predict_drawing(compiled, NO_LABEL, seed=3)
    dense = predict(compiled.descriptors, HardwareConfig())
    assert prediction.macs_offered == dense.macs == dense.macs_offered
    assert prediction.macs < 0.7 * dense.macs
    assert prediction.cycles < 0.8 * dense.cycles
    assert prediction.macs == HardwareConfig().width * channels_that_are_not_zero(compiled, seed=3)


def channels_that_are_not_zero(compiled, seed):
    """Of every left operand, as often as a weight tile reads it; counted from the tensors alone."""
    config, width = compiled.model.config, 16
    tiles = {"query_key_value": 3 * config.channels // width, "scores": config.tokens // width,
             "mix": config.head_channels // width, "projection": config.channels // width,
             "expand": config.hidden_channels // width, "contract": config.channels // width}
    total = 0
    for step in sample(compiled.model, compiled.contexts(NO_LABEL), compiled.plan, seed):
        for tensors in step.contexts:
            for name, operand in left_operands(tensors, config.blocks):
                layer = name.rpartition(".")[2]
                passes = 2 if layer in ("convolution", "decoder") else 1    # of each plane
                outputs = {"convolution": config.channels // width, "decoder": 1}.get(layer) or tiles[layer]
                total += passes * outputs * int(np.count_nonzero(operand))
    return total


@pytest.mark.parametrize(("model", "lanes", "width"), [("fashion", 16, 16), ("tiny", 8, 8), ("fashion", 8, 16)])
def test_layers_of_many_groups_need_no_fence(model, lanes, width):
    source = checkpoint.load(zoo.checkpoint_path(model))
    compiled = compile_checkpoint(source, HardwareConfig(lanes=lanes, width=width), steps=1, guidance=2.0)
    assert not any(fields.get("fence", 0) for _, fields in map(decode, compiled.descriptors))


def test_layers_of_few_groups_are_fenced():
    """Of tiny's block, with one context in four groups: values, projection, expand and contract."""
    compiled = compile_checkpoint(TINY, HardwareConfig(), steps=1, guidance=1.0)
    fenced = [fields["destination"] for opcode, fields in map(decode, compiled.descriptors)
              if opcode is Opcode.ARRAY and fields["fence"]]
    assert fenced == [Destination.VALUE, Destination.RESIDUAL_ADD, Destination.ACTIVATION, Destination.RESIDUAL_ADD]


def test_a_tile_holds_parameters_and_rows_in_the_order_of_the_array():
    generator = np.random.default_rng(5)
    weight = generator.integers(-7, 8, (16, 32))
    layer = IntegerLinear(weight, generator.integers(0, 1 << 14, 16), generator.integers(-(1 << 17), 1 << 17, 16), 9)
    (tile,) = tile_words(layer, 16)
    assert len(tile) == numbers.PARAMETER_ROWS + 32
    for output in range(16):
        nibbles = [word >> (4 * output) & 15 for word in tile]
        parameter = sum(nibble << (4 * row) for row, nibble in enumerate(nibbles[:numbers.PARAMETER_ROWS]))
        assert parameter & 0x3FFF == layer.multiplier[output]
        assert (parameter >> 14) - (1 << 18) * (parameter >> 31) == layer.bias[output]
        rows = [nibble - 16 * (nibble >> 3) for nibble in nibbles[numbers.PARAMETER_ROWS:]]
        assert rows == weight[output].tolist()
    assert tile[:numbers.PARAMETER_ROWS] == parameter_words(layer.multiplier, layer.bias, 16)


def test_packing_keeps_the_sign():
    assert pack(np.array([[-1, 2], [7, -7]]), 4) == [0x2F, 0x97]


def test_a_sampler_takes_as_many_rows_as_evaluations():
    heun = compile_checkpoint(TINY, HardwareConfig(), steps=2, guidance=2.0, sampler="heun", stop=0.5)
    (section,) = (s for s in parse_segment(heun.program, HardwareConfig()).sections if s.memory == Memory.STEP)
    assert len(section.words) == heun.layout.steps + 1 == 4
    for word, row in zip(section.words, heun.plan.rows, strict=True):
        for place, field in enumerate(STEP_FIELDS):
            slot = word >> STEP_SLOT_BITS * place & (1 << field.bits) - 1
            assert slot == getattr(row, field.name) % (1 << field.bits), field.name


def test_guidance_in_a_range_takes_a_context_where_there_is_none():
    compiled = compile_checkpoint(TINY, HardwareConfig(), steps=4, guidance=2.0, guidance_range=(0.25, 0.75))
    assert compiled.plan.contexts == (1, 2, 2, 1)
    assert len(compiled.segments) == 3


def test_the_command_writes_an_image_and_checks_it(tmp_path, capsys):
    image = tmp_path / "tiny.htn"
    assert command.main(["write", "--model", "tiny", "--steps", "2", "--output", str(image)]) == 0
    assert "cycles an image" in capsys.readouterr().out
    assert command.main(["check", str(image)]) == 0
    assert json.loads(capsys.readouterr().out)["steps"] == 2


@pytest.mark.parametrize(("damage", "words"), [
    (lambda content: content[:len(content) // 2], "truncated"),
    (lambda content: b"PNG" + content, "no Halftone image"),
    (lambda content: content[:-99] + bytes([content[-99] ^ 4]) + content[-98:], "damaged"),
])
def test_a_bad_image_gets_one_sentence(compiled, tmp_path, capsys, damage, words):
    image = tmp_path / "bad.htn"
    compiled.write(image)
    image.write_bytes(damage(image.read_bytes()))
    assert command.main(["check", str(image)]) == 2
    told = capsys.readouterr()
    assert words in told.err and told.err.count("\n") == 1 and not told.out


@pytest.mark.parametrize(("options", "words"), [
    (["--model", "huge"], "there is no quantised model 'huge'"),
    (["--model", "tiny", "--steps", "2000"], "the modulation memory"),
    (["--model", "tiny", "--config", "none.toml"], "none.toml cannot be read"),
])
def test_a_refused_compilation_leaves_no_file(tmp_path, capsys, options, words):
    image = tmp_path / "none.htn"
    assert command.main(["write", *options, "--output", str(image)]) == 2
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1
    assert not list(tmp_path.iterdir())
