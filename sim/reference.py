"""The integer reference beside a running simulation, and the float model from the same noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from golden.compile.compiler import Compiled
from golden.integer.evaluate import Step, sample
from golden.integer.workload import ZeroShares
from golden.model.sampler import draw
from golden.model.transformer import Transformer
from golden.spec import numbers
from golden.spec.timing import Prediction
from sim.comparison import Comparison, Mismatch
from sim.job import StepDone
from sim.recorded_timing import RecordedTiming

PIXEL_ONE = 1 << numbers.PIXEL_FRACTION_BITS


class Reference:
    """Evaluates each step that the simulation has ended and compares every value that the core wrote or gave out.

    The timing model follows: which operands are zero says how many cycles the array takes.
    """

    def __init__(self, compiled: Compiled, label: str, seed: int, folder: Path) -> None:
        config = compiled.model.config
        self.shape = (config.image_channels, config.image_size, config.image_size)
        self.steps = sample(compiled.model, compiled.contexts(label), compiled.plan, seed)
        self.comparison = Comparison(compiled, folder)
        self.zeros = ZeroShares(config, compiled.model.eight_bit)
        self.step_zeros: list[ZeroShares] = []      # of step 0, which has no operands, and of those that followed
        self.timing = RecordedTiming(compiled)
        self.prediction: Prediction | None = None
        self.golden = self.clean = np.zeros(self.shape, dtype=np.int64)
        self.noises: list[np.ndarray] = []
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
        self.golden, self.clean = step.image, step.clean
        self.noises.append(step.noise)
        self.pixels(f"pixels read after step {step.number}", done.pixels, self.golden, done.cycles)
        self.comparison.values += 1
        if done.update != step.update:
            self.differs(Mismatch("sampler step", f"update of step {step.number}", "sum", done.cycles,
                                  str(step.update), str(done.update)))
        self.count_zeros(step)
        self.timing.follow(step)
        self.ended.append(done)

    def count_zeros(self, step: Step) -> None:
        """Zeros of the left operands, of the step and of all."""
        zeros = ZeroShares(self.zeros.config, self.zeros.eight_bit)
        zeros.add(step)
        self.zeros.merge(zeros)
        self.step_zeros.append(zeros)

    def finish(self, pixels: list[int], latent: list[int], cycles: int) -> None:
        """Every step came, the finished images are the last step's, and nothing was written beyond it."""
        self.pixels("pixels of the finished image", pixels, self.clean, cycles)
        self.pixels("pixels of the last latent", latent, self.golden, cycles)
        self.comparison.finish()
        missing = 0
        for step in self.steps:     # that never came
            self.timing.follow(step)
            missing += 1
        if missing:
            self.differs(Mismatch("sequencer", "steps", "count", cycles, str(len(self.ended) + missing),
                                  str(len(self.ended))))
        self.prediction = self.timing.finish()

    def pixels(self, tensor: str, pixels: list[int], image: np.ndarray, cycles: int) -> None:
        """Compare an image that the driver read with the reference's."""
        got, expected = np.array(pixels), image.ravel()
        self.comparison.values += expected.size
        wrong = np.flatnonzero(got != expected)
        if len(wrong):
            channel, row, column = np.unravel_index(wrong[0], self.shape)
            self.differs(Mismatch("host port", tensor, f"channel {channel}, row {row}, column {column}", cycles,
                                  str(expected[wrong[0]]), str(got[wrong[0]])), len(wrong))

    @property
    def images(self) -> list[np.ndarray]:
        """Latents that the driver read after each step, (C, H, H) integers."""
        return [np.array(done.pixels).reshape(self.shape) for done in self.ended]

    def differs(self, mismatch: Mismatch, values: int = 1) -> None:
        """Count so many wrong values, and keep one of them."""
        self.comparison.mismatches += values
        self.comparison.note(mismatch)


def float_way(model: Transformer, start: np.ndarray, noises: list[np.ndarray], labels: tuple[int, ...],
              **choices: object) -> tuple[list[np.ndarray], np.ndarray]:
    """The float model's latents (C, H, H) from the core's first one, and its last predicted clean image.

    start: integers, one is 4096. noises: what the core drew, as integers, at the start and for each evaluation that it
    came to: the float sampler adds the same where it draws noise, and goes as far. choices: as for
    ``golden.model.sampler.draw``.
    """
    def float_image(image: np.ndarray, one: float) -> object:
        return model.coordinates.new_tensor((image / one)[None])

    way = draw(model, float_image(start, PIXEL_ONE), model.coordinates.new_tensor([labels]).long(),
               no_label=model.config.no_label, **choices,
               fresh=lambda number: float_image(noises[min(number, len(noises) - 1)], numbers.NOISE_DEVIATION))
    way = way[:len(noises)]
    return [point.x[0].numpy() for point in way], way[-1].clean[0].numpy()
