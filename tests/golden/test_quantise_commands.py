"""The commands of ``golden.quantise`` and ``golden.compile precision``, on a checkpoint and data of a user's own."""

import json
from dataclasses import replace

import pytest
import torch

from golden.compile import __main__ as compiler
from golden.compile import precision
from golden.compile.layout import CompileError
from golden.model import checkpoint
from golden.quantise import __main__ as quantiser
from golden.quantise import choose, table
from golden.quantise.quantised import QuantisedTransformer
from golden.spec.hardware import HardwareConfig
from golden.spec.precision import group_names
from tests.golden.small_model import SMALL, small_float, write_pictures

GROUPS = group_names(SMALL)


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors are faster so, and a busy machine slows them less."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def home(tmp_path):
    """A float checkpoint of a model that has no name here, and its data."""
    checkpoint.save(tmp_path / "float.safetensors", small_float("blocks.1.expand"))
    (tmp_path / "data").mkdir()
    write_pictures(tmp_path / "data")
    return tmp_path


def words(home, command: str, **changes: str | None) -> list[str]:
    """A command line; a change of None leaves the option out."""
    options = {"checkpoint": home / "float.safetensors", "set": "garments", "data": home / "data", "threads": 1}
    options |= {} if command == "finetune" else {"images": 16}
    options |= changes
    return [command, *(word for name, value in options.items() if value is not None
                       for word in (f"--{name.replace('_', '-')}", str(value)))]


@pytest.fixture
def known_cycles(monkeypatch):
    """Each group adds 10 cycles to 100."""
    monkeypatch.setattr(precision, "cycles_of", lambda *_: lambda held: 100 + 10 * len(held))


def test_calibrate_then_finetune_then_report(home, capsys):
    """Every command takes what the one before it wrote; the 8-bit group stays."""
    output, final = home / "calibrated.safetensors", home / "out" / "final.safetensors"
    assert quantiser.run(words(home, "calibrate", output=output, eight_bit=GROUPS[3], clip="percentile",
                               percentile=99)) == 0
    made = checkpoint.load(output)
    assert made.eight_bit == (GROUPS[3],) and made.record["clip"] == "percentile"
    assert quantiser.run(words(home, "finetune", checkpoint=output, output=final, steps=2, batch=8)) == 0
    trained = checkpoint.load(final)
    assert trained.eight_bit == (GROUPS[3],) and trained.record["steps"] == 2
    assert not torch.equal(trained.tensors["blocks.0.query.weight"], made.tensors["blocks.0.query.weight"])
    figures = home / "report.json"
    assert quantiser.run(words(home, "report", checkpoint=final, float=home / "float.safetensors", json=figures)) == 0
    layers = json.loads(figures.read_text())["layers"]
    assert [name for name, found in layers.items() if found["bits"] == 8] == ["convolution", "blocks.1.expand",
                                                                             "decoder"]
    assert "signal to noise" in capsys.readouterr().out


def test_sensitivity_is_sorted_and_in_the_file(home, capsys):
    figures = home / "deep" / "sensitivity.json"
    assert quantiser.run(words(home, "sensitivity", json=figures)) == 0
    found = json.loads(figures.read_text())["parts"]
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines[1:] if line.split()[0] in found]
    worst = [max(found[name][bits]["velocity"] for bits in ("4", "8") if bits in found[name]) for name in names]
    assert len(names) == len(found) and worst == sorted(worst, reverse=True)
    assert not (home / "deep" / "sensitivity.partial").exists()


def test_precision_keeps_the_budget_and_writes_the_choice(home, known_cycles, capsys):
    output = home / "chosen.safetensors"
    assert compiler.main(words(home, "precision", budget=1.1, output=output)) == 0
    made = checkpoint.load(output)
    assert made.eight_bit == ("blocks.1.hidden",)
    assert (made.record["cycles"], made.record["cycles_4_bit"], made.record["cycle_limit"]) == (110, 100, 110)
    assert made.record["damage"]["velocity"] < made.record["damage_4_bit"]["velocity"]
    model = QuantisedTransformer(SMALL, made.eight_bit)
    model.load_state_dict(made.tensors)
    weights = model.blocks[1].expand.integer_weight()
    assert 7 < weights.abs().max() <= 119
    assert "8-bit: blocks.1.hidden" in capsys.readouterr().out


