"""A filterbank for sequences that swing: energies in bands that the sequence itself suggests.

The latents of a model of samples are a waveform at a lower rate. The mean of a swinging value is
zero, whatever it stands for, so statistics of it say next to nothing. What can be heard lies in how
much it swings, and how fast. A spectrogram would show that. Here its place is taken by the
principal components of short windows, which for stationary sounds are sinusoids in all but name
(Jolliffe, "Principal Component Analysis", 2nd edition 2002, section 12.3): nothing is told which
frequencies there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from musiclib.audio import FloatArray
from musiclib.errors import DatasetError
from musiclib.latents.representations import Derived, Representation
from musiclib.latents.sources import Source, channel_statistics

WINDOW: Final = 8
STRIDE: Final = 2
SHRINK: Final = 4
BANDS: Final = 64
BAND_FLOOR: Final = 1e-2
"""Added to energies before the logarithm, where their mean over all directions is 1."""


@dataclass(frozen=True, eq=False)
class Filterbank:
    """Principal directions of windows of a sequence.

    Attributes:
        mean: Mean of each channel, `(C,)`.
        spread: Standard deviation of each channel, `(C,)`.
        kernels: A direction in each row, `(bands, C, WINDOW)`, of length 1.
    """

    mean: FloatArray
    spread: FloatArray
    kernels: FloatArray

    @property
    def digest(self) -> str:
        """Digest of all numbers."""
        total = hashlib.sha256()
        for array in (self.mean, self.spread, self.kernels):
            total.update(np.ascontiguousarray(array).tobytes())
        return total.hexdigest()


def fit_filterbank(found: Source, tracks: Sequence[str], bands: int = BANDS) -> Filterbank:
    """Find the principal directions of windows of some tracks' sequences.

    Args:
        found: The sequences.
        tracks: Tracks to learn from; those that are shorter than a window are left out.
        bands: Number of directions, at most.

    Raises:
        DatasetError: No track is long enough.
    """
    usable = [n for n in tracks if n in found and found.length(n) >= WINDOW]
    if not usable:
        raise DatasetError(f"{found.name}: no track is long enough for a filterbank; add music")
    channels = found.channels
    mean, spread = channel_statistics(found, usable)
    products = np.zeros((channels * WINDOW, channels * WINDOW))
    for name in usable:
        values = (found.piece(name, 0, found.length(name)) - mean[:, None]) / spread[:, None]
        windows = _windows(values.astype(np.float32), 3)
        products += windows.T @ windows / len(windows)  # each track counts the same
    _, vectors = np.linalg.eigh(products)
    best = vectors[:, ::-1][:, : min(bands, channels * WINDOW)].T
    kernels = best.reshape(-1, channels, WINDOW).astype(np.float32)
    return Filterbank(mean.astype(np.float32), spread.astype(np.float32), kernels)


@dataclass(frozen=True, eq=False)
class Bands(Derived):
    """Log energies of a sequence in the bands of a filterbank.

    Attributes:
        of: The sequence.
        filterbank: Its bands, learned without labels.
    """

    of: Representation
    filterbank: Filterbank

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name of the sequence, marked."""
        return f"{self.of.name}-bands"

    @property
    def label(self) -> str:  # type: ignore[override]
        """Label of the sequence, marked."""
        return f"{self.of.label}, bands"

    @property
    def sample_rate(self) -> int:
        """As the sequence's."""
        return self.of.sample_rate

    @property
    def hop(self) -> int:
        """Samples of audio for a frame of energies."""
        return self.of.hop * STRIDE * SHRINK

    @property
    def channels(self) -> int:
        """Number of bands."""
        return len(self.filterbank.kernels)

    def settings(self) -> dict[str, Any]:
        """The sequence and the filterbank."""
        sizes = [WINDOW, STRIDE, SHRINK, BAND_FLOOR]
        return {"of": self.of.key, "filterbank": self.filterbank.digest, "sizes": sizes}

    def transform(self, sequence: FloatArray) -> FloatArray:
        """Turn `(C, L)` into natural logarithms of energies `(bands, L')`."""
        bank = self.filterbank
        normal = (sequence - bank.mean[:, None]) / bank.spread[:, None]
        short = max(0, WINDOW - normal.shape[1])
        windows = _windows(np.pad(normal, ((0, 0), (0, short))).astype(np.float32), STRIDE)
        energies = np.square(windows @ bank.kernels.reshape(len(bank.kernels), -1).T)
        shrink = min(SHRINK, len(energies))
        count = len(energies) // shrink
        means = energies[: count * shrink].reshape(count, shrink, -1).mean(axis=1)
        logs: FloatArray = np.log(means + BAND_FLOOR).T.astype(np.float32)
        return logs


def _windows(values: FloatArray, stride: int) -> npt.NDArray[np.float32]:
    """Return windows as rows, `(n, C * WINDOW)`."""
    cut = sliding_window_view(values, WINDOW, axis=1)[:, ::stride]
    return np.ascontiguousarray(cut.transpose(1, 0, 2)).reshape(cut.shape[1], -1)
