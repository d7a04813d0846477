"""The batched reference is the reference: bit for bit, whatever the model, the batch and the number of processes."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from golden.integer import batch, pixel
from golden.integer.batch import BatchEvaluator, accumulator_bound
from golden.integer.batch_draw import BatchNoise, draw_batch, draw_many
from golden.integer.evaluate import draw_noise, evaluate, sample
from golden.integer.noise import NoiseGenerator
from golden.integer.plan import make_plan
from golden.integer.product import EXACT_FLOAT32
from golden.integer.samplers import SAMPLERS
from golden.integer.workload import ZeroShares
from golden.model import checkpoint, sampler, zoo
from golden.model.labels import representatives
from golden.quantise.draw import draw_labels
from golden.quantise.to_integers import to_integers
from golden.spec.hardware import HardwareConfig
from golden.spec.model import ConfigError, ModelConfig
from sim import seed as seeds
from sim.random_model import random_config, random_integers, random_modulation, random_plan

MODELS = zoo.trained("quantised", zoo.WEIGHTS)
RANDOM_MODELS = 12
HARDWARE = HardwareConfig(lanes=8, width=8)
EXTREMES = ((-32768, 32768), (-300, 300), (32767, 32768))
"""Ranges of pixels, the end excluded: any, small, and all as large as can be."""
HIGHEST_SEED = 2**64 - 1


def trained(name, steps):
    """Integer model, tables of some labels with none last, and plan."""
    source = checkpoint.load(zoo.checkpoint_path(name))
    grid = sampler.times(steps)
    model, tables = to_integers(source, grid[:-1], representatives(source.config)[-3:])
    return model, tables, euler(source, grid, 2.0)


def euler(source, grid, guidance):
    return make_plan("euler", grid, guidance, source.residual_fraction_bits, source.config.image_pixels)


def random_images(generator, config, limits, count=2):
    return generator.integers(*limits, (count, config.image_channels, config.image_size, config.image_size))


def expected_velocity(model, images, gain, bias):
    """Image by image, by the reference."""
    return np.stack([pixel.to_image(evaluate(model, *arguments)["velocity"], model.config)
                     for arguments in zip(images, gain, bias, strict=True)])


def velocities(model, table, generator):
    """Of images over every range, by the batch and by the reference: pairs."""
    evaluator = BatchEvaluator(model)
    for limits in EXTREMES:
        images = random_images(generator, model.config, limits)
        gain, bias = table.gain[:2], table.bias[:2]
        yield evaluator.velocity(images, gain, bias), expected_velocity(model, images, gain, bias)


def small_random(number, **changes):
    """A random model, and a table of two different steps, from the run's seed."""
    generator = np.random.default_rng([seeds.seed(), number])
    config = replace(random_config(generator, HARDWARE), **changes)
    return random_integers(generator, config), random_modulation(generator, config, 2), generator


@pytest.mark.parametrize("name", MODELS)
def test_a_trained_models_velocity_is_the_references(name):
    model, tables, _ = trained(name, 2)
    for got, expected in velocities(model, tables[0], np.random.default_rng(seeds.seed())):
        assert (got == expected).all()


@pytest.mark.parametrize("number", range(RANDOM_MODELS))
def test_a_random_models_velocity_is_the_references(number):
    model, table, generator = small_random(number)
    for got, expected in velocities(model, table, generator):
        assert (got == expected).all(), model.config


@pytest.mark.parametrize("bytes_are_faster", [False, True])
def test_products_of_bytes_and_of_floating_point_give_the_references_bits(monkeypatch, bytes_are_faster):
    """Whatever this machine is faster with."""
    monkeypatch.setattr(batch, "BYTES_ARE_FASTER", bytes_are_faster)
    model, table, generator = small_random(RANDOM_MODELS)
    assert (batch.narrow_numbers(model) == batch.BYTES) == bytes_are_faster
    for got, expected in velocities(model, table, generator):
        assert (got == expected).all(), model.config


def test_random_models_cover_what_models_differ_in():
    configs = [random_config(np.random.default_rng(number), HARDWARE) for number in range(40)]
    for name, values in {"heads": {1, 2, 3}, "stride": {1, 2}, "expansion": {1, 2, 3, 4}, "image_channels": {1, 2, 3},
                         "rectified_query": {False, True}, "coordinate_channels": set(range(9))}.items():
        assert {getattr(config, name) for config in configs} == values


