"""What the core must write: every tensor of a step as words at the addresses of the hardware.

Writes to one address come in the order given here. Different addresses of a memory may overtake each other, as lanes
do, by a few groups of tokens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from golden.compile.layout import Layout
from golden.integer import pixel
from golden.integer.evaluate import Step
from golden.integer.product import activation_planes
from golden.spec import numbers

Index = dict[str, np.ndarray]


@dataclass(frozen=True)
class Writes:
    """Writes of one memory that belong to one tensor.

    values (n, channels) integers of ``bits`` bits a channel, written at addresses (n,); ``index`` names the place in
    the tensor of each write's first channel, dimension by dimension; the channels run along the last one.
    """

    memory: str
    tensor: str
    addresses: np.ndarray
    values: np.ndarray
    bits: int
    index: Index

    def place(self, write: int, channel: int) -> str:
        """Index of one value, in words."""
        names = list(self.index)
        parts = {name: int(self.index[name][write]) for name in names}
        parts[names[-1]] += channel
        return ", ".join(f"{name} {value}" for name, value in parts.items())


def nest(*bounds: int) -> list[np.ndarray]:
    """Indices of a loop nest, outermost first, each as one flat array in the order of its iterations."""
    return [axis.ravel() for axis in np.indices(bounds)]


def gather(tensors: list[np.ndarray], context: np.ndarray, token: np.ndarray, word: np.ndarray,
           width: int) -> np.ndarray:
    """Words (n, width) of the stacked contexts' (T, channels) tensors, zero channels where the last word is short."""
    stacked = np.stack(tensors)
    padded = np.pad(stacked, ((0, 0), (0, 0), (0, -stacked.shape[-1] % width)))
    split = padded.reshape(*padded.shape[:2], -1, width)
    return split[context, token, word]


