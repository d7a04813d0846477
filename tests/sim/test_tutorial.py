"""The tutorial's blocks run in their order, each as it stands there, in an empty folder."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SAVED = re.compile(r"[Ss]ave it as `(\S+)`")
NUMBER = re.compile(r"-?[\d.,]*\d")


def blocks(text: str) -> list[tuple[str, str, str]]:
    """(text before, language, content) of each fenced block."""
    found, position = [], 0
    for match in BLOCK.finditer(text):
        found.append((text[position:match.start()], match[1], match[2]))
        position = match.end()
    return found


def run(command: str) -> int:
    """A command line of the page, in this process; returns its exit status."""
    program, *arguments = shlex.split(command)
    assert program == "python", f"{command!r} is not run by this test; expected python"
    before = list(sys.argv)
    try:
        if arguments[0] == "-m":
            sys.argv = ["", *arguments[2:]]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        return end.code or 0
    finally:
        sys.argv = before
    return 0


def shape(line: str) -> str:
    """A line of output without its numbers."""
    return " ".join(NUMBER.sub("#", line).split())


def play(text: str, capsys: pytest.CaptureFixture) -> int:
    """Run a page; every line of a ``text`` block must have come, figures left out. Returns how many commands ran."""
    count, output = 0, ""
    for before, language, content in blocks(text):
        if language == "python":
            Path(SAVED.findall(before)[-1]).write_text(content, encoding="utf-8")
        elif language == "sh":
            output = ""
            for command in content.strip().splitlines():
                status = run(command)
                captured = capsys.readouterr()
                assert status == 0, f"{command}: {captured.err}"
                output += captured.out
                count += 1
        elif language == "text":
            came = {shape(line) for line in output.splitlines()}
            missing = [line for line in content.splitlines() if line != "..." and shape(line) not in came]
            assert missing == [], f"expected in {output}"
        else:
            raise AssertionError(f"a block of the language {language!r}; expected python, sh or text")
    return count


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with the configurations, as the current one."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    yield tmp_path
    torch.set_num_threads(threads)


def test_every_block_of_the_tutorial_runs(folder, capsys):
    assert play(PAGE.read_text(encoding="utf-8"), capsys) == 9
    for made in ("mine/drawing/image.png", "mine/drawing/steps.png", "mine/shapes.htn", "mine/verilog/core.v",
                 "mine/verilog/core.json"):
        assert (folder / made).is_file(), made


@pytest.mark.parametrize(("text", "complaint"), [
    ("```sh\nmake gone\n```\n", "is not run by this test"),
    ("```sh\npython -m golden.compile check gone.htn\n```\n", "gone.htn"),
    ("save it as `a.py`:\n```python\nprint('3 images')\n```\n```sh\npython a.py\n```\n```text\n7 pictures\n```\n",
     "expected in 3 images"),
    ("```bash\nls\n```\n", "a block of the language 'bash'"),
])
def test_a_planted_fault_in_a_tutorial_is_found(folder, capsys, text, complaint):
    with pytest.raises(AssertionError, match=complaint):
        play(text, capsys)
