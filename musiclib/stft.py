"""Short-time Fourier transform, log spectrograms and back, phase reconstruction.

Everything takes any number of leading batch dimensions. All but `griffin_lim` is differentiable.
The transform is the plain one of librosa's defaults: periodic Hann window, frames centred on
multiples of the hop length, zeros beyond the ends, no normalisation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from musiclib.errors import AudioError
from musiclib.threads import one_thread


@dataclass(frozen=True)
class StftConfig:
    """Parameters of a short-time Fourier transform.

    Attributes:
        n_fft: Length of the window and of the Fourier transform, in samples.
        hop_length: Distance between frames, in samples, at most half of `n_fft`. Above a quarter,
            the window's edge alone covers the last samples of a clip that is not a multiple of it:
            changes of the spectrum are magnified there, so pad such clips.
    """

    n_fft: int = 1024
    hop_length: int = 256

    def __post_init__(self) -> None:
        if self.n_fft < 2 or self.n_fft % 2:
            raise AudioError(f"n_fft must be an even number of at least 2, not {self.n_fft}")
        if not 1 <= self.hop_length <= self.n_fft // 2:
            raise AudioError(
                f"hop_length must lie between 1 and n_fft / 2 = {self.n_fft // 2}, so that every "
                f"sample can be rebuilt, not {self.hop_length}"
            )

    @property
    def n_bins(self) -> int:
        """Number of frequency bins, from 0 Hz to half the sampling rate."""
        return self.n_fft // 2 + 1

    def frames(self, n_samples: int) -> int:
        """Number of frames for a clip of `n_samples` samples."""
        return 1 + n_samples // self.hop_length

    def window_values(self, like: Tensor) -> Tensor:
        """The periodic Hann window, `(n_fft,)`, in the real type and on the device of `like`."""
        # Computed in float64: in float32 the window's own rounding limits the reconstruction.
        window = torch.hann_window(self.n_fft, periodic=True, dtype=torch.float64)
        return window.to(device=like.device, dtype=like.real.dtype)


def stft(audio: Tensor, config: StftConfig) -> Tensor:
    """Short-time Fourier transform.

    Args:
        audio: Real samples, `(..., N)`.
        config: Window and hop.

    Returns:
        Complex spectrum, `(..., F, T)` with `F = config.n_bins` and `T = config.frames(N)`.

    Raises:
        AudioError: If the audio is empty or not of floating point type.
    """
    if not audio.is_floating_point() or audio.ndim < 1 or audio.numel() == 0:
        raise AudioError(
            "The STFT needs real floating point samples of the shape (..., N) with N of at least "
            f"1, not {tuple(audio.shape)} of type {audio.dtype}"
        )
    flat = audio.reshape(-1, audio.shape[-1])
    spectrum = torch.stft(
        flat,
        config.n_fft,
        config.hop_length,
        window=config.window_values(audio),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return spectrum.reshape(*audio.shape[:-1], config.n_bins, -1)


def istft(spectrum: Tensor, config: StftConfig, length: int) -> Tensor:
    """Inverse STFT by weighted overlap-add: the least-squares signal (Griffin and Lim, 1984).

    The result of `stft` is inverted exactly, up to rounding, for every length.

    Args:
        spectrum: Complex spectrum, `(..., F, T)`.
        config: Window and hop that made it.
        length: Number of samples of the clip.

    Returns:
        Samples, `(..., N)` with `N = length`.

    Raises:
        AudioError: If the spectrum's shape does not belong to `config` and `length`.
    """
    _check_shape(spectrum, config, length)
    if not spectrum.is_complex():
        raise AudioError("istft needs a complex spectrum. Use griffin_lim for magnitudes.")
    window = config.window_values(spectrum)
    flat = _frames_first(spectrum)
    audio = _joined(flat, window, config, length) / _weight(window, flat.shape[1], config, length)
    return audio.reshape(*spectrum.shape[:-2], length)


def _frames_first(spectrum: Tensor) -> Tensor:
    """`(..., F, T)` as `(B, T, F)` in contiguous memory."""
    return spectrum.reshape(-1, *spectrum.shape[-2:]).transpose(1, 2).contiguous()


def _joined(spectrum: Tensor, window: Tensor, config: StftConfig, length: int) -> Tensor:
    """Windowed frames of spectra `(B, T, F)`, summed at their places: `(B, N)`."""
    frames = torch.fft.irfft(spectrum, n=config.n_fft, dim=-1) * window
    # torch.istft refuses clips whose last samples lie at the window's edge, and is slower.
    start = config.n_fft // 2
    return _overlap_add(frames, config)[:, start : start + length]


def _weight(window: Tensor, frames: int, config: StftConfig, length: int) -> Tensor:
    """Sum of the squared windows over each sample, `(1, N)`."""
    squares = (window * window).expand(1, frames, -1)
    start = config.n_fft // 2
    return _overlap_add(squares, config)[:, start : start + length]


def _overlap_add(frames: Tensor, config: StftConfig) -> Tensor:
    """Sum frames `(B, T, n_fft)` at their places, `(B, M)` with `M >= n_fft + hop * (T - 1)`."""
    hop = config.hop_length
    parts = -(-config.n_fft // hop)
    padded = torch.nn.functional.pad(frames, (0, parts * hop - config.n_fft))
    batch, count = frames.shape[:2]
    split = padded.reshape(batch, count, parts, hop)
    summed = frames.new_zeros(batch, count + parts - 1, hop)
    for part in range(parts):
        summed[:, part : part + count] += split[:, :, part]
    return summed.reshape(batch, -1)


def log_magnitude(spectrum: Tensor, offset: float = 1e-5) -> Tensor:
    """Natural logarithm of magnitude plus offset, `ln(|X| + offset)`.

    Args:
        spectrum: Complex spectrum or magnitudes of any shape.
        offset: Positive number that bounds the logarithm in silence.
    """
    return torch.log(spectrum.abs() + offset)


def from_log_magnitude(log_values: Tensor, offset: float = 1e-5) -> Tensor:
    """Magnitudes from `log_magnitude`. Values below `ln(offset)` become 0.

    Args:
        log_values: Log magnitudes of any shape.
        offset: The offset they were made with.
    """
    return torch.clamp(torch.exp(log_values) - offset, min=0.0)


@torch.no_grad()
def griffin_lim(
    magnitude: Tensor,
    config: StftConfig,
    length: int,
    iterations: int = 32,
    seed: int = 0,
    momentum: float = 0.99,
) -> Tensor:
    """Find a signal whose STFT has the given magnitudes (fast Griffin-Lim).

    The fast variant of Perraudin, Balazs and Sondergaard, "A fast Griffin-Lim algorithm" (WASPAA
    2013, algorithm 2). It starts from random phases and borrows no phase from any recording. The
    sign of the result is arbitrary, since magnitudes do not carry it.

    Args:
        magnitude: Magnitudes, `(..., F, T)`, not negative.
        config: Window and hop of the magnitudes.
        length: Number of samples of the clip.
        iterations: Number of projections; 0 gives random phases.
        seed: Seed of the first phases.
        momentum: Acceleration, from 0 (Griffin and Lim, 1984) to below 1.

    Returns:
        Samples, `(..., N)` with `N = length`, without gradient.

    Raises:
        AudioError: If the shape does not belong to `config` and `length`, a magnitude is negative,
            or a number is out of range.
    """
    _check_shape(magnitude, config, length)
    if magnitude.is_complex() or not bool((magnitude >= 0.0).all()):
        raise AudioError("griffin_lim needs real magnitudes that are not negative")
    if iterations < 0:
        raise AudioError(f"iterations must be 0 or more, not {iterations}")
    if not 0.0 <= momentum < 1.0:
        raise AudioError(f"momentum must lie in [0, 1), not {momentum}")
    # Drawn on the CPU, so that a seed gives the same start on every device.
    generator = torch.Generator().manual_seed(seed)
    angles = 2.0 * math.pi * torch.rand(magnitude.shape, generator=generator, dtype=torch.float64)
    phase = torch.complex(angles.cos(), angles.sin())
    phase = phase.to(device=magnitude.device, dtype=magnitude.dtype.to_complex())
    # The loop is `stft(istft(...))` with all that stays the same taken out, and with frames in
    # contiguous memory, (B, T, F): that takes half the time.
    wanted = _frames_first(magnitude)
    spectrum = wanted * _frames_first(phase)
    window = config.window_values(magnitude)
    weight = _weight(window, wanted.shape[1], config, length)
    previous = torch.zeros_like(torch.view_as_real(spectrum))
    share, half = momentum / (1.0 + momentum), config.n_fft // 2
    tiny = torch.finfo(wanted.dtype).tiny
    with one_thread():
        for _ in range(iterations):
            audio = _joined(spectrum, window, config, length) / weight
            padded = torch.nn.functional.pad(audio, (half, half))
            frames = padded.unfold(-1, config.n_fft, config.hop_length) * window
            consistent = torch.view_as_real(torch.fft.rfft(frames, dim=-1))
            # Of `consistent + momentum * (consistent - previous)` only the phase matters.
            ahead = previous.mul_(-share).add_(consistent)
            previous = consistent
            squares = ahead.square()
            power = squares[..., 0] + squares[..., 1]
            zeros = float(power.min()) == 0.0
            turned = torch.view_as_complex(ahead)
            turned.mul_(power.clamp(min=tiny).rsqrt_().mul_(wanted))
            # A bin that came out as exactly zero keeps the phase it had.
            spectrum = torch.where(power > 0.0, turned, spectrum) if zeros else turned
        audio = _joined(spectrum, window, config, length) / weight
    return audio.reshape(*magnitude.shape[:-2], length)


def _check_shape(spectrum: Tensor, config: StftConfig, length: int) -> None:
    if length < 1:
        raise AudioError(f"length must be at least 1 sample, not {length}")
    expected = (config.n_bins, config.frames(length))
    if spectrum.ndim < 2 or tuple(spectrum.shape[-2:]) != expected or spectrum.numel() == 0:
        raise AudioError(
            f"A spectrum of {length} samples has the shape (..., {expected[0]}, {expected[1]}) "
            f"with this configuration, not {tuple(spectrum.shape)}"
        )
