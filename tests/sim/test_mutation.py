"""Mutation testing: a sample of every run, what counts as a kill, the shares, and the list of survivors."""

import json
import re

import pytest

from golden.spec.hardware import load_hardware
from rtl.mutants.__main__ import mutants_of
from rtl.mutants.plant import OUTSIDE
from rtl.verilog import UNITS
from sim.mutation import __main__ as command
from sim.mutation import run
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
    """The matrix product is a composition for a bench; checked RAM holds verified RAM; the SDRAM chip is a model."""
    left_out = {"matrix_product", "verified_ram", "sdram_chip"}
    assert {target.unit for target in TARGETS} == set(UNITS) - left_out | {"core", "board"}
    for target in TARGETS:
        assert config_file(target.config).is_file()
        assert sources_of(target.benches)


def test_every_file_of_the_hardware_has_mutants():
    """Event ports show what a simulation records, and are no part of a core that is built."""
    mutated = {mutant.source.partition(":")[0] for target in TARGETS
               for mutant in mutants_of(target.unit, load_hardware(config_file(target.config)))}
    driving = {str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "rtl").rglob("*.py")
               if re.search(r"\bm\.d\.(comb|sync)\b", path.read_text(encoding="utf-8"))}
    left_out = {path for path in driving if path.startswith(OUTSIDE)} | {"rtl/events.py"}
    assert sorted(driving - left_out - mutated) == []


def test_one_bench_of_a_module_is_tried_alone_and_its_module_counts_for_the_cache(root):
    target = Target("descriptor_queue", "small", ("tests.bench_mutants:notices_nothing",))
    assert sources_of(target.benches) == sources_of(["tests.bench_mutants"])
    assert [verdict.how for verdict in try_target(target, 3, SEED, root / "alone").verdicts] == [""] * 3


def test_a_mutant_is_tried_again_only_by_rounds_that_it_lived_to_see(monkeypatch, tmp_path):
    """The first round kills every other mutant; the second sees the rest, and kills one of them."""
    mutants = [{"key": f"fault {i}", "path": "top", "operator": "logic", "source": "core.py:1", "select": i + 1}
               for i in range(4)]
    tried = []

    def tries(target, top, folder, living, one):
        tried.append([mutant["key"] for mutant in living])
        killed = {"fault 0", "fault 2"} if one == "first" else {"fault 1"}
        return 1.0, [Verdict(key, "top", "logic", "core.py:1", BENCH if key in killed else "", "", 0.1)
                     for key in tried[-1]]

    monkeypatch.setattr(run, "generate", lambda *arguments: {"mutants": mutants, "candidates": 9})
    monkeypatch.setattr(run, "stamp_of", lambda *arguments: "stamp")
    monkeypatch.setattr(run, "build", lambda *arguments: "top")
    monkeypatch.setattr(run, "rounds_of", lambda *arguments: ["first", "second"])
    monkeypatch.setattr(run, "try_round", tries)
    outcome = try_target(Target("core", "small", ()), 4, SEED, tmp_path)
    assert tried == [["fault 0", "fault 1", "fault 2", "fault 3"], ["fault 1", "fault 3"]]
    assert [verdict.killed for verdict in outcome.verdicts] == [True, True, True, False] and outcome.seconds == 2.0
