"""Training of the judges of ``golden.model.judge``: minutes on one CPU core."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from golden.model import data, zoo
from golden.model.judge import Judge, StoredJudge, accuracy, judge_path, loss, save, stored_tensors
from golden.spec.model import ModelConfig

WARM_UP = 0.15           # share of the training over which the learning rate rises


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a judge is trained: AdamW with one rise and fall of the learning rate (arXiv 1708.07120)."""

    epochs: float            # passes over the training images
    batch: int = 128
    rate: float = 4e-3
    weight_decay: float = 0.05
    smoothing: float = 0.1   # of the labels
    shift: int = 0           # pixels that an image is moved at most, up, down and aside
    coarse: float = 0.0      # share of the batches at half the side, for models that draw such images
    seed: int = 0


RECIPES = {"garments": Recipe(epochs=4, shift=1, coarse=0.25),
           "avatars": Recipe(epochs=4, smoothing=0.0),
           "cifar": Recipe(epochs=12, shift=3)}


def model_of_set(name: str) -> ModelConfig:
    """The model of a data set that takes its largest images."""
    if name not in data.SETS:
        raise data.DataError(f"there is no data set '{name}'; expected one of {', '.join(data.SETS)}")
    found = [zoo.config(model) for model in zoo.names() if zoo.data_set(model) == name]
    return max(found, key=lambda config: config.image_size)


def moved(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """Each image (B, C, H, H) moved by up to ``shift`` pixels, its edge repeated into the gap."""
    count, _, side, _ = images.shape
    padded = functional.pad(images, (shift,) * 4, mode="replicate")
    rows, columns = torch.randint(2 * shift + 1, (2, count, 1), generator=generator) + torch.arange(side)
    picked = padded[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]]   # (B, H, H, C)
    return picked.permute(0, 3, 1, 2)


def augmented(images: Tensor, recipe: Recipe, mirrored: bool, generator: torch.Generator) -> Tensor:
    """A batch as training sees it, (B, C, H, H) or (B, C, H/2, H/2)."""
    if mirrored:
        turned = torch.rand(len(images), generator=generator) < 0.5
        images = torch.where(turned[:, None, None, None], images.flip(-1), images)
    if recipe.shift:
        images = moved(images, recipe.shift, generator)
    if torch.rand((), generator=generator) < recipe.coarse:
        images = functional.avg_pool2d(images, 2)
    return images


def train(pictures: data.Pictures, config: ModelConfig, recipe: Recipe) -> Judge:
    """A judge of real images; convolutions run in bfloat16."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    images, labels = pictures.train
    judge = Judge(config.image_channels, config.image_size, config.label_sets).to(memory_format=torch.channels_last)
    steps = max(2, round(recipe.epochs * len(images) / recipe.batch))
    adam = torch.optim.AdamW(judge.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, recipe.rate, total_steps=steps, pct_start=WARM_UP)
    order = torch.empty(0, dtype=torch.int64)
    for _ in (bar := tqdm(range(steps), unit="batch", mininterval=2)):
        if len(order) < recipe.batch:
            order = torch.randperm(len(images), generator=generator)
        index, order = order[:recipe.batch], order[recipe.batch:]
        batch = augmented(images[index], recipe, pictures.mirrored, generator)
        with torch.autocast("cpu", torch.bfloat16):
            logits = judge(batch.contiguous(memory_format=torch.channels_last))
        wrong = loss(judge, logits.float(), labels[index], recipe.smoothing)
        adam.zero_grad()
        wrong.backward()
        adam.step()
        schedule.step()
        bar.set_postfix_str(f"loss {wrong.item():.3f}", refresh=False)
    return judge.eval().requires_grad_(False)


def run(options: argparse.Namespace) -> None:
    """Train one judge and write it."""
    torch.set_num_threads(options.threads)
    config = model_of_set(options.set)
    recipe = RECIPES[options.set]
    if options.epochs is not None:
        if not options.epochs > 0:
            raise ValueError(f"--epochs is {options.epochs}; expected more than 0")
        recipe = replace(recipe, epochs=options.epochs)
    pictures = data.load(options.set, config, options.data)
    start, cpu = time.monotonic(), time.process_time()
    judge = train(pictures, config, recipe)
    record = asdict(recipe) | {"minutes": round((time.monotonic() - start) / 60, 1),
                               "core_minutes": round((time.process_time() - cpu) / 60, 1)}
    judge.load_state_dict(stored_tensors(judge), strict=False)    # rounded as the file will be, before it is tested
    found = accuracy(judge, *pictures.test)
    path = judge_path(options.set, options.weights)
    save(path, StoredJudge(judge=judge, set=options.set, accuracy=tuple(round(share, 4) for share in found),
                           record=record))
    print(f"wrote {path}: accuracy on {len(pictures.test[0])} test images "
          f"{', '.join(f'{share:.2%}' for share in found)}")
