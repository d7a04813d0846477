"""The quick proofs of ``make formal``, each with its planted bug."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.formal.__main__ import properties
from tests.formal.prove import Case

QUICK = [case for claim in properties() if claim.quick for case in claim.cases()]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(Path(__file__).resolve().parents[1])


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_a_quick_proof_holds_and_its_planted_bug_is_refuted(case):
    good, result, _ = case.check()
    assert good, result


def test_every_property_has_a_planted_bug():
    assert [claim.name for claim in properties() if not claim.bugs] == []
    assert any(case.is_bug for case in QUICK)


def test_a_bug_that_is_not_found_fails():
    claim = next(claim for claim in properties() if claim.quick)
    harmless = type("HarmlessUnit", (claim.unit,), {})
    good, result, _ = Case(dataclasses.replace(claim, bugs=(harmless,)), harmless).check()
    assert (good, result) == (False, "missed")


def test_a_unit_that_is_wrong_is_not_proved():
    claim = next(claim for claim in properties() if claim.quick)
    good, result, _ = Case(dataclasses.replace(claim, unit=claim.bugs[0]), claim.bugs[0]).check()
    assert (good, result) == (False, "false: counterexample")
