"""What MkDocs adds to the pages of ``docs/``: the units' pages, the models' cards, flow charts as SVG.

Run by ``make docs``, which makes the units' pages first (``python -m rtl.document``).
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import mermaidx
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

REPOSITORY = Path(__file__).resolve().parents[2]
UNITS = REPOSITORY / "build" / "units"
CHARTS = REPOSITORY / "build" / "charts"
CHART = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OUTSIDE = re.compile(r"\]\(\.\./(weights/\w+/CARD\.md)")
"""Links from ``docs/`` to a card; in the site they lie below."""
BACK = "](../../docs/"
"""How a card links to ``docs/``; in the site, that is the top."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the units and the cards into the navigation."""
    if not (UNITS / "index.md").is_file():
        raise PluginError(f"there is no {UNITS.relative_to(REPOSITORY)}/index.md; run python -m rtl.document first")
    config.nav.append({"Units": ["units/index.md", *units_by_room()]})
    config.nav.append({"Models": [{path.parent.name: path.relative_to(REPOSITORY).as_posix()} for path in cards()]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that are not in ``docs/``."""
    added = [(f"units/{path.name}", path) for path in UNITS.iterdir() if path.suffix in (".md", ".svg")]
    added += [(path.relative_to(REPOSITORY).as_posix(), path) for path in cards()]
    for file in files.documentation_pages():
        added += [(f"charts/{path.name}", path) for path in map(chart, CHART.findall(file.content_string))]
    for name, path in dict(added).items():
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Flow charts become images, and links to cards stay in the site."""
    up = "../" * page.file.src_uri.count("/")

    def image(found: re.Match) -> str:
        path = f"{up}charts/{chart(found[1]).name}"
        return f"[![Flow chart]({path}){{ .chart }}]({path})"  # a click shows it in full size

    markdown = CHART.sub(image, markdown)
    return OUTSIDE.sub(r"](\1", markdown).replace(BACK, "](../../")


def units_by_room() -> list[dict[str, list[str]]]:
    """The pages of units under the headings of their list."""
    _, *rooms = (UNITS / "index.md").read_text(encoding="utf-8").split("\n## ")
    return [{room.splitlines()[0]: [f"units/{page}" for page in re.findall(r"^\| \[.*?\]\((\w+\.md)\)", room,
                                                                         flags=re.MULTILINE)]} for room in rooms]


def cards() -> list[Path]:
    """The cards of the trained models."""
    return sorted((REPOSITORY / "weights").glob("*/CARD.md"))


def chart(source: str) -> Path:
    """A flow chart as SVG, drawn once."""
    path = CHARTS / f"{hashlib.sha256(source.encode()).hexdigest()[:12]}.svg"
    if not path.is_file():
        CHARTS.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(mermaidx.render(source, theme="neutral").svg(), encoding="utf-8")
        partial.replace(path)
    return path
