"""The models by name: what can be trained, and what is trained and lies under ``weights/``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from golden.spec.model import ModelConfig, load_model
from golden.spec.toml import read_table

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
DEFAULT = "sparse"
"""The trained model that commands take unless told otherwise."""
CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "models"


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What a model is trained on."""

    name: str
    set: str


class UnknownModelError(Exception):
    """No such model; the message is one sentence that lists those that exist."""


def names() -> tuple[str, ...]:
    """Models that can be trained."""
    return tuple(sorted(path.stem for path in CONFIGS.glob("*.toml")))


def config(name: str) -> ModelConfig:
    """The configuration of a model that can be trained: ``configs/models/<name>.toml``."""
    if name not in names():
        raise UnknownModelError(f"there is no model '{name}'; expected one of {', '.join(names())}")
    return load_model(CONFIGS / f"{name}.toml")


def data_set(name: str) -> str:
    """The data set that a model is trained on: ``set`` of the ``[data]`` table beside its configuration."""
    config(name)
    return read_table(CONFIGS / f"{name}.toml", "data", DataConfig).set


def trained(kind: str = "quantised", weights: Path = WEIGHTS) -> tuple[str, ...]:
    """Names of the models with a checkpoint of this kind, ``float`` or ``quantised``."""
    return tuple(sorted(path.parent.name for path in weights.glob(f"*/{kind}.safetensors")))


def checkpoint_path(name: str, kind: str = "quantised", weights: Path = WEIGHTS) -> Path:
    """Where a trained model lies; raises ``UnknownModelError`` when it does not."""
    found = trained(kind, weights)
    if name not in found:
        raise UnknownModelError(f"there is no {kind} model '{name}' under {weights}; "
                                f"expected one of {', '.join(found) or 'none: train one first'}")
    return weights / name / f"{kind}.safetensors"
