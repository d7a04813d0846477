"""Faults injected automatically into the hardware: every mutant of a unit in one Verilog, chosen by an input port."""