def wide_model(generator):
    """A model whose decoder has sums beyond single precision."""
    config = ModelConfig(name="wide", image_size=2, stride=1, channels=1152, blocks=1, heads=2, expansion=1)
    model = random_integers(generator, config)
    return replace(model, decoder=replace(model.decoder, weight=np.full_like(model.decoder.weight, 119)))


def test_sums_beyond_single_precision_stay_exact():
    generator = np.random.default_rng([seeds.seed(), 99])
    model = wide_model(generator)
    assert BatchEvaluator(model).decoder.numbers.sums == np.float64
    for got, expected in velocities(model, random_modulation(generator, model.config, 2), generator):
        assert (got == expected).all()


def test_the_bound_is_the_largest_sum_that_can_be():
    model = wide_model(np.random.default_rng(7))
    largest = np.abs(model.decoder.weight @ np.full(model.config.channels, -128)).max()
    assert accumulator_bound(model) == largest > EXACT_FLOAT32


@pytest.mark.parametrize("part", ["query_key_value", "projection", "expand", "contract", "decoder", "convolution"])
def test_one_column_with_a_multiplier_a_few_percent_off_is_caught(part):
    model, tables, _ = trained("tiny", 2)
    images = random_images(np.random.default_rng(3), model.config, (-6000, 6000), 8)
    gain, bias = (np.stack([values[0]] * 8) for values in (tables[0].gain, tables[0].bias))
    evaluator = BatchEvaluator(model)
    layer = getattr(evaluator, part, None) or getattr(evaluator.blocks[0], part)
    column = layer.multiplier.argmax()
    layer.multiplier[column] -= layer.multiplier[column] >> 4
    assert (evaluator.velocity(images, gain, bias) != expected_velocity(model, images, gain, bias)).any()


