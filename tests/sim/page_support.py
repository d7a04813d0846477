"""A report without a simulation, and a reader of its page; for ``test_page``."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

from golden.integer.evaluate import sample
from golden.integer.workload import ZeroShares
from golden.spec.descriptors import Engine
from golden.spec.registers import LANE_WAITS, STALL_CAUSES
from sim import picture, report
from sim.drawing import Request, prepare
from sim.page.load import PICTURES
from sim.recorded_timing import RecordedTiming

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
STEPS = 2
LOADING = {"src", "href", "srcset", "data", "poster", "action", "xlink:href"}
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """What a browser would find: sections, texts by element, addresses, pictures, and whether elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.sections: dict[str, str] = {}
        self.addresses: list[str] = []
        self.images: list[dict] = []
        self.drawings: list[dict] = []
        self.texts: dict[str, str] = {}
        self.open: list[tuple[str, str]] = []
        self.tables = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.addresses += [found[name] for name in LOADING & set(found)]
        self.images += [found] if tag == "img" else []
        self.drawings += [found] if tag == "svg" else []
        self.tables += tag == "table"
        if tag not in VOID:
            self.open.append((tag, found.get("id", "")))

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1][0] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for tag, name in self.open:
            if name:
                place = self.sections if tag == "section" else self.texts
                place[name] = place.get(name, "") + data


def made_report(hardware: str, folder: Path) -> Path:
    """Report and pictures of ``tiny``; the counters are the timing model's, stalls are numbers to be found again."""
    prepared = prepare(Request("tiny", None, 7, STEPS, 2.0, CONFIGS / f"{hardware}.toml"))
    compiled = prepared.compiled
    timing, zeros = RecordedTiming(compiled), ZeroShares(compiled.model.config)
    by_step, ended, images = [], [], []
    for step in sample(compiled.model, compiled.contexts(prepared.label), compiled.plan, 7):
        ended.append(SimpleNamespace(cycles=timing.follow(step), update=step.update))
        by_step.append(ZeroShares(compiled.model.config))
        by_step[-1].add(step)
        zeros.merge(by_step[-1])
        images.append(step.image / 4096)
    predicted = timing.finish()
    reference = SimpleNamespace(ended=ended, prediction=predicted, zeros=zeros, step_zeros=by_step, timing=timing,
                                comparison=SimpleNamespace(values=525_059, mismatches=0, first=[], cursors={}))
    counters = {"CYCLES": predicted.cycles, "MACS": predicted.macs, "MACS_OFFERED": predicted.macs_offered,
                **{f"BUSY_{engine.name}": predicted.busy[engine] for engine in Engine},
                **{f"STALL_{cause}": 1013 + 10 * number for number, cause in enumerate(STALL_CAUSES)},
                **{name: 2027 + 10 * number for number, name in enumerate(LANE_WAITS)}}
    written = {**report.drawing_part(compiled, prepared.label, 7, "euler", reference),
               **report.cycles_part(compiled, counters, reference), **report.comparison_part(reference),
               **report.zeros_part(reference), **report.inside_part(compiled, reference),
               **report.configuration_part(compiled), "difference_to_float_model": 0.125,
               "simulated_cycles_per_second": 26_483.0, "files": {name: f"{name}.png" for name in PICTURES}}
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps(written))
    picture.write_image(folder / "image.png", images[-1])
    picture.contact_sheet(folder / "steps.png", {"RTL": images, "float model": images})
    picture.film(folder / "film.png", list(zip(images, images, strict=True)))
    return folder
