"""The parts of a bench that need no simulator: comparison, seeds, pictures, generation of units."""

from __future__ import annotations

import re
import textwrap

import numpy
import pytest
from PIL import Image

from sim import picture, units
from sim import seed as seeds
from sim.scoreboard import MismatchError, Scoreboard


def test_a_mismatch_names_everything():
    board = Scoreboard("norm")
    board.compare("sum", [[1, 2], [3, 4]], [[1, 2], [3, 4]])
    message = "norm: out[1, 0] at cycle 12: expected 3, got 5 (1 of 4 values differ)"
    with pytest.raises(MismatchError, match=re.escape(message)):
        board.compare("out", [[1, 2], [3, 4]], [[1, 2], [5, 4]], cycle=[[10, 11], [12, 13]])
    assert board.finish() == "norm: 4 values equal (sum 4)"


def test_a_wrong_shape_and_an_empty_bench_are_failures():
    board = Scoreboard("norm")
    with pytest.raises(MismatchError, match=r"expected shape \(2,\), got \(1,\)"):
        board.compare("out", [1, 2], [1])
    with pytest.raises(MismatchError, match="only 0 values"):
        board.finish()


def test_generators_repeat_and_differ_by_name():
    assert seeds.generator("a").random() == seeds.generator("a").random() != seeds.generator("b").random()
    assert seeds.numpy_generator("a").integers(1 << 60) == seeds.numpy_generator("a").integers(1 << 60)


def test_a_seed_that_is_no_number_is_refused(monkeypatch):
    monkeypatch.setenv(seeds.VARIABLE, "-3")
    with pytest.raises(ValueError, match="HALFTONE_SEED must be a non-negative integer, not '-3'"):
        seeds.seed.__wrapped__()


def test_pixels_span_black_to_white():
    assert picture.to_pixels(numpy.array([[-2.0, -1.0, 0.0, 1.0, 2.0]])).tolist() == [[0, 0, 128, 255, 255]]
    whole = numpy.array([[[-32768, 32767]]], dtype=numpy.int16)
    assert picture.to_pixels(whole, -32768, 32767).tolist() == [[0, 255]]
    with pytest.raises(ValueError, match="needs low and high"):
        picture.to_pixels(whole)
    with pytest.raises(ValueError, match="no picture"):
        picture.to_pixels(numpy.zeros((2, 4, 4)))


def test_pictures_have_the_size_and_mode_of_their_content(tmp_path):
    grey = picture.write_image(tmp_path / "new" / "grey.png", numpy.zeros((1, 8, 9)), scale=4)
    colour = picture.write_image(tmp_path / "colour.png", numpy.zeros((3, 8, 9)), scale=4)
    assert [(Image.open(path).mode, Image.open(path).size) for path in (grey, colour)] == \
        [("L", (36, 32)), ("RGB", (36, 32))]
    rows = {"RTL": [numpy.zeros((1, 8, 8))] * 3, "float model": [numpy.ones((1, 8, 8))] * 3}
    sheet = Image.open(picture.contact_sheet(tmp_path / "sheet.png", rows, ["noise", "1", "2"]))
    assert sheet.width > 3 * 24 and sheet.height > 2 * 24
    assert len(sheet.getcolors()) > 1


def test_a_unit_is_generated_and_built(tmp_path, monkeypatch):
    _write_generator(tmp_path)
    monkeypatch.setattr(units, "REPOSITORY", tmp_path)
    monkeypatch.setattr(units, "BUILD", tmp_path / "build")
    top, folder = units.build_unit("link", "tiny", bug="cut")
    assert (top, folder.name) == ("link", "link-cut")
    assert units.read_description(folder, "link")["latency"] == 0
    with pytest.raises(units.GenerationError, match="no such unit"):
        units.build_unit("missing", "tiny")
    with pytest.raises(FileNotFoundError, match="no configuration"):
        units.build_unit("link", "huge")


def _write_generator(root):
    """A stand-in for the hardware generator: the helper must not depend on any real unit."""
    (root / "rtl").mkdir()
    (root / "configs").mkdir()
    (root / "configs" / "tiny.toml").touch()
    (root / "rtl" / "verilog.py").write_text(textwrap.dedent("""
        import argparse, json, pathlib, sys
        parser = argparse.ArgumentParser()
        for name in ("unit", "config", "output", "bug"):
            parser.add_argument(f"--{name}")
        options = parser.parse_args()
        if options.unit != "link":
            sys.exit("no such unit")
        folder = pathlib.Path(options.output)
        value = "1'b0" if options.bug == "cut" else "a"
        (folder / "link.v").write_text(f"module link(input a, output b); assign b = {value}; endmodule")
        (folder / "link.json").write_text(json.dumps({"top": "link", "latency": 0, "parameters": {}}))
    """))
