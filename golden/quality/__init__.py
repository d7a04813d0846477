"""How good drawn images are: of the float model, and of 4-bit integers without and with fine-tuning."""
