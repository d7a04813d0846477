"""The energy estimate: its counts add up and are those that one makes by hand; its command says what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from golden.integer.workload import useful_macs
from golden.spec.descriptors import Engine
from golden.spec.hardware import load_hardware
from sim import energy
from sim.accesses import DESIGNS, LOCKSTEP, LOCKSTEP_WIDE, MULTIPLYING, SKIPPING, count_accesses
from sim.drawing import Request, prepare
from sim.energies import add_energy, estimate, multiply_energy

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
STEPS, CONTEXTS, BLOCKS, TOKENS, CHANNELS, HEADS = 2, 2, 3, 64, 32, 2
"""Of ``tiny``; four channels of expansion, 15 patch terms, 4 pixels a token."""
EVALUATIONS = STEPS * CONTEXTS


@pytest.fixture(scope="module", params=["small", "small_hybrid"])
def drawing(request):
    """Hardware, the descriptors of ``tiny`` in two steps, and the compiled model."""
    config = CONFIGS / f"{request.param}.toml"
    prepared = prepare(Request("tiny", None, 7, STEPS, 2.0, config))
    return load_hardware(config), energy.walk(prepared.compiled, prepared.label, 7), prepared.compiled


@pytest.fixture(scope="module")
def counts(drawing):
    """Counts of each design."""
    hardware, executions, _ = drawing
    return {design: count_accesses(executions, hardware, design) for design in DESIGNS}


def test_products_done_and_skipped_are_those_of_the_model_and_its_padding(drawing, counts):
    """The convolution's 15 terms are padded to 16 of 8 channels, the decoder's 4 outputs to 8; both have 8 bits."""
    hardware, _, compiled = drawing
    useful = sum(useful_macs(compiled.model.config).values())
    padding = 4 * TOKENS * (1 * CHANNELS + CHANNELS * (hardware.width - 4))
    for design in (SKIPPING, MULTIPLYING, LOCKSTEP):
        assert counts[design].macs + counts[design].skipped == EVALUATIONS * (useful + padding)
    assert counts[SKIPPING].skipped > 0.3 * EVALUATIONS * useful
    assert counts[MULTIPLYING].skipped == counts[LOCKSTEP].skipped == counts[LOCKSTEP_WIDE].skipped == 0


def test_16_bits_need_one_product_where_4_need_four(drawing, counts):
    hardware, *_ = drawing
    narrow = TOKENS * 16 * CHANNELS + TOKENS * CHANNELS * hardware.width
    assert counts[LOCKSTEP].macs - counts[LOCKSTEP_WIDE].macs == 3 * EVALUATIONS * narrow


def test_memory_accesses_are_those_one_counts_by_hand(drawing, counts):
    hardware, *_ = drawing
    found = counts[SKIPPING]
    tensor = TOKENS * CHANNELS      # values
    # convolution, then projection and contraction of every block, and the decoder's one word a token
    results = tensor + 2 * BLOCKS * tensor + TOKENS * hardware.width
    assert found.written["residual"] == EVALUATIONS * results * 16 * 2
    norms = (2 * BLOCKS + 1) * tensor
    pixels = 2 * (STEPS + 1) * TOKENS * 4 * hardware.width      # both velocities' words, the first noise's too
    assert found.read["residual"] == (EVALUATIONS * (norms + 2 * BLOCKS * tensor) + pixels) * 16
    assert found.read["modulation"] == EVALUATIONS * norms * 16
    # queries, attention outputs, hidden activations; keys and values
    assert found.written["activation"] == EVALUATIONS * BLOCKS * 6 * tensor * 4
    assert found.written["key_value"] == EVALUATIONS * BLOCKS * 2 * tensor * 4
    assert found.read["key_value"] == found.written["key_value"]
    scores = EVALUATIONS * BLOCKS * HEADS * TOKENS**2
    assert found.written["score"] == found.read["score"] == scores * 9
    assert found.written["probability"] == scores * 4
    # norms of 4 bits, the decoder's of 8, and the patches' 16 terms of 8, once for both contexts
    assert found.written["normalised"] == (EVALUATIONS * (norms + tensor) + STEPS * TOKENS * 16 * 2) * 4
    assert found.written["clean"] == found.read["pixel"] - STEPS * TOKENS * 9 * 16 == (STEPS + 1) * TOKENS * 4 * 16


def test_weight_rows_are_read_once_a_channel_or_once_for_all_lanes(drawing, counts):
    hardware, executions, _ = drawing
    dense = sum(run.dense_channels for done in executions for run in done.groups)
    channels = counts[SKIPPING].macs // hardware.width
    assert counts[SKIPPING].read["tile"] == (channels - dense // 2) * hardware.word_bits
    assert counts[LOCKSTEP].read["tile"] * hardware.lanes == counts[LOCKSTEP].macs * 4
    assert bool(dense) == bool(hardware.dense_lanes)
    copies = hardware.lanes + hardware.dense_lanes // 2
    assert counts[SKIPPING].written["tile"] == copies * counts[LOCKSTEP].written["tile"]
    loaded = sum(done.fields["rows"] for done in executions if done.engine is Engine.LOAD)
    assert counts[LOCKSTEP].written["tile"] == loaded * hardware.word_bits


def test_energies_are_the_published_ones_scaled():
    assert multiply_energy(8) == 0.2 and multiply_energy(4) == pytest.approx(0.05) and multiply_energy(16) == 0.8
    # the source has 3.1 pJ for 32 bits: the square of the bits says 3.2; and 0.03 for an 8-bit addition, here 0.025
    assert multiply_energy(32) == pytest.approx(3.1, rel=0.05)
    assert add_energy(32) == 0.1 and add_energy(8) == pytest.approx(0.03, rel=0.2)


def test_a_design_takes_the_sum_of_its_parts(drawing):
    hardware, executions, _ = drawing
    rows = estimate(executions, hardware)
    assert [row["design"] for row in rows] == [design.name for design in DESIGNS]
    for row in rows:
        memories = sum(part["read_bits"] + part["written_bits"] for part in row["memories"].values())
        bits = 4 if "16" not in row["design"] else 16
        whole = row["macs"] * (0.2 * (bits / 8) ** 2) + row["accumulate_picojoules"] + memories * 10 / 64
        assert row["picojoules"] == pytest.approx(whole)
        assert row["ratio"] == row["picojoules"] / rows[0]["picojoules"]
    assert rows[1]["ratio"] > 1 and rows[3]["ratio"] > rows[2]["ratio"]


def test_the_command_prints_table_and_counts(capsys):
    arguments = ["--model", "tiny", "--config", str(CONFIGS / "small.toml")]
    assert energy.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "estimate" in lines[0].lower() and "ISSCC 2014" in lines[0]
    assert energy.main([*arguments, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["designs"]
    ratios = next(line for line in lines if line.startswith("ratio "))
    assert ratios.split()[1:] == [f"{row['ratio']:.2f}" for row in rows]


@pytest.mark.parametrize(("arguments", "words"), [
    (["--model", "nobody"], "there is no quantised model 'nobody'"), (["--steps", "0"], "steps is 0"),
    (["--config", "nowhere.toml"], "configuration nowhere.toml cannot be read"), (["--sampler", "rk4"], "rk4")])
def test_a_bad_argument_is_one_sentence(capsys, arguments, words):
    assert energy.main(arguments) == 2
    errors = capsys.readouterr().err
    assert words in errors and errors.startswith("error: ") and errors.count("\n") == 1
