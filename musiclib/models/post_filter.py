"""A network that repairs what the transform coder did not send.

It sees a decoded spectrum: whole numbers, the envelope and the step sizes. It corrects each
coefficient by a few times the error that is likely there, and sets the level of the noise that
stands for what was rounded to zero. Its last layer starts at zero, so that training begins with
the decoder without a network. Nothing of it is sent.
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
from musiclib.models.base import Losses, Model, ModelConfig
from musiclib.models.losses import log_spectral_distance_db, noise_to_signal_db, similarity_loss
from musiclib.models.transform import (
    EDGES,
    LARGEST_GAIN,
    LEVEL_DB,
    N_BANDS,
    N_BINS,
    NOISE,
    Frames,
    QuantiserSetting,
    Spectrum,
    dequantise,
    quantised,
)

_LARGEST_CORRECTION = 6.0  # of the likely error
_LARGEST_NOISE, _SMALLEST_NOISE = 1.0, -4.0  # natural logarithms of the noise's gain
_EVALUATION_GAINS = (90, 125, 160, 195)


@dataclass(frozen=True)
class PostFilterConfig(ModelConfig):
    """Configuration of `PostFilter`.

    Attributes:
        width: Channels between blocks.
        blocks: Number of blocks.
        expansion: Hidden channels of a block over `width`.
        kernel: Frames that a block looks at, an odd number.
        lowest_gain: Finest quantiser of the training.
        highest_gain: Coarsest quantiser of the training.
        log_weight: Weight of the log-spectral distance in dB.
        similarity_weight: Weight of the logarithm of `hearing.similarity_loss`: the same share of
            what is missing counts the same at all rates.
        waveform_weight: Weight of the noise-to-signal ratio in dB.
    """

    kind: ClassVar[str] = "restorer"

    sample_rate: int = 24_000
    level_range_db: float = 24.0
    width: int = 256
    blocks: int = 6
    expansion: int = 3
    kernel: int = 7
    lowest_gain: int = 60
    highest_gain: int = 235
    log_weight: float = 0.15
    similarity_weight: float = 1.0
    waveform_weight: float = 0.03

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.width, self.blocks, self.expansion) < 1:
            raise ModelError("width, blocks and expansion must be positive")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ModelError(f"kernel must be odd, not {self.kernel}")
        if not 0 <= self.lowest_gain <= self.highest_gain <= LARGEST_GAIN:
            raise ModelError(f"gains must rise and lie between 0 and {LARGEST_GAIN}")
        if min(self.log_weight, self.similarity_weight, self.waveform_weight) < 0.0:
            raise ModelError("weights of losses must not be negative")

    @property
    def reach(self) -> int:
        """Frames before and after a frame that change what the network makes of it."""
        return self.blocks * (self.kernel // 2)


class Block(nn.Module):
    """Residual block over `(B, T, width)`: a filter along time for each channel, then two layers.

    Liu et al., "A ConvNet for the 2020s" (CVPR 2022, figure 4).
    """

    def __init__(self, width: int, expansion: int, kernel: int) -> None:
        super().__init__()
        self.filter = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide = nn.Linear(width, expansion * width)
        self.narrow = nn.Linear(expansion * width, width)
        nn.init.normal_(self.narrow.weight, std=0.3 * (expansion * width) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, T, width)` to the same shape."""
        hidden = self.filter(x.transpose(1, 2)).transpose(1, 2)
        hidden = self.narrow(F.gelu(self.wide(self.norm(hidden))))
        repaired: Tensor = x + hidden
        return repaired


@dataclass(frozen=True)
class SpectrumBatch:
    """Decoded spectra as tensors, `(B, T, 256)` each; see `Spectrum`.

    Attributes:
        features: What the network reads, `(B, T, 296)`.
        coded: Coefficients that were sent.
        noise: Noise in place of the others.
        scale: Likely error of each coefficient.
    """

    features: Tensor
    coded: Tensor
    noise: Tensor
    scale: Tensor

    def to(self, device: torch.device) -> SpectrumBatch:
        """The same on another device."""
        parts = (self.features, self.coded, self.noise, self.scale)
        return SpectrumBatch(*(part.to(device) for part in parts))


