"""Search over configurations: images a second, by the timing model, against look-up tables, by the area model."""
