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
from golden.quantise.steps import (
    INT8,
    RECTIFIED,
    SIGNED,
    UINT4,
    WEIGHT,
    fake_quantise,
    positive,
    quantised_attention,
    to_grid,
)
from golden.spec.model import ModelConfig
from golden.spec.precision import EIGHT_BIT_LAYERS, group_name

PIXEL_UNITS = 32         # the image's integer is 32 x
COORDINATE_UNITS = 127   # a coordinate's integer is 127 f
SHIFT_UNITS = 8          # a shift's integer is in 1/8 of a uint4 norm output's step
MODULATION = (-127, 127)

Observer = Callable[[nn.Module, str, Tensor], None]


class Quantising:
    """A module that quantises, each of its parts to its own number of bits.

    ``kinds`` gives for each part the limits by bits, and ``bits`` what is in use; None leaves the part unquantised.
    An ``observer`` sees every activation as it is before it is quantised, and after ReLU.
    """

    kinds: dict[str, dict[int, tuple[int, int]]]
    bits: dict[str, int | None]
    observer: Observer | None = None

    def add_parts(self, kinds: dict[str, dict[int, tuple[int, int]]], bits: int) -> None:
        """Parts that are held in ``bits`` unless told otherwise; those that end in _step are activations."""
        self.kinds = getattr(self, "kinds", {}) | kinds
        self.bits = getattr(self, "bits", {}) | dict.fromkeys(kinds, bits)
        for name in kinds:
            if name.endswith("_step"):
                self.register_parameter(name, nn.Parameter(torch.tensor(1.0)))

    def limits_of(self, name: str) -> tuple[int, int]:
        """Limits of a part's integers; it must be quantised."""
        return self.kinds[name][self.bits[name]]

    def quantise(self, name: str, x: Tensor) -> Tensor:
        """``x`` on the grid of the parameter ``name``, any shape; unquantised, only its ReLU is left."""
        if self.kinds[name] is RECTIFIED and (self.observer or self.bits[name] is None):
            x = functional.relu(x)                                            # else the grid's lower limit does it
        if self.observer is not None:
            self.observer(self, name, x)
        return x if self.bits[name] is None else fake_quantise(x, getattr(self, name), self.limits_of(name))


class QuantisedLinear(nn.Linear, Quantising):
    """A linear layer with int4 weights, or 8-bit balanced ones; one learned step an output channel."""

    def __init__(self, inputs: int, outputs: int, bits: int = 4):
        super().__init__(inputs, outputs)
        self.weight_step = nn.Parameter(torch.ones(outputs))
        self.add_parts({"weight": WEIGHT}, bits)

    @property
    def limits(self) -> tuple[int, int]:
        """Of the integer weights."""
        return self.limits_of("weight")

    def rows(self) -> Tensor:
        """The weights in the domain where one step serves a whole row, (out, in)."""
        return self.weight

    def quantised_weight(self) -> Tensor:
        """(out, in), on the grid; unquantised where ``bits`` says so."""
        if self.bits["weight"] is None:
            return self.weight
        return fake_quantise(self.rows(), self.weight_step, self.limits)

    def integer_weight(self) -> Tensor:
        """What the hardware holds, (out, in), as floats."""
        return to_grid(self.rows().detach() / positive(self.weight_step.detach())[:, None], self.limits)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.quantised_weight(), self.bias)


class QuantisedConvolution(QuantisedLinear):
    """The initial convolution: 8-bit balanced weights over one int8 operand, pixels then coordinates.

    Coordinates are stored 127 / 32 times larger than pixels, so their weight columns are
    quantised that much smaller: in the domain where one step serves the whole row.
    """

    def __init__(self, config: ModelConfig):
        super().__init__(config.patch_terms, config.channels, bits=8)
        ratio = torch.ones(config.patch_terms)
        ratio[9 * config.image_channels:] = PIXEL_UNITS / COORDINATE_UNITS
        self.register_buffer("ratio", ratio, persistent=False)

    def rows(self) -> Tensor:
        return self.weight * self.ratio

    def quantised_weight(self) -> Tensor:
        return self.weight if self.bits["weight"] is None else super().quantised_weight() / self.ratio


class QuantisedDecoder(QuantisedLinear):
    """The decoder: 8-bit balanced weights over an int8 norm output."""

    def __init__(self, config: ModelConfig):
        super().__init__(config.channels, config.token_pixels, bits=8)
        self.add_parts({"norm_step": SIGNED}, bits=8)


