"""Checkpoints: safetensors whose header, metadata and values are anything."""

from __future__ import annotations

import functools
import json
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st

from golden.model import checkpoint
from golden.spec.model import ModelConfig
from tests.fuzz.images import mostly
from tests.fuzz.target import DEEP, Target, check_sentence, check_within, json_values

MODEL = ModelConfig(name="tiny", image_size=4, channels=2, blocks=1, heads=1, expansion=1, coordinate_channels=0,
                    labels=("a",))
DTYPES = ("F32", "F64", "F16", "BF16", "I64", "I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F4", "C64", "U64", "X", "")
VALUES = (float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 3e38)
huge = st.sampled_from([0, 1, 2, 1 << 31, 1 << 40, 1 << 62, (1 << 64) - 1, -1])


@functools.cache
def sound(kind: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, metadata and data of a good checkpoint."""
    tensors = {name: torch.full(shape, 0.5) for name, shape in checkpoint.expected_shapes(MODEL, kind).items()}
    header: dict[str, Any] = {}
    data = b""
    for name, tensor in tensors.items():
        raw = tensor.numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    metadata = {"format": checkpoint.FORMAT, "kind": kind, "config": asdict(MODEL), "eight_bit": [],
                "residual_fraction_bits": 8 if kind == "quantised" else None, "record": {"minutes": 1}}
    return header, metadata, data


@st.composite
def entries(draw: st.DrawFn, entry: dict[str, Any]) -> Any:
    """A tensor's entry with something wrong: type, shape or place."""
    changed = dict(entry)
    key = draw(st.sampled_from([*entry, "all"]))
    if key == "dtype":
        changed[key] = draw(st.sampled_from(DTYPES))
    elif key == "shape":
        changed[key] = draw(st.lists(huge, max_size=4))
    elif key == "data_offsets":
        changed[key] = draw(st.lists(st.one_of(huge, st.integers(0, 300)), min_size=1, max_size=3))
    return draw(json_values) if key == "all" else changed


@st.composite
def metadatas(draw: st.DrawFn, sound_one: dict[str, Any]) -> str:
    """The text of the metadata, with something else in a place or two."""
    metadata = {key: mostly(draw, value, json_values) for key, value in sound_one.items()}
    if isinstance(metadata["config"], dict):
        numbers = st.one_of(json_values, huge, st.integers(0, 1 << 20))
        metadata["config"] = {key: mostly(draw, value, numbers) for key, value in metadata["config"].items()}
    return mostly(draw, json.dumps(metadata), st.one_of(json_values.map(json.dumps), st.text(max_size=20),
                                                        st.just(DEEP)))


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A checkpoint that is nearly right."""
    header, metadata, data = sound(draw(st.sampled_from(checkpoint.KINDS)))
    header = dict(header)
    for name in draw(st.lists(st.sampled_from(sorted(header)), max_size=2, unique=True)):
        fate = draw(st.sampled_from(["drop", "rename", "change", "change", "value"]))
        entry = header.pop(name)
        if fate == "change":
            header[name] = draw(entries(entry))
        elif fate == "rename":
            header[draw(st.sampled_from(["../" + name, "x", "", "__metadata__", "\x00"]))] = entry
        elif fate == "value":
            header[name] = entry
            start = entry["data_offsets"][0]
            data = data[:start] + struct.pack("<f", draw(st.sampled_from(VALUES))) + data[start + 4:]
    header["__metadata__"] = mostly(draw, {"halftone": draw(metadatas(metadata))}, json_values)
    text = mostly(draw, json.dumps(header), st.one_of(st.just(DEEP), st.text(max_size=20))).encode(errors="replace")
    whole = mostly(draw, len(text), huge.filter(lambda size: size >= 0)).to_bytes(8, "little") + text + data
    return whole[:mostly(draw, len(whole), st.integers(0, len(whole)))]


def check(content: bytes, folder: Path) -> None:
    """A checkpoint is refused, or is float32, finite, of the stated shapes, and comes back as it was."""
    path = folder / "float.safetensors"
    path.write_bytes(content)
    try:
        found = checkpoint.load(path)
    except checkpoint.CheckpointError as error:
        return check_sentence(error)
    shapes = checkpoint.expected_shapes(found.config, found.kind)
    assert {name: tuple(tensor.shape) for name, tensor in found.tensors.items()} == shapes
    for tensor in found.tensors.values():
        assert tensor.dtype == torch.float32 and bool(torch.isfinite(tensor).all())
    check_within(folder, found.config.name)
    checkpoint.save(folder / "again.safetensors", found)
    again = checkpoint.load(folder / "again.safetensors")
    assert (again.config, again.kind, again.eight_bit) == (found.config, found.kind, found.eight_bit)
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in found.tensors.items())
    return None


TARGETS = (Target("checkpoint", "a safetensors file with a model's weights",
                  st.one_of(st.binary(max_size=64), files()), check, ("golden.model.checkpoint", "golden.spec")),)
