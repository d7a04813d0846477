"""Mutation testing: whether the benches notice faults that are injected automatically (``python -m sim.mutation``)."""
