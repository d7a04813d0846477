"""Many images by worker processes, kept in parts under a folder, so that a cut-off drawing goes on.

A part lies in a folder named by a hash of the checkpoint, the settings and the code that draws, in a file named by a
hash of its labels and seeds: whatever changes an image changes its name.
"""

from __future__ import annotations

import ast
import hashlib
import json
import multiprocessing
import zipfile
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from golden.integer.processes import one_thread_each
from golden.quality import drawing
from golden.quality.drawing import Drawn, Settings, Variant

GOLDEN = Path(__file__).resolve().parents[1]
SOURCES = ("integer/*.py", "quantise/*.py", "model/labels.py", "model/sampler.py", "model/solvers.py",
           "model/transformer.py", "spec/numbers.py", "spec/seed.py", "quality/drawing.py")
"""The code that an image depends on."""
PART = 50                # images
NAME = 16                # hexadecimal digits


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where parts lie and how many processes draw."""

    folder: Path
    workers: int = 2
    part: int = PART


@dataclass(frozen=True)
class Part:
    """Some images of a drawing and their file."""

    labels: np.ndarray       # (n, A)
    seeds: range
    path: Path


def digest(*parts: bytes) -> str:
    """A name for these bytes."""
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "little"))
        total.update(part)
    return total.hexdigest()[:NAME]


@lru_cache(maxsize=1)
def sources() -> bytes:
    """The code that draws, without its comments."""
    files = sorted(file for pattern in SOURCES for file in GOLDEN.glob(pattern))
    return "\n".join(ast.dump(ast.parse(file.read_text(encoding="utf-8"))) for file in files).encode()


def key(variant: Variant, settings: Settings) -> str:
    """What names the folder of a variant's images."""
    told = json.dumps([variant.kind, asdict(settings)], sort_keys=True)
    return digest(variant.path.read_bytes(), told.encode(), sources())


def parts(variant: Variant, settings: Settings, labels: Tensor, seeds: range, place: Place) -> list[Part]:
    """A drawing of labels (n, A) in parts."""
    folder = place.folder / f"{variant.model}-{key(variant, settings)}"
    cut = [slice(start, start + place.part) for start in range(0, len(labels), place.part)]
    rows = labels.numpy()                # a process hands tensors over by shared memory, arrays by value
    return [Part(rows[each], seeds[each],
                 folder / f"{digest(rows[each].tobytes(), repr(seeds[each]).encode())}.npz") for each in cut]


def write(path: Path, drawn: Drawn) -> None:
    """A part, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: array for name, array in vars(drawn).items() if array is not None}
    unfinished = path.with_suffix(".partial")
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
    unfinished.replace(path)


def read(path: Path) -> Drawn:
    """A part; raises ``ValueError`` for a damaged file."""
    try:
        with np.load(path) as arrays:
            return Drawn(**{name: arrays[name] for name in arrays.files})
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} could not be read ({error}); delete it, and it is drawn again") from error


def draw_part(variant: Variant, settings: Settings, part: Part) -> int:
    """Draw and keep one part; the number of its images."""
    write(part.path, drawing.draw(variant, settings, torch.from_numpy(part.labels), part.seeds))
    return len(part.labels)


def draw_many(variant: Variant, settings: Settings, labels: Tensor, seeds: range, place: Place) -> Drawn:
    """One image for each of the labels (n, A) and seeds, in order, drawn or found."""
    every = parts(variant, settings, labels, seeds, place)
    missing = [part for part in every if not part.path.exists()]
    work = partial(draw_part, variant, settings)
    found = len(labels) - sum(len(part.labels) for part in missing)
    told = f"{variant.model}, {variant.kind}, {settings.sampler}, {settings.steps} steps"
    with tqdm(total=len(labels), initial=found, unit="image", desc=told) as bar:
        if place.workers == 1 or len(missing) < 2:
            for part in missing:
                bar.update(work(part))
        else:
            context = multiprocessing.get_context("spawn")
            with one_thread_each(), context.Pool(place.workers, torch.set_num_threads, (1,)) as pool:
                for count in pool.imap_unordered(work, missing):
                    bar.update(count)
                pool.close()             # to end by themselves: terminated, they would leave their semaphores
                pool.join()
    return join([read(part.path) for part in every])


def join(drawn: list[Drawn]) -> Drawn:
    """Parts as one drawing."""
    images = np.concatenate([part.images for part in drawn])
    if drawn[0].zeros is None:
        return Drawn(images)
    return Drawn(images, sum(part.zeros for part in drawn), sum(part.values for part in drawn))
