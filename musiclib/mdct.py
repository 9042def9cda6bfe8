"""Modified discrete cosine transform: as many coefficients as samples, overlapping frames.

Princen, Johnson and Bradley, "Subband/transform coding using filter bank designs based on time
domain aliasing cancellation" (ICASSP 1987). Frames of `2 M` samples overlap by half and give `M`
coefficients each; the window's squares add up to 1, so the aliasing of neighbours cancels, and
energy is kept.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray

SIZE = 256  # coefficients a frame, and samples between frames


def frame_count(n_samples: int, size: int = SIZE) -> int:
    """Number of frames that cover `n_samples` samples: one more than blocks of `size`."""
    return -(-n_samples // size) + 1


def sine_window(size: int = SIZE) -> FloatArray:
    """The window of a frame, `(2 * size,)`."""
    return np.sin(np.pi * (np.arange(2 * size) + 0.5) / (2 * size)).astype(np.float32)


def mdct(audio: npt.ArrayLike, size: int = SIZE) -> FloatArray:
    """Coefficients of a clip, orthonormal: their energy is that of the samples.

    Args:
        audio: Samples `(..., N)`; zeros are assumed beyond both ends.
        size: Coefficients a frame.

    Returns:
        Coefficients `(..., T, size)` with `T = frame_count(N)`. Frame t is centred on sample
        `t * size`.
    """
    clip = np.asarray(audio, np.float32)
    count = frame_count(clip.shape[-1], size)
    padded = np.zeros((*clip.shape[:-1], (count + 1) * size), np.float32)
    padded[..., size : size + clip.shape[-1]] = clip
    return frames_to_coefficients(padded, size)


def frames_to_coefficients(padded: FloatArray, size: int = SIZE) -> FloatArray:
    """Coefficients `(..., T, size)` of samples `(..., (T + 1) * size)`, context included."""
    halves = padded.reshape(*padded.shape[:-1], -1, size)
    window = sine_window(size)
    first, second = halves[..., :-1, :] * window[:size], halves[..., 1:, :] * window[size:]
    half = size // 2
    a, b = first[..., :half], first[..., half:]
    c, d = second[..., :half], second[..., half:]
    folded = np.concatenate([-c[..., ::-1] - d, a - b[..., ::-1]], axis=-1)
    return _dct(folded)


def imdct(coefficients: npt.ArrayLike, n_samples: int | None = None) -> FloatArray:
    """Samples `(..., N)` of coefficients `(..., T, size)`, the inverse of `mdct`.

    Without `n_samples` these are all whole blocks, `(T - 1) * size`.
    """
    values = np.asarray(coefficients, np.float32)
    size = values.shape[-1]
    pieces = windowed_pieces(values)
    blocks = pieces[..., 1:, :size] + pieces[..., :-1, size:]
    audio = blocks.reshape(*values.shape[:-2], -1)
    return audio if n_samples is None else audio[..., :n_samples]


def windowed_pieces(coefficients: FloatArray) -> FloatArray:
    """What each frame adds to the output before neighbours are added, `(..., T, 2 * size)`."""
    size = coefficients.shape[-1]
    half = size // 2
    folded = _dct(coefficients)
    first, second = folded[..., :half], folded[..., half:]
    pieces = np.concatenate([second, -second[..., ::-1], -first[..., ::-1], -first], axis=-1)
    return np.asarray(pieces * sine_window(size), np.float32)


def _dct(frames: FloatArray) -> FloatArray:
    # Whoever reads a header needs no transform, and SciPy takes a while to import.
    from scipy.fft import dct

    return np.asarray(dct(frames, type=4, norm="ortho", axis=-1), np.float32)
