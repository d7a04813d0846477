"""Checkpoints: safetensors with JSON metadata, checked on loading; never pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from golden.model.transformer import Transformer
from golden.spec.model import ConfigError, ModelConfig
from golden.spec.precision import group_names
from golden.spec.validation import excerpt, shown

FORMAT = "halftone-1"
KINDS = ("float", "quantised")
BLOCK_LINEARS = ("query", "key", "value", "projection", "expand", "contract")
BLOCK_STEPS = ("norm_attention_step", "query_step", "key_step", "value_step", "attention_step",
               "norm_hidden_step", "hidden_step")


class CheckpointError(Exception):
    """A checkpoint that cannot be used; the message is one sentence with what was found and expected."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checked checkpoint: tensors are float32, finite, and of the shapes that ``config`` says."""

    config: ModelConfig
    kind: str                                   # "float" or "quantised"
    tensors: dict[str, Tensor]
    residual_fraction_bits: int | None = None   # quantised only: the residual stream's step is 2^-this
    eight_bit: tuple[str, ...] = ()             # quantised only: groups of ``golden.spec.precision`` in 8 bits, sorted
    record: dict = field(default_factory=dict)  # how it was trained: command, minutes, losses


def checked_groups(config: ModelConfig, names: object, where: str) -> tuple[str, ...]:
    """Names of 8-bit groups, sorted, each once; raises ``CheckpointError`` for one that the model does not have."""
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise CheckpointError(f"{where}: eight_bit is {shown(names)}; expected a list of names, as blocks.0.attention")
    groups = group_names(config)
    for name in names:
        if name not in groups:
            raise CheckpointError(f"{where}: '{excerpt(name)}' is no group of layers that can be 8-bit; "
                                  f"expected one of {', '.join(groups)}")
    return tuple(sorted(set(names)))


def expected_shapes(config: ModelConfig, kind: str) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor by name; raises ``ConfigError`` for more weights than can be counted."""
    try:
        with torch.device("meta"):
            shapes = {name: tuple(tensor.shape) for name, tensor in Transformer(config).state_dict().items()}
    except (RuntimeError, MemoryError) as error:
        raise ConfigError(f"model {config.name} is too large: {str(error).splitlines()[0]}") from None
    if kind == "float":
        return shapes
    layers = [f"blocks.{n}.{name}" for n in range(config.blocks) for name in BLOCK_LINEARS]
    for layer in ("convolution", "decoder", *layers):
        shapes[f"{layer}.weight_step"] = shapes[f"{layer}.bias"]
    shapes.update({f"blocks.{n}.{name}": () for n in range(config.blocks) for name in BLOCK_STEPS})
    shapes["decoder.norm_step"] = ()
    return shapes


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint whole or not at all, so that a cut-off leaves the previous one."""
    check(checkpoint.config, checkpoint.kind, checkpoint.tensors, str(path))
    groups = checked_eight_bit(checkpoint.config, checkpoint.kind, checkpoint.eight_bit, str(path))
    header = {"format": FORMAT, "kind": checkpoint.kind, "config": asdict(checkpoint.config),
              "residual_fraction_bits": checkpoint.residual_fraction_bits, "eight_bit": groups,
              "record": checkpoint.record}
    tensors = {name: tensor.detach().float().contiguous().clone() for name, tensor in checkpoint.tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"halftone": json.dumps(header, sort_keys=True)})
    partial.chmod(0o644)             # safetensors makes files for their owner alone
    partial.replace(path)


def load(path: Path) -> Checkpoint:
    """Read and check a checkpoint; raises ``CheckpointError``."""
    metadata, tensors = read_tensors(path)
    header = parse_header(metadata, path)
    config, kind, bits = header["config"], header["kind"], header.get("residual_fraction_bits")
    if kind == "quantised" and not (type(bits) is int and 0 <= bits <= 15):
        raise CheckpointError(f"{path}: residual_fraction_bits is {shown(bits)}; expected an integer from 0 to 15")
    check(config, kind, tensors, str(path))
    groups = checked_eight_bit(config, kind, header.get("eight_bit", []), str(path))
    return Checkpoint(config=config, kind=kind, tensors=tensors, residual_fraction_bits=bits, eight_bit=groups,
                      record=header.get("record", {}))


