"""Sounds as figures and as small pictures: levels over time and frequency, and what can be heard.

Levels are in dB relative to the loudest time-frequency bin of the sound (or, where sounds are
compared, of the first one), so that equal colours mean equal levels.
"""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from musiclib.audio import FloatArray, to_mono, validate
from musiclib.plot.published import COLOUR_MAP
from musiclib.plot.style import WIDTH, figure_and_axes
from musiclib.psychoacoustics import absolute_threshold_db, masked_threshold_db

if TYPE_CHECKING:
    from musiclib.stft import StftConfig

THUMBNAIL: Final = (560, 144)
"""Width and height of a small picture in pixels."""
# More columns than a figure has pixels would add bytes and nothing to see.
_COLUMNS: Final = 1000
_ZOOM_SECONDS: Final = 0.02
# 32 steps of 2.5 dB look the same as 256 and take half the bytes.
_COLOURS: Final = 32
# The slowest method takes twenty times as long for nothing; faster ones leave a fifth. So it is
# with quality, which is the search's care: above 75 it gains nothing, below it leaves a fifth.
_WEBP: Final = {"lossless": True, "quality": 75, "method": 5}


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
        power: FloatArray = (
            stft(torch.from_numpy(mono), config or StftConfig()).abs().square().numpy()
        )
    return power


def decibels(power: FloatArray, reference_power: float, floor_db: float) -> FloatArray:
    """Power in dB relative to a reference, not lower than a floor.

    Args:
        power: Powers of at least 0, any shape.
        reference_power: The power that becomes 0 dB; 0 for silence, which is all at the floor.
        floor_db: Lowest level, below 0 dB.

    Returns:
        Levels in dB, in the shape of the input. Levels above the reference are above 0 dB.
    """
    if reference_power <= 0:
        return np.full_like(power, floor_db, dtype=np.float32)
    with np.errstate(divide="ignore"):  # the logarithm of 0 is below any floor
        levels = 10.0 * np.log10(power / reference_power)
    return np.asarray(np.maximum(levels, floor_db), dtype=np.float32)


def mean_power(power: FloatArray, columns: int) -> FloatArray:
    """Mean power over blocks of neighbouring frames, which keeps every sound's energy.

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


def spectrogram(
    audio: FloatArray,
    sample_rate: int,
    config: "StftConfig | None" = None,
    *,
    floor_db: float = -80.0,
    colourbar: bool = True,
    title: str | None = None,
    axes: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw level over time and frequency, in dB relative to the loudest bin.

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)`` (mixed to mono).
        sample_rate: Samples a second.
        config: STFT settings; the house settings (1024/256, Hann) by default.
        floor_db: Level of the darkest colour.
        colourbar: Whether to draw the scale of levels.
        title: Title of the axes.
        axes: Axes to draw in; a new figure by default.

    Returns:
        The figure and the axes of the picture.
    """
    from musiclib.stft import StftConfig

    config = config or StftConfig()
    power = stft_power(audio, config)
    picture = decibels(mean_power(power, _COLUMNS), float(power.max()), floor_db)
    hop_s = config.hop_length / sample_rate
    span_s = (-hop_s / 2, (power.shape[1] - 0.5) * hop_s)  # frames are centred on their time
    top = sample_rate / 2000.0
    half = top / (picture.shape[0] - 1) / 2  # a bin's level stands for half a bin to either side
    figure, axes = figure_and_axes(axes, height=3.4)
    image = axes.imshow(
        picture, origin="lower", aspect="auto", extent=(*span_s, -half, top + half),
        vmin=floor_db, vmax=0.0,
    )  # fmt: skip
    axes.grid(False)
    axes.set(xlabel="Time (s)", ylabel="Frequency (kHz)", ylim=(0.0, top))
    axes.set_xlim(0.0, audio.shape[-1] / sample_rate)
    if colourbar:
        figure.colorbar(image, ax=axes, label="Level (dB)", pad=0.02)
    if title:
        axes.set_title(title)
    return figure, axes


def song_overview(audio: FloatArray, sample_rate: int) -> tuple[Figure, npt.NDArray[np.object_]]:
    """Draw one piece of music in time and in frequency, on four axes.

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)`` (mixed to mono).
        sample_rate: Samples a second.

    Returns:
        The figure and its axes, shape ``(4,)``: the whole waveform, 20 ms of it at the loudest
        sample, the average spectrum and the spectrogram.
    """
    mono = to_mono(validate(audio))
    seconds = mono.size / sample_rate
    first = int(np.argmax(np.abs(mono)))
    first = max(min(first, mono.size - round(_ZOOM_SECONDS * sample_rate)), 0)
    zoom = slice(first, first + round(_ZOOM_SECONDS * sample_rate))
    times = np.arange(mono.size) / sample_rate
    figure, grid = plt.subplots(2, 2, figsize=(WIDTH, 5.6))
    whole, part, mean, picture = boxes = grid.ravel()
    # The band between the lowest and the highest sample behind each column of pixels.
    edges = np.linspace(0, mono.size, min(_COLUMNS, mono.size) + 1).astype(int)[:-1]
    low, high = np.minimum.reduceat(mono, edges), np.maximum.reduceat(mono, edges)
    whole.fill_between(times[edges], low, high, color="#0072b2", linewidth=0.4)
    whole.axvline(first / sample_rate, color="#d55e00", linewidth=1.2)
    whole.set(title="Waveform", xlabel="Time (s)", ylabel="Amplitude", xlim=(0, seconds))
    part.plot(times[zoom], mono[zoom])
    part.set(title=f"{1000 * _ZOOM_SECONDS:.0f} ms of it", xlabel="Time (s)", ylabel="Amplitude")
    part.margins(x=0)
    power = stft_power(mono).mean(axis=1)
    khz = np.linspace(0.0, sample_rate / 2000.0, power.size)
    mean.plot(khz, decibels(power, float(power.max()), -80.0))
    mean.set(title="Average spectrum", xlabel="Frequency (kHz)", ylabel="Mean level (dB)")
    mean.margins(x=0)
    spectrogram(mono, sample_rate, title="Spectrogram", axes=picture)
    return figure, boxes


