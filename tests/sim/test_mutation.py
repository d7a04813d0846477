"""Mutation testing: a sample of every run, what counts as a kill, the shares, and the list of survivors."""

import json

import pytest

from rtl.verilog import UNITS
from sim.mutation import __main__ as command
from sim.mutation.report import figures, summary, survivor_table, table, wilson
from sim.mutation.run import BENCH, CRASH, HANG, BenchError, Outcome, Verdict, sources_of, try_target
from sim.mutation.survivors import ListError, read_survivors
from sim.mutation.targets import TARGETS, Target
from sim.units import config_file
from sim.verilator import REPOSITORY

SEED = 1
SAMPLED = ("descriptor_queue", "guard")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where units are built once for all tests."""
    return tmp_path_factory.mktemp("mutation")


@pytest.mark.parametrize("unit", SAMPLED)
def test_every_mutant_of_the_sample_is_killed_or_judged(unit, root):
    target = next(target for target in TARGETS if target.unit == unit)
    found = figures([try_target(target, 18, SEED, root)], read_survivors())
    assert found["mutants"] == 18
    assert not [survivor["key"] for survivor in found["survivors"] if survivor["kind"] != "equivalent"]


def test_a_bench_that_sees_nothing_lets_mutants_live_and_hangs_and_crashes_kill(root):
    target = Target("descriptor_queue", "small", ("tests.bench_mutants",))
    outcome = try_target(target, 6, SEED, root)
    assert [verdict.how for verdict in outcome.verdicts] == [BENCH, HANG, CRASH, "", "", ""]
    assert "noticed" in outcome.verdicts[0].message
    assert try_target(target, 6, SEED, root) == outcome     # read, not tried again


def test_a_unit_whose_own_bench_fails_has_no_figures(root):
    with pytest.raises(BenchError, match="fail on the unit as it is: .*never content"):
        try_target(Target("descriptor_queue", "small", ("tests.bench_never_content",)), 2, SEED, root)


def test_less_than_95_percent_is_a_failure_that_names_the_survivors(monkeypatch, tmp_path, capsys):
    outcome = made(killed=18, lived=1)
    monkeypatch.setattr(command, "try_all", lambda *arguments: [outcome])
    (tmp_path / "list.toml").write_text("")
    options = ["--survivors", str(tmp_path / "list.toml"), "--output", str(tmp_path / "figures.json")]
    assert command.main(options) == 1
    printed = capsys.readouterr()
    assert "survives: queue-small: lived 0 (queue.py:1): not judged yet" in printed.out
    assert "18 of 19 mutants killed, 94.7%" in printed.out and "less than 95% killed" in printed.err
    assert json.loads((tmp_path / "figures.json").read_text())["killed"] == 18
    monkeypatch.setattr(command, "try_all", lambda *arguments: [made(killed=19, lived=1)])
    assert command.main(options) == 0


def made(killed, lived):
    """An outcome of so many mutants."""
    def verdict(name, how):
        return Verdict(name, "top", "logic", "queue.py:1", how, "", 0.1)

    return Outcome("queue-small", "queue", 99, 0.1, (*(verdict(f"killed {i}", BENCH) for i in range(killed)),
                                                     *(verdict(f"lived {i}", "") for i in range(lived))))


def test_an_equivalent_survivor_leaves_the_count_and_another_does_not(tmp_path):
    entry = '[[survivor]]\nunit = "queue"\nkey = "lived {}"\nkind = "{}"\nreason = "So it is."\n'
    path = tmp_path / "list.toml"
    path.write_text(entry.format(0, "equivalent") + entry.format(1, "untested"))
    found = figures([made(killed=8, lived=2)], read_survivors(path))
    assert (found["equivalent"], found["share_of_all"], found["share"]) == (1, 0.8, round(8 / 9, 4))
    assert found["operators"]["logic"] == found["units"]["queue-small"]


@pytest.mark.parametrize(("text", "message"), [
    ('unit = "a"\nkey = "b"\nkind = "lucky"\nreason = "R."', "of kind 'lucky'; expected one of equivalent"),
    ('unit = "a"\nkey = "b"\nkind = "equivalent"\nreason = ""', "expected a sentence"),
    ('unit = "a"\nkey = "b"', "has key, unit; expected"),
])
def test_a_list_with_a_wrong_entry_is_refused(text, message, tmp_path):
    path = tmp_path / "list.toml"
    path.write_text(f"[[survivor]]\n{text}\n")
    with pytest.raises(ListError, match=message):
        read_survivors(path)


@pytest.mark.parametrize("words", [["--count", "0"], ["--unit", "toaster"], ["--least", "2"], ["--seed", "-1"]])
def test_a_bad_argument_is_one_sentence(words, capsys):
    assert command.main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_wilsons_interval_is_that_of_the_tables():
    assert wilson(95, 100) == pytest.approx((0.8882, 0.9785), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_page_has_the_figures_of_the_reference_result_and_their_judgements_are_those_of_the_list():
    found = json.loads((REPOSITORY / "docs" / "verification-mutation.json").read_text())
    page = (REPOSITORY / "docs" / "mutation.md").read_text()
    judged = read_survivors()
    for line in (*table(found["units"], "unit"), *table(found["operators"], "fault"), summary(found),
                 *survivor_table(found["survivors"])):
        assert line in page
    for survivor in found["survivors"]:
        entry = judged[survivor["unit"], survivor["key"]]
        assert (survivor["kind"], survivor["reason"]) == (entry.kind, entry.reason)
    assert found["share"] >= 0.95


def test_every_unit_with_a_bench_is_mutated():
    """The matrix product is a composition for a bench, the 16-bit array a yardstick; checked RAM holds verified RAM."""
    assert {target.unit for target in TARGETS} == set(UNITS) - {"matrix_product", "dense_16", "verified_ram"} | {"core"}
    for target in TARGETS:
        assert config_file(target.config).is_file()
        assert sources_of(target.benches)
