"""From the float model to 4 bits: calibration, what each part costs, quantisation-aware training, integers."""