@pytest.mark.parametrize("name", ["score_multiplier", "attention_multiplier"])
def test_a_multiplier_of_attention_that_is_a_percent_off_is_caught(name):
    model, tables, _ = trained("tiny", 2)
    images = random_images(np.random.default_rng(3), model.config, (-6000, 6000), 4)
    gain, bias = (np.stack([values[0]] * 4) for values in (tables[0].gain, tables[0].bias))
    evaluator = BatchEvaluator(model)
    right = evaluator.blocks[1].integers
    evaluator.blocks[1].integers = replace(right, **{name: getattr(right, name) * 99 // 100})
    assert (evaluator.velocity(images, gain, bias) != expected_velocity(model, images, gain, bias)).any()


def test_noise_of_many_seeds_is_each_generators():
    config = ModelConfig(name="noise", image_channels=3, image_size=8, channels=4, blocks=1, heads=1)
    model = random_integers(np.random.default_rng(1), config)
    chosen = [0, 1, HIGHEST_SEED, seeds.seed()]
    noise, generators = BatchNoise(chosen, config), [NoiseGenerator.from_seed(seed) for seed in chosen]
    for _ in range(2):
        assert (noise.images() == np.stack([draw_noise(one, model) for one in generators])).all()


def last_image(model, contexts, plan, seed):
    *_, last = sample(model, contexts, plan, seed)
    return last.clean


def test_a_batch_is_drawn_like_its_images_one_by_one():
    model, (first, second, unguided), plan = trained("tiny", 3)
    contexts = [(unguided, first), (unguided, second), (unguided, first)]
    chosen = [5, 5, HIGHEST_SEED]
    drawn = draw_batch(model, contexts, plan, chosen)
    assert drawn.dtype == np.int16
    for image, tables, seed in zip(drawn, contexts, chosen, strict=True):
        assert (image == last_image(model, tables, plan, seed)).all()


@pytest.mark.parametrize("number", range(4))
def test_random_samplers_with_noise_and_one_context_are_the_references(number):
    model, table, generator = small_random(100 + number)
    count = 1 + number % 2
    plan = random_plan(generator, [count] * 2)
    contexts = (table,) * count
    drawn = draw_batch(model, [contexts] * 2, plan, [number, number + 1])
    for image, seed in zip(drawn, (number, number + 1), strict=True):
        assert (image == last_image(model, contexts, plan, seed)).all()


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_guided_in_a_range_is_the_references(name):
    """With an end that comes early for some images only, and not at the same step."""
    source = checkpoint.load(zoo.checkpoint_path("tiny"))
    plan = make_plan(name, sampler.times(5), 2.0, source.residual_fraction_bits, source.config.image_pixels,
                     guidance_range=(0.3, 0.7), stop=0.075)
    model, tables = to_integers(source, list(plan.times), representatives(source.config)[-4:])
    contexts = [(tables[-1], table) for table in tables]
    lengths = [len(list(sample(model, *pair, plan, seed))) for seed, pair in enumerate(zip(contexts))]
    drawn = draw_batch(model, contexts, plan, range(len(contexts)))
    for image, tables_of_image, seed in zip(drawn, contexts, range(len(contexts)), strict=True):
        assert (image == last_image(model, tables_of_image, plan, seed)).all()
    print(lengths)
    assert set(plan.contexts) == {1, 2}
    assert name != "euler" or len(set(lengths)) > 1


def test_neither_batch_nor_processes_change_a_bit():
    model, (first, second, unguided), plan = trained("tiny", 2)
    contexts = [(unguided, first), (unguided, second)] * 4
    drawn = [draw_many(model, contexts, plan, range(8), workers=workers, batch=size, count_zeros=True, progress=False)
             for workers, size in ((1, 8), (1, 1), (1, 3), (2, 3))]
    for other in drawn[1:]:
        assert (other.images == drawn[0].images).all()
        assert [step.zeros for step in other.zeros] == [step.zeros for step in drawn[0].zeros]
    assert len({image.tobytes() for image in drawn[0].images}) == 8


@pytest.mark.parametrize("name", ["tiny", "random"])
def test_zeros_are_counted_like_the_references(name):
    if name == "tiny":
        model, (table, _, other), plan = trained("tiny", 2)
    else:
        model, table, generator = small_random(200)
        other, plan = random_modulation(generator, model.config, 2), random_plan(generator, [2, 1])
    contexts = [(other, table), (table, other)]
    counted = draw_many(model, contexts, plan, [1, 2], workers=1, count_zeros=True, progress=False).zeros
    expected = [ZeroShares(model.config, model.eight_bit) for _ in range(plan.steps)]
    for tables, seed in zip(contexts, (1, 2), strict=True):
        for step in sample(model, tables, plan, seed):
            if step.number:
                expected[step.number - 1].add(step)
    for got, right in zip(counted, expected, strict=True):
        assert got.zeros == right.zeros and got.values == right.values
        assert isinstance(got.zeros, Counter)
    assert sum(counted[0].zeros.values()) > 0           # a random drawing may end after its first step
    assert counted[0].zeros != counted[1].zeros


def test_nothing_is_counted_unasked(monkeypatch):
    monkeypatch.setattr(batch, "ZeroShares", None)
    model, tables, plan = trained("tiny", 1)
    assert draw_many(model, [tables[-1:]], plan, [1], progress=False).zeros == ()


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_images_of_labels_are_the_samples_of_their_tables(guidance):
    source = checkpoint.load(zoo.checkpoint_path("tiny"))
    grid = sampler.times(2)
    model, tables = to_integers(source, grid[:-1])
    labels = torch.tensor([[3], [0], [3]])
    drawn = draw_labels(source, labels, [7, 8, 9], steps=2, guidance=guidance, progress=False).images
    plan = euler(source, grid, guidance)
    for image, (label,), seed in zip(drawn, labels.tolist(), (7, 8, 9), strict=True):
        contexts = (tables[label],) if guidance == 1.0 else (tables[-1], tables[label])
        assert (image == last_image(model, contexts, plan, seed)).all()


@pytest.mark.parametrize("change, message", [
    ({"workers": 0}, "workers is 0; expected 1 or more"),
    ({"batch": 0}, "batch is 0; expected 1 or more"),
    ({"seeds": []}, "there are no images to draw; expected 1 or more"),
    ({"seeds": [1, 2]}, "2 seeds came with contexts of 1 images; expected one for each seed"),
    ({"seeds": [-1]}, "seed is -1; expected an integer from 0"),
])
def test_a_bad_order_gets_one_sentence(change, message):
    model, tables, plan = trained("tiny", 1)
    with pytest.raises(ConfigError, match=message):
        draw_many(model, [tables[:1]], plan, **{"seeds": [1], "progress": False, **change})
