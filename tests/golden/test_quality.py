"""Quality figures: the distance, the drawings they are made of, what is kept, the table from end to end."""

import gzip
import json
import math
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from golden.integer.batch_draw import BatchNoise
from golden.integer.evaluate import sample
from golden.integer.plan import make_plan
from golden.integer.workload import ZeroShares
from golden.model import checkpoint, sampler, zoo
from golden.model.labels import in_turn, none
from golden.model.train import main
from golden.quality import __main__ as command
from golden.quality import cache, drawing, figures, frechet, report, sweep
from golden.quality.drawing import CALIBRATED, FINE_TUNED, FLOAT, Settings, Variant
from golden.quantise.to_integers import to_integers
from sim import seed as seeds

TINY = zoo.config("tiny")
SETTINGS = Settings(steps=2)
TEST_IMAGES = 60


@pytest.fixture(autouse=True)
def one_thread():
    """So small a model waits longer for a second thread than it computes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def garments(tmp_path_factory):
    """A data set of random garments: idx files of blurred noise, 300 to train on."""
    folder = tmp_path_factory.mktemp("garments")
    random = np.random.default_rng(seeds.seed())
    for split, count in (("train", 300), ("t10k", TEST_IMAGES)):
        small = random.integers(0, 256, (count, 7, 7), dtype=np.uint8)
        for name, array in (("images-idx3", small.repeat(4, 1).repeat(4, 2)),
                            ("labels-idx1", random.integers(0, 10, count, dtype=np.uint8))):
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            (folder / f"{split}-{name}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes(), 1))
    return folder


def variant(kind: str) -> Variant:
    return Variant("tiny", kind, zoo.checkpoint_path("tiny", "float" if kind == FLOAT else "quantised"))


def random_normal(size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    root = torch.randn(size, size, generator=generator, dtype=torch.float64)
    return torch.randn(size, generator=generator, dtype=torch.float64), root @ root.T


def test_distance_of_normals_with_the_same_axes():
    """Zero from itself; the sum of squared differences of means and of deviations."""
    first = torch.zeros(3, dtype=torch.float64), torch.diag(torch.tensor([1.0, 4, 9], dtype=torch.float64))
    second = torch.ones(3, dtype=torch.float64), torch.diag(torch.tensor([4.0, 4, 1], dtype=torch.float64))
    assert frechet.frechet(first, first) == pytest.approx(0, abs=1e-9)
    assert frechet.frechet(first, second) == pytest.approx(3 + 1 + 0 + 4)


def test_distance_of_normals_in_the_plane():
    """There trace((C C')^1/2) is sqrt(trace(C C') + 2 sqrt(det C det C')), whatever the axes.

    Planted: what serves equal axes, the root of each variance, is another number.
    """
    generator, planted = torch.Generator().manual_seed(seeds.seed()), []
    for _ in range(20):
        (mean, cov), (other_mean, other_cov) = first, second = [random_normal(2, generator) for _ in range(2)]
        cross = math.sqrt((cov @ other_cov).trace() + 2 * math.sqrt(cov.det() * other_cov.det()))
        apart = float((mean - other_mean).square().sum())
        expected = apart + float(cov.trace() + other_cov.trace()) - 2 * cross
        assert frechet.frechet(first, second) == pytest.approx(expected, rel=1e-6)
        assert frechet.frechet(second, first) == pytest.approx(expected, rel=1e-6)
        planted.append(apart + float((cov.diag().sqrt() - other_cov.diag().sqrt()).square().sum()) - expected)
    assert max(map(abs, planted)) > 0.1


def test_the_error_bar_is_the_spread_of_fresh_samples():
    """A mean of n values, 3 deviations away: the distance spreads by about 2 * 3 / sqrt(n)."""
    generator = torch.Generator().manual_seed(seeds.seed())
    reference = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    away = torch.tensor([3.0, 0.0])
    samples = torch.randn(400, 2, generator=generator, dtype=torch.float64) + away
    assert frechet.deviation(samples, reference) == pytest.approx(6 / math.sqrt(400), rel=0.5)
    assert frechet.deviation(samples[:25], reference) > 1.5 * frechet.deviation(samples, reference)


def test_halves_of_one_kind_are_near_and_other_kinds_far():
    generator = torch.Generator().manual_seed(seeds.seed())
    samples = torch.randn(2000, 4, generator=generator, dtype=torch.float64)
    assert 0 < frechet.halves(samples) < 0.05
    assert frechet.frechet(frechet.moments(samples), frechet.moments(samples + 1)) == pytest.approx(4)


def test_the_float_model_starts_from_the_cores_noise():
    """Bit for bit the reference's first image, and the float sampler's way from it."""
    labels, seed = in_turn(TINY, 2), seeds.seed()
    model, tables = to_integers(checkpoint.load(variant(FINE_TUNED).path), [0.0])
    plan = make_plan("euler", [0.0, 1.0], 1.0, 8, TINY.image_pixels)
    first = [next(sample(model, tables[:1], plan, each)).image for each in (seed, seed + 1)]
    assert np.array_equal(first, drawing.first_images(BatchNoise([seed, seed + 1], TINY).images()))
    noise = torch.from_numpy(np.stack(first) / 4096).float()
    expected = sampler.euler(checkpoint.load_float(variant(FLOAT).path), noise, labels, no_label=TINY.no_label, steps=2)
    found = drawing.draw(variant(FLOAT), SETTINGS, labels, range(seed, seed + 2))
    assert np.allclose(found.images, expected[-1].clamp(-1, 1).numpy(), atol=1e-6)    # the clean image, x by its row
    assert found.zeros is None


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_integers_are_the_references_and_so_are_their_zeros(guidance):
    """Image by image and step by step; with one seed taken for another the images differ."""
    source, labels, seed = checkpoint.load(variant(FINE_TUNED).path), in_turn(TINY, 2), seeds.seed()
    settings = replace(SETTINGS, guidance=guidance)
    found = drawing.draw(variant(FINE_TUNED), settings, labels, range(seed, seed + 2))
    model, tables = to_integers(source, [0.0, 0.5], torch.cat([labels, none(TINY, 1)]))
    plan = make_plan("euler", [0.0, 0.5, 1.0], guidance, source.residual_fraction_bits, TINY.image_pixels)
    shares, steps = ZeroShares(TINY), [ZeroShares(TINY), ZeroShares(TINY)]
    for index in range(2):
        contexts = (tables[index],) if guidance == 1.0 else (tables[2], tables[index])
        for step in sample(model, contexts, plan, seed + index):
            shares.add(step)
            if step.number:
                steps[step.number - 1].add(step)
        assert np.array_equal(found.images[index], (step.image / 4096).clip(-1, 1).astype(np.float32))
    assert not np.array_equal(found.images[0], found.images[1])
    told = figures.zero_table(source, found)
    assert figures.zero_shares(source, found).zeros == shares.zeros
    assert told["weighted"] == round(shares.mean(), 4)
    assert told["layers"]["mix"]["by_step"] == [round(step.by_layer()["mix"], 4) for step in steps]
    assert told["products"]["decoder"] == [round(step.shares()["decoder"], 4) for step in steps]


def altered(folder) -> Variant:
    """The fine-tuned checkpoint with one bias changed."""
    source = checkpoint.load(variant(FINE_TUNED).path)
    tensors = dict(source.tensors)
    tensors["decoder.bias"] = tensors["decoder.bias"] + 0.25
    path = folder / "altered" / "quantised.safetensors"
    checkpoint.save(path, replace(source, tensors=tensors))
    return Variant("tiny", FINE_TUNED, path)


def names(each: Variant, settings: Settings, labels: torch.Tensor, seeds_of: range, place: cache.Place) -> list[str]:
    return [str(part.path) for part in cache.parts(each, settings, labels, seeds_of, place)]


def test_whatever_changes_an_image_changes_the_name_of_its_part(tmp_path):
    place, labels = cache.Place(folder=tmp_path, part=2), in_turn(TINY, 4)
    first = names(variant(FINE_TUNED), SETTINGS, labels, range(4), place)
    others = [names(altered(tmp_path), SETTINGS, labels, range(4), place),
              names(replace(variant(FINE_TUNED), kind=CALIBRATED), SETTINGS, labels, range(4), place),
              names(variant(FINE_TUNED), replace(SETTINGS, steps=3), labels, range(4), place),
              names(variant(FINE_TUNED), replace(SETTINGS, guidance=1.0), labels, range(4), place),
              names(variant(FINE_TUNED), SETTINGS, labels.flip(0), range(4), place),
              names(variant(FINE_TUNED), SETTINGS, labels, range(1, 5), place)]
    assert len({*first, *(name for other in others for name in other)}) == 2 * (1 + len(others))
    longer = names(variant(FINE_TUNED), SETTINGS, in_turn(TINY, 6), range(6), place)
    assert longer[:2] == first, "more images of the same model begin with those that are there"


def test_a_key_that_forgets_the_checkpoint_would_be_seen(tmp_path, monkeypatch):
    """Planted: the folder named by the settings alone. The other checkpoint then gets the first one's images."""
    labels = in_turn(TINY, 1)

    def images(each: Variant, folder: str) -> np.ndarray:
        place = cache.Place(folder=tmp_path / folder, workers=1)
        return cache.draw_many(each, SETTINGS, labels, range(1), place).images

    other = altered(tmp_path)
    assert not np.array_equal(images(variant(FINE_TUNED), "right"), images(other, "right"))
    monkeypatch.setattr(cache, "key", lambda each, settings: "always")
    assert np.array_equal(images(variant(FINE_TUNED), "planted"), images(other, "planted"))


def test_workers_and_parts_change_nothing(tmp_path):
    """Two processes and parts of 2 against one and a part of 3; a damaged part is one sentence."""
    labels, alone = in_turn(TINY, 3), cache.Place(folder=tmp_path / "alone", workers=1)
    shared = cache.Place(folder=tmp_path / "shared", workers=2, part=2)
    one, two = (cache.draw_many(variant(FINE_TUNED), SETTINGS, labels, range(3), place) for place in (alone, shared))
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("images", "zeros", "values"))
    part = next((tmp_path / "shared").rglob("*.npz"))
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(ValueError, match="could not be read .*; delete it, and it is drawn again"):
        cache.draw_many(variant(FINE_TUNED), SETTINGS, labels, range(3), shared)


def line(garments, folder, *more: str) -> list[str]:
    return ["--model", "tiny", "--images", "8", "--steps", "2", "--part", "4", "--workers", "1", "--seed",
            str(seeds.seed()), "--data", str(garments), "--cache", str(folder / "cache"), "--output",
            str(folder / "tiny.json"), *more]


def test_a_table_from_end_to_end_and_again_without_drawing(garments, tmp_path, capsys, monkeypatch):
    assert main(command.run, command.arguments().parse_args(line(garments, tmp_path))) == 0
    told, result = capsys.readouterr().out, json.loads((tmp_path / "tiny.json").read_text())
    assert [row["variant"] for row in result["rows"]] == [FLOAT, CALIBRATED, FINE_TUNED]
    assert ["zeros" in row for row in result["rows"]] == [False, True, True]
    assert result["rows"][0]["ratio"] == 1.0 and len({row["frechet"] for row in result["rows"]}) == 3
    assert all(row["images"] == 8 and row["deviation"] > 0 for row in result["rows"])
    assert (result["real"]["test_images"], result["real"]["halves_images"]) == (TEST_IMAGES, TEST_IMAGES // 2)
    assert all(f"| tiny | {row['variant']} | {row['frechet']:.2f} ± " in told for row in result["rows"])
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 6

    def refuse(*_):
        raise AssertionError("drawn twice")

    monkeypatch.setattr(drawing, "draw", refuse)
    assert main(command.run, command.arguments().parse_args(line(garments, tmp_path, "--card"))) == 0
    assert json.loads((tmp_path / "tiny.json").read_text()) == result
    assert "**Figures.** `python -m golden.quality --model tiny --images 8" in capsys.readouterr().out


def test_steps_are_swept_and_shown(garments, tmp_path, capsys, monkeypatch):
    plots = []
    monkeypatch.setattr(command, "plot", lambda result, path: plots.append((result, path)))
    options = line(garments, tmp_path, "--steps", "1", "2", "--sampler", "euler", "--plot", str(tmp_path / "plot.png"))
    assert main(command.run, command.arguments().parse_args(options)) == 0
    result, path = plots[0]
    assert path == tmp_path / "plot.png" and result == json.loads((tmp_path / "tiny.json").read_text())
    assert [(row["sampler"], row["steps"], row["evaluations"]) for row in result["rows"]] == [
        ("euler", 1, 1), ("euler", 2, 2)]
    assert "| euler | 2 | 2 | 0 to 1 | never | 4.0 | " in capsys.readouterr().out


def test_a_sweep_counts_the_contexts_that_a_range_and_an_early_end_save(garments, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "plot", lambda *_: None)
    options = line(garments, tmp_path, "--steps", "4", "--guidance-range", "0", "1", "--guidance-range", "0.5", "1",
                   "--stop", "0", "3")
    assert main(command.run, command.arguments().parse_args(options)) == 0
    rows = json.loads((tmp_path / "tiny.json").read_text())["rows"]
    assert [(row["guidance_range"], row["stop"]) for row in rows] == [([0, 1], 0), ([0, 1], 3), ([0.5, 1], 0),
                                                                      ([0.5, 1], 3)]
    # From the second evaluation on any image changes by less than 3, so it ends there.
    assert [row["contexts"] for row in rows] == [8, 4, 6, 2]


def test_a_sweep_says_what_a_line_of_the_plot_is():
    row = {"sampler": "euler", "guidance_range": [0, 1], "stop": 0}
    assert sweep.series(row) == "euler"
    assert sweep.series(row | {"guidance_range": [0.2, 0.8]}) == "euler, guided from 0.2 to 0.8"
    assert sweep.series(row | {"stop": 0.01}) == "euler, ended early"
    assert not sweep.saves({"rows": [row, row]}) and sweep.saves({"rows": [row, row | {"stop": 0.01}]})


def test_the_plot_is_a_picture(tmp_path):
    rows = [{"model": "tiny", "sampler": name, "evaluations": count, "frechet": 20 / count, "deviation": 0.5,
             "guidance_range": [0, 1], "stop": 0} for name in ("euler", "other") for count in (2, 4, 8)]
    sweep.plot({"rows": rows, "real": {"training_frechet": 1.0, "training_images": 9},
                "settings": {"images": 9, "guidance": 2.0}}, tmp_path / "images" / "plot.png")
    with Image.open(tmp_path / "images" / "plot.png") as picture:
        assert picture.size == (1050, 675) and len(picture.convert("RGB").getcolors(1 << 20)) > 2


@pytest.mark.parametrize("count,shown", [(1, [0]), (5, [0, 1, 2, 3, 4]), (12, [0, 2, 5, 8, 11]),
                                         (50, [0, 12, 24, 36, 49])])
def test_few_steps_stand_for_many(count, shown):
    assert report.shown_steps(count) == shown


def test_another_models_checkpoint_is_one_sentence(garments, tmp_path, capsys):
    other = checkpoint.load(zoo.checkpoint_path("fashion"))
    checkpoint.save(tmp_path / "weights" / "tiny" / "quantised.safetensors", other)
    options = line(garments, tmp_path, "--weights", str(tmp_path / "weights"))
    assert main(command.run, command.arguments().parse_args(options)) == 1
    told = capsys.readouterr().err
    assert "holds quantised ModelConfig(name='fashion'" in told and told.count("\n") == 1


@pytest.mark.parametrize("more,message", [
    (["--model", "huge"], "there is no model 'huge'"),
    (["--sampler", "magic"], "there is no sampler 'magic'; expected one of euler"),
    (["--steps", "0"], "--steps is 0; expected 1 or more"),
    (["--images", "1"], "--images is 1; expected 2 or more"),
    (["--workers", "0"], "--workers is 0; expected 1 or more"),
    (["--stop", "0.1"], "--stop is 0.1 for a table with the float model"),
    (["--stop", "0", "-1"], "stop is -1.0; expected a number from 0"),
    (["--guidance-range", "0.5", "0.2"], "guidance range is 0.5 to 0.2; expected two times from 0 to 1"),
    (["--and", "fashion"], "tiny draws garments of side 16, fashion garments of side 32; expected models of one data"),
    (["--and", "sparse", "--steps", "1", "2"], "--and sparse was told with 2 settings"),
    (["--judges", "/nowhere"], "python -m golden.model.judge --set garments"),
    (["--weights", "/nowhere"], "there is no quantised model 'tiny' under /nowhere"),
    (["--data", "/nowhere"], "could not be read"),
])
def test_command_line_faults_are_one_line(garments, tmp_path, capsys, more, message):
    assert main(command.run, command.arguments().parse_args(line(garments, tmp_path, *more))) == 1
    told = capsys.readouterr().err
    assert message in told and told.startswith("error: ") and told.count("\n") == 1
    assert not list(tmp_path.iterdir())