class QuantisedBlock(transformer.Block, Quantising):
    """One core block: 4-bit operands in every matrix product, or 8-bit ones behind a norm where ``widen`` says so."""

    def __init__(self, config: ModelConfig):
        super().__init__(config, QuantisedLinear)
        rectified = {"norm_attention_step", "norm_hidden_step", "hidden_step"}
        rectified |= {"query_step"} if config.rectified_query else set()
        self.add_parts({name: RECTIFIED if name in rectified else SIGNED for name in checkpoint.BLOCK_STEPS}
                       | {"probability": {4: UINT4}}, bits=4)

    def widen(self, group: str, bits: int) -> None:
        """Hold the layers behind the norm of this group, and its output, in so many bits."""
        self.bits[f"norm_{group}_step"] = bits
        for layer in EIGHT_BIT_LAYERS[group]:
            getattr(self, layer).bits["weight"] = bits

    def norm(self, name: str, x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
        """Modulated norm with ReLU: (B, T, D); gain and shift (B, 1, D)."""
        return self.quantise(name, torch.addcmul(norm_shift(self, name, shift), rmsnorm(x), gain))

    def forward(self, x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
        """x (B, T, D); gain (1 + scale) and shift (B, 2, 1, D), one row a norm."""
        h = self.norm("norm_attention_step", x, gain[:, 0], shift[:, 0])
        query = self.quantise("query_step", self.query(h))
        self.seen("query_key_value", h, self.norm_attention_step)
        self.seen("scores", query, self.query_step)
        key, value = (self.quantise(f"{name}_step", getattr(self, name)(h)) for name in ("key", "value"))
        query, key, value = (split_heads(x, self.heads) for x in (query, key, value))
        self.seen_attention(query, key)
        attend = functional.scaled_dot_product_attention if self.bits["probability"] is None else quantised_attention
        o = self.quantise("attention_step", join_heads(attend(query, key, value)))
        self.seen("projection", o, self.attention_step)
        x = x + self.projection(o)
        h = self.norm("norm_hidden_step", x, gain[:, 1], shift[:, 1])
        hidden = self.quantise("hidden_step", self.expand(h))
        self.seen("expand", h, self.norm_hidden_step)
        self.seen("contract", hidden, self.hidden_step)
        return x + self.contract(hidden)


def norm_shift(module: Quantising, name: str, shift: Tensor) -> Tensor:
    """A norm's shift as the hardware adds it: int8 in eighths of a 4-bit output's step, in whole steps of an 8-bit one.

    127 eighths of a step would be too little beside outputs up to 127 steps.
    """
    bits = module.bits[name]
    if bits is None:
        return shift
    return quantised_shift(shift, getattr(module, name), SHIFT_UNITS if bits == 4 else 1)


def quantised_shift(shift: Tensor, step: Tensor, units: int) -> Tensor:
    """A norm's shift as int8 in 1/``units`` of its output step."""
    return fake_quantise(shift, step.detach() / units, MODULATION)


class QuantisedTransformer(transformer.Transformer, Quantising):
    """The whole model; ``gain_limit`` (norms,) is the largest |1 + scale| of each norm, for its int8 scale.

    While it is None (in training), the batch's own largest stands for it. ``eight_bit`` names the groups of layers
    that are held in 8 bits; all others are 4-bit, but for the first and the last layer.
    """

    def __init__(self, config: ModelConfig, eight_bit: tuple[str, ...] = ()):
        super().__init__(config)
        self.convolution = QuantisedConvolution(config)
        self.blocks = nn.ModuleList(QuantisedBlock(config) for _ in range(config.blocks))
        self.decoder = QuantisedDecoder(config)
        self.gain_limit: Tensor | None = None
        self.add_parts({"pixels": {8: INT8}, "gain": {8: MODULATION}}, bits=8)
        self.widen(eight_bit)

    def widen(self, eight_bit: tuple[str, ...]) -> None:
        """Hold these groups of layers in 8 bits and all others in 4; their steps do not follow."""
        self.eight_bit = checkpoint.checked_groups(self.config, eight_bit, self.config.name)
        for number, block in enumerate(self.blocks):
            for group in EIGHT_BIT_LAYERS:
                block.widen(group, 8 if group_name(number, group) in self.eight_bit else 4)

    def quantised_gain(self, scale: Tensor) -> Tensor:
        """1 + scale as int8 with one step a norm, (B, norms, D)."""
        gain = 1 + scale
        if self.bits["gain"] is None:
            return gain
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
        if self.bits["pixels"] is None:
            return super().patch_terms(image)
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
        shift = norm_shift(self.decoder, "norm_step", shift)
        return self.decoder(self.decoder.quantise("norm_step", torch.addcmul(shift, rmsnorm(x), gain)))

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
    model = QuantisedTransformer(found.config, found.eight_bit)
    model.load_state_dict(found.tensors)
    return model.eval()
