"""The figures of a model's variants: Fréchet distance, labels that a judge sees, zeros."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from golden.integer.workload import ZeroShares, useful_macs
from golden.model import checkpoint, data, zoo
from golden.model.judge import Judge, StoredJudge
from golden.model.labels import in_turn
from golden.model.train import validation_loss
from golden.quality import cache
from golden.quality.drawing import CALIBRATED, FINE_TUNED, FLOAT, Drawn, Settings, Variant
from golden.quality.frechet import Moments, deviation, frechet, halves, moments
from golden.quantise import source as quantise_source
from golden.quantise.calibrate import residual_fraction_bits
from golden.quantise.quantised import load_quantised
from golden.spec.validation import ConfigError

DIGITS = 4               # of the figures written


@dataclass(frozen=True)
class Real:
    """What drawn images are compared with: a data set's real ones in its judge's features."""

    judge: Judge
    test: Moments        # of all test images
    figures: dict        # of the real images themselves

    @classmethod
    def of(cls, stored: StoredJudge, pictures: data.Pictures, count: int) -> Real:
        """Test images, and the distances of other real ones: the floor for drawn images."""
        (train_images, _), (test_images, test_labels) = pictures.train, pictures.test
        features, labels = stored.judge.judged(test_images)
        test = moments(features)
        picks = torch.randperm(len(train_images), generator=torch.Generator().manual_seed(0))[:count]
        seen = (labels == test_labels).double().mean(0)
        return cls(stored.judge, test, {
            "test_images": len(test_images), "label_accuracy": rounded(seen.mean().item()),
            "accuracy_by_label": rounded(seen.tolist()), "halves_images": len(test_images) // 2,
            "halves_frechet": rounded(halves(features)), "training_images": len(picks),
            "training_frechet": rounded(frechet(moments(stored.judge.judged(train_images[picks])[0]), test))})

    def judged(self, images: Tensor, labels: Tensor) -> dict:
        """Figures of drawn images (n, C, H, H) that should show labels (n, A)."""
        features, found = self.judge.judged(images)
        seen = (found == labels).double().mean(0)
        return {"images": len(images), "frechet": rounded(frechet(moments(features), self.test)),
                "deviation": rounded(deviation(features, self.test)), "label_accuracy": rounded(seen.mean().item()),
                "accuracy_by_label": rounded(seen.tolist())}


def rounded(value: object) -> object:
    """A number, or a list of them, as it is written down."""
    return [rounded(each) for each in value] if isinstance(value, list) else round(value, DIGITS)


def checked_path(model: str, kind: str, weights: Path) -> Path:
    """Where a checkpoint lies; raises ``CheckpointError`` unless it is of this kind and of the model's shape."""
    path = zoo.checkpoint_path(model, kind, weights)
    found, expected = checkpoint.load(path), zoo.config(model)
    if (found.kind, found.config) != (kind, expected):
        raise checkpoint.CheckpointError(f"{path} holds {found.kind} {found.config}; expected {kind} {expected}")
    return path


def calibrated(source: Path, pictures: data.Pictures, folder: Path) -> Path:
    """The quantised checkpoint that calibration alone makes of a float one; made once.

    Its steps have the least squared error (``golden.quantise.calibrate``) on training images.
    """
    images, labels = (part[:quantise_source.CALIBRATION_IMAGES] for part in pictures.train)
    name = cache.digest(source.read_bytes(), images.numpy().tobytes(), labels.numpy().tobytes(), cache.sources())
    path = folder / f"calibrated-{name}.safetensors"
    if not path.exists():
        found = checkpoint.load(source)
        model = quantise_source.calibrated(found, images, labels).eval()
        bits, _ = residual_fraction_bits(model, images, labels)
        checkpoint.save(path, checkpoint.Checkpoint(config=found.config, kind="quantised", tensors=model.tensors(),
                                                    residual_fraction_bits=bits))
    return path


def variants(model: str, pictures: data.Pictures, weights: Path, folder: Path) -> list[Variant]:
    """The float model, 4 bits by calibration alone, 4 bits after fine-tuning."""
    source = checked_path(model, "float", weights)
    return [Variant(model, FLOAT, source), Variant(model, CALIBRATED, calibrated(source, pictures, folder)),
            Variant(model, FINE_TUNED, checked_path(model, "quantised", weights))]


