"""The model of ``golden.model.transformer`` with every quantisation point of the hardware simulated.

Parameters carry the float model's names; steps are added beside them. The residual
stream is not rounded here, as 16 bits leave its error far below that of 4-bit branches.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from golden.model import checkpoint, transformer
from golden.model.labels import representatives
from golden.model.transformer import join_heads, rmsnorm, split_heads
from golden.quantise.steps import BALANCED, INT4, INT8, UINT4, fake_quantise, positive, quantised_attention, to_grid
from golden.spec.model import ModelConfig

PIXEL_UNITS = 32         # the image's integer is 32 x
COORDINATE_UNITS = 127   # a coordinate's integer is 127 f
SHIFT_UNITS = 8          # a shift's integer is in 1/8 of a uint4 norm output's step
MODULATION = (-127, 127)

Observer = Callable[[nn.Module, str, Tensor, tuple[int, int]], None]


class QuantisedLinear(nn.Linear):
    """A linear layer with int4 weights, one learned step an output channel."""

    limits = INT4

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs)
        self.weight_step = nn.Parameter(torch.ones(outputs))

    def quantised_weight(self) -> Tensor:
        """(out, in), on the grid."""
        return fake_quantise(self.weight, self.weight_step, self.limits)

    def integer_weight(self) -> Tensor:
        """What the hardware holds, (out, in), as floats."""
        return to_grid(self.weight.detach() / positive(self.weight_step.detach())[:, None], self.limits)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.quantised_weight(), self.bias)


class QuantisedConvolution(QuantisedLinear):
    """The initial convolution: 8-bit balanced weights over one int8 operand, pixels then coordinates.

    Coordinates are stored 127 / 32 times larger than pixels, so their weight columns are
    quantised that much smaller: in the domain where one step serves the whole row.
    """

    limits = BALANCED

    def __init__(self, config: ModelConfig):
        super().__init__(config.patch_terms, config.channels)
        ratio = torch.ones(config.patch_terms)
        ratio[9 * config.image_channels:] = PIXEL_UNITS / COORDINATE_UNITS
        self.register_buffer("ratio", ratio, persistent=False)

    def quantised_weight(self) -> Tensor:
        return fake_quantise(self.weight * self.ratio, self.weight_step, self.limits) / self.ratio

    def integer_weight(self) -> Tensor:
        scaled = self.weight.detach() * self.ratio / positive(self.weight_step.detach())[:, None]
        return to_grid(scaled, self.limits)


class Observed(nn.Module):
    """A module whose activations can be watched, unquantised, by a calibration."""

    observer: Observer | None = None

    def quantise(self, name: str, x: Tensor, limits: tuple[int, int]) -> Tensor:
        """``x`` on the grid of the parameter ``name``; while observed, ``x`` as it is (after ReLU for uint4)."""
        if self.observer is None:
            return fake_quantise(x, getattr(self, name), limits)
        x = functional.relu(x) if limits == UINT4 else x
        self.observer(self, name, x, limits)
        return x

    def add_steps(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.register_parameter(name, nn.Parameter(torch.tensor(1.0)))


class QuantisedDecoder(QuantisedLinear, Observed):
    """The decoder: 8-bit balanced weights over an int8 norm output."""

    limits = BALANCED

    def __init__(self, config: ModelConfig):
        super().__init__(config.channels, config.token_pixels)
        self.add_steps(("norm_step",))


class QuantisedBlock(transformer.Block, Observed):
    """One core block with 4-bit operands in every matrix product."""

    def __init__(self, config: ModelConfig):
        super().__init__(config, QuantisedLinear)
        self.add_steps(checkpoint.BLOCK_STEPS)

    def norm(self, name: str, x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
        """Modulated norm with ReLU, uint4: (B, T, D); gain and shift (B, 1, D)."""
        shift = quantised_shift(shift, getattr(self, name), SHIFT_UNITS) if self.observer is None else shift
        return self.quantise(name, torch.addcmul(shift, rmsnorm(x), gain), UINT4)

    def forward(self, x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
        """x (B, T, D); gain (1 + scale) and shift (B, 2, 1, D), one row a norm."""
        h = self.norm("norm_attention_step", x, gain[:, 0], shift[:, 0])
        query = self.quantise("query_step", self.query(h), UINT4 if self.rectified_query else INT4)
        self.seen("query_key_value", h, self.norm_attention_step)
        self.seen("scores", query, self.query_step)
        key, value = (self.quantise(f"{name}_step", getattr(self, name)(h), INT4) for name in ("key", "value"))
        query, key, value = (split_heads(x, self.heads) for x in (query, key, value))
        self.seen_attention(query, key)
        o = self.quantise("attention_step", join_heads(quantised_attention(query, key, value)), INT4)
        self.seen("projection", o, self.attention_step)
        x = x + self.projection(o)
        h = self.norm("norm_hidden_step", x, gain[:, 1], shift[:, 1])
        hidden = self.quantise("hidden_step", self.expand(h), UINT4)
        self.seen("expand", h, self.norm_hidden_step)
        self.seen("contract", hidden, self.hidden_step)
        return x + self.contract(hidden)


def quantised_shift(shift: Tensor, step: Tensor, units: int) -> Tensor:
    """A norm's shift as int8 in 1/``units`` of its output step."""
    return fake_quantise(shift, step.detach() / units, MODULATION)


