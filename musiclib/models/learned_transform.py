"""A learned transform with whole numbers as latents: the rival of the MDCT on equal terms.

The MDCT coder divides coefficients by steps, rounds them and sends them. Here an encoder network
changes the scaled coefficients before rounding, and a decoder network mirrors it:

    latents = soft_threshold(y + encoder_net(y)),   y = rotations(coefficients / step)
    values  = round(latents)
    output  = step * (z + decoder_net(z)),          z = rotations^-1(values)

The linear spine on both sides is a set of plane rotations over groups of frames, a wavelet packet
tree whose angles a network reads from the levels of bands, which the decoder knows as well. Frames
of a steady tone can be merged into longer ones, frames of an attack left apart. Rotations keep
energy, and errors of the values are errors of the output. All angles and corrections start at zero:
then this is the MDCT coder itself, dead zone included, and its rate-distortion curve is where
training starts.

It is trained for rate plus squared error under a density that is learned with it, as Balle, Laparra
and Simoncelli do ("End-to-end optimized image compression", ICLR 2017). The error counts in steps,
as for the MDCT's quantiser, so that hearing weighs both alike. Where Balle has uniform noise in
place of rounding, here the loss is that of rounded values. The encoder's gradient is that of
rounding by chance, up as often as the fraction says: the difference between both neighbours, in
bits and in error. Most values of a coarse quantiser are zero, and noise, or gradients that pass
straight through, would pull against the dead zone that saves their bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.audio import FloatArray
from musiclib.errors import ModelError
from musiclib.mdct import imdct, mdct
from musiclib.models.base import PEAK, Losses, Model, ModelConfig
from musiclib.models.transform import (
    DEAD_ZONE,
    LARGEST_GAIN,
    N_BANDS,
    NOISE,
    SHRINK,
    Frames,
    amplitude,
    band_of_bin,
    choose_levels,
    interpolate,
    missing_level,
    smoothing_of_gain,
    step_exponents,
    uniform_noise,
)

NEPERS = 3.0 / 256.0 * float(np.log(10.0)) / 20.0  # for a unit of envelopes and steps


@dataclass(frozen=True)
class LearnedTransformConfig(ModelConfig):
    """Configuration of `LearnedTransform`.

    Attributes:
        group: Frames that rotations join, a power of two. 1: no rotations.
        angle_width: Channels of the network that chooses the angles.
        width: Channels for a chunk of bins in the networks of encoder and decoder; 0: none there.
        blocks: Hidden layers of each.
        trade: Bits that a squared step of error is worth. At a fine resolution a uniform quantiser
            gives and takes 12 / (2 ln 2) = 8.7 of them.
        lowest_gain: Finest gain of training.
        highest_gain: Coarsest gain of training.
    """

    kind: ClassVar[str] = "learned-transform"

    sample_rate: int = 24_000
    level_range_db: float = 20.0
    group: int = 4
    angle_width: int = 64
    width: int = 24
    blocks: int = 1
    trade: float = 10.0
    lowest_gain: int = 80
    highest_gain: int = 215

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.group < 1 or self.group & (self.group - 1):
            raise ModelError(f"group must be a power of two, not {self.group}")
        if min(self.angle_width, self.blocks) < 1 or self.width < 0 or not self.trade > 0.0:
            raise ModelError("angle_width, blocks and trade must be positive, width not negative")
        if not 0 <= self.lowest_gain <= self.highest_gain <= LARGEST_GAIN:
            raise ModelError(f"gains must rise, within 0 to {LARGEST_GAIN}")


@dataclass(frozen=True, eq=False)
class Scaled:
    """A batch of clips as the encoder sees it.

    Coefficients are in steps and ratios, of envelope over step, in nepers, both `(B, T, 256)`;
    scale factors are `(B, T, 20)`, global steps `(B,)`.
    """

    coefficients: Tensor
    levels: Tensor
    ratios: Tensor
    gains: Tensor


class LearnedTransform(Model):
    """Autoencoder of MDCT frames whose latents are whole numbers, one for each coefficient."""

    config_type = LearnedTransformConfig
    config: LearnedTransformConfig

    def __init__(self, config: LearnedTransformConfig) -> None:
        super().__init__(config)
        self.angles = Angles(config.group, config.angle_width) if config.group > 1 else None
        self.encoder_net = Correction(config.width, config.blocks) if config.width else None
        self.decoder_net = Correction(config.width, config.blocks) if config.width else None
        self.density = ValueDensity()

    def latents(self, clips: Scaled) -> Tensor:
        """What is rounded, `(B, T, 256)`."""
        return self._latents(clips)[1]

    def _latents(self, clips: Scaled) -> tuple[Tensor, Tensor]:
        y = clips.coefficients
        if self.angles is not None:
            y = rotate(y, self.angles(clips.levels, clips.gains))
        changed = y if self.encoder_net is None else y + self.encoder_net(y, clips.ratios)
        return y, F.softshrink(changed, DEAD_ZONE)

    def rebuilt(self, values: Tensor, clips: Scaled) -> Tensor:
        """Coefficients in steps from values, `(B, T, 256)`; `clips.coefficients` are not used."""
        z = values - SHRINK * values.clamp(-1.0, 1.0)
        if self.angles is not None:
            z = rotate(z, self.angles(clips.levels, clips.gains), back=True)
        return z if self.decoder_net is None else z + self.decoder_net(z, clips.ratios)

    def training_step(self, audio: Tensor, generator: torch.Generator) -> Losses:
        """Return the loss of a batch `(B, N)`, each clip with a gain and a level by chance."""
        config = self.config
        fall = torch.rand(audio.shape[0], 1, generator=generator) * config.level_range_db
        chance = torch.rand(audio.shape[0], generator=generator)
        reach = config.highest_gain - config.lowest_gain + 1
        gains = (config.lowest_gain + (chance * reach).floor()).to(torch.int64)
        clips = scaled(peak_normalize(audio) * (10.0 ** (-fall / 20.0)).to(audio), gains)
        return self._loss(clips, learning=True)

    def evaluation_step(self, audio: Tensor) -> Losses:
        """Return the loss of a batch `(B, N)`, with gains that are spread over their range."""
        config = self.config
        place = torch.arange(len(audio)) % 4 + 0.5
        gains = config.lowest_gain + place / 4.0 * (config.highest_gain - config.lowest_gain)
        return self._loss(scaled(peak_normalize(audio), gains.to(torch.int64)), learning=False)

    def _loss(self, clips: Scaled, learning: bool) -> Losses:
        """The loss, exactly; with regard to latents its gradient is that of rounding by chance."""
        unrounded, latents = self._latents(clips)
        values = latents.detach().round()
        errors = (self.rebuilt(values, clips) - clips.coefficients).square().mean(dim=(1, 2))
        # Values are the context of those after them: with straight-through gradients.
        seen = latents + (values - latents).detach()
        scales = self.density(seen, clips.ratios)
        exact = self.density.bits(values, scales).mean(dim=(1, 2))
        cost = exact + self.config.trade * errors
        # A per cent is worth the same at every rate.
        total = (cost + 1e-3).log().mean()
        if learning:
            fixed = tuple(value.detach() for value in scales)
            slope = self._slope(latents.detach().abs(), unrounded.detach().abs(), fixed)
            moved = (latents.abs() * slope).mean(dim=(1, 2)) / (cost.detach() + 1e-3)
            total = total + (moved - moved.detach()).mean()
        rate = exact.detach().mean() * self.config.sample_rate / 1000.0
        return Losses(total, {"kbps": rate, "squared_steps": errors.detach().mean()})

    def _slope(self, sizes: Tensor, unrounded: Tensor, scales: Scales) -> Tensor:
        """What a latent of size `n + f` costs more when rounded to `n + 1` instead of `n`."""
        lower = sizes.floor()
        bits = self.density.bits(lower + 1.0, scales) - self.density.bits(lower, scales)
        near, far = lower - SHRINK * (lower > 0.0), lower + 1.0 - SHRINK
        error = (far - unrounded).square() - (near - unrounded).square()
        return bits + self.config.trade * error

    @torch.no_grad()
    def analyse(self, audio: FloatArray, gain: int) -> Frames:
        """Choose what to send of samples `(N,)` at 24 kHz."""
        clips = scaled(torch.from_numpy(np.asarray(audio, np.float32))[None], torch.tensor([gain]))
        values = self.latents(clips)[0].round().to(torch.int32).numpy()
        return Frames(clips.levels[0].to(torch.int32).numpy(), values)

    @torch.no_grad()
    def synthesise(self, frames: Frames, gain: int, n_samples: int) -> FloatArray:
        """Samples `(N,)` of what was sent, with the MDCT coder's noise where nothing is left."""
        values = torch.from_numpy(frames.values.astype(np.float32))[None]
        clips = conditions(values, frames.levels[None], torch.tensor([gain]))
        rebuilt = self.rebuilt(values, clips)[0].numpy()
        step = amplitude(step_exponents(frames.levels, gain))
        coded, small = rebuilt * step, np.abs(rebuilt) < 0.5
        level = missing_level(np.where(small, 0.0, coded).astype(np.float32), step, frames.levels)
        level = np.sqrt(np.maximum(np.square(level) - np.square(coded), 0.0))
        noise = NOISE * level * uniform_noise(len(coded), 0, 0)
        return imdct(coded + np.where(small, noise, 0.0), n_samples)


