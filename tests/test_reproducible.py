"""The same sources give the same bytes, whatever the hash seed: Verilog and program image."""

import os
import subprocess
import sys

import pytest

from sim.verilator import REPOSITORY

SEEDS = ("1", "4242")


def run(arguments, seed):
    """Run a module in a process with its own hash seed."""
    subprocess.run([sys.executable, "-m", *arguments], cwd=REPOSITORY, check=True, capture_output=True,
                   env={**os.environ, "PYTHONHASHSEED": seed}, timeout=300)


@pytest.mark.parametrize(("arguments", "files"), [
    (["rtl.verilog", "--config", "configs/small.toml", "--output", "{folder}"], ("core.v", "core.json")),
    (["golden.compile", "write", "--model", "tiny", "--steps", "2", "--output", "{folder}/tiny.htn"], ("tiny.htn",)),
])
def test_two_runs_with_other_hash_seeds_write_the_same_bytes(tmp_path, arguments, files):
    for seed in SEEDS:
        folder = tmp_path / seed
        folder.mkdir()
        run([part.replace("{folder}", str(folder)) for part in arguments], seed)
    for name in files:
        first, second = ((tmp_path / seed / name).read_bytes() for seed in SEEDS)
        assert first == second, f"{name} differs between two runs of the same sources"


def test_the_verilog_names_no_path_of_the_machine(tmp_path):
    run(["rtl.verilog", "--config", "configs/small.toml", "--output", str(tmp_path)], "1")
    text = (tmp_path / "core.v").read_text(encoding="utf-8")
    assert str(REPOSITORY) not in text
    assert "src =" not in text
