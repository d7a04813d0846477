"""The float diffusion transformer, the whole model in one file.

Fixed-size, after arXiv 2411.06119; conditioning as in DiT (arXiv 2212.09748).
B images, A labels of each, T tokens, D channels, P patch terms; see ``ModelConfig`` for the rest.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from golden.spec.model import ModelConfig

NORM_EPSILON = 1e-6


def coordinates(config: ModelConfig) -> Tensor:
    """The constant input channels that carry position, (T, coordinate_channels), in [-1, 1].

    cos(k theta_y), cos(k theta_x) for k = 1, 2, 4, ...; theta_i = pi (i + 0.5) / grid.
    """
    theta = math.pi * (torch.arange(config.grid, dtype=torch.float64) + 0.5) / config.grid
    vertical = theta.repeat_interleave(config.grid)
    horizontal = theta.repeat(config.grid)
    waves = [2 ** (index // 2) * (vertical, horizontal)[index % 2] for index in range(config.coordinate_channels)]
    if not waves:
        return torch.empty(config.tokens, 0)
    return torch.stack([wave.cos() for wave in waves], dim=1).float()


def patches(image: Tensor, config: ModelConfig) -> Tensor:
    """The 3x3 neighbourhoods of each token, (B, C, H, H) -> (B, T, 9 C); term (ky 3 + kx) C + c."""
    batch, channels = image.shape[:2]
    columns = functional.unfold(image, 3, padding=1, stride=config.stride)    # (B, C 9, T)
    columns = columns.view(batch, channels, 9, config.tokens)
    return columns.permute(0, 3, 2, 1).reshape(batch, config.tokens, 9 * channels)


def pixel_shuffle(tokens: Tensor, config: ModelConfig) -> Tensor:
    """Lay the decoded pixels out as an image, (B, T, S S C) -> (B, C, H, H); term (sy S + sx) C + c."""
    grid, stride, channels = config.grid, config.stride, config.image_channels
    tokens = tokens.view(-1, grid, grid, stride, stride, channels)
    return tokens.permute(0, 5, 1, 3, 2, 4).reshape(-1, channels, config.image_size, config.image_size)


def rmsnorm(x: Tensor) -> Tensor:
    """x / sqrt(mean(x^2) + 1e-6) over the channels."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + NORM_EPSILON)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, D) -> (B, heads, T, D / heads); a head is a contiguous slice of channels."""
    batch, tokens, channels = x.shape
    return x.view(batch, tokens, heads, channels // heads).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """(B, heads, T, D / heads) -> (B, T, D)."""
    return x.transpose(1, 2).flatten(2)


class Modulation(nn.Module):
    """Time and labels to every norm's scale and shift; runs on the host only, so it stays float.

    Starts at zero: every norm's gain is then 1.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        width = 2 * config.channels
        self.config = config
        self.time_inner = nn.Linear(width, width)
        self.time_outer = nn.Linear(width, width)
        rows = [count + 1 for count in config.no_label]                  # of each label; its last: no label
        self.label = nn.Embedding(sum(rows), width)
        self.register_buffer("first_row", torch.tensor([0, *rows[:-1]]).cumsum(0), persistent=False)
        self.output = nn.Linear(width, config.norms * 2 * config.channels)
        nn.init.normal_(self.label.weight, std=0.02)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, t: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """t (B,) in [0, 1], labels (B, A) -> (scale, shift), each (B, norms, D); gain is 1 + scale.

        Raises ``ValueError`` for labels of another shape, which would broadcast to something else.
        """
        if labels.shape != (len(t), len(self.first_row)):
            raise ValueError(f"labels have shape {tuple(labels.shape)}; expected {(len(t), len(self.first_row))}")
        half = self.time_inner.in_features // 2
        frequency = 1000.0 * 10000.0 ** (-torch.arange(half, device=t.device) / half)
        angle = t[:, None] * frequency                                        # (B, width / 2)
        wave = torch.cat([angle.cos(), angle.sin()], dim=1)
        time = self.time_outer(functional.silu(self.time_inner(wave)))
        pair = self.output(functional.silu(time + self.label(labels + self.first_row).sum(1)))
        pair = pair.view(-1, self.config.norms, 2, self.config.channels)
        return pair[:, :, 0], pair[:, :, 1]


class Watch(Protocol):
    """Something that looks at the left operands of a block's matrix products."""

    def operand(self, product: str, x: Tensor, step: Tensor | None) -> None: ...

    def attention(self, query: Tensor, key: Tensor) -> None: ...


class Block(nn.Module):
    """One core block, (B, T, D) -> (B, T, D): attention, then two fully connected layers.

    The branches start at zero, so that a fresh block is the identity. Its ``watches`` see the left operands.
    """

    watches: tuple[Watch, ...] = ()

    def __init__(self, config: ModelConfig, linear: type[nn.Linear] = nn.Linear):
        super().__init__()
        channels, hidden = config.channels, config.hidden_channels
        self.heads = config.heads
        self.rectified_query = config.rectified_query
        self.query = linear(channels, channels)
        self.key = linear(channels, channels)
        self.value = linear(channels, channels)
        self.projection = linear(channels, channels)
        self.expand = linear(channels, hidden)
        self.contract = linear(hidden, channels)
        for layer in (self.projection, self.contract):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """x (B, T, D); scale and shift (B, 2, 1, D), one row a norm."""
        h = functional.relu(torch.addcmul(shift[:, 0], rmsnorm(x), 1 + scale[:, 0]))
        query = functional.relu(self.query(h)) if self.rectified_query else self.query(h)
        self.seen("query_key_value", h)
        self.seen("scores", query)
        query, key, value = (split_heads(x, self.heads) for x in (query, self.key(h), self.value(h)))
        self.seen_attention(query, key)
        with torch.autocast(x.device.type, enabled=False):                   # the fused kernel is slow in bfloat16
            o = functional.scaled_dot_product_attention(query.float(), key.float(), value.float())
        self.seen("projection", o)
        x = x + self.projection(join_heads(o))
        h = functional.relu(torch.addcmul(shift[:, 1], rmsnorm(x), 1 + scale[:, 1]))
        hidden = functional.relu(self.expand(h))
        self.seen("expand", h)
        self.seen("contract", hidden)
        return x + self.contract(hidden)

    def seen(self, product: str, x: Tensor, step: Tensor | None = None) -> None:
        """Show the left operand of a matrix product, (B, ...), with its quantiser's step where there is one."""
        for watch in self.watches:
            watch.operand(product, x, step)

    def seen_attention(self, query: Tensor, key: Tensor) -> None:
        """Show what makes the probabilities, both (B, heads, T, d)."""
        for watch in self.watches:
            watch.attention(query, key)


class Transformer(nn.Module):
    """Velocity of the flow at a noisy image: (B, C, H, H), time, labels -> (B, C, H, H)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        self.convolution = nn.Linear(config.patch_terms, config.channels)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.decoder = nn.Linear(config.channels, config.token_pixels)
        self.modulation = Modulation(config)
        self.register_buffer("coordinates", coordinates(config), persistent=False)

    def forward(self, image: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """image (B, C, H, H), t (B,), labels (B, A) with ``config.no_label`` for none."""
        scale, shift = (table[:, :, None] for table in self.modulation(t, labels))   # (B, norms, 1, D)
        x = self.convolution(self.patch_terms(image))                         # (B, T, D)
        for index, block in enumerate(self.blocks):
            norms = slice(2 * index, 2 * index + 2)
            x = block(x, scale[:, norms], shift[:, norms])
        return pixel_shuffle(self.decode(x, scale[:, -1], shift[:, -1]), self.config)

    def patch_terms(self, image: Tensor) -> Tensor:
        """Operand of the initial convolution, (B, T, P): pixels, then coordinates."""
        places = self.coordinates.expand(image.shape[0], -1, -1)
        return torch.cat([patches(image, self.config), places], dim=2)

    def decode(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """The last norm and the decoder, (B, T, D) -> (B, T, S S C); scale and shift (B, 1, D)."""
        return self.decoder(torch.addcmul(shift, rmsnorm(x), 1 + scale))
