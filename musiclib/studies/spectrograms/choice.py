"""Which clips the chapter on spectrograms plays: the extremes of stroke and tone."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from musiclib.audio import FloatArray
from musiclib.stft import StftConfig
from musiclib.studies.spectrograms.representation import spectrum_of


def tones_and_strokes(audio: FloatArray, sample_rate: int) -> tuple[float, float]:
    """Shares of a clip's energy that are clearly tones and clearly strokes.

    Median filters along time and along frequency (Fitzgerald, DAFx 2010); a cell counts only where
    one of them is at least twice the other (Driedger, Mueller and Disch, ISMIR 2014), so that noise
    counts as neither.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.

    Returns:
        Share of tones and share of strokes, each between 0 and 1.
    """
    import librosa

    # About 43 ms every 21 ms at 24 kHz: coarse is enough, and median filters are slow.
    size = 2 * round(0.0215 * sample_rate)
    magnitude = np.abs(spectrum_of(audio, StftConfig(n_fft=size, hop_length=size // 2)))
    tones, strokes = librosa.decompose.hpss(magnitude, margin=2.0)
    total = max(float(np.sum(magnitude.astype(np.float64) ** 2)), 1e-20)
    return float(np.sum(tones**2)) / total, float(np.sum(strokes**2)) / total


def describe(clips: Mapping[str, FloatArray], sample_rate: int) -> pd.DataFrame:
    """Shares of tones and of strokes in several clips.

    Args:
        clips: Clips by name, each of shape ``(N,)``.
        sample_rate: In Hz.

    Returns:
        One row for each clip: ``tones``, ``strokes``.
    """
    shares = {name: tones_and_strokes(audio, sample_rate) for name, audio in clips.items()}
    return pd.DataFrame.from_dict(shares, orient="index", columns=["tones", "strokes"])
