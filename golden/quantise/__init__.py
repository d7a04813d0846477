"""From the float model to 4 bits: calibration, quantisation-aware training, integers."""
