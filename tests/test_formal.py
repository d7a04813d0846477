"""The quick proofs of ``make formal``, each with its planted bug."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rtl.document.units import units
from rtl.link.encoder import FrameEncoder
from tests.formal import stream_units, wiring
from tests.formal.__main__ import properties
from tests.formal.prove import Case
from tests.formal.streams import streams

QUICK = [case for claim in properties() if claim.quick for case in claim.cases()]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(Path(__file__).resolve().parents[1])


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_a_quick_proof_holds_and_its_planted_bug_is_refuted(case):
    good, result, _ = case.check()
    assert good, result


def test_every_unit_with_a_stream_is_proved():
    """A stream port that is new belongs into ``stream_units.UNITS``, or into ``wiring.COMPOSED`` if it is a part's."""
    proved = {*stream_units.UNITS, *wiring.COMPOSED, *wiring.WATCHED}
    found = {unit.kind for unit in units() if streams(unit.make(unit.configs[0]))}
    assert sorted(kind.__name__ for kind in found - proved) == []
    assert sorted(kind.__name__ for kind in proved - found) == []


def test_every_stream_of_a_composed_unit_is_named():
    for case, kind in ((case, kind) for kind, case in wiring.COMPOSED.items()):
        assert {port.name for port in streams(case.make(kind))} == set(case.parts)


def test_a_watched_unit_has_the_streams_of_the_other():
    for kind, watched in wiring.WATCHED.items():
        small = stream_units.FEW_ROWS
        assert [port.name for port in streams(kind(small))] == [port.name for port in streams(watched(small))]


def test_a_unit_whose_stream_has_no_proof_is_told(monkeypatch):
    monkeypatch.delitem(stream_units.UNITS, FrameEncoder)
    with pytest.raises(AssertionError, match="FrameEncoder"):
        test_every_unit_with_a_stream_is_proved()


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
