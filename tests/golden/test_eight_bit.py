"""8-bit layers behind a block's norm: their integers, programs, counts and cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from golden.compile.builder import BLOCK
from golden.compile.compiler import NO_LABEL, compile_checkpoint, weight_words
from golden.compile.cost import estimated_cycles
from golden.compile.layout import CompileError, Layout
from golden.compile.operands import predict_drawing
from golden.integer.evaluate import evaluate, sample
from golden.integer.product import weight_planes
from golden.integer.workload import ZeroShares, left_operands, products, useful_macs
from golden.model import checkpoint, zoo
from golden.model.transformer import rmsnorm
from golden.quantise import to_integers
from golden.quantise.steps import BALANCED, to_grid
from golden.spec.descriptors import LoadSource, NormFormat, Opcode, decode
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.interpreter import Interpreter
from golden.spec.model import ModelConfig
from golden.spec.numbers import PARAMETER_ROWS
from golden.spec.precision import EIGHT_BIT_LAYERS, group_names
from golden.spec.timing import estimate, predict

SMALL = load_hardware(Path(__file__).resolve().parents[2] / "configs" / "small.toml")
TINY = checkpoint.load(zoo.checkpoint_path("tiny"))
ALL = group_names(TINY.config)
MIXED = ("blocks.0.attention", "blocks.2.attention", "blocks.2.hidden")
WIDE = HardwareConfig(program_words=1024)
WEIGHT_REFINEMENT, NORM_REFINEMENT = 119 / 7, 127 / 15
CHOICES = [(), ("blocks.1.hidden",), MIXED, ALL]


@dataclass(frozen=True, kw_only=True)
class Mixed(checkpoint.Checkpoint):
    """A checkpoint with 8-bit groups."""

    eight_bit: tuple[str, ...] = ()


def balanced_weight(layer):
    """8-bit integers of a layer's weights, (out, in)."""
    return to_grid(layer.weight.detach() / layer.weight_step.detach()[:, None], BALANCED)


@pytest.fixture
def refined(monkeypatch):
    """tiny's checkpoint with some groups on finer grids: its weights and norms, rounded later."""
    honest = to_integers.QuantisedTransformer

    def model(config, eight_bit=()):
        made = honest(config)
        for name in eight_bit:
            block, group = made.blocks[int(name.split(".")[1])], name.split(".")[2]
            for layer in EIGHT_BIT_LAYERS[group]:
                linear = getattr(block, layer)
                linear.integer_weight = partial(balanced_weight, linear)
        return made

    def make(groups):
        tensors = dict(TINY.tensors)
        for name in groups:
            prefix, _, group = name.rpartition(".")
            tensors[f"{prefix}.norm_{group}_step"] = tensors[f"{prefix}.norm_{group}_step"] / NORM_REFINEMENT
            for layer in EIGHT_BIT_LAYERS[group]:
                tensors[f"{prefix}.{layer}.weight_step"] = tensors[f"{prefix}.{layer}.weight_step"] / WEIGHT_REFINEMENT
        return Mixed(config=TINY.config, kind="quantised", tensors=tensors, eight_bit=tuple(sorted(groups)),
                     residual_fraction_bits=TINY.residual_fraction_bits)

    monkeypatch.setattr(to_integers, "QuantisedTransformer", model)
    return make


def compiled_for(source, hardware=WIDE, **choices):
    return compile_checkpoint(source, hardware, **{"steps": 2, "guidance": 2.0, "prompts": (), **choices})


def first_step(compiled):
    """Tensors of the guided context."""
    return next(step for step in sample(compiled.model, compiled.contexts(NO_LABEL), compiled.plan, 3)
                if step.contexts).contexts[-1]


# --- integers -----------------------------------------------------------------------------------------------------