def spectrum_batch(spectra: list[Spectrum], levels: list[np.ndarray]) -> SpectrumBatch:
    """Stack decoded spectra of equal length with the features that the network reads."""
    middle = np.array([(EDGES[band] + EDGES[band + 1] - 1) // 2 for band in range(N_BANDS)])
    features = [
        np.concatenate(
            [
                np.arcsinh(spectrum.values.astype(np.float32)),
                0.5 * spectrum.ratios[:, middle],
                level.astype(np.float32) * np.float32(LEVEL_DB / 48.0) - 1.0,
            ],
            axis=1,
        )
        for spectrum, level in zip(spectra, levels, strict=True)
    ]
    return SpectrumBatch(
        torch.from_numpy(np.stack(features).astype(np.float32)),
        *(
            torch.from_numpy(np.stack([getattr(spectrum, name) for spectrum in spectra]))
            for name in ("coded", "noise", "scale")
        ),
    )


class PostFilter(Model):
    """Decoded spectra in, repaired spectra out, both `(B, T, 256)`."""

    config: PostFilterConfig
    config_type: ClassVar[type[ModelConfig]] = PostFilterConfig
    synthesis: Tensor

    def __init__(self, config: PostFilterConfig) -> None:
        super().__init__(config)
        self.enter = nn.Linear(N_BINS + 2 * N_BANDS, config.width)
        self.blocks = nn.ModuleList(
            Block(config.width, config.expansion, config.kernel) for _ in range(config.blocks)
        )
        self.norm = nn.LayerNorm(config.width)
        self.leave = nn.Linear(config.width, 2 * N_BINS)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        self.register_buffer("synthesis", _synthesis_basis(), persistent=False)

    def forward(self, batch: SpectrumBatch) -> Tensor:
        """Repair spectra: `(B, T, 256)`."""
        x = self.enter(batch.features)
        for block in self.blocks:
            x = block(x)
        correction, noise = self.leave(self.norm(x)).float().chunk(2, dim=-1)
        correction = correction.clamp(-_LARGEST_CORRECTION, _LARGEST_CORRECTION)
        gain = noise.clamp(_SMALLEST_NOISE, _LARGEST_NOISE).exp() * NOISE
        repaired: Tensor = batch.coded + batch.scale * correction + batch.noise * gain
        return repaired

    @torch.no_grad()
    def synthesise(self, frames: Frames, gain: int, n_samples: int) -> FloatArray:
        """Samples `(N,)` of what was sent, repaired."""
        spectrum = dequantise(frames.values, frames.levels, gain)
        return imdct(self(spectrum_batch([spectrum], [frames.levels]))[0].numpy(), n_samples)

    def audio(self, spectra: Tensor) -> Tensor:
        """Samples `(B, (T - 1) * 256)` of spectra `(B, T, 256)`."""
        with torch.autocast(spectra.device.type, enabled=False):
            pieces = spectra.float() @ self.synthesis
        blocks: Tensor = pieces[:, 1:, :N_BINS] + pieces[:, :-1, N_BINS:]
        return blocks.flatten(1)

    def training_step(self, audio: Tensor, generator: torch.Generator) -> Losses:
        """Return the loss of a batch, each clip at a random level and a random gain."""
        config = self.config
        count = audio.shape[0]
        fall = torch.rand(count, 1, generator=generator) * config.level_range_db
        span = config.highest_gain - config.lowest_gain + 1
        gains = config.lowest_gain + torch.randint(0, span, (count,), generator=generator)
        level = _peak_normalize(audio) * (10.0 ** (-fall / 20.0)).to(audio)
        return self._losses(level, gains.tolist())

    def evaluation_step(self, audio: Tensor) -> Losses:
        """Return the loss of a batch at its full level, mean over four gains."""
        level = _peak_normalize(audio)
        found = [self._losses(level, [gain] * len(audio)) for gain in _EVALUATION_GAINS]
        names = found[0].terms
        return Losses(
            torch.stack([losses.total for losses in found]).mean(),
            {name: torch.stack([losses.terms[name] for losses in found]).mean() for name in names},
        )

    def _losses(self, audio: Tensor, gains: list[int]) -> Losses:
        config = self.config
        output = self.audio(self(decoded(audio, gains).to(audio.device)))[:, : audio.shape[1]]
        with torch.autocast(audio.device.type, enabled=False):
            target, output = audio.float(), output.float()
            terms = {
                "log_spectral": log_spectral_distance_db(target, output, (512, 1024, 2048)),
                "similarity": torch.log(similarity_loss(target, output) + 1e-4).mean(),
                "noise_to_signal": noise_to_signal_db(target, output),
            }
        total = (
            config.log_weight * terms["log_spectral"]
            + config.similarity_weight * terms["similarity"]
            + config.waveform_weight * terms["noise_to_signal"]
        )
        return Losses(total, {name: term.detach() for name, term in terms.items()})


def decoded(audio: Tensor, gains: list[int]) -> SpectrumBatch:
    """Send clips `(B, N)` with the transform coder, each with its gain; decode their spectra."""
    spectra, levels = [], []
    for clip, gain in zip(audio.detach().cpu().numpy(), gains, strict=True):
        frames = quantised(mdct(clip), QuantiserSetting(gain))
        spectra.append(dequantise(frames.values, frames.levels, gain))
        levels.append(frames.levels)
    return spectrum_batch(spectra, levels)


def _peak_normalize(audio: Tensor) -> Tensor:
    peak = audio.abs().amax(dim=-1, keepdim=True)
    return audio * torch.where(peak > 1e-6, 0.9 / peak.clamp(min=1e-6), torch.ones_like(peak))


def _synthesis_basis() -> Tensor:
    """The inverse transform with its window as a matrix, `(256, 512)`."""
    n = torch.arange(2 * N_BINS, dtype=torch.float64)
    k = torch.arange(N_BINS, dtype=torch.float64)[:, None]
    window = torch.sin(math.pi * (n + 0.5) / (2 * N_BINS))
    phase = math.pi / N_BINS * (n + 0.5 + N_BINS / 2) * (k + 0.5)
    return (math.sqrt(2.0 / N_BINS) * torch.cos(phase) * window).float()
