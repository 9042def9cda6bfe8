"""Explorer of the STFT: what a window and a hop show, what they cost, and what can be rebuilt."""

from typing import Final

import numpy as np
import torch

from musiclib.audio import FloatArray
from musiclib.explore import Control, Explorer, Frame, Pane, Picture, power_picture, wave_picture
from musiclib.explore.pictures import HEIGHT, WIDTH
from musiclib.figures import click_and_tones, levels
from musiclib.listen.sound import number_text
from musiclib.stft import StftConfig, griffin_lim, stft
from musiclib.studies.explorers.measured import measure, thinned
from musiclib.studies.introduction.trade_off import (
    CLICKS_S,
    TONES_HZ,
    hop_table,
    resolution_table,
)

WINDOWS: Final = (128, 256, 512, 1024, 2048, 4096)
FINE_WINDOWS: Final = tuple(size for n in range(6, 13) for size in (2**n, 3 * 2 ** (n - 1)))
OVERLAPS: Final = (16, 8, 4, 2)
SECONDS: Final = 3.0
ITERATIONS: Final = 16
_TOP_HZ: Final = 3000.0
_PART: Final = ((0.35, 0.65), (600.0, 1600.0))


def windows(
    audio: FloatArray, sample_rate: int, title: str, profile: str = "mini", seed: int = 0
) -> Explorer:
    """Explorer of window length and hop.

    Args:
        audio: A clip, ``(N,)``; its first seconds are used.
        sample_rate: In Hz.
        title: Of the clip.
        profile: `smoke` for a small grid.
        seed: Of the first phases.

    Returns:
        Explorer whose frames show the clip's lower spectrogram, with the sound whose phases were
        found from it, and two tones with two clicks.
    """
    clip = np.ascontiguousarray(audio[: round(SECONDS * sample_rate)])
    test = click_and_tones(sample_rate, 1.0, TONES_HZ, CLICKS_S)
    seconds = len(clip) / sample_rate

    def frame(window: int, overlap: int) -> Frame:
        config = StftConfig(window, window // overlap)
        power = levels.stft_power(clip, config)
        top_hz = min(_TOP_HZ, sample_rate / 2)
        shown = region(power, config, sample_rate, (0.0, seconds), (0.0, top_hz))
        heard = _rebuilt(clip, config, seed)
        words = f"a window of {window:,} samples and a hop of {config.hop_length:,}"
        return Frame(
            (
                Pane(
                    "Rebuilt",
                    power_picture(
                        shown,
                        f"Spectrogram of {title} up to {top_hz / 1000:g} kHz with {words}",
                        reference_power=float(power.max()),
                        top_khz=top_hz / 1000,
                        seconds=seconds,
                    ),
                    heard,
                    sample_rate,
                    {"MOS": measure("zimtohrli_mos", clip, heard, sample_rate)},
                ),
                _test_pane(test, config, sample_rate, words),
            ),
            costs(config, sample_rate),
        )

    return Explorer(
        "stft",
        "What a window sees",
        (
            Control(
                "window", "Window", thinned(WINDOWS, profile), "samples", fine=FINE_WINDOWS,
                start=1024 if profile != "smoke" else None,
            ),
            Control(
                "overlap", "Hop", thinned(OVERLAPS, profile),
                start=4 if profile != "smoke" else None,
                words={n: f"1/{n} window" for n in OVERLAPS},
            ),
        ),
        frame,
        f"{title}: its waveform, and its spectrogram up to {_TOP_HZ / 1000:g} kHz. The second "
        f"sound was rebuilt from the magnitudes alone, with phases that {ITERATIONS} rounds of "
        "fast Griffin-Lim found. The last picture shows two tones "
        f"{TONES_HZ[1] - TONES_HZ[0]:.0f} Hz apart and two clicks "
        f"{1000 * (CLICKS_S[1] - CLICKS_S[0]):.0f} ms apart, magnified: how deep the level dips "
        "between the two, and by how much that of a click depends on where it falls.",
        Frame((Pane("Original", wave_picture(clip, sample_rate, title), clip, sample_rate),)),
    )  # fmt: skip


def costs(config: StftConfig, sample_rate: int) -> dict[str, str]:
    """What a window and a hop resolve and cost, in words.

    Args:
        config: Window and hop, Hann.
        sample_rate: In Hz.

    Returns:
        Duration of the window, distance of bins, frequency resolution (the width of the main lobe,
        four bins), frames and real numbers a second, and numbers for each sample.
    """
    window, hop = config.n_fft, config.hop_length
    frames = sample_rate / hop
    return {
        "Window": f"{1000 * window / sample_rate:.1f} ms",
        "Hop": f"{1000 * hop / sample_rate:.1f} ms",
        "Bins every": f"{sample_rate / window:.1f} Hz",
        "A tone is smeared over": f"{4 * sample_rate / window:.0f} Hz",
        "Frames a second": f"{frames:,.0f}",
        "Numbers a second": f"{frames * window:,.0f}",
        "Numbers a sample": f"{window / hop:.3g}",
    }


def region(
    power: FloatArray,
    config: StftConfig,
    sample_rate: int,
    times_s: tuple[float, float],
    hertz: tuple[float, float],
) -> FloatArray:
    """A part of a spectrogram, with each cell where it belongs in time and frequency.

    Args:
        power: ``|X|**2``, ``(F, T)``.
        config: The STFT's settings.
        sample_rate: In Hz.
        times_s: From and to.
        hertz: From and to.

    Returns:
        Powers, ``(HEIGHT, WIDTH)``: means where many cells fall on a pixel, and the cell whose
        centre is nearest where one covers many.
    """
    columns = _resampled(power.T, times_s, sample_rate / config.hop_length, WIDTH)
    return _resampled(columns.T, hertz, config.n_fft / sample_rate, HEIGHT)


def _resampled(
    cells: FloatArray, span: tuple[float, float], per_unit: float, pixels: int
) -> FloatArray:
    edges = np.linspace(span[0] * per_unit, span[1] * per_unit, pixels + 1)
    last = len(cells) - 1
    if edges[1] - edges[0] <= 1.0:
        centres = np.round((edges[:-1] + edges[1:]) / 2).astype(int)
        return np.asarray(cells[np.clip(centres, 0, last)])
    # Cell k covers k - 1/2 to k + 1/2.
    starts = np.clip(np.round(edges + 0.5).astype(int), 0, last + 1)
    summed = np.concatenate([np.zeros((1, cells.shape[1])), np.cumsum(cells, axis=0, dtype=float)])
    counts = np.maximum(np.diff(starts), 1)[:, None]
    firsts = np.minimum(starts[:-1], last)
    means = (summed[firsts + counts[:, 0]] - summed[firsts]) / counts
    return np.asarray(means, dtype=np.float32)


def _test_pane(test: FloatArray, config: StftConfig, sample_rate: int, words: str) -> Pane:
    power = levels.stft_power(test, config)
    shown = region(power, config, sample_rate, *_PART)
    dips = resolution_table([config.n_fft], sample_rate).iloc[0]
    swing = hop_table(config.n_fft, [config.n_fft // config.hop_length], sample_rate).iloc[0]
    drawn: Picture = power_picture(
        shown,
        f"Part of the spectrogram of two tones and two clicks with {words}",
        reference_power=float(power.max()),
        top_khz=_PART[1][1] / 1000,
        seconds=_PART[0][1] - _PART[0][0],
        floor_db=-60.0,
        follows=False,
    )
    return Pane(
        "Tones and clicks",
        drawn,
        facts={
            "Tones part by": f"{number_text(float(dips['tone_dip_db']))} dB",
            "Clicks part by": f"{number_text(float(dips['click_dip_db']))} dB",
            "A click swings by": f"{number_text(float(swing['swing_db']))} dB",
        },
    )


def _rebuilt(clip: FloatArray, config: StftConfig, seed: int) -> FloatArray:
    with torch.no_grad():
        magnitude = stft(torch.from_numpy(clip), config).abs()
        found = griffin_lim(magnitude, config, len(clip), ITERATIONS, seed)
    return found.numpy().astype(np.float32)