def real_keys(source, residual):
    """Of block 0, in steps of the key, from the residual stream and unrounded weights: norm, ReLU, linear layer."""
    model = to_integers.load_model(source)
    block = model.blocks[0]
    gain, shift = to_integers.modulations(model, [0.0], torch.tensor([TINY.config.no_label]))
    gain, shift = torch.tensor(gain[0, 0, 0]), torch.tensor(shift[0, 0, 0])
    x = torch.tensor(residual) * 2.0**-source.residual_fraction_bits
    operand = torch.relu(rmsnorm(x) * gain + shift)
    return (block.key.weight @ operand.T + block.key.bias[:, None]).T.detach().numpy() / float(block.key_step.detach())


def key_error(source):
    """Root mean square of a key's error in its steps, of keys that are not clipped."""
    tensors = first_step(compiled_for(source))
    real = real_keys(source, tensors["convolution"])
    inside = np.abs(real) < 7
    error = float(np.sqrt(np.mean((tensors["blocks.0.key"] - real)[inside] ** 2)))
    print(f"{error:.3f} steps with 8 bits in {source.eight_bit or 'nothing'}")
    return error


def test_8_bit_keys_are_rounded_and_little_else(refined, monkeypatch):
    """Rounding a uniform error gives 1/sqrt(12), 0.289 steps; 4 bits give more, and a bias in eighths is found."""
    assert key_error(refined(())) > 0.35
    assert 0.25 < key_error(refined(("blocks.0.attention",))) < 0.31
    honest = to_integers.integer_modulations
    monkeypatch.setattr(to_integers, "integer_modulations", lambda *arguments: honest(*arguments[:4]))
    assert key_error(refined(("blocks.0.attention",))) > 0.4


@pytest.mark.parametrize("groups", CHOICES, ids=len)
def test_a_group_has_8_bits_on_both_sides(refined, groups):
    compiled = compiled_for(refined(groups))
    assert compiled.model.eight_bit == tuple(sorted(groups)) == compiled.layout.eight_bit
    tensors = first_step(compiled)
    for name in ALL:
        prefix, _, group = name.rpartition(".")
        block = compiled.model.blocks[int(name.split(".")[1])]
        norm, layers = tensors[f"{prefix}.norm_{group}"], [getattr(block, layer) for layer in EIGHT_BIT_LAYERS[group]]
        assert norm.min() == 0 and (norm.max() > 15) == (name in groups) and norm.max() <= 127
        for layer in layers:
            assert layer.eight_bit == (name in groups) == (np.abs(layer.weight).max() > 7)
            if layer.eight_bit:
                weight_planes(layer.weight)
    for block in compiled.model.blocks:
        assert not block.projection.eight_bit and not block.contract.eight_bit


def test_shifts_are_the_same_wherever_a_descriptor_serves_several_blocks(refined):
    blocks = compiled_for(refined(MIXED)).model.blocks
    assert blocks[0].key.shift == blocks[2].key.shift > blocks[1].key.shift
    assert blocks[0].expand.shift == blocks[1].expand.shift < blocks[2].expand.shift
    assert len({block.projection.shift for block in blocks}) == len({block.score_shift for block in blocks}) == 1
    for wide in (True, False):
        assert 1 << 13 <= max(block.key.multiplier.max() for block in blocks if block.key.eight_bit == wide) < 1 << 14


def test_a_norm_of_8_bits_ends_at_0_and_127(refined):
    compiled = compiled_for(refined(("blocks.0.attention",)))
    image = np.full((1, 16, 16), 4096)
    table = compiled.modulations[NO_LABEL]
    gain, bias = table.gain[0].copy(), table.bias[0].copy()
    gain[0], bias[0, ::2], bias[0, 1::2] = 0, 127, -127
    norm = evaluate(compiled.model, image, gain, bias)["blocks.0.norm_attention"]
    assert (norm[:, ::2] == 127).all() and (norm[:, 1::2] == 0).all()


# --- programs -----------------------------------------------------------------------------------------------------


def issued(compiled, opcode):
    """Fields of every descriptor of a kind as issued, and the block at that time."""
    interpreter = Interpreter(compiled.descriptors)
    return [(fields, interpreter.registers[BLOCK]) for kind, fields in interpreter.run() if kind is opcode]


