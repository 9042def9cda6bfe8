"""Levels that figures draw: magnitudes of the STFT in dB, reduced to what a page can show."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray, to_mono, validate

if TYPE_CHECKING:
    from musiclib.stft import StftConfig


def stft_power(audio: FloatArray, config: "StftConfig | None" = None) -> FloatArray:
    """Power of the STFT.

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)``; channels are mixed to mono.
        config: STFT settings; the house settings (1024/256, Hann) by default.

    Returns:
        ``|X|**2``, shape ``(F, T)``. Column ``t`` is centred on sample ``t * hop_length``.
    """
    import torch

    from musiclib.stft import StftConfig, stft

    # PyTorch warns of arrays that cannot be written to, such as memory-mapped ones.
    mono = np.require(to_mono(validate(audio)), requirements=["C_CONTIGUOUS", "WRITEABLE"])
    with torch.inference_mode():
        spectrum = stft(torch.from_numpy(mono), config or StftConfig())
        power: FloatArray = spectrum.abs().square().numpy()
    return power


def decibels(power: FloatArray, reference_power: float, floor_db: float) -> FloatArray:
    """Power in dB relative to a reference, not lower than a floor.

    Args:
        power: Powers of at least 0, any shape.
        reference_power: The power that becomes 0 dB. If it is 0 (silence), all levels are at the
            floor.
        floor_db: Lowest level, below 0 dB.

    Returns:
        Levels in dB, in the shape of the input. Levels above the reference are above 0 dB.
    """
    if not floor_db < 0:
        raise ValueError(f"floor_db must be below 0 dB, got {floor_db}")
    if reference_power <= 0:
        return np.full_like(power, floor_db, dtype=np.float32)
    with np.errstate(divide="ignore"):  # the logarithm of 0 is below any floor
        levels = 10.0 * np.log10(power / reference_power)
    return np.asarray(np.maximum(levels, floor_db), dtype=np.float32)


def mean_power(power: FloatArray, columns: int) -> FloatArray:
    """Mean power over blocks of neighbouring frames, so that few columns stand for all of them.

    A picture has about a thousand columns of pixels. To pick frames would drop short sounds; to
    average their powers keeps every sound's energy.

    Args:
        power: Powers, shape ``(F, T)``.
        columns: Largest number of columns wanted, at least 1.

    Returns:
        Powers, shape ``(F, min(T, columns))``; columns cover (nearly) equal numbers of frames.
    """
    frames = power.shape[1]
    if frames <= columns:
        return power
    edges = np.linspace(0, frames, columns + 1).round().astype(int)
    sums = np.add.reduceat(power, edges[:-1], axis=1)
    return np.asarray(sums / np.diff(edges), dtype=np.float32)


def bin_frequencies(bins: int, sample_rate: int) -> npt.NDArray[np.float64]:
    """Centre frequency of each STFT bin in Hz, shape ``(bins,)``, from 0 to half the rate."""
    return np.linspace(0.0, sample_rate / 2.0, bins)
