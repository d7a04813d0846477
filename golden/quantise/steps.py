"""Fake quantisers: values on their integer grid, gradients straight through, learned steps.

Learned step size quantisation (LSQ), Esser et al., arXiv 1902.08153.
A quantised value is ``step * integer``; the ranges below are the integers'.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

UINT4 = (0, 15)          # activations after ReLU
INT4 = (-7, 7)           # weights and signed activations; -8 is left out for the packed multiplier
INT8 = (-128, 127)       # image and last norm
RECTIFIED_INT8 = (0, 127)    # a block's norm output in front of 8-bit layers: int8 after ReLU
BALANCED = (-119, 119)   # 8-bit weights, w = 16 hi + lo with both nibbles in -7..7
WEIGHT = {4: INT4, 8: BALANCED}              # the limits of each kind of value by its bits
RECTIFIED = {4: UINT4, 8: RECTIFIED_INT8}
SIGNED = {4: INT4, 8: INT8}
SCORES = (-256, 255)     # attention scores, in units of 1/16 nat
SCORE_UNITS = 16
PROBABILITY = 15         # the integer of the row's largest attention probability
STEP_FLOOR = 1e-7        # a learned step never reaches zero


def nearest_balanced(x: Tensor) -> Tensor:
    """The nearest integer in -119..119 that two nibbles in -7..7 can write: none congruent to 8 mod 16."""
    q = x.round().clamp_(*BALANCED)
    gap = q.remainder(16) == 8
    return torch.where(gap, torch.where(x >= q, q + 1, q - 1), q)


def to_grid(scaled: Tensor, limits: tuple[int, int]) -> Tensor:
    """The integer, as a float, that ``scaled`` (value / step) is stored as."""
    if limits == BALANCED:
        return nearest_balanced(scaled)
    return scaled.round().clamp_(*limits)


def positive(step: Tensor) -> Tensor:
    """The step in use for a learned parameter; a sign flip by the optimiser is harmless."""
    return step.abs().clamp_min(STEP_FLOOR)


def learned_slope(clipped: Tensor, lost: Tensor, step: Tensor, high: int) -> Tensor:
    """LSQ's gradient of a step: sums of gradient * output and of passed gradient * input, over the step."""
    return (clipped - lost) / step / math.sqrt(high)


class FakeQuantiseRows(torch.autograd.Function):
    """A matrix (rows, columns) to ``step * integer``, one step a row."""

    @staticmethod
    def forward(ctx, x: Tensor, step: Tensor, limits: tuple[int, int]) -> Tensor:
        y = to_grid(x / step[:, None], limits) * step[:, None]
        ctx.save_for_backward(x, y, step)
        ctx.limits = limits
        return y

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        x, y, step = ctx.saved_tensors
        low, high = ctx.limits
        scaled = x / step[:, None]
        to_x = gradient * ((scaled >= low) & (scaled <= high))
        slope = learned_slope((gradient * y).sum(1), (to_x * x).sum(1), step, high)
        return to_x, slope / math.sqrt(x.shape[1]), None


class FakeQuantise(torch.autograd.Function):
    """A tensor of any shape to ``step * integer``, one step; few passes over memory, as these decide the speed."""

    @staticmethod
    def forward(ctx, x: Tensor, step: Tensor, limits: tuple[int, int]) -> Tensor:
        y = (x / step).round_().clamp_(*limits).mul_(step)                    # torch's own kernel is slower
        ctx.save_for_backward(x, y, step)
        ctx.limits = limits
        return y

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        x, y, step = ctx.saved_tensors
        low, high = (limit * float(step) for limit in ctx.limits)
        gradient = gradient.contiguous()
        to_x = torch.ops.aten.hardtanh_backward(gradient, x, low, high)       # zero where x is clipped
        slope = learned_slope(gradient.flatten().dot(y.flatten()), to_x.flatten().dot(x.flatten()),
                              step, ctx.limits[1])
        return to_x, slope / math.sqrt(x.numel()), None


def fake_quantise(x: Tensor, step: Tensor, limits: tuple[int, int]) -> Tensor:
    """``x`` on the grid of a learned ``step``: a scalar, or (rows,) for a matrix (rows, columns).

    Equation 3 of LSQ: a step's gradient is round(x/s) - x/s inside the range and the limit outside.
    """
    function = FakeQuantiseRows if step.ndim else FakeQuantise
    return function.apply(x, positive(step), limits)


OVERRUN = 0.1            # weight of the penalty on scores beyond their range
CACHED = 1 << 19         # scores worked on at a time: they stay in the CPU's cache


def raw_scores(query: Tensor, key: Tensor) -> Tensor:
    """q.k / sqrt(d) in sixteenths, neither rounded nor clamped, (B, heads, T, T)."""
    return torch.matmul(query * (SCORE_UNITS / math.sqrt(query.shape[-1])), key.transpose(-1, -2))


def score_weights(scores: Tensor) -> Tensor:
    """15 exp(score - row's largest), before rounding, (B, heads, T, T); in place of the raw scores."""
    scores.round_().clamp_(*SCORES)
    offset = math.log(PROBABILITY) - scores.amax(-1, keepdim=True) / SCORE_UNITS
    return scores.mul_(1 / SCORE_UNITS).add_(offset).exp_()


def few(*tensors: Tensor) -> zip:
    """The tensors (B, heads, T, d) in matching runs of a few images."""
    _, heads, tokens, _ = tensors[0].shape
    count = max(1, CACHED // (heads * tokens * tokens))
    return zip(*(tensor.split(count) for tensor in tensors), strict=True)


class QuantisedAttention(torch.autograd.Function):
    """Attention whose probabilities are uint4 relative to the row's maximum.

    score = round(16 q.k / sqrt(d)) in -256..255; p = round(15 exp((score - max) / 16));
    o = sum(p v) / sum(p). Gradients are the exact softmax's: each row's must sum to zero,
    as adding a constant to a row changes nothing; otherwise the key's bias drifts away.

    Scores beyond their range have no such gradient, as moving them further changes nothing: it would
    drive them on without end. A penalty of OVERRUN / 2 on the mean square of what is beyond, in nats,
    pulls them back.
    """

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """All (B, heads, T, d)."""
        ctx.save_for_backward(query, key, value)
        parts = []
        for q, k, v in few(query, key, value):
            p = score_weights(raw_scores(q, k)).round_()
            parts.append(torch.matmul(p, v) / p.sum(-1, keepdim=True))        # the sum is at least 15
        return torch.cat(parts)

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        parts = []
        query, _, _ = ctx.saved_tensors
        pull_back = OVERRUN / (SCORE_UNITS * query[..., 0].numel() * query.shape[-2])
        for q, k, v, pull in few(*ctx.saved_tensors, gradient):
            scores = raw_scores(q, k)
            beyond = scores - scores.clamp(*SCORES)
            weight = score_weights(scores)
            total = weight.sum(-1, keepdim=True)
            share = pull / total
            to_score = torch.matmul(share, v.transpose(-1, -2))
            to_score -= (share * (torch.matmul(weight, v) / total)).sum(-1, keepdim=True)
            to_score *= weight
            to_score.masked_fill_(beyond != 0, 0.0).add_(beyond, alpha=pull_back).mul_(1 / math.sqrt(q.shape[-1]))
            parts.append((torch.matmul(to_score, k), torch.matmul(to_score.transpose(-1, -2), q),
                          torch.matmul(weight.transpose(-1, -2), share)))
        return tuple(torch.cat(part) for part in zip(*parts, strict=True))


def quantised_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """See ``QuantisedAttention``."""
    return QuantisedAttention.apply(query, key, value)