@pytest.mark.parametrize("groups", CHOICES, ids=len)
def test_every_step_loads_the_weight_store_from_end_to_end(refined, groups):
    compiled = compiled_for(refined(groups))
    length = len(weight_words(compiled.model, WIDE.width))
    place = 0
    for fields, _ in issued(compiled, Opcode.LOAD):
        if fields["source"] == LoadSource.WEIGHT and fields["rows"]:
            assert fields["base"] == place % length
            place += fields["rows"] + PARAMETER_ROWS * fields["parameters"]
    assert place == 2 * length


@pytest.mark.parametrize("groups", CHOICES, ids=len)
def test_every_norm_has_its_format_and_its_tables(refined, groups):
    compiled = compiled_for(refined(groups))
    norms = issued(compiled, Opcode.NORM)
    assert len(norms) == 2 * TINY.config.norms
    for number, (fields, block) in enumerate(norms):
        step, norm = divmod(number, TINY.config.norms)
        layout = compiled.layout
        assert fields["table_base"] == step * layout.modulation_step_words + norm * layout.token_words
        assert fields["shift"] == compiled.model.norm_shifts[norm]
        if norm == TINY.config.norms - 1:
            assert (fields["format"], fields["bias_shift"]) == (NormFormat.INT8, 3)
            continue
        wide = ALL[norm] in groups
        assert block == norm // 2
        assert (fields["format"], fields["bias_shift"]) == ((NormFormat.RECTIFIED_INT8, 3) if wide else (0, 0))


def test_blocks_that_follow_each_other_with_the_same_groups_share_a_loop(refined):
    def loops(groups):
        """Counts of the loops that begin with a block's constants."""
        program = [decode(word) for word in compiled_for(refined(groups), steps=1, guidance=1.0).descriptors]
        return [before["count"] for (_, before), (kind, _) in pairwise(program) if kind is Opcode.EXECUTE]
    assert loops(()) == loops(ALL) == [3]
    assert loops(("blocks.0.attention", "blocks.1.attention")) == [2, 1]
    assert loops(MIXED) == [1, 1, 1]


def test_8_bit_products_stay_with_the_sparse_lanes(refined):
    compiled = compiled_for(refined(MIXED), HardwareConfig(lanes=8, width=8, dense_lanes=8, program_words=1024),
                            split="balanced")
    arrays = issued(compiled, Opcode.ARRAY)
    wide = [fields for fields, _ in arrays if fields["nibble_passes"]]
    assert not any(fields["split"] or fields["detect"] for fields in wide)
    behind_norms = [fields for fields, _ in arrays if fields["count"] and not fields["left_memory"]]
    assert 0 < len(wide) < len(behind_norms)
    assert all(fields["split"] for fields in behind_norms if not fields["nibble_passes"])


