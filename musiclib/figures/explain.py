"""Pictures that explain sampling, quantisation and the STFT from first principles."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from musiclib.audio import FloatArray, to_mono, validate
from musiclib.errors import AudioError
from musiclib.figures.panels import AxesArray, loudest_s
from musiclib.figures.spectrograms import spectrogram
from musiclib.figures.style import WIDTH


def quantise(audio: FloatArray, bits: int) -> FloatArray:
    """Round samples to the levels of PCM with a number of bits (mid-tread, as in audio files).

    Args:
        audio: Samples in [-1, 1], any shape.
        bits: Bits a sample, 1 to 24.

    Returns:
        The nearest of the levels ``k / 2**(bits - 1)``, limited to the range that ``bits`` hold, in
        the shape of the input.

    Raises:
        ValueError: If ``bits`` is out of range.
    """
    if not 1 <= bits <= 24:
        raise ValueError(f"bits must be from 1 to 24, got {bits}")
    steps = 2.0 ** (bits - 1)
    rounded = np.round(np.asarray(audio, dtype=np.float64) * steps)
    return (np.clip(rounded, -steps, steps - 1) / steps).astype(np.float32)


def quantisation(
    audio: FloatArray,
    sample_rate: int,
    bits: Sequence[int] = (3, 5),
    *,
    start_s: float | None = None,
    duration_s: float = 0.005,
) -> tuple[Figure, AxesArray]:
    """A sound, its PCM staircase for several numbers of bits, and the rounding error.

    Used by the introduction to show what a bit of PCM buys: each one halves the error (6 dB).

    Args:
        audio: Samples in [-1, 1], shape ``(N,)`` or ``(C, N)`` (mixed to mono).
        sample_rate: Samples a second.
        bits: Bits a sample, one column of panels each.
        start_s: Beginning of the part to draw, in seconds; at the loudest sample by default.
        duration_s: Length of the part to draw, in seconds.

    Returns:
        The figure and its axes, shape ``(2, len(bits))``: staircases above, errors below. The
        titles carry the signal-to-noise ratio over the whole sound.

    Raises:
        AudioError: If the part to draw lies outside of the sound.
    """
    mono = to_mono(validate(audio))
    if start_s is None:
        start_s = loudest_s(mono, sample_rate, duration_s)
    first = round(start_s * sample_rate)
    shown = slice(first, first + round(duration_s * sample_rate))
    if mono[shown].size < 2:
        raise AudioError(
            f"nothing to draw from {start_s} s on: the sound is {mono.size / sample_rate} s long"
        )
    times = 1000.0 * (np.arange(mono.size) / sample_rate)[shown]
    figure, grid = plt.subplots(
        2,
        len(bits),
        figsize=(WIDTH, 4.4),
        sharex=True,
        sharey="row",
        squeeze=False,
        height_ratios=(2, 1),
    )
    for (above, below), depth in zip(grid.T, bits, strict=True):
        coded = quantise(mono, depth)
        error = coded - mono
        above.plot(times, mono[shown], color="#7f7f7f", label="sound")
        above.step(times, coded[shown], where="mid", color="#0072b2", label="rounded")
        above.set_title(f"{depth} bits: {_snr_text(mono, error)}")
        below.plot(times, error[shown], color="#d55e00")
        below.set_xlabel("Time (ms)")
    grid[0, 0].set_ylabel("Amplitude")
    grid[1, 0].set_ylabel("Error")
    grid[0, 0].legend(loc="upper right")
    return figure, grid


def stft_tradeoff(
    audio: FloatArray,
    sample_rate: int,
    sizes: Sequence[int] = (128, 512, 2048),
    *,
    floor_db: float = -60.0,
) -> tuple[Figure, AxesArray]:
    """The same sound through short and long windows: fine in time or fine in frequency.

    Used by the introduction, for example with :func:`click_and_tones`.

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)`` (mixed to mono).
        sample_rate: Samples a second.
        sizes: Window lengths in samples; the hop is an eighth of each.
        floor_db: Level of the darkest colour.

    Returns:
        The figure and its axes, shape ``(len(sizes),)``. The titles carry window length and bin
        width. 0 dB is the loudest bin of each panel, since the window's length changes all levels.
    """
    from musiclib.stft import StftConfig

    figure, axes = plt.subplots(
        1, len(sizes), figsize=(WIDTH, 3.2), sharex=True, sharey=True, squeeze=False
    )
    for panel, size in zip(axes[0], sizes, strict=True):
        config = StftConfig(n_fft=size, hop_length=max(size // 8, 1))
        spectrogram(audio, sample_rate, config, floor_db=floor_db, colourbar=False, axes=panel)
        panel.set_title(
            f"{size} samples\n{1000 * size / sample_rate:.3g} ms, {sample_rate / size:.3g} Hz a bin"
        )
        panel.label_outer()
    figure.colorbar(
        axes[0, -1].images[0], ax=list(axes[0]), label="Level (dB)", pad=0.02, aspect=30
    )
    return figure, axes[0]


def click_and_tones(
    sample_rate: int,
    seconds: float = 0.5,
    tones_hz: Sequence[float] = (1000.0, 1120.0),
    clicks_s: Sequence[float] = (0.25, 0.27),
) -> FloatArray:
    """Two tones close in frequency and two clicks close in time: the test case of every window.

    Args:
        sample_rate: Samples a second.
        seconds: Length in seconds.
        tones_hz: Frequencies of the tones in Hz, below half the sample rate.
        clicks_s: Times of the clicks in seconds, within the sound.

    Returns:
        Samples, shape ``(N,)``, within [-1, 1].
    """
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    sound = sum((np.sin(2 * np.pi * hertz * times) for hertz in tones_hz), np.zeros_like(times))
    sound *= 0.1 / max(len(tones_hz), 1)
    for moment in clicks_s:
        sound[round(moment * sample_rate)] = 0.9
    return sound.astype(np.float32)


def _snr_text(signal: FloatArray, error: FloatArray) -> str:
    signal_power, error_power = float(np.mean(signal**2.0)), float(np.mean(error**2.0))
    if error_power == 0 or signal_power == 0:
        return "no error" if error_power == 0 else "silence"
    return f"SNR {10.0 * np.log10(signal_power / error_power):.1f} dB"