def peak_normalize(audio: Tensor) -> Tensor:
    """Audio `(B, N)` with the peak of each clip at `PEAK`; silence stays."""
    peak = audio.abs().amax(dim=-1, keepdim=True)
    return audio * torch.where(peak > 0.0, PEAK / peak.clamp(min=1e-12), torch.ones_like(peak))


def scaled(audio: Tensor, gains: Tensor) -> Scaled:
    """Analyse audio `(B, N)` as the MDCT coder does, each clip with its gain."""
    coefficients = mdct(audio.detach().cpu().numpy())
    pairs = zip(coefficients, gains.tolist(), strict=True)
    levels = np.stack([choose_levels(clip, smoothing_of_gain(gain)) for clip, gain in pairs])
    return conditions(torch.from_numpy(coefficients).to(audio), levels, gains)


def conditions(coefficients: Tensor, levels: np.ndarray, gains: Tensor) -> Scaled:
    """Divide coefficients `(B, T, 256)` by the steps of levels `(B, T, 20)` and gains `(B,)`."""
    exponents = np.stack(
        [step_exponents(one, gain) for one, gain in zip(levels, gains.tolist(), strict=True)]
    )
    ratios = (interpolate(levels) - exponents).astype(np.float32) * np.float32(NEPERS)
    step = torch.from_numpy(amplitude(exponents)).to(coefficients)
    return Scaled(
        coefficients / step,
        torch.from_numpy(levels.astype(np.float32)).to(coefficients),
        torch.from_numpy(ratios).to(coefficients),
        gains,
    )


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
    """Rotate pairs of frames of `(B, T, 256)`, or undo it; those beyond whole groups stay.

    Angles are `(B, L, stages, group / 2, 256)`. Energy is kept.
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
    """A learned density of quantised spectra `(B, T, 256)`: what their values cost.

    Each value has a mixture of two Laplace distributions about zero, integrated over the cell of a
    whole number. A small causal network sets their scales from the envelope over the step, from two
    frames before and from four bins below, so that it counts much of what an adaptive entropy coder
    would save, and a transform that is trained with it looks for what is left.
    """

    def __init__(self) -> None:
        super().__init__()
        self.context = nn.Linear(len(BEFORE) + BELOW + 1, WIDTH)
        self.place = nn.Parameter(0.02 * torch.randn(BINS, WIDTH))
        self.head = nn.Linear(WIDTH, 3)

    def forward(self, values: Tensor, ratios: Tensor) -> Scales:
        """Scales of both distributions and the weight of the second, from the values before.

        All are `(B, T, 256)`; ratios are those of the envelope to the step in nepers.
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