class QuantisedTransformer(transformer.Transformer):
    """The whole model; ``gain_limit`` (norms,) is the largest |1 + scale| of each norm, for its int8 scale.

    While it is None (in training), the batch's own largest stands for it.
    """

    def __init__(self, config: ModelConfig):
        super().__init__(config)
        self.convolution = QuantisedConvolution(config)
        self.blocks = nn.ModuleList(QuantisedBlock(config) for _ in range(config.blocks))
        self.decoder = QuantisedDecoder(config)
        self.gain_limit: Tensor | None = None

    def quantised_gain(self, scale: Tensor) -> Tensor:
        """1 + scale as int8 with one step a norm, (B, norms, D)."""
        gain = 1 + scale
        limit = gain.detach().abs().amax((0, 2)) if self.gain_limit is None else self.gain_limit
        step = limit / MODULATION[1]                                          # (norms,)
        rows = gain.transpose(0, 1).flatten(1)                                # (norms, B D)
        rows = fake_quantise(rows, step, MODULATION)
        return rows.view(scale.shape[1], scale.shape[0], -1).transpose(0, 1)

    @torch.no_grad()
    def fix_gain(self, times: list[float]) -> None:
        """Take the gain's scale from every time of a sampler and all labels, as the compiler's tables do."""
        labels = representatives(self.config)
        moments = torch.tensor(times).repeat_interleave(len(labels))
        scale, _ = self.modulation(moments, labels.repeat(len(times), 1))
        self.gain_limit = (1 + scale).abs().amax((0, 2))

    def patch_terms(self, image: Tensor) -> Tensor:
        """The int8 operand of the initial convolution, (B, T, P), in real units."""
        pixels = to_grid(image * PIXEL_UNITS, INT8) / PIXEL_UNITS
        places = (self.coordinates * COORDINATE_UNITS).round() / COORDINATE_UNITS
        return torch.cat([transformer.patches(pixels, self.config), places.expand(image.shape[0], -1, -1)], dim=2)

    def forward(self, image: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """As the float model."""
        scale, shift = self.modulation(t, labels)
        gain, shift = self.quantised_gain(scale)[:, :, None], shift[:, :, None]      # (B, norms, 1, D)
        x = self.convolution(self.patch_terms(image))
        for index, block in enumerate(self.blocks):
            norms = slice(2 * index, 2 * index + 2)
            x = block(x, gain[:, norms], shift[:, norms])
        return transformer.pixel_shuffle(self.decode(x, gain[:, -1], shift[:, -1]), self.config)

    def decode(self, x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
        """The last norm, int8, and the decoder; here the second argument is 1 + scale."""
        shift = quantised_shift(shift, self.decoder.norm_step, 1) if self.decoder.observer is None else shift
        h = self.decoder.quantise("norm_step", torch.addcmul(shift, rmsnorm(x), gain), INT8)
        return self.decoder(h)

    def tensors(self) -> dict[str, Tensor]:
        """The state as a checkpoint holds it: steps positive."""
        return stored(self.state_dict())


def stored(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Learned steps as the positive values in use; everything else as it is."""
    return {name: positive(tensor) if name.endswith("_step") else tensor for name, tensor in state.items()}


def load_quantised(path: Path) -> QuantisedTransformer:
    """The model of a quantised checkpoint, ready for inference."""
    found = checkpoint.load(path)
    if found.kind != "quantised":
        raise checkpoint.CheckpointError(f"{path} is of kind {found.kind!r}; expected 'quantised'")
    model = QuantisedTransformer(found.config)
    model.load_state_dict(found.tensors)
    return model.eval()
