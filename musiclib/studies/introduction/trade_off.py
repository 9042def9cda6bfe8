"""The STFT's trade-off: what a window length resolves, and what a hop length costs."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.fft
import scipy.signal

from musiclib.audio import HOUSE_RATE
from musiclib.errors import AudioError
from musiclib.figures import click_and_tones

Array = npt.NDArray[np.float64]

TONES_HZ = (1000.0, 1050.0)
CLICKS_S = (0.500, 0.515)
#: Dips deeper than this are as good as silence, and are given as this.
DEEPEST_DB = 60.0


def resolution_table(
    windows: Sequence[int] = (256, 512, 1024, 2048, 4096), sample_rate: int = HOUSE_RATE
) -> pd.DataFrame:
    """How well each window length keeps two tones, and two clicks, apart.

    Two things are apart when the level falls between them. The dip is measured from the lower
    peak to the lowest level between the peaks; 0 dB means that they have merged. The sound is
    :func:`musiclib.figures.click_and_tones` with :data:`TONES_HZ` and :data:`CLICKS_S`.

    Args:
        windows: Lengths of a Hann window, in samples.
        sample_rate: In Hz.

    Returns:
        One row per window: ``window``, ``window_ms``, ``lobe_hz`` (width of the window's main lobe,
        four bins), ``tone_dip_db``, ``click_dip_db``.
    """
    audio = click_and_tones(sample_rate, 1.0, TONES_HZ, CLICKS_S).astype(np.float64)
    rows = []
    for length in windows:
        window = scipy.signal.windows.hann(length, sym=False)
        quiet = audio[round(0.15 * sample_rate) :][:length]
        spectrum = np.abs(scipy.fft.rfft(quiet * window, 16 * sample_rate))
        tones = [round(16 * hertz) for hertz in TONES_HZ]
        # Loudness over time above the tones: one frame centred on each sample around the clicks.
        clicks = [round(moment * sample_rate) for moment in CLICKS_S]
        around = audio[clicks[0] - length : clicks[1] + length]
        high = scipy.signal.sosfiltfilt(
            scipy.signal.butter(8, 4000.0, "highpass", fs=sample_rate, output="sos"), around
        )
        energy = scipy.signal.fftconvolve(high**2, window**2, mode="same")
        first = length
        rows.append(
            {
                "window": length,
                "window_ms": 1000.0 * length / sample_rate,
                "lobe_hz": 4.0 * sample_rate / length,
                "tone_dip_db": _dip_db(spectrum**2, tones[0], tones[1]),
                "click_dip_db": _dip_db(energy, first, first + clicks[1] - clicks[0]),
            }
        )
    return pd.DataFrame(rows)


def hop_table(
    n_fft: int = 1024, divisors: Sequence[int] = (1, 2, 4, 8), sample_rate: int = HOUSE_RATE
) -> pd.DataFrame:
    """What a hop length costs in numbers, and what it misses.

    A click that falls between two frames is seen less well than one in the middle of a frame. The
    swing compares the best with the worst place, as the sum of the squared windows over a sample.

    Args:
        n_fft: Length of the Hann window, in samples.
        divisors: The hop is the window's length divided by each of these.
        sample_rate: In Hz.

    Returns:
        One row per hop: ``hop``, ``hop_ms``, ``frames_per_s``, ``values_per_sample`` (real numbers
        in the STFT for each sample of sound) and ``swing_db`` (infinite where a click can vanish).

    Raises:
        AudioError: If a divisor does not divide the window.
    """
    window = scipy.signal.windows.hann(n_fft, sym=False)
    rows = []
    for divisor in divisors:
        hop, rest = divmod(n_fft, divisor)
        if rest:
            raise AudioError(f"a window of {n_fft} samples has no hop of one part in {divisor}")
        seen = np.sum((window**2).reshape(divisor, hop), axis=0)
        with np.errstate(divide="ignore"):
            swing = float(10.0 * np.log10(seen.max() / seen.min()))
        rows.append(
            {
                "hop": hop,
                "hop_ms": 1000.0 * hop / sample_rate,
                "frames_per_s": sample_rate / hop,
                "values_per_sample": n_fft / hop,  # the first and the last bin are real
                "swing_db": abs(swing),
            }
        )
    return pd.DataFrame(rows)


def _dip_db(power: Array, first: int, last: int) -> float:
    """Depth of the lowest point between two peaks below the lower of them, in dB."""
    peak = float(min(power[first], power[last]))
    lowest = max(float(power[first : last + 1].min()), peak * 10.0 ** (-DEEPEST_DB / 10.0))
    return float(10.0 * np.log10(peak / lowest))