class StepWrites:
    """Expected writes of one step, memory by memory."""

    def __init__(self, layout: Layout, step: Step, image_before: np.ndarray) -> None:
        self.layout = layout
        self.step = step
        self.image_before = image_before

    def all(self) -> Iterator[Writes]:
        """Every tensor, in the order of the program."""
        if self.step.contexts:
            yield from self.patches()
            yield self.residual("convolution")
            for block in range(self.layout.model.blocks):
                yield from self.block(f"blocks.{block}")
            yield from self.norm("decoder_norm")
            yield self.residual("velocity")
        yield self.image("pixel", "image", self.step.image)
        yield self.image("clean", "clean image", self.step.clean)

    def block(self, prefix: str) -> Iterator[Writes]:
        """One core block."""
        layout = self.layout
        yield from self.norm(f"{prefix}.norm_attention")
        yield self.keys(f"{prefix}.key")
        yield self.activation(f"{prefix}.query", layout.QUERY, layout.token_words)
        yield self.values(f"{prefix}.value")
        yield self.scores(f"{prefix}.scores")
        yield self.probabilities(f"{prefix}.probabilities")
        yield self.attention(f"{prefix}.attention")
        yield self.residual(f"{prefix}.residual_attention")
        yield from self.norm(f"{prefix}.norm_hidden")
        yield self.activation(f"{prefix}.hidden", layout.HIDDEN, layout.hidden_words)
        yield self.residual(f"{prefix}.residual_hidden")

    def of_contexts(self, name: str) -> list[np.ndarray]:
        """A tensor of every context."""
        return [tensors[name] for tensors in self.step.contexts]

    def patches(self) -> Iterator[Writes]:
        """Patches: for each token, word by word, the high plane's, then the low plane's."""
        layout = self.layout
        yield from self.planes("patches", [pixel.patches(self.image_before, layout.model)], layout.patches,
                               layout.patch_words)

    def planes(self, name: str, tensors: list[np.ndarray], base: int, words: int) -> Iterator[Writes]:
        """int8 operands as two nibble planes."""
        width = self.layout.hardware.width
        context, token, word, plane = nest(len(tensors), self.layout.model.tokens, words, 2)
        split = np.stack([np.stack(activation_planes(tensor)) for tensor in tensors])   # (contexts, 2, T, channels)
        split = np.pad(split, ((0, 0), (0, 0), (0, 0), (0, -split.shape[-1] % width)))
        split = split.reshape(*split.shape[:3], words, width)
        addresses = base + (context * self.layout.model.tokens + token) * 2 * words + plane * words + word
        yield Writes("normalised", name, addresses, split[context, plane, token, word], numbers.NIBBLE_BITS,
                     {"context": context, "plane": plane, "token": token, "channel": word * width})

    def norm(self, name: str) -> Iterator[Writes]:
        """A norm's output: token by token, word by word."""
        layout, width = self.layout, self.layout.hardware.width
        if name in layout.plane_tensors:
            yield from self.planes(name, self.of_contexts(name), layout.NORMALISED, layout.token_words)
            return
        context, token, word = nest(layout.contexts, layout.model.tokens, layout.token_words)
        yield Writes("normalised", name,
                     layout.NORMALISED + (context * layout.model.tokens + token) * layout.token_words + word,
                     gather(self.of_contexts(name), context, token, word, width), numbers.NIBBLE_BITS,
                     {"context": context, "token": token, "channel": word * width})

    def tiles(self, words: int) -> list[np.ndarray]:
        """Order of a linear layer: word (weight tile), context, token."""
        return nest(words, self.layout.contexts, self.layout.model.tokens)

    def activation(self, name: str, base: int, words: int) -> Writes:
        """Queries or hidden activations."""
        layout, width = self.layout, self.layout.hardware.width
        word, context, token = self.tiles(words)
        return Writes("activation", name, base + (context * layout.model.tokens + token) * words + word,
                      gather(self.of_contexts(name), context, token, word, width), numbers.NIBBLE_BITS,
                      {"context": context, "token": token, "channel": word * width})

    def values(self, name: str) -> Writes:
        """Values: one region a word, token by token."""
        layout, width = self.layout, self.layout.hardware.width
        word, context, token = self.tiles(layout.token_words)
        return Writes("key_value", name,
                      layout.value + context * layout.context_words + word * layout.model.tokens + token,
                      gather(self.of_contexts(name), context, token, word, width), numbers.NIBBLE_BITS,
                      {"context": context, "token": token, "channel": word * width})

    def keys(self, name: str) -> Writes:
        """Keys, transposed: ``width`` tokens of one channel in a word."""
        layout, width = self.layout, self.layout.hardware.width
        word, context, tile, channel = nest(layout.token_words, layout.contexts, layout.key_words, width)
        transposed = [tensor.T for tensor in self.of_contexts(name)]                    # (D, T)
        head, part = word // layout.head_words, word % layout.head_words
        rows = (head * layout.key_words + tile) * layout.model.head_channels + part * width + channel
        return Writes("key_value", name, layout.KEY + context * layout.context_words + rows,
                      gather(transposed, context, word * width + channel, tile, width), numbers.NIBBLE_BITS,
                      {"context": context, "channel": word * width + channel, "token": tile * width})

    def groups(self, *inner: int) -> list[np.ndarray]:
        """Order of attention: context, head, group of tokens, then the bounds given."""
        return nest(self.layout.contexts, self.layout.model.heads, self.layout.groups, *inner)

    def score_words(self, memory: str, name: str, bits: int, order: list[np.ndarray]) -> Writes:
        """Scores or probabilities in the order of (context, head, group, lane, word) given."""
        layout, width = self.layout, self.layout.hardware.width
        context, head, group, lane, word = order
        stacked = np.stack(self.of_contexts(name))                                      # (contexts, heads, T, T)
        split = stacked.reshape(*stacked.shape[:3], layout.key_words, width)
        token = group * layout.hardware.lanes + lane
        return Writes(memory, name, group % 2 * layout.score_slot_words + lane * layout.key_words + word,
                      split[context, head, token, word], bits,
                      {"context": context, "head": head, "query": token, "key": word * width})

    def scores(self, name: str) -> Writes:
        """Scores: every lane of one word of keys, then the next word."""
        context, head, group, word, lane = self.groups(self.layout.key_words, self.layout.hardware.lanes)
        return self.score_words("score", name, numbers.SCORE_BITS, [context, head, group, lane, word])

    def probabilities(self, name: str) -> Writes:
        """Probabilities: row by row."""
        order = self.groups(self.layout.hardware.lanes, self.layout.key_words)
        return self.score_words("probability", name, numbers.NIBBLE_BITS, order)

    def attention(self, name: str) -> Writes:
        """Attention outputs, head by head."""
        layout, width = self.layout, self.layout.hardware.width
        context, head, group, part, lane = self.groups(layout.head_words, layout.hardware.lanes)
        token = group * layout.hardware.lanes + lane
        word = head * layout.head_words + part
        return Writes("activation", name,
                      layout.attention + (context * layout.model.tokens + token) * layout.token_words + word,
                      gather(self.of_contexts(name), context, token, word, width), numbers.NIBBLE_BITS,
                      {"context": context, "token": token, "channel": word * width})

    def residual(self, name: str) -> Writes:
        """Residual stream, or velocity in the first word of each token."""
        layout, width = self.layout, self.layout.hardware.width
        word, context, token = self.tiles(1 if name == "velocity" else layout.token_words)
        return Writes("residual", name, layout.residual(context) + token * layout.token_words + word,
                      gather(self.of_contexts(name), context, token, word, width), numbers.WIDE_BITS,
                      {"context": context, "token": token, "channel": word * width})

    def image(self, memory: str, name: str, image: np.ndarray) -> Writes:
        """An image after the step, token by token."""
        config = self.layout.model
        size = config.image_size
        places = np.arange(config.image_channels * size**2).reshape(config.image_channels, size, size)
        addresses = pixel.to_tokens(places, config).ravel()
        values = pixel.to_tokens(image, config).reshape(-1, 1)
        channel, place = np.divmod(addresses, size**2)
        return Writes(memory, name, addresses, values, numbers.WIDE_BITS,
                      {"channel": channel, "row": place // size, "column": place % size})


def pack_values(values: np.ndarray, bits: int) -> np.ndarray:
    """(n, channels) -> (n, bytes) uint8, channel 0 in the lowest bits, filled to whole 32-bit words."""
    spread = (values[..., None] >> np.arange(bits)) & 1                                 # (n, channels, bits)
    flat = spread.reshape(len(values), -1).astype(np.uint8)
    padded = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 32)))
    return np.packbits(padded, axis=1, bitorder="little")
