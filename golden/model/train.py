"""Train the float model by flow matching: ``python -m golden.model.train --model tiny``."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from golden.model import checkpoint, data, zoo
from golden.model.labels import hide
from golden.model.sharpness import Sharpness
from golden.model.sparsity import FIRST_WEIGHT, Zeros
from golden.model.transformer import Transformer

WARM_UP = 0.02           # share of the schedule
SAVE_SECONDS = 120.0     # a cut-off loses no more than this


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast.

    By default the learning rate follows the clock, so that a slow machine ends in time too; with ``steps`` it follows
    the count of steps, so that a run can be repeated.
    """

    minutes: float
    steps: int | None = None
    batch: int = 128
    rate: float = 2e-3
    step_rate: float = 2e-3      # of quantiser steps, relative to each one's size
    weight_decay: float = 0.01
    average: float = 0.998       # decay of the averaged weights
    seed: int = 0
    zeros: float | None = None   # share of zeros, by multiplications, that the 4-bit left operands are pressed to
    zeros_weight: float = FIRST_WEIGHT    # of the penalty for it, at first
    mixed: bool = False          # linear layers in bfloat16, a third faster where the CPU multiplies it (AMX)

    def factor(self, progress: float) -> float:
        """Learning rate at ``progress`` in [0, 1]: linear warm-up, then a half cosine to zero."""
        warm = min(1.0, (progress + 1e-4) / WARM_UP)
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


class Average:
    """Exponential moving average of a model's parameters (EMA); short at first, so that it forgets the start."""

    def __init__(self, model: nn.Module, decay: float):
        self.names = [name for name, _ in model.named_parameters()]
        self.tensors = [parameter.detach().clone() for parameter in model.parameters()]
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 10))
        torch._foreach_lerp_(self.tensors, list(model.parameters()), 1 - decay)

    def state(self) -> dict[str, Tensor]:
        return dict(zip(self.names, self.tensors, strict=True))


