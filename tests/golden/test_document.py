"""The documents say what is so: the contract's page is up to date, examples run, and what is named exists."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from golden.spec import document
from golden.spec.descriptors import FIELDS, HANDSHAKE, RELOCATABLE

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("README.md"), *ROOT.glob("weights/*/CARD.md")])
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ROOMS = r"golden|rtl|sim|boards|tests|configs|docs|weights|\.ci"
NAMED = re.compile(rf"(?<![\w/.<>-])(?:{ROOMS})/(?:[\w./*-]*[\w/*])?")
MODULE = re.compile(r"python3? -m ((?:golden|rtl|sim|boards|tests)[\w.]*\w)")


def broken_links(page: Path, text: str) -> list[str]:
    """Relative links of a page that lead nowhere."""
    targets = (link.split("#")[0] for link in LINK.findall(text) if not re.match(r"[a-z]+:", link))
    return [target for target in targets if target and not (page.parent / target).exists()]


def anchors(text: str) -> set[str]:
    """What the headings of a page can be linked by: words in lower case, joined; with a number where they repeat."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        plain = LINK.sub(lambda link: link[0].split("](")[0], heading)
        words = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.add(next(name for name in (words, *(f"{words}-{count}" for count in range(1, 99))) if name not in found))
    return found


def broken_anchors(page: Path, text: str) -> list[str]:
    """Links to a heading that is not there."""
    links = [link.split("#", 1) for link in LINK.findall(text) if "#" in link and not re.match(r"[a-z]+:", link)]
    return [f"{target}#{anchor}" for target, anchor in links if (page.parent / target if target else page).exists()
            and anchor not in anchors((page.parent / target if target else page).read_text(encoding="utf-8"))]


def missing_paths(root: Path, text: str) -> list[str]:
    """Paths and modules that a page names and the project does not have."""
    paths = [path for path in NAMED.findall(LINK.sub("", text)) if not any(root.glob(path.rstrip("/")))]
    modules = [name for name in MODULE.findall(text)
               if not (root / f"{name.replace('.', '/')}.py").is_file()
               and not (root / name.replace(".", "/") / "__main__.py").is_file()]
    return paths + modules


def test_the_contract_is_up_to_date():
    written = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    assert written == document.document(), "run python -m golden.spec.document > docs/contract.md"


def test_every_field_of_a_descriptor_is_told():
    for opcode, fields in FIELDS.items():
        selects = {f"{name}_register" for name in RELOCATABLE[opcode]}
        own = {field.name.rstrip("0123456789") for field in fields if field not in HANDSHAKE} - selects
        assert set(document.FIELD_MEANINGS.get(opcode, {})) == own, opcode.name


@pytest.mark.parametrize("name", ["numerics.md", "own-model.md"])
def test_the_examples_run(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    result = doctest.testfile(str(ROOT / "docs" / name), module_relative=False)
    assert result.attempted > 10
    assert result.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    assert broken_links(page, text) == []
    assert broken_anchors(page, text) == []
    assert missing_paths(ROOT, text) == []


def test_every_page_is_in_the_sites_navigation():
    navigation = (ROOT / "docs" / "site" / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    assert set(re.findall(r": ([\w-]+\.md)$", navigation, flags=re.MULTILINE)) == \
        {path.name for path in (ROOT / "docs").glob("*.md")}


def test_a_link_to_no_heading_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One `two`: 3\n## Same\n## Same\n```sh\n# no heading\n```\n", encoding="utf-8")
    text = "[a](#one-two-3) [b](page.md#same-1) [c](#same-2) [d](page.md#no-heading) [e](https://a.b/c#d)"
    assert broken_anchors(page, text) == ["#same-2", "page.md#no-heading"]


def test_a_planted_fault_is_found(tmp_path):
    page = tmp_path / "page.md"
    (tmp_path / "golden").mkdir()
    text = "[there](golden) [gone](gone.md#here) [web](https://a.b/c) `golden/` `golden/gone.py` `python -m sim.gone`"
    assert broken_links(page, text) == ["gone.md"]
    assert missing_paths(tmp_path, text) == ["golden/gone.py", "sim.gone"]