def test_groups_that_do_not_fit_the_hardware_are_never_chosen(monkeypatch):
    """The model that does not fit with 4 bits is a fault; one that does not fit with 8 is out of the question."""
    def estimated(config, eight_bit, hardware, steps, guidance):
        if not eight_bit or "b" in eight_bit:
            raise CompileError("too large")
        return 100

    monkeypatch.setattr(precision, "estimated_cycles", estimated)
    cycles = precision.cycles_of(SMALL, HardwareConfig(), 12, 2.0)
    assert (cycles(("a",)), cycles(("a", "b"))) == (100, precision.NEVER)
    with pytest.raises(CompileError):
        cycles(())
    assert choose.choose("ab", lambda held: -len(held), lambda held: cycles(held) if held else 100, 120).eight_bit \
        == ("a",)


BAD = {
    "no data set": ("calibrate", {"set": None}, "'small' has no data set of its own; name one with --set"),
    "unknown set": ("calibrate", {"set": "cats"}, "there is no data set 'cats'; expected one of garments"),
    "unknown group": ("calibrate", {"eight_bit": "blocks.9.hidden"}, "'blocks.9.hidden' is no group of layers"),
    "percentile": ("calibrate", {"clip": "percentile", "percentile": 101}, "the percentile is 101.0; expected"),
    "idle percentile": ("calibrate", {"percentile": 99}, "--percentile is 99.0 with --clip mse; expected --clip"),
    "no images": ("sensitivity", {"images": 0}, "--images is 0; expected 1 or more"),
    "no file": ("sensitivity", {"checkpoint": "gone.safetensors"}, "gone.safetensors could not be read"),
    "itself": ("calibrate", {"output": "float.safetensors"}, "is the checkpoint to read; name another file"),
    "wrong kind": ("report", {}, "is of kind 'float'; expected 'quantised'"),
    "budget": ("precision", {"budget": 0.5}, "--budget is 0.5; expected 1 or more"),
    "steps": ("precision", {"budget": 2, "steps": 0}, "--steps is 0; expected 1 or more"),
    "guidance": ("precision", {"budget": 2, "guidance": "nan"}, "--guidance is nan; expected a number from 0 on"),
    "cycles": ("precision", {"cycles": 99}, "the budget is 99 cycles; expected at least the 100"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_and_writes_nothing(home, known_cycles, capsys, name, monkeypatch):
    monkeypatch.chdir(home)
    command, changes, message = BAD[name]
    output = {"output": "made.safetensors"} if command in ("calibrate", "precision") else {"json": "made.json"}
    before = sorted(home.rglob("*"))
    entry = compiler.main if command == "precision" else quantiser.run
    assert entry(words(home, command, **(output | changes))) != 0
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ") and message in error and "\n" not in error
    assert sorted(home.rglob("*")) == before


def test_data_with_labels_that_the_model_lacks_is_refused(home, capsys):
    write_pictures(home / "data", labels=5)
    assert quantiser.run(words(home, "calibrate", output=home / "made.safetensors")) == 1
    assert "the data set's labels go up to (4,); those of model 'small' to (2,)" in capsys.readouterr().err


def test_a_report_of_two_models_is_refused(home, capsys):
    quantised = home / "quantised.safetensors"
    assert quantiser.run(words(home, "calibrate", output=quantised)) == 0
    other = replace(small_float(), config=replace(SMALL, rectified_query=True))
    checkpoint.save(home / "other.safetensors", other)
    assert quantiser.run(words(home, "report", checkpoint=quantised, float=home / "other.safetensors")) == 1
    assert "expected both of one model" in capsys.readouterr().err


def test_a_table_has_names_left_and_figures_right():
    assert table.table(("name", "share"), [("a", 0.5), ("long", None)]) == "name    share\na     50.00 %\nlong        -"
