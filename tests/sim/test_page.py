"""The report page: what is on it equals the report, it needs nothing but itself, and bad input is one sentence.

``test_draw`` makes pages of drawings through the RTL; here reports come from the timing model alone, in a second.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sim.activity import busy_cycles, spread
from sim.page import __main__ as command
from sim.page.figures import stacked
from sim.page.load import PICTURES
from tests.sim.page_support import Page, made_report

SECTIONS = {"picture", "time", "zeros", "stalls", "descriptors", "energy", "memory", "configuration"}


@pytest.fixture(scope="module", params=["small", "small_hybrid"])
def drawn(request, tmp_path_factory):
    """A folder with a page, on hardware without and with dense lanes."""
    folder = made_report(request.param, tmp_path_factory.mktemp("page") / request.param)
    assert command.main(["--report", str(folder)]) == 0
    return folder


@pytest.fixture
def copied(drawn, tmp_path):
    """A copy to damage."""
    return shutil.copytree(drawn, tmp_path / "copy")


def read(folder: Path) -> tuple[dict, str, Page]:
    """Report, text and parsed page."""
    text = (folder / "report.html").read_text()
    return json.loads((folder / "report.json").read_text()), text, Page(text)


def test_every_section_is_there_and_well_formed(drawn):
    written, _, page = read(drawn)
    assert page.open == []
    assert set(page.sections) == SECTIONS
    assert len(page.ids) == len(set(page.ids)), "two elements have one name"
    assert ("split" in page.ids) == bool(written["configuration"]["hardware"]["dense_lanes"])
    assert len(page.drawings) == 7 + bool(written["dense_share_by_step"])
    assert page.tables > len(page.drawings)
    assert all(len(image["alt"]) > 20 for image in page.images) and len(page.images) == 3
    assert all(len(drawing["aria-label"]) > 20 and drawing["role"] == "img" for drawing in page.drawings)


def test_figures_on_the_page_are_the_reports(drawn):
    written, _, page = read(drawn)
    assert page.texts["cycles"] == f"{written['cycles']:,}"
    assert page.texts["utilisation"].startswith(f"{written['utilisation']:.1%}")
    assert page.texts["skipped-share"].startswith(f"{written['skipped_share']:.1%}")
    assert page.texts["zeros-mean"].startswith(f"{written['zero_share_mean']:.1%}")
    found = {name: {cell.strip() for cell in re.findall(r"[^\n]+", text)} for name, text in page.sections.items()}
    places = {"time": [written["busy_cycles"].values()],
              "stalls": [written["array_stall_cycles"].values(), written["lane_wait_cycles"].values()],
              "descriptors": [[row["cycles"] for row in written["descriptors"]]],
              "energy": [[design["macs"] for design in written["energy"]["designs"]]]}
    for section, lists in places.items():
        for values in lists:
            missing = [value for value in values if f"{value:,}" not in page.sections[section]]
            assert not missing, (section, missing, found[section])
    for shares in written["zero_share_by_step"].values():
        assert all(f"{share:.1%}" in page.sections["zeros"] for share in shares)
    for part in written["memory"]:
        assert all(f"{region[1] + region[2] - 1:,}" in page.sections["memory"] for region in part["regions"])
    for value in written["configuration"]["hardware"].values():
        assert str(value) in page.sections["configuration"]


def test_the_page_loads_nothing_and_names_no_folder(drawn):
    _, text, page = read(drawn)
    assert "http:" not in text and "https:" not in text and "//" not in re.sub(r"base64,[^\"]+", "", text)
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in page.addresses)
    assert "<script" not in text and "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(page.ids)
    assert str(drawn.parent) not in text and "/home" not in text and "/tmp" not in text and "/root" not in text
    assert len(text) < 1_500_000


def test_colours_of_plots_are_the_pages(drawn):
    """So that they change in the dark."""
    _, text, _ = read(drawn)
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert not re.search(r"#0([0-9a])0\1(?:0\1)\b", drawings)
    assert "var(--series-0)" in drawings and "currentColor" in drawings
    style = text[text.index("<style>"):text.index("</style>")]
    assert set(re.findall(r"var\((--[\w-]+)\)", text)) <= set(re.findall(r"(--[\w-]+):", style))


def test_a_page_made_again_is_the_same(copied):
    before = (copied / "report.html").read_bytes()
    (copied / "report.html").unlink()
    assert command.main(["--report", str(copied)]) == 0
    assert (copied / "report.html").read_bytes() == before
    assert {path.name for path in copied.iterdir()} == {"report.html", "report.json", *(f"{n}.png" for n in PICTURES)}


def test_activity_adds_up_to_the_counters(drawn):
    written, _, _ = read(drawn)
    windows = written["activity"]
    assert {name: sum(cycles) for name, cycles in windows["drawing"]["busy_cycles"].items()} == written["busy_cycles"]
    assert sum(windows["drawing"]["macs"]) == pytest.approx(written["macs"], rel=1e-9)
    assert (windows["drawing"]["edges"][0], windows["drawing"]["edges"][-1]) == (0, written["cycles"])
    assert [windows["last_step"]["edges"][0], windows["last_step"]["edges"][-1]] == written["step_cycles"][-2:]
    for name, cycles in windows["last_step"]["busy_cycles"].items():
        assert 0 < sum(cycles) < written["busy_cycles"][name]
        assert all(0 <= count <= width for count, width in zip(
            cycles, np.diff(windows["last_step"]["edges"]), strict=True))


def test_shares_of_dense_lanes_add_up(drawn):
    """Each step's by product, weighted by the products that the array was to do, lie around the step's own share."""
    written, _, _ = read(drawn)
    for step, share in enumerate(written["dense_shares"]):
        products = [shares[step] for shares in written["dense_share_by_step"].values()]
        assert (min(products) < share < max(products)) if products else share == 0


def test_bins_count_every_cycle_once():
    edges = np.array([0, 3, 4, 10, 20])
    assert busy_cycles([(1, 2), (3, 6), (6, 9), (15, 20)], edges) == [1, 1, 5, 5]
    assert busy_cycles([], edges) == [0, 0, 0, 0]
    assert spread([(0, 4, 8), (2, 12, 10), (5, 6, 0)], edges) == pytest.approx([7, 3, 6, 2])


def test_regions_that_share_words_lie_under_each_other():
    assert stacked([["a", 0, 4], ["b", 4, 4], ["c", 0, 8], ["d", 8, 1]]) == [0, 0, 1, 0]


def test_a_wrong_drawing_says_so(copied):
    written, _, page = read(copied)
    assert "This drawing is wrong" not in (copied / "report.html").read_text()
    written |= {"mismatches": 3, "predicted_cycles": written["cycles"] + 1}
    (copied / "report.json").write_text(json.dumps(written))
    assert command.main(["--report", str(copied)]) == 0
    text = (copied / "report.html").read_text()
    assert "This drawing is wrong" in text and "3 of 525,059 values differ" in text
    assert f"the timing model predicts {written['cycles'] + 1}" in text


def test_labels_cannot_break_the_page(copied):
    written, _, _ = read(copied)
    written["label"] = "<script>boot</script> & \"cat\""
    (copied / "report.json").write_text(json.dumps(written))
    assert command.main(["--report", str(copied)]) == 0
    _, text, page = read(copied)
    assert "<script" not in text and page.open == []


def without(written: dict, *names: str) -> dict:
    inner = written
    for name in names[:-1]:
        inner = inner[name]
    del inner[names[-1]]
    return written


@pytest.mark.parametrize(("damage", "words"), [
    (lambda written: "{", "is not JSON; it is damaged: draw again"),
    (lambda written: "[]", "it is not a table of names"),
    (lambda written: json.dumps(without(written, "cycles")), "it has no 'cycles'"),
    (lambda written: json.dumps(without(written, "activity", "last_step", "edges")), "'last_step' has no 'edges'"),
    (lambda written: json.dumps(written | {"cycles": "many"}), "'cycles' holds 'many', which is of the wrong kind"),
    (lambda written: json.dumps(written | {"steps": 7}), "'step_cycles' has 3 values for 7 steps"),
    (lambda written: json.dumps(written | {"cycles": 0}), "'cycles' is 0; expected 1 or more"),
])
def test_a_damaged_report_is_one_sentence(copied, capsys, damage, words):
    (copied / "report.html").write_text("of before")
    (copied / "report.json").write_text(damage(json.loads((copied / "report.json").read_text())))
    assert_refused(copied, capsys, words)


@pytest.mark.parametrize(("name", "words"), [("report.json", "report.json cannot be read; expected the report"),
                                             ("film.png", "film.png cannot be read; draw again")])
def test_a_missing_file_is_one_sentence(copied, capsys, name, words):
    (copied / "report.html").write_text("of before")
    (copied / name).unlink()
    assert_refused(copied, capsys, words)


def assert_refused(folder: Path, capsys, words: str) -> None:
    """Status 2, one line, and the page as it was."""
    assert command.main(["--report", str(folder)]) == 2
    errors = capsys.readouterr().err
    assert words in errors and errors.startswith("error: ") and errors.count("\n") == 1
    assert (folder / "report.html").read_text() == "of before"
    assert not list(folder.glob("*.partial"))


def test_a_bad_argument_is_one_sentence(capsys):
    assert command.main([]) == 2
    assert "--report" in capsys.readouterr().err


def test_a_browser_shows_the_page(drawn, tmp_path):
    """In Chromium where there is one, light and dark differ and neither is a blank sheet."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    _, text, page = read(drawn)
    assert page.sections["picture"].strip() and "prefers-color-scheme: dark" in text and "@media print" in text
    if browser is None:
        return
    means = {}
    for name, options in (("light", []), ("dark", ["--blink-settings=preferredColorScheme=0"])):
        shot = tmp_path / f"{name}.png"
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *options,
                        f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}", "--window-size=1000,3000",
                        (drawn / "report.html").as_uri()], check=True, capture_output=True, timeout=120)
        pixels = np.asarray(Image.open(shot).convert("L"), dtype=float)
        means[name] = pixels.mean()
        rows = pixels.std(axis=1) > 1
        assert rows.mean() > 0.5, f"{name}: most of the page is blank"
    assert means["light"] > 200 and means["dark"] < 100
