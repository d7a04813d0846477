"""What the tests have led the hardware to: functional bins, and lines and toggles of the generated Verilog."""
