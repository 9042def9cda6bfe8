"""A learned density of quantised spectra: what their values cost, given what a decoder knows.

Each value has a mixture of two Laplace distributions about zero, integrated over the cell of a
whole number. A small causal network sets their scales from the envelope over the step, from two
frames before and from four bins below, so that it counts much of what an adaptive entropy coder
would save, and a transform that is trained with it looks for what is left.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BINS = 256
FRAMES, REACH, BELOW = 2, 2, 4  # context: frames before, bins to each side there, bins below
BEFORE = [(back, k) for back in range(1, FRAMES + 1) for k in range(-REACH, REACH + 1)]
WIDTH = 12
LARGEST_LOG_SCALE = 7.0
SMALLEST_LOG_SCALE = -4.0
SMALLEST_PROBABILITY = 1e-9

Scales = tuple[Tensor, Tensor, Tensor]


def compressed(x: Tensor) -> Tensor:
    """`sign(x) log(1 + |x|)`."""
    return x.sign() * x.abs().log1p()


class ValueDensity(nn.Module):
    """Probabilities of values `(B, T, 256)`."""

    def __init__(self) -> None:
        super().__init__()
        self.context = nn.Linear(len(BEFORE) + BELOW + 1, WIDTH)
        self.place = nn.Parameter(0.02 * torch.randn(BINS, WIDTH))
        self.head = nn.Linear(WIDTH, 3)

    def forward(self, values: Tensor, ratios: Tensor) -> Scales:
        """Parameters of each value's density from the values before it.

        Args:
            values: Whole numbers `(B, T, 256)`.
            ratios: Envelope over step in nepers, `(B, T, 256)`.

        Returns:
            Scales of both distributions and the weight of the second, each `(B, T, 256)`.
        """
        frames, bins = values.shape[1:]
        sizes = F.pad(values.abs().log1p(), (BELOW, REACH, FRAMES, 0))
        seen = [
            sizes[:, FRAMES - back : FRAMES - back + frames, BELOW + offset : BELOW + offset + bins]
            for back, offset in (*BEFORE, *((0, -1 - below) for below in range(BELOW)))
        ]
        context = self.context(torch.stack([*seen, ratios], dim=-1))
        found = self.head(F.gelu(context + self.place))
        first, second, weight = found.unbind(dim=-1)
        # Without a context the scale is that of the envelope.
        first = (first + 0.5 * ratios - 1.0).clamp(SMALLEST_LOG_SCALE, LARGEST_LOG_SCALE)
        second = (second + ratios).clamp(SMALLEST_LOG_SCALE, LARGEST_LOG_SCALE)
        return first.exp(), second.exp(), weight.sigmoid()

    def bits(self, values: Tensor, scales: Scales) -> Tensor:
        """Code length of values `(B, T, 256)`, whole numbers or with noise, in bits."""
        first, second, weight = scales
        sizes = values.abs()
        chance = (1.0 - weight) * cell(sizes, first) + weight * cell(sizes, second)
        return -chance.clamp(min=SMALLEST_PROBABILITY).log() / math.log(2.0)


def cell(sizes: Tensor, scale: Tensor) -> Tensor:
    """Laplace probability of the interval of width 1 about `sizes`, which are not negative."""
    upper = 0.5 * torch.exp(-(sizes + 0.5) / scale)
    outside = 0.5 * torch.exp(-(sizes - 0.5).clamp(min=0.0) / scale) - upper
    inside = 1.0 - upper - 0.5 * torch.exp(-(0.5 - sizes).clamp(min=0.0) / scale)
    return torch.where(sizes >= 0.5, outside, inside)