def read_tensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata of a safetensors file and its tensors as float32; raises ``CheckpointError``.

    Of a pipe or device, which might never end, nothing is read.
    """
    try:
        if not path.is_file():
            raise CheckpointError(f"{path} could not be read as safetensors: it is no file")
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            return metadata, {name: as_float(file.get_tensor(name), name, path) for name in file.keys()}
    except (OSError, SafetensorError, RuntimeError, ValueError, TypeError, KeyError, AttributeError) as error:
        sentence = " ".join(str(error).split())
        raise CheckpointError(f"{path} could not be read as safetensors: {excerpt(sentence)}") from error


def as_float(tensor: Tensor, name: str, path: Path) -> Tensor:
    """As float32; raises ``CheckpointError`` for what is no real floating-point number."""
    if not tensor.is_floating_point():
        raise CheckpointError(f"{path}: tensor {shown(name)} is of type {tensor.dtype}; expected floating point")
    return tensor.float()


def checked_eight_bit(config: ModelConfig, kind: str, names: object, where: str) -> tuple[str, ...]:
    """As ``checked_groups``; a float checkpoint has none."""
    groups = checked_groups(config, names, where)
    if groups and kind == "float":
        raise CheckpointError(f"{where}: a float checkpoint names 8-bit groups ({', '.join(groups)}); expected none")
    return groups


def parse_header(metadata: dict[str, str], path: Path) -> dict:
    """The JSON metadata, with ``config`` as a ``ModelConfig``."""
    try:
        header = json.loads(metadata["halftone"])
        header["config"] = ModelConfig(**header["config"])
        found, kind = header["format"], header["kind"]
        json.dumps(header.get("record")).encode()
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise CheckpointError(f"{path} carries no usable halftone metadata ({excerpt(str(error))}); "
                              f"expected a checkpoint of format {FORMAT}") from error
    if found != FORMAT or kind not in KINDS:
        raise CheckpointError(f"{path} is of format {shown(found)} and kind {shown(kind)}; "
                              f"expected {FORMAT!r} and one of {', '.join(KINDS)}")
    return header


def check(config: ModelConfig, kind: str, tensors: dict[str, Tensor], where: str) -> None:
    """Names, shapes, finite values and positive steps; the first fault raises ``CheckpointError``."""
    if config.blocks > len(tensors):            # before anything is made for each block
        raise CheckpointError(f"{where}: {len(tensors)} tensors were found for {config.blocks} blocks; "
                              "expected several for each block")
    try:
        expected = expected_shapes(config, kind)
    except ConfigError as error:
        raise CheckpointError(f"{where}: {error}") from None
    for name in sorted(expected.keys() - tensors.keys()):
        raise CheckpointError(f"{where}: tensor {name} is missing; expected shape {expected[name]}")
    for name in sorted(tensors.keys() - expected.keys()):
        raise CheckpointError(f"{where}: tensor {excerpt(name)} was found; expected no tensor of that name "
                              f"in a {kind} checkpoint")
    for name, shape in expected.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != shape:
            raise CheckpointError(f"{where}: tensor {name} has shape {tuple(tensor.shape)}; expected {shape}")
        wrong = int((~torch.isfinite(tensor)).sum())
        if wrong:
            raise CheckpointError(f"{where}: tensor {name} holds {wrong} NaN or infinite values; "
                                  "expected finite numbers")
        if name.endswith("_step") and not bool((tensor > 0).all()):
            raise CheckpointError(f"{where}: tensor {name} holds {float(tensor.min())}; expected steps above 0")


def load_float(path: Path) -> Transformer:
    """The float model of a float checkpoint, ready for inference."""
    checkpoint = load(path)
    if checkpoint.kind != "float":
        raise CheckpointError(f"{path} is of kind {checkpoint.kind!r}; expected 'float'")
    model = Transformer(checkpoint.config)
    model.load_state_dict(checkpoint.tensors)
    return model.eval()
