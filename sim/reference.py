"""The integer reference beside a running simulation, and the float model from the same noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from golden.compile.compiler import Compiled
from golden.compile.operands import DrawingTiming
from golden.integer.evaluate import sample
from golden.integer.workload import ZeroShares
from golden.model.sampler import euler
from golden.model.transformer import Transformer
from golden.spec import numbers
from golden.spec.timing import Prediction
from sim.comparison import Comparison, Mismatch
from sim.job import StepDone

PIXEL_ONE = 1 << numbers.PIXEL_FRACTION_BITS


class Reference:
    """Evaluates each step that the simulation has ended and compares every value that the core wrote or gave out.

    The timing model follows: which operands are zero says how many cycles the array takes.
    """

    def __init__(self, compiled: Compiled, label: str, seed: int, folder: Path) -> None:
        config = compiled.model.config
        self.shape = (config.image_channels, config.image_size, config.image_size)
        self.steps = sample(compiled.model, compiled.contexts(label), compiled.plan, seed)
        self.expected_steps = compiled.plan.steps + 1
        self.comparison = Comparison(compiled.layout, folder)
        self.zeros = ZeroShares(config, compiled.model.eight_bit)
        self.timing = DrawingTiming(compiled)
        self.prediction: Prediction | None = None
        self.golden = np.zeros(self.shape, dtype=np.int64)
        self.ended: list[StepDone] = []

    def follow(self, done: StepDone) -> None:
        """Compare one step, the first noise being step 0; a step more than expected counts as a mismatch."""
        step = next(self.steps, None)
        if step is None or step.number != done.step:
            expected = "no step" if step is None else str(step.number)
            self.differs(Mismatch("sequencer", "step number", f"step {done.step}", done.cycles, expected,
                                  str(done.step)))
        if step is None:
            return
        self.comparison.step(step, self.golden)
        self.golden = step.image
        self.pixels(f"pixels read after step {step.number}", done.pixels, done.cycles)
        self.zeros.add(step)
        self.timing.follow(step)
        self.ended.append(done)

    def finish(self, pixels: list[int], cycles: int) -> None:
        """Every step came, the finished image is the last step's, and nothing was written beyond it."""
        if len(self.ended) < self.expected_steps:
            self.differs(Mismatch("sequencer", "steps", "count", cycles, str(self.expected_steps),
                                  str(len(self.ended))))
        self.pixels("pixels of the finished image", pixels, cycles)
        self.comparison.finish()
        for step in self.steps:     # that never came
            self.timing.follow(step)
        self.prediction = self.timing.finish()

    def pixels(self, tensor: str, pixels: list[int], cycles: int) -> None:
        """Compare an image that the driver read with the reference's."""
        got, expected = np.array(pixels), self.golden.ravel()
        self.comparison.values += expected.size
        wrong = np.flatnonzero(got != expected)
        if len(wrong):
            channel, row, column = np.unravel_index(wrong[0], self.shape)
            self.differs(Mismatch("host port", tensor, f"channel {channel}, row {row}, column {column}", cycles,
                                  str(expected[wrong[0]]), str(got[wrong[0]])), len(wrong))

    @property
    def images(self) -> list[np.ndarray]:
        """What the driver read after each step, (C, H, H) integers."""
        return [np.array(done.pixels).reshape(self.shape) for done in self.ended]

    def differs(self, mismatch: Mismatch, values: int = 1) -> None:
        """Count so many wrong values, and keep one of them."""
        self.comparison.mismatches += values
        self.comparison.note(mismatch)


def float_way(model: Transformer, noise: np.ndarray, labels: tuple[int, ...], steps: int,
              guidance: float) -> list[np.ndarray]:
    """Images (C, H, H) of the float model from the core's first noise, an integer image: noise first, result last."""
    start = model.coordinates.new_tensor((noise / PIXEL_ONE)[None])
    wanted = model.coordinates.new_tensor([labels]).long()
    way = euler(model, start, wanted, no_label=model.config.no_label, steps=steps, guidance=guidance)
    return [images[0].numpy() for images in way]
