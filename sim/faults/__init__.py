"""Faults while running: thousands of random injections, each of which must end in the exact image or an error code."""
