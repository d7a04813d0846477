"""One target under atheris, guided by coverage: ``python -m tests.fuzz.guided TARGET CORPUS -runs=1000``.

What follows the target is libFuzzer's. A failing input becomes a file; ``python -m tests.fuzz TARGET --replay FILE``
shrinks and shows it.
"""

from __future__ import annotations

import sys

import atheris


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer ends the process."""
    name = arguments[1]
    # Instrumented as they are imported, so nothing else may import them before.
    with atheris.instrument_imports(include=["golden.spec", "golden.model.checkpoint", "golden.model.zoo",
                                             "golden.compile.layout", "boards.host", "json", "tomllib"],
                                    enable_loader_override=False):
        from tests.fuzz.run import TARGETS, as_test
    take = as_test(TARGETS[name], 1, 0).hypothesis.fuzz_one_input

    def one(content: bytes) -> None:
        take(content)

    atheris.Setup([arguments[0], *arguments[2:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
