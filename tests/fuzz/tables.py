"""Configuration files: hardware, model and data tables in TOML."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from golden.compile.layout import CompileError, Layout
from golden.model.zoo import DataConfig
from golden.spec.hardware import HardwareConfig, load_hardware
from golden.spec.model import ModelConfig, load_model
from golden.spec.toml import read_table
from golden.spec.validation import ConfigError
from tests.fuzz.target import Target, check_sentence, check_within

KINDS: dict[str, type] = {"hardware": HardwareConfig, "model": ModelConfig, "data": DataConfig}
MODEL = {"image_size": 8, "channels": 16, "blocks": 1, "heads": 1}
REQUIRED = {"hardware": {}, "model": MODEL, "data": {"set": "avatars"}}
names = st.sampled_from(["../../x", "/x", "..", ".", "a/b", "a\\b", "a\0b", "x" * 300, "tiny", "grün", "a\nb", ""])
values = st.one_of(
    st.integers(0, 1 << 21).map(str), st.integers().map(str),
    st.sampled_from([str(1 << exponent) for exponent in range(21)]),
    st.sampled_from(["true", "nan", "-inf", "1e999", "1979-05-27", "[]", "[1, 'a']", "{a = 1}", "{a = ['b']}",
                     "['a', 'a']", "{a = [], b = ['c']}", "'''\n'''", "9" * 5000, "0x" + "f" * 5000]),
    st.one_of(names, st.text(max_size=8)).map(lambda text: json.dumps(text, ensure_ascii=False)))
"""The right-hand side of a line of TOML, well-formed or not."""


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """A table of one kind, with some of its keys, and some of other names."""
    table = draw(st.sampled_from(sorted(KINDS)))
    fields = [field.name for field in dataclasses.fields(KINDS[table])]
    chosen = draw(st.dictionaries(st.one_of(st.sampled_from(fields), st.text("abz-_", min_size=1, max_size=5)), values,
                                  max_size=6))
    lines = {**{key: json.dumps(value) for key, value in REQUIRED[table].items()}, **chosen}
    text = "\n".join([f"[{table}]", *(f"{key} = {value}" for key, value in lines.items())])
    other = st.sampled_from([f"{table} = 1", f"[[{table}]]\nlanes = 8", "x = " + "[" * 50_000, "\x00", "",
                             "x = " + "{a = " * 2_000, "a." * 5_000 + "a = 1"])
    return draw(st.one_of(*[st.just(text)] * 7, other)).encode(errors="surrogatepass")


def loaded(path: Path) -> list[Any]:
    """What each reader makes of a file."""
    found = []
    for read in (load_hardware, load_model, lambda each: read_table(each, "data", DataConfig)):
        try:
            found.append(read(path))
        except ConfigError as error:
            check_sentence(error)
    return found


def check(content: bytes, folder: Path) -> None:
    """A file is refused, or gives a configuration whose name stays in its folder and that can be laid out."""
    path = folder / "config.toml"
    path.write_bytes(content)
    for config in loaded(path):
        check_within(folder, config.name)
        hardware = config if isinstance(config, HardwareConfig) else HardwareConfig()
        model = config if isinstance(config, ModelConfig) else ModelConfig(name="small", **MODEL)
        assert 0 <= hardware.fingerprint < 1 << 32
        try:
            Layout(model, hardware, contexts=2, steps=4)
        except CompileError as error:
            check_sentence(error)


TARGETS = (Target("table", "a TOML file of hardware, model or data", st.one_of(st.binary(max_size=64), documents()),
                  check, ("golden.spec", "golden.compile.layout", "golden.model.zoo")),)