@pytest.mark.parametrize("seed", range(20))
def test_a_first_norm_in_planes_never_overwrites_patches_of_later_tokens(seed):
    """Words of every token by themselves; also with patches that are longer than a token."""
    generator = np.random.default_rng(seed)
    hardware = HardwareConfig(normalised_words=1 << 18, activation_words=1 << 18, key_value_words=1 << 18,
                              residual_words=1 << 17, pixel_words=1 << 16, modulation_words=1 << 16, slot_rows=4096,
                              score_words=1 << 16, coordinate_words=64)
    model = ModelConfig(name="m", image_channels=int(generator.choice([1, 3, 7])), image_size=16, stride=1,
                        channels=16 * int(generator.integers(1, 5)), blocks=1, heads=1)
    layout = Layout(model, hardware, contexts=int(generator.integers(1, 3)), steps=1,
                    eight_bit=("blocks.0.attention",))
    token, patch = 2 * layout.token_words, 2 * layout.patch_words
    last = (layout.contexts - 1) * model.tokens
    for number in range(layout.contexts * model.tokens):
        first = number * token - layout.patches
        covered = [index for index in range(first // patch, (first + token - 1) // patch + 1)
                   if 0 <= index < model.tokens]
        assert not covered or (number >= last and max(covered) <= number - last)
    assert layout.needs()["normalised"] == max(2 * layout.tensor_words, layout.patches + model.tokens * patch)


# --- counts and cost ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", CHOICES[1:], ids=len)
def test_the_array_skips_zeros_of_each_plane(refined, groups):
    """The predicted multiplications are the non-zero nibbles, as often as a weight tile reads them."""
    compiled = compiled_for(refined(groups), steps=1)
    config, width = TINY.config, 16
    outputs = {"convolution": config.channels, "decoder": width, "query_key_value": 3 * config.channels,
               "scores": config.tokens, "mix": config.head_channels, "projection": config.channels,
               "expand": config.hidden_channels, "contract": config.channels}
    total = 0
    for step in sample(compiled.model, compiled.contexts(NO_LABEL), compiled.plan, 3):
        for tensors in step.contexts:
            for name, operand in left_operands(tensors, config.blocks, groups):
                group = name.replace("query_key_value", "attention").replace("expand", "hidden")
                passes = 2 if group in groups or name in ("convolution", "decoder") else 1     # of each plane
                total += passes * outputs[name.rpartition(".")[2]] * int(np.count_nonzero(operand))
    assert predict_drawing(compiled, NO_LABEL, 3).macs == total
    assert predict_drawing(compiled, NO_LABEL, 3).macs_offered == predict(compiled.descriptors, WIDE).macs


def test_useful_work_and_zeros_count_every_nibble(refined):
    macs, wide = useful_macs(TINY.config), useful_macs(TINY.config, MIXED)
    assert {name for name in macs if wide[name] != macs[name]} == {
        "blocks.0.query_key_value", "blocks.2.query_key_value", "blocks.2.expand"}
    assert wide["blocks.2.expand"] == 4 * macs["blocks.2.expand"] == 4 * products(TINY.config)["blocks.2.expand"]
    compiled = compiled_for(refined(MIXED))
    zeros = ZeroShares(TINY.config, compiled.model.eight_bit)
    tensors = first_step(compiled)
    zeros.add(next(step for step in sample(compiled.model, compiled.contexts(NO_LABEL), compiled.plan, 3)
                   if step.contexts))
    norm = tensors["blocks.2.norm_hidden"]
    assert zeros.values["blocks.2.expand"] == 2 * 2 * norm.size
    assert zeros.shares()["blocks.2.expand"] > zeros.shares()["blocks.1.expand"] > 0


@pytest.mark.parametrize("groups", CHOICES, ids=len)
def test_the_cost_is_what_the_trained_models_program_is_estimated_at(refined, groups):
    compiled = compiled_for(refined(groups), steps=3)
    assert estimated_cycles(TINY.config, groups, WIDE, 3, 2.0) == estimate(compiled.descriptors, WIDE, 3).cycles


def test_each_group_costs_three_times_its_product_again():
    """A product of nibble passes takes four times its cycles, of which less is spent on beginnings and ends."""
    without = estimated_cycles(TINY.config, (), WIDE, 4, 2.0)
    for name, product in (("blocks.1.attention", "query_key_value"), ("blocks.1.hidden", "expand")):
        extra = estimated_cycles(TINY.config, (name,), WIDE, 4, 2.0) - without
        ideal = 4 * 2 * 3 * products(TINY.config)[f"blocks.1.{product}"] / WIDE.multipliers
        assert 0.9 * ideal < extra < 1.05 * ideal


@pytest.mark.parametrize(("groups", "hardware", "words"), [
    (("blocks.3.hidden",), WIDE, "no group of layers 'blocks.3.hidden' in model tiny; expected blocks.0.attention to"),
    (("blocks.0.key",), WIDE, "no group of layers 'blocks.0.key'"),
    (MIXED, replace(WIDE, program_words=256), "the program memory of hardware default holds 256 words"),
    (ALL, replace(WIDE, weight_words=4096), "the weight memory of hardware default holds 4096 words"),
])
def test_a_choice_that_cannot_be_gets_one_sentence(groups, hardware, words):
    with pytest.raises(CompileError) as caught:
        estimated_cycles(TINY.config, groups, hardware, 1, 2.0)
    assert words in str(caught.value) and "\n" not in str(caught.value)