def masking_threshold(
    maskers: Sequence[tuple[float, float]], probes: Sequence[tuple[float, float]]
) -> tuple[Figure, Axes]:
    """Draw the threshold of hearing, and how loud tones lift it.

    Args:
        maskers: Loud tones, as pairs of frequency (Hz) and level (dB SPL).
        probes: Quiet tones to judge, as pairs of frequency (Hz) and level (dB SPL). Each is marked
            as heard or masked, by the formulas of :mod:`musiclib.psychoacoustics`.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 4.2))
    frequencies = np.geomspace(30.0, 16_000.0, 800)
    masked = masked_threshold_db(frequencies, maskers)
    quiet = absolute_threshold_db(frequencies)
    khz = frequencies / 1000.0
    axes.plot(khz, quiet, color="#7f7f7f", linestyle="--", zorder=3, label="threshold in quiet")
    axes.plot(khz, masked, color="#0072b2", label="threshold with the loud tone")
    axes.fill_between(
        khz, -20.0, masked, color="#56b4e9", alpha=0.25, linewidth=0, label="not heard"
    )

    def tone(hertz: float, level: float, word: str, colour: str, mark: str, up: int) -> None:
        place = (hertz / 1000.0, level)
        axes.vlines(place[0], -20.0, level, color=colour, linewidth=2.2)
        axes.plot(*place, mark, color=colour, markersize=8)
        axes.annotate(
            word, place, (8, up), textcoords="offset points", color=colour,
            va="baseline" if up else "center",
        )  # fmt: skip

    for hertz, level in maskers:
        tone(hertz, level, "loud tone", "#1a1a1a", "o", 0)
    for hertz, level in probes:
        heard = level > float(masked_threshold_db(hertz, maskers))
        look = ("heard", "#009e73", "D") if heard else ("masked", "#d55e00", "X")
        tone(hertz, level, *look, 6)
    axes.set(xscale="log", xlabel="Frequency (kHz)", ylabel="Level (dB SPL)")
    ticks = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(0.03, 16.0)
    axes.set_ylim(-15.0, max(level for _, level in maskers) + 10.0)
    figure.legend(loc="outside upper center", ncols=3)
    return figure, axes


def spectrogram_thumbnail(
    audio: FloatArray, reference_power: float | None = None
) -> tuple[bytes, str]:
    """Spectrogram as a light picture without axes, from 0 Hz up to half the sample rate.

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)`` (mixed to mono). Short sounds are stretched.
        reference_power: Power ``|X|**2`` that gets the lightest colour, 80 dB above the darkest;
            that of the loudest bin by default. Pictures to be compared need the same.

    Returns:
        The bytes of a picture of 32 colours and the suffix of its kind: PNG or lossless WebP,
        whichever is smaller, mostly WebP by a third.
    """
    power = stft_power(audio)
    if reference_power is None:
        reference_power = float(power.max())
    levels = decibels(mean_cells(power, *THUMBNAIL), reference_power, -80.0)
    picture = coloured(1.0 + levels / 80.0, *THUMBNAIL)
    webp = _file(picture.convert("RGB"), "WEBP", **_WEBP)
    return min((png(picture), ".png"), (webp, ".webp"), key=lambda file: len(file[0]))


def mean_cells(power: FloatArray, width: int, height: int) -> FloatArray:
    """Powers ``(F, T)`` for a picture: of more cells than pixels, the mean of neighbours."""
    return mean_power(mean_power(power, width).T, height).T


def coloured(shares: npt.NDArray[np.floating], width: int, height: int) -> Image.Image:
    """Cells as rectangles in the colours of all spectrograms, low frequencies at the bottom.

    Args:
        shares: Place of each cell between the darkest colour, 0, and the lightest, 1; shape
            ``(F, T)``. What lies outside gets the nearer of the two.
        width: Pixels across.
        height: Pixels upwards.

    Returns:
        A picture of 32 colours.
    """
    indices = np.round(np.clip(shares, 0.0, 1.0) * (_COLOURS - 1)).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(indices[::-1]))
    picture = picture.resize((width, height), Image.Resampling.NEAREST)
    colours = mpl.colormaps[COLOUR_MAP](np.linspace(0.0, 1.0, _COLOURS))[:, :3]
    picture.putpalette(np.round(colours * 255).astype(np.uint8).tobytes())
    return picture


def png(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    return _file(picture, "PNG", optimize=True)


def _file(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=kind, **options)
    return file.getvalue()
