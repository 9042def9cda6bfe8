"""The transform inside every modern codec, and the trade-off that all of them live with."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.fft
import scipy.signal

from musiclib.audio import FloatArray
from musiclib.datasets import Clip
from musiclib.errors import AudioError

Array = npt.NDArray[np.float64]


def mdct(audio: FloatArray, hop: int) -> Array:
    """Modified discrete cosine transform with a sine window, orthonormal.

    Blocks of twice ``hop`` samples overlap by half, and each gives only ``hop`` coefficients: as
    many numbers as samples, without seams (Princen, Johnson and Bradley 1987).

    Args:
        audio: Samples, shape ``(N,)``. Zeros are added in front (one hop) and behind.
        hop: Coefficients a block; even.

    Returns:
        Coefficients, shape ``(blocks, hop)``; the sum of their squares is that of the samples.

    Raises:
        AudioError: If the hop is not even and positive.
    """
    if hop < 2 or hop % 2:
        raise AudioError(f"the MDCT needs an even hop of at least 2, got {hop}")
    blocks = -(-len(audio) // hop) + 1
    padded = np.zeros((blocks + 1) * hop)
    padded[hop : hop + len(audio)] = audio
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop] * _sine(hop)
    a, b, c, d = np.split(frames, 4, axis=1)
    folded = np.concatenate([-c[:, ::-1] - d, a - b[:, ::-1]], axis=1)
    return np.asarray(scipy.fft.dct(folded, type=4, norm="ortho", axis=1), dtype=np.float64)


def imdct(coefficients: Array, length: int) -> FloatArray:
    """Invert :func:`mdct`.

    Args:
        coefficients: Shape ``(blocks, hop)``.
        length: Number of samples to return.

    Returns:
        Samples, shape ``(length,)``.
    """
    blocks, hop = coefficients.shape
    folded = scipy.fft.dct(coefficients, type=4, norm="ortho", axis=1)
    left, right = np.split(folded, 2, axis=1)
    frames = np.concatenate([right, -right[:, ::-1], -left[:, ::-1], -left], axis=1) * _sine(hop)
    padded = np.zeros((blocks + 1) * hop)
    for index, frame in enumerate(frames):
        padded[index * hop : (index + 2) * hop] += frame
    return padded[hop : hop + length].astype(np.float32)


def share_for_energy(values: npt.ArrayLike, fraction: float = 0.99) -> float:
    """Smallest share of the values that holds a fraction of their energy.

    Args:
        values: Numbers of any shape.
        fraction: Between 0 and 1.

    Returns:
        Share between 0 and 1; 0 where all values are zero.
    """
    energy = np.sort(np.abs(np.asarray(values, dtype=np.float64)).ravel() ** 2)[::-1]
    total = energy.sum()
    if total == 0:
        return 0.0
    count = np.searchsorted(np.cumsum(energy), fraction * total * (1.0 - 1e-12)) + 1
    return float(count / energy.size)


def energy_compaction(
    clips: Iterable[Clip], hops: Sequence[int] = (64, 256, 1024, 4096), fraction: float = 0.99
) -> pd.DataFrame:
    """Share of the numbers that holds most of the energy: samples beside MDCT coefficients.

    Args:
        clips: Clips of one channel.
        hops: Sizes of the MDCT, in coefficients a block.
        fraction: Share of the energy.

    Returns:
        One row per clip and representation: ``track_id``, ``artist``, ``hop`` (0 for samples),
        ``share``.
    """
    rows = []
    for clip in clips:
        named = (clip.track_id, clip.unit)
        rows.append((*named, 0, share_for_energy(clip.audio, fraction)))
        for hop in hops:
            rows.append((*named, hop, share_for_energy(mdct(clip.audio, hop), fraction)))
    return pd.DataFrame(rows, columns=["track_id", "artist", "hop", "share"])


def _sine(hop: int) -> Array:
    return np.asarray(np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop)), dtype=np.float64)
