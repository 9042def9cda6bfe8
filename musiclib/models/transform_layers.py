"""Layers of the learned transform: angles from levels, rotations of frames, corrections."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.models.transform import N_BANDS, band_of_bin
from musiclib.models.value_density import BINS, compressed

CHUNK = 16  # bins that a correction is made of; half as many to each side are seen as well
LARGEST_ANGLE = math.pi / 4.0  # makes sums and differences of pairs
SLOWER = 0.05


class Angles(nn.Module):
    """Angles of rotations for each group, band and pair of frames, from the levels alone."""

    bands: Tensor

    def __init__(self, group: int, width: int) -> None:
        super().__init__()
        self.group = group
        self.stages = group.bit_length() - 1
        self.first = nn.Conv1d(2 * N_BANDS + 1, width, 5, padding=2)
        self.join = nn.Conv1d(width, 2 * width, 2 * group, group, padding=group // 2)
        self.head = nn.Conv1d(2 * width, N_BANDS * self.stages * (group // 2), 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.register_buffer("bands", torch.from_numpy(band_of_bin()).long(), persistent=False)

    def forward(self, levels: Tensor, gains: Tensor) -> Tensor:
        """Angles `(B, T // group, stages, group // 2, 256)` in radians for whole groups."""
        whole = levels.shape[1] // self.group * self.group
        rows = levels[:, :whole].transpose(1, 2)
        if whole == 0:
            shape = (len(levels), 0, self.stages, self.group // 2, BINS)
            return levels.new_zeros(shape)
        changes = F.pad(rows[..., 1:] - rows[..., :-1], (1, 0))
        gain = ((gains - 150.0) / 50.0).to(rows)[:, None, None].expand(-1, 1, whole)
        hidden = F.gelu(self.first(torch.cat([rows / 10.0 - 2.0, changes / 3.0, gain], dim=1)))
        # Slower than other weights: a merge pays off only where it is well chosen.
        found = LARGEST_ANGLE * torch.tanh(SLOWER * self.head(F.gelu(self.join(hidden))))
        split = found.reshape(len(levels), N_BANDS, self.stages, self.group // 2, -1)
        return split.permute(0, 4, 2, 3, 1)[..., self.bands]


def rotate(x: Tensor, angles: Tensor, back: bool = False) -> Tensor:
    """Rotate pairs of frames; those beyond whole groups stay.

    Args:
        x: `(B, T, 256)`.
        angles: `(B, L, stages, group / 2, 256)`.
        back: Undo it.

    Returns:
        `(B, T, 256)`, of the same energy.
    """
    batch, count, stages, half, bins = angles.shape
    whole = count * 2 * half
    frames = x[:, :whole].reshape(batch, count, 2 * half, bins)
    order = range(stages)
    for stage in reversed(order) if back else order:
        reach = 1 << stage
        pairs = frames.reshape(batch, count, half // reach, 2, reach, bins)
        first, second = pairs[:, :, :, 0], pairs[:, :, :, 1]
        angle = angles[:, :, stage].reshape(first.shape)
        cosine, sine = angle.cos(), angle.sin()
        if back:
            sine = -sine
        turned = (cosine * first + sine * second, cosine * second - sine * first)
        frames = torch.stack(turned, dim=3).reshape(frames.shape)
    return torch.cat([frames.reshape(batch, whole, bins), x[:, whole:]], dim=1)


class Correction(nn.Module):
    """Convolutions over frames that correct values; zero at first.

    Bins are taken in chunks that overlap, each with weights of its own: what happens next to a
    value says most about it, and low bins are not like high ones.
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        chunks, seen = BINS // CHUNK, 2 * CHUNK
        channels = chunks * width
        self.stem = nn.Conv1d(chunks * 2 * seen, channels, 3, padding=1, groups=chunks)
        self.hidden = nn.ModuleList(
            nn.Conv1d(channels, channels, 3, padding=1, groups=chunks) for _ in range(blocks)
        )
        self.head = nn.Conv1d(channels, BINS, 3, padding=1, groups=chunks)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, ratios: Tensor) -> Tensor:
        """The correction of `(B, T, 256)` in steps."""
        both = torch.stack([compressed(x), ratios], dim=2)
        seen = F.pad(both, (CHUNK // 2, CHUNK // 2)).unfold(3, 2 * CHUNK, CHUNK)
        rows = seen.permute(0, 3, 2, 4, 1).flatten(1, 3)  # (B, chunks * 2 * seen, T)
        hidden = self.stem(rows)
        for layer in self.hidden:
            hidden = hidden + layer(F.gelu(hidden))
        correction: Tensor = self.head(F.gelu(hidden))
        return correction.transpose(1, 2)
