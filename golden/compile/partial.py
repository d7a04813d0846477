"""Programs of some steps of a drawing, for a core that has its weights, tables and conditioning already.

The segment holds descriptors alone, which take the place of those before; a start then runs ``first`` to ``last`` and
halts, and the image stays where it is for the next part. Two things do not come with the descriptors:

- Noise. A start puts the generator back to the seed's state, so a later part of a sampler that draws fresh noise needs
  the state that the parts before have left: ``noise_state``. Other samplers draw nothing after the first step.
- The split table of dense lanes carries over: it holds what the steps run last have decided, of this drawing or of
  another. It changes cycles, never a value. Loading a conditioning puts the table of the beginning back.

The loader takes any section in any kind of segment, but a segment of kind PROGRAM makes the core forget that it has a
conditioning, so that no start is taken until one is loaded again. A part is therefore of kind CONDITIONING unless
asked otherwise: the flags of program and conditioning, and both contents, stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from golden.compile.compiler import Compiled
from golden.compile.layout import CompileError
from golden.compile.program import ProgramWriter
from golden.compile.segments import clip
from golden.integer.evaluate import draw_noise
from golden.integer.noise import NoiseGenerator
from golden.spec.image import Kind, Memory, Section, build_segment


@dataclass(frozen=True)
class PartialProgram:
    """Steps ``first`` to ``last``, counted from 1; with the first draw of noise if ``first`` is 1."""

    first: int
    last: int
    descriptors: tuple[int, ...]
    operands: dict[int, str]    # as of ``Compiled``
    segment: bytes


def compile_steps(compiled: Compiled, first: int, last: int, kind: Kind = Kind.CONDITIONING) -> PartialProgram:
    """The program of some steps. Raises ``CompileError`` for steps that the drawing does not have."""
    if not 1 <= first <= last <= compiled.plan.steps:
        raise CompileError(f"steps {first} to {last} are asked for; expected a range within 1 to {compiled.plan.steps}")
    writer = ProgramWriter(compiled.model, clip(compiled.segments, first, last), compiled.plan.draws_noise,
                           compiled.skip_zeros).write()
    descriptors = writer.encoded()
    compiled.layout.check_depth("program", len(descriptors))
    segment = build_segment(compiled.layout.hardware, kind, [Section(Memory.PROGRAM, 0, descriptors)])
    return PartialProgram(first, last, tuple(descriptors), writer.operands, segment)


def noise_state(compiled: Compiled, seed: int, first: int) -> tuple[int, int, int, int]:
    """The noise generator's state in front of a step of a seed's drawing; a part from step 1 draws the first noise.

    Four 32-bit words, as the driver's ``seed_state`` takes them.
    """
    generator = NoiseGenerator.from_seed(seed)
    for _ in range(0 if first == 1 else 1 + compiled.plan.draws_noise * (first - 1)):
        draw_noise(generator, compiled.model)
    return tuple(generator.state)
