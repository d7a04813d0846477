"""Hostile input for everything on the host that reads what others wrote: ``python -m tests.fuzz --help``."""
