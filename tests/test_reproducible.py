"""The same sources give the same bytes, whatever the machine, its settings and the folder: Verilog, image, picture."""

from __future__ import annotations

import shutil

import pytest

from tests import reproducible
from tests.reproducible import ARTEFACTS, IMAGE, PICTURE, ROOT, SMALL, differences, digest, make, read_accepted

SOURCES = ("golden", "rtl", "boards", "tests", "configs", "weights/tiny")
HERE = {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
ELSEWHERE = {
    "PYTHONHASHSEED": "4242", "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "LANG": "tr_TR.UTF-8", "COLUMNS": "40",
    "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3", "HOME": "/", "USER": "another",
    # an older processor: no vector instructions beyond the first in torch and numpy
    "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR AVX2 FMA3"}
"""Another person's machine, as far as settings can make it one."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Every artefact, made once, by its name."""
    folder = tmp_path_factory.mktemp("here")
    return {artefact.name: make(artefact, folder, HERE) for artefact in ARTEFACTS}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The sources in another folder, whose name has a space."""
    root = tmp_path_factory.mktemp("elsewhere") / "another place"
    for name in SOURCES:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def test_every_machine_makes_what_was_accepted(made):
    wrong = differences({name: digest(content) for name, content in made.items()}, read_accepted())
    assert not wrong, "\n".join(wrong)
    assert set(read_accepted()["digests"]) == set(made)


@pytest.mark.parametrize("artefact", [SMALL, IMAGE, PICTURE], ids=lambda artefact: artefact.name)
def test_settings_processor_threads_and_folder_change_no_byte(made, copy, tmp_path, artefact):
    assert make(artefact, tmp_path, ELSEWHERE, copy, mask=0o077) == made[artefact.name]


def test_the_verilog_names_no_path_of_the_machine(made):
    text = made[SMALL.name].decode()
    assert str(ROOT) not in text
    assert "src =" not in text


def test_the_picture_is_one(made):
    assert len(made[PICTURE.name]) % 2 == 0 and len(set(made[PICTURE.name])) > 20


def test_a_change_names_the_artefact_both_digests_and_the_command(made):
    found = {name: digest(content) for name, content in made.items()}
    accepted = {"versions": reproducible.versions(), "digests": found}
    assert differences(found, accepted) == []
    changed = {**found, IMAGE.name: digest(made[IMAGE.name] + b"x")}
    (told,) = differences(changed, accepted)
    assert all(part in told for part in (IMAGE.name, changed[IMAGE.name], found[IMAGE.name], reproducible.ACCEPT))
    other = {**accepted, "versions": {**accepted["versions"], "torch": "0"}}
    assert "made with torch" in differences(changed, other)[0]


def test_what_is_accepted_is_read_back(made, tmp_path):
    found = {name: digest(content) for name, content in made.items()}
    reproducible.write_accepted(found, tmp_path / "accepted.json")
    assert differences(found, read_accepted(tmp_path / "accepted.json")) == []
    assert [path.name for path in tmp_path.iterdir()] == ["accepted.json"]


def test_a_command_that_fails_is_told(tmp_path):
    broken = reproducible.Artefact("nothing", ("-m", "rtl.verilog", "--config", "nothing.toml", "--output", "x"), "x")
    with pytest.raises(RuntimeError, match=r"nothing could not be made: .*nothing\.toml cannot be read"):
        make(broken, tmp_path)