def zero_shares(source: checkpoint.Checkpoint, drawn: Drawn, evaluation: int | None = None) -> ZeroShares:
    """The zeros of a drawing with a quantised checkpoint, or of one evaluation of it."""
    shares, products = ZeroShares(source.config, source.eight_bit), tuple(useful_macs(source.config))
    for counter, counts in ((shares.zeros, drawn.zeros), (shares.values, drawn.values)):
        chosen = counts.sum(0) if evaluation is None else counts[evaluation]
        counter.update(Counter(dict(zip(products, chosen.tolist(), strict=True))))
    return shares


def zero_table(source: checkpoint.Checkpoint, drawn: Drawn) -> dict:
    """Shares of zeros: of each layer over the blocks, and of each product, by evaluation; and weighted by MACs."""
    steps = [zero_shares(source, drawn, step) for step in range(len(drawn.zeros))]
    whole = zero_shares(source, drawn)
    return {"weighted": rounded(whole.mean()), "weighted_by_step": rounded([step.mean() for step in steps]),
            "layers": {name: {"all": rounded(share), "by_step": rounded([step.by_layer()[name] for step in steps])}
                       for name, share in whole.by_layer().items()},
            "products": {name: rounded([step.shares()[name] for step in steps]) for name in whole.shares()}}


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to draw, and where things lie."""

    models: tuple[str, ...]
    settings: Settings
    images: int
    first_seed: int
    weights: Path
    data: Path | None
    place: cache.Place

    @property
    def seeds(self) -> range:
        """One for each image."""
        return range(self.first_seed, self.first_seed + self.images)


def shared_set(models: tuple[str, ...]) -> str:
    """The data set of models that share a table; raises ``ConfigError`` where they do not share one."""
    sets = {model: zoo.data_set(model) for model in models}
    sizes = {model: zoo.config(model).image_size for model in models}
    for model in models:
        if (sets[model], sizes[model]) != (sets[models[0]], sizes[models[0]]):
            raise ConfigError(f"{models[0]} draws {sets[models[0]]} of side {sizes[models[0]]}, {model} {sets[model]} "
                              f"of side {sizes[model]}; expected models of one data set and side in one table")
    return sets[models[0]]


def drawn_row(job: Job, variant: Variant, settings: Settings, real: Real) -> tuple[dict, Drawn]:
    """One variant's row, and what was drawn."""
    config = zoo.config(variant.model)
    labels = in_turn(config, job.images)
    drawn = cache.draw_many(variant, settings, labels, job.seeds, job.place)
    row = {"model": variant.model, "variant": variant.kind, **real.judged(torch.from_numpy(drawn.images), labels)}
    if drawn.zeros is not None:
        row["zeros"] = rounded(zero_shares(checkpoint.load(variant.path), drawn).mean())
    return row, drawn


def loss(variant: Variant, pictures: data.Pictures) -> float:
    """Validation loss of a variant; a quantised one is simulated in float."""
    load = checkpoint.load_float if variant.kind == FLOAT else load_quantised
    return rounded(validation_loss(load(variant.path), *pictures.test))


def table(job: Job, stored: StoredJudge, pictures: data.Pictures) -> dict:
    """Every figure of the models' variants, as it is written to JSON."""
    real = Real.of(stored, pictures, job.images)
    rows, zeros = [], []
    for model in job.models:
        first = len(rows)                # the model's float row
        for variant in variants(model, pictures, job.weights, job.place.folder):
            row, drawn = drawn_row(job, variant, job.settings, real)
            rows.append(row)
            row |= {"ratio": rounded(row["frechet"] / rows[first]["frechet"]),
                    "validation_loss": loss(variant, pictures)}
            if drawn.zeros is not None:
                source = checkpoint.load(variant.path)
                zeros.append({"model": model, "variant": variant.kind, **zero_table(source, drawn)})
    if len(job.models) > 1:
        for row in rows:
            row["ratio_to_first"] = rounded(row["frechet"] / rows[0]["frechet"])
    return {"set": stored.set, "judge_accuracy": list(stored.accuracy), "real": real.figures,
            "settings": {**vars(job.settings), "images": job.images, "first_seed": job.first_seed},
            "rows": rows, "zeros": zeros}
