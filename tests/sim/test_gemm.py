"""Matrix products of any shape on a tiny array: every figure, every refusal, and bugs that must be found."""

from __future__ import annotations

import functools
import json

import pytest

from sim import gemm, gemm_table
from sim.gemm_product import Request, Shape

TINY = """[hardware]
lanes = 2
width = 8
line_words = 2
longest_dot_product = {terms}
slots = 2
"""


@pytest.fixture
def config(tmp_path):
    """File of an array that is quick to build."""
    return written(tmp_path)


def written(folder, terms=256):
    path = folder / "tiny.toml"
    path.write_text(TINY.format(terms=terms))
    return path


def words(tokens, channels, outputs, zeros, *more):
    return ["--tokens", str(tokens), "--channels", str(channels), "--outputs", str(outputs), "--zeros", str(zeros),
            "--seed", "5", *more]


@pytest.mark.parametrize("arguments", [
    words(5, 21, 29, 0.5),
    words(5, 21, 29, 0.5, "--signed"),
    words(5, 21, 29, 0.0, "--signed"),
    words(3, 40, 9, 1.0),
    words(4, 16, 8, 0.5),
    words(1, 1, 1, 0.0),
], ids=" ".join)
def test_a_product_is_exact_and_as_predicted(config, arguments, capsys):
    assert gemm.main([*arguments, "--config", str(config), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    shape = row["tokens"], row["channels"], row["outputs"]
    padded = [size + -size % unit for size, unit in zip(shape, (2, 8, 8), strict=True)]
    assert row["cycles"] == row["predicted_cycles"]
    assert row["mismatches"] == row["bits_not_compared"] == 0
    assert row["values_compared"] == padded[0] * padded[2]
    assert row["macs_offered"] == padded[0] * padded[1] * padded[2]
    assert row["macs"] == row["useful_macs"] * padded[2] // shape[2]
    assert row["macs_skipped"] == row["macs_offered"] - row["macs"]
    if row["zeros"] in (0.0, 1.0):
        assert row["zero_share"] == row["zeros"]
    else:
        assert 0 < row["zero_share"] < 1


def test_zeros_that_are_multiplied_cost_their_cycles(config, capsys):
    assert gemm.main([*words(5, 21, 29, 0.5, "--dense"), "--config", str(config), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["cycles"] == row["dense_cycles"]
    assert row["macs"] == row["macs_offered"]
    assert row["speed_up"] == 1


def test_dense_lanes_take_channels_by_the_balanced_rule(tmp_path, config, capsys):
    hybrid = tmp_path / "hybrid.toml"
    hybrid.write_text(config.read_text() + "dense_lanes = 2\n")
    cycles = {}
    for arguments in (words(5, 61, 29, 0.5), words(5, 61, 29, 0.5, "--dense"), words(7, 20, 9, 0.8, "--signed")):
        for path in (config, hybrid):
            assert gemm.main([*arguments, "--config", str(path), "--json"]) == 0
            row = json.loads(capsys.readouterr().out)
            assert row["cycles"] == row["predicted_cycles"] and row["macs"] == row["predicted_macs"]
            cycles[len(cycles)] = row["cycles"]
    assert all(cycles[number + 1] < cycles[number] for number in (0, 2))


def test_the_summary_says_what_was_measured(config, capsys):
    assert gemm.main([*words(5, 21, 29, 0.5), "--config", str(config)]) == 0
    told = capsys.readouterr().out
    for part in ("seed 5", "of the left operand, skipped", "as predicted", "utilisation", "of the ideal", "lanes wait",
                 "0 differ"):
        assert part in told


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["--tokens", "0"], "--tokens is 0; expected at least 1"),
    (["--channels", "-3"], "--channels is -3; expected at least 1"),
    (["--outputs", "many"], "argument --outputs: invalid int value: 'many'; see --help"),
    (["--zeros", "1.5"], "--zeros is 1.5; expected a share from 0 to 1"),
    (["--zeros", "nan"], "--zeros is nan; expected a share from 0 to 1"),
    (["--seed", "-1"], "--seed is -1; expected at least 0"),
    (["--tokens", "8191"], "--tokens is 8191; expected at most 8190, which one descriptor counts for 2 lanes"),
    (["--channels", "2041"], "--channels is 2041; expected at most 2040, "
                             "which one weight tile holds for a width of 8"),
    (["--outputs", "32761"], "--outputs is 32761; expected at most 32760, "
                             "which a descriptor's strides reach for 2 lanes of width 8"),
    (["--tokens", "8000", "--channels", "2000"], "a product of 8000x2000x128 takes 2,000,000 words of "
     "hardware.normalised_words; expected at most 1,048,576, so choose a smaller shape"),
    (["--config", "missing.toml"], "configuration missing.toml cannot be read: No such file or directory; "
                                   "give the path of a TOML file"),
    (["--more"], "unrecognized arguments: --more; see --help"),
])
def test_bad_input_is_one_sentence(config, arguments, sentence, capsys):
    given = arguments if "--config" in arguments else [*arguments, "--config", str(config)]
    assert gemm.main(given) == 2
    assert capsys.readouterr() == ("", f"error: {sentence}\n")


def test_sums_that_the_accumulator_does_not_hold_are_refused(tmp_path, capsys):
    assert gemm.main(["--channels", "157", "--config", str(written(tmp_path, terms=1))]) == 2
    assert capsys.readouterr().err == \
        "error: --channels is 157; expected at most 156, for which an accumulator of 15 bits is exact\n"


@pytest.mark.parametrize(("bug", "message"), [
    ("shifted", "values differ from the reference; first token"),
    ("no_skip", "error: cycles: measured 1,"),
    ("stray", "a fault, a collision or a stray write"),
])
def test_a_planted_bug_is_found(config, bug, message, capsys, monkeypatch):
    monkeypatch.setattr(gemm, "Request", functools.partial(Request, bug=bug))
    assert gemm.main([*words(9, 60, 29, 0.5), "--config", str(config)]) == 1
    assert message in capsys.readouterr().err


def test_a_table_compares_with_a_measured_dense_run(config):
    row, = gemm_table.products(config, (Shape(6, 40, 12),), (0.5,))
    assert row["as_predicted"]
    assert row["mismatches"] == 0
    assert row["speed_up"] == row["dense_cycles"] / row["cycles"] > 1
    assert {name for name, _ in gemm_table.COLUMNS} <= set(row)
