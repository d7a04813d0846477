"""The models by name: what can be trained, and what is trained and lies under ``weights/``."""

from __future__ import annotations

from pathlib import Path

from golden.model.data import LABELS
from golden.spec.model import ModelConfig

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"
CONFIGS = {
    config.name: config for config in (
        ModelConfig(name="tiny", image_size=16, stride=2, channels=32, blocks=3, heads=2, labels=LABELS),
        ModelConfig(name="fashion", image_size=32, stride=2, channels=64, blocks=6, heads=4, labels=LABELS),
    )
}


class UnknownModelError(Exception):
    """No such model; the message is one sentence that lists those that exist."""


def config(name: str) -> ModelConfig:
    """The configuration of a model that can be trained."""
    if name not in CONFIGS:
        raise UnknownModelError(f"there is no model '{name}'; expected one of {', '.join(CONFIGS)}")
    return CONFIGS[name]


def trained(kind: str = "quantised", weights: Path = WEIGHTS) -> tuple[str, ...]:
    """Names of the models with a checkpoint of this kind, ``float`` or ``quantised``."""
    return tuple(sorted(path.parent.name for path in weights.glob(f"*/{kind}.safetensors")))


def checkpoint_path(name: str, kind: str = "quantised", weights: Path = WEIGHTS) -> Path:
    """Where a trained model lies; raises ``UnknownModelError`` when it does not."""
    names = trained(kind, weights)
    if name not in names:
        raise UnknownModelError(f"there is no {kind} model '{name}' under {weights}; "
                                f"expected one of {', '.join(names) or 'none: train one first'}")
    return weights / name / f"{kind}.safetensors"