def flow_loss(model: nn.Module, images: Tensor, labels: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error of the velocity; images and noise (B, C, H, H), labels (B, A), t (B,)."""
    wide = t[:, None, None, None]
    velocity = model((1 - wide) * noise + wide * images, t, labels)
    return functional.mse_loss(velocity, images - noise)


@torch.no_grad()
def validation_loss(model: nn.Module, images: Tensor, labels: Tensor, *, count: int = 2000, batch: int = 100) -> float:
    """Flow-matching loss on the first ``count`` images; fixed noise, times spread evenly, labels shown."""
    images, labels = images[:count], labels[:count]
    parts = zip(*(whole.split(batch) for whole in (images, labels, *validation_draws(images))), strict=True)
    return sum(flow_loss(model, *part).item() * len(part[0]) for part in parts) / len(images)


def validation_draws(images: Tensor) -> tuple[Tensor, Tensor]:
    """The times (B,), spread evenly, and the noise (B, C, H, H) of a validation: the same whenever it is asked for."""
    generator = torch.Generator().manual_seed(1234)
    noise = torch.randn(images.shape, generator=generator)
    return (torch.randperm(len(images), generator=generator) + 0.5) / len(images), noise


def batches(images: Tensor, labels: Tensor, size: int, no_label: tuple[int, ...], generator: torch.Generator,
            mirrored: bool = False):
    """Shuffled batches without end: images, labels (some hidden), logit-normal t (arXiv 2403.03206), noise.

    Where ``mirrored``, half of the images are turned left to right.
    """
    while True:
        order = torch.randperm(len(images), generator=generator)
        for index in order[:len(order) // size * size].split(size):
            chosen = images[index]
            if mirrored:
                turned = torch.rand(size, generator=generator) < 0.5
                chosen = torch.where(turned[:, None, None, None], chosen.flip(-1), chosen)
            t = torch.randn(size, generator=generator).sigmoid()
            noise = torch.randn(chosen.shape, generator=generator)
            yield chosen, hide(labels[index], no_label, generator), t, noise


def optimiser(model: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW; matrices decay, biases and steps do not, and each step learns at a rate relative to its size."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        rate = schedule.step_rate * float(parameter.detach().abs().mean()) if name.endswith("_step") else schedule.rate
        decay = schedule.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW([{"params": parameters, "lr": rate, "peak": rate, "weight_decay": decay}
                              for (rate, decay), parameters in groups.items()], betas=(0.9, 0.99))


def fit(model: Transformer, pictures: data.Pictures, schedule: Schedule,
        save: Callable[[dict[str, Tensor], dict], None], sharpness: Sharpness | None = None) -> None:
    """Train until the minutes, or the steps, are over.

    ``save(averaged weights, record)`` is called every two minutes and at the end. ``sharpness`` watches a float model;
    fake quantisers hold scores back by themselves.
    """
    adam = optimiser(model, schedule)
    average = Average(model, schedule.average)
    zeros = Zeros(model, schedule.zeros, schedule.zeros_weight) if schedule.zeros else None
    source = batches(*pictures.train, schedule.batch, model.config.no_label,
                     torch.Generator().manual_seed(schedule.seed), pictures.mirrored)
    start = saved = time.monotonic()
    smooth, progress = None, 0.0
    bar = tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed}<{remaining} {postfix}", mininterval=5)
    while progress < 1:
        for group in adam.param_groups:
            group["lr"] = group["peak"] * schedule.factor(progress)
        batch_images, batch_labels, t, noise = next(source)
        with torch.autocast("cpu", torch.bfloat16, enabled=schedule.mixed):
            loss = flow_loss(model, batch_images, batch_labels, t, noise)
        penalties = [zeros.penalty(progress)] if zeros else []
        if sharpness:
            penalties.append(sharpness.penalty())
        adam.zero_grad()
        sum(penalties, loss).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        average.update(model)
        smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
        now = time.monotonic()
        progress = average.updates / schedule.steps if schedule.steps else (now - start) / (60 * schedule.minutes)
        told = f", zeros {zeros.share:.3f}" if zeros else ""
        bar.set_postfix_str(f"step {average.updates}, loss {smooth:.4f}{told}", refresh=False)
        bar.update(min(100.0, 100 * progress) - bar.n)
        if now - saved > SAVE_SECONDS or progress >= 1:
            saved = now
            save(average.state(), {"minutes": round((now - start) / 60, 2), "steps": average.updates,
                                   "batch": schedule.batch, "seed": schedule.seed,
                                   "training_loss": round(smooth, 5), "finished": progress >= 1}
                 | (zeros.record() if zeros else {}))
    bar.close()


DEFAULTS = {"tiny": Schedule(minutes=4.5, batch=128, rate=4e-3),
            "fashion": Schedule(minutes=40, batch=64, rate=2e-3, mixed=True),
            "sparse": Schedule(minutes=35, batch=64, rate=2e-3, mixed=True, zeros=0.62),
            "avatars": Schedule(minutes=40, batch=64, rate=2e-3, mixed=True),
            "cifar": Schedule(minutes=40, batch=64, rate=2e-3, mixed=True)}


def add_arguments(parser: argparse.ArgumentParser, defaults: dict[str, Schedule]) -> argparse.ArgumentParser:
    """Options that training and fine-tuning share."""
    parser.add_argument("--model", default="tiny", help=f"one of {', '.join(zoo.names())}")
    parser.add_argument("--data", type=Path, help="folder of the data set (default: see docs/own-model.md)")
    parser.add_argument("--weights", type=Path, default=zoo.WEIGHTS, help="folder that receives <model>/*.safetensors")
    told = ", ".join(f"{name}: {schedule.minutes:g}" for name, schedule in defaults.items())
    parser.add_argument("--minutes", type=float, help=f"wall-clock training time ({told})")
    parser.add_argument("--steps", type=int, help="so many steps instead, whatever time they take")
    parser.add_argument("--batch", type=int, help="images a step")
    parser.add_argument("--rate", type=float, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=0, help="of initial weights, batches and noise")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--zeros", type=float, help="press 4-bit left operands to this share of zeros, as 0.65")
    parser.add_argument("--mixed", action=argparse.BooleanOptionalAction, help="linear layers in bfloat16")
    return parser


def float_arguments() -> argparse.ArgumentParser:
    """Options of the float training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_arguments(parser, DEFAULTS)
    parser.add_argument("--start", type=Path, help="float checkpoint to start from; its tensors must fit the model")
    return parser


def chosen(options: argparse.Namespace, defaults: dict[str, Schedule], model: str) -> Schedule:
    """The model's schedule, or for a model that has none that of ``fashion``, with what the command line replaces."""
    schedule = defaults.get(model, defaults["fashion"])
    names = ("minutes", "steps", "batch", "rate", "seed", "mixed", "zeros")
    told = {name: value for name in names if (value := getattr(options, name)) is not None}
    for name, value in told.items():
        if name in ("minutes", "steps", "batch", "rate") and not value > 0:
            raise ValueError(f"--{name} is {value}; expected more than 0")
    if not 0 < told.get("zeros", 0.5) < 1:
        raise ValueError(f"--zeros is {told['zeros']}; expected a share between 0 and 1")
    return Schedule(**{**schedule.__dict__, **told})


def start_from(path: Path, model: Transformer) -> None:
    """Give the model the tensors of a float checkpoint, whose configuration may differ in what changes no shape."""
    tensors = checkpoint.load(path).tensors
    checkpoint.check(model.config, "float", tensors, str(path))
    model.load_state_dict(tensors)


def run(options: argparse.Namespace) -> None:
    """Train one float model and write its checkpoint."""
    config, schedule = zoo.config(options.model), chosen(options, DEFAULTS, options.model)
    torch.set_num_threads(options.threads)
    torch.manual_seed(schedule.seed)
    pictures = data.load(zoo.data_set(config.name), config, options.data)
    model, probe = Transformer(config), Transformer(config).eval()
    if options.start:
        start_from(options.start, model)
    path = options.weights / config.name / "float.safetensors"

    def save(tensors: dict[str, Tensor], record: dict) -> None:
        probe.load_state_dict(tensors)
        record["validation_loss"] = round(validation_loss(probe, *pictures.test), 5)
        checkpoint.save(path, checkpoint.Checkpoint(config=config, kind="float", tensors=tensors, record=record))
        tqdm.write(f"{path}: {record}", file=sys.stderr)

    fit(model, pictures, schedule, save, Sharpness(model))
    print(f"wrote {path}")


def main(entry: Callable[[argparse.Namespace], None], options: argparse.Namespace) -> int:
    """Run an entry point; a fault that the user can mend is one sentence, not a traceback."""
    try:
        entry(options)
    except (data.DataError, zoo.UnknownModelError, checkpoint.CheckpointError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the last saved checkpoint stays", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(run, float_arguments().parse_args()))
