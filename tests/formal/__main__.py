"""Prove what is claimed of the hardware, and refute every planted bug: one line each, with its seconds."""

from __future__ import annotations

import argparse
import sys

from tests.formal import (
    bounds,
    bus,
    columns,
    dense_pair,
    dense_queue,
    detector,
    dispatcher,
    engine_nests,
    fetcher,
    in_flight,
    lane,
    line_queue,
    link,
    memories,
    nests,
    norm_ring,
    packed,
    product,
    queue,
    requantise,
    semaphores,
    sequencer,
    sharing,
    stream_units,
    tokens,
    transposer,
    uart,
    update_sum,
    wiring,
    word_check,
)
from tests.formal.prove import Property, report

MODULES = (queue, semaphores, requantise, packed, line_queue, lane, dense_queue, dense_pair, dispatcher, fetcher,
           in_flight, transposer, sequencer, detector, update_sum, word_check, link, uart, bus, bounds, nests,
           engine_nests, memories, sharing, product, columns, norm_ring, tokens, stream_units, wiring)


def properties() -> list[Property]:
    """Every property that there is."""
    return [claim for module in MODULES for claim in module.PROPERTIES]


def main(arguments: list[str] | None = None) -> int:
    names = [claim.name for claim in properties()]
    parser = argparse.ArgumentParser(prog="python -m tests.formal", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"only these of: {', '.join(names)}")
    chosen = parser.parse_args(arguments).names
    unknown = sorted(set(chosen) - set(names))
    if unknown:
        parser.error(f"there is no property {unknown[0]}; expected one of: {', '.join(names)}")
    cases = [case for claim in properties() if not chosen or claim.name in chosen for case in claim.cases()]
    failed = [case.name for case in cases if not report(case)]
    print(f"{len(cases) - len(failed)} of {len(cases)} came out as they must"
          + (f"; not {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
