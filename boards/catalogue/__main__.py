"""The boards' names, one a line: ``python -m boards.catalogue``."""

from __future__ import annotations

import argparse

from boards import catalogue

if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m boards.catalogue", description=__doc__).parse_args()
    print("\n".join(catalogue.names()))
