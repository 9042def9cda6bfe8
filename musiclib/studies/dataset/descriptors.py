"""Simple descriptors of a clip: numbers that anybody could take without knowing about music.

They are in the family of Tzanetakis and Cook ("Musical genre classification of audio signals",
IEEE Transactions on Speech and Audio Processing 10(5), 2002, section III). All but the RMS level
do not change when the clip is made louder.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.fft

from musiclib.audio import HOUSE_RATE, FloatArray, loudness_lufs, peak, rms_db
from musiclib.datasets import Dataset
from musiclib.errors import AudioError

FRAME: Final = 1024
HOP: Final = 512
MEL_BANDS: Final = 64
RANGE_DB: Final = 60.0
BLOCK_S: Final = 0.4
QUIETEST_DB: Final = -80.0
_BASS_HZ, _HIGHS_HZ = 200.0, 5000.0
_BAND_EDGE_DB = 70.0

Array = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Descriptor:
    """A number that describes a clip.

    Attributes:
        key: Column of the table.
        label: What a figure calls it, with its unit.
        family: Group of descriptors that measure nearly the same.
        meaning: One line for a reader.
    """

    key: str
    label: str
    family: str
    meaning: str


LEVEL, BRIGHTNESS, NOISINESS, RHYTHM = "level and dynamics", "brightness", "noisiness", "rhythm"

DESCRIPTORS: Final = (
    Descriptor("rms_db", "RMS level (dB)", LEVEL, "root mean square of the samples"),
    Descriptor("crest_db", "Crest factor (dB)", LEVEL, "largest sample over RMS"),
    Descriptor(
        "range_db", "Range of level (dB)", LEVEL, "loud over quiet 0.4 s blocks, 95th and 10th %"
    ),
    Descriptor("centroid_hz", "Spectral centroid (Hz)", BRIGHTNESS, "centre of the spectrum"),
    Descriptor("spread_hz", "Spectral spread (Hz)", BRIGHTNESS, "its width around the centre"),
    Descriptor("rolloff_hz", "Roll-off (Hz)", BRIGHTNESS, "85 % of the energy lies below"),
    Descriptor(
        "bandwidth_hz", "Bandwidth (Hz)", BRIGHTNESS, "highest frequency within 70 dB of the peak"
    ),
    Descriptor("bass_db", "Bass share (dB)", BRIGHTNESS, "energy below 200 Hz over all energy"),
    Descriptor("highs_db", "Highs share (dB)", BRIGHTNESS, "energy above 5 kHz over all energy"),
    Descriptor(
        "crossings_hz", "Zero crossings (1/s)", NOISINESS, "changes of sign a second of the wave"
    ),
    Descriptor(
        "flatness_db", "Spectral flatness (dB)", NOISINESS, "0 dB for white noise, low for tones"
    ),
    Descriptor(
        "percussive", "Percussive share", NOISINESS, "energy in clicks rather than in held tones"
    ),
    Descriptor("onset_db", "Onset strength (dB)", RHYTHM, "mean rise of the bands, by frame"),
    Descriptor("pulse", "Pulse", RHYTHM, "how regularly the rises repeat, at most 1"),
    Descriptor("tempo_bpm", "Tempo (beats a minute)", RHYTHM, "most likely rate of the repetition"),
)
KEYS: Final = tuple(descriptor.key for descriptor in DESCRIPTORS)
LABELS: Final = {descriptor.key: descriptor.label for descriptor in DESCRIPTORS}
FAMILIES: Final = tuple(dict.fromkeys(descriptor.family for descriptor in DESCRIPTORS))


def family(name: str) -> list[str]:
    """Keys of the descriptors of a family."""
    return [descriptor.key for descriptor in DESCRIPTORS if descriptor.family == name]


def describe(audio: FloatArray, sample_rate: int) -> dict[str, float]:
    """Take all descriptors of a clip.

    Args:
        audio: Mono, `(N,)`.
        sample_rate: In Hz.

    Returns:
        A value for each of :data:`KEYS`. What a clip has not got is NaN: everything for silence
        (below -80 dB), tempo and pulse for clips below two seconds.

    Raises:
        AudioError: If the audio is empty or not finite.
    """
    level = rms_db(audio)
    if level < QUIETEST_DB:
        return dict.fromkeys(KEYS, math.nan)
    power = _spectrogram(audio)
    if not np.any(power):  # all the sound is in the last samples, which fill no frame
        return dict.fromkeys(KEYS, math.nan)
    hertz = np.arange(power.shape[1]) * sample_rate / FRAME
    mel = np.maximum(power @ _mel_filters(sample_rate).T, 1e-20)
    values = {"rms_db": level, "crest_db": 20 * math.log10(peak(audio)) - level}
    values |= {"range_db": _range_db(audio, sample_rate)}
    values |= _spectral(power, hertz)
    signs = np.signbit(audio)
    values["crossings_hz"] = float(np.sum(signs[1:] != signs[:-1]) / len(signs)) * sample_rate
    values["percussive"] = _percussive(mel)
    return values | _rhythm(mel, sample_rate / HOP)


def _spectrogram(audio: FloatArray) -> Array:
    """Power spectra of the frames, `(T, F)`; a clip shorter than a frame stands in its middle."""
    short = max(0, FRAME - len(audio))
    padded = np.pad(audio, (short // 2, short - short // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    window = np.hanning(FRAME + 2)[1:-1].astype(np.float32)  # without zeros at its ends
    spectra = scipy.fft.rfft(frames * window, axis=1)
    power: Array = np.square(spectra.real) + np.square(spectra.imag)
    return power


def _active(power: Array) -> Array:
    """The frames within 60 dB of the loudest."""
    energy = power.sum(axis=1)
    chosen: Array = power[energy > energy.max() * 10 ** (-RANGE_DB / 10)]
    return chosen


def _spectral(power: Array, hertz: Array) -> dict[str, float]:
    frames = _active(power)
    magnitude = np.sqrt(frames)
    total = magnitude.sum(axis=1)
    centroid = magnitude @ hertz / total
    spread = np.sqrt(np.maximum(magnitude @ hertz**2 / total - centroid**2, 0.0))
    mean = frames.mean(axis=0, dtype=np.float64)
    share = np.cumsum(mean) / mean.sum()
    floored = np.maximum(frames, frames.max(axis=1, keepdims=True) * np.float32(1e-8))
    flatness = np.log(floored).mean(axis=1) - np.log(floored.mean(axis=1))

    def decibels(part: float) -> float:
        return 10 * math.log10(max(part, 1e-10))

    return {
        "centroid_hz": float(centroid.mean()),
        "spread_hz": float(spread.mean()),
        "rolloff_hz": float(hertz[np.searchsorted(share, 0.85)]),
        "bandwidth_hz": float(hertz[np.flatnonzero(mean > mean.max() * 10**-7)[-1]]),
        "bass_db": decibels(float(mean[hertz < _BASS_HZ].sum() / mean.sum())),
        "highs_db": decibels(float(mean[hertz > _HIGHS_HZ].sum() / mean.sum())),
        "flatness_db": float(10 / math.log(10) * flatness.mean()),
    }


def _range_db(audio: FloatArray, sample_rate: int) -> float:
    size = round(BLOCK_S * sample_rate)
    count = len(audio) // size
    if count < 2:
        return math.nan
    blocks = audio[: count * size].reshape(count, size)
    levels = 10 * np.log10(np.mean(np.square(blocks, dtype=np.float64), axis=1) + 1e-12)
    quiet, loud = np.percentile(np.maximum(levels, levels.max() - RANGE_DB), [10, 95])
    return float(loud - quiet)


def _percussive(mel: Array) -> float:
    """Share of the energy that median filtering across frequency keeps (Fitzgerald, 2010)."""
    from librosa.decompose import hpss

    # A quarter of the cells is enough for a share, and the median filter is what takes long.
    coarse = mel[::2, ::2] + mel[::2, 1::2]
    magnitude = np.sqrt(coarse.T)
    _, percussive = hpss(magnitude, kernel_size=(17, 9))
    return float(np.sum(percussive**2) / np.sum(magnitude**2))


def _rhythm(mel: Array, frame_rate: float) -> dict[str, float]:
    """Onset strength, pulse and tempo from the rises of the mel bands' levels."""
    levels = 10 * np.log10(np.maximum(mel, mel.max() * 10 ** (-RANGE_DB / 10)))
    rises = (
        np.maximum(np.diff(levels, axis=0), 0.0).mean(axis=1) if len(levels) > 1 else np.zeros(1)
    )
    result = {"onset_db": float(rises.mean()), "pulse": math.nan, "tempo_bpm": math.nan}
    swing = rises - rises.mean()
    if len(rises) < 2.0 * frame_rate or not np.any(swing):
        return result
    from librosa.feature import tempo

    spectrum = np.abs(scipy.fft.rfft(swing, 2 * len(swing))) ** 2
    repeats = scipy.fft.irfft(spectrum)[: len(swing)]
    repeats /= repeats[0]
    slowest, fastest = (round(60 * frame_rate / bpm) for bpm in (40, 240))
    result["pulse"] = float(np.max(repeats[fastest : slowest + 1]))
    beats = tempo(onset_envelope=rises, sr=frame_rate * HOP, hop_length=HOP)
    result["tempo_bpm"] = float(beats[0])
    return result


@lru_cache(maxsize=4)
def _mel_filters(sample_rate: int) -> Array:
    from librosa.filters import mel

    filters: Array = mel(sr=sample_rate, n_fft=FRAME, n_mels=MEL_BANDS)
    return filters


@dataclass(frozen=True, eq=False)
class Described:
    """Descriptors of a data set's clips.

    Attributes:
        table: Index `track_id`, columns :data:`KEYS`, `loudness_lufs`, `peak` and `seconds`. Only
            clips with sound.
        left_out: Why a track is not in the table; index `track_id`.
    """

    table: pd.DataFrame
    left_out: pd.Series


def describe_all(
    dataset: Dataset,
    seconds: float = 30.0,
    sample_rate: int = HOUSE_RATE,
    workers: int = 2,
) -> Described:
    """Take the descriptors of every track, from the middle of it.

    Args:
        dataset: The tracks.
        seconds: Largest length of the part that is decoded.
        sample_rate: Rate that all clips are brought to, in Hz.
        workers: Number of threads.

    Returns:
        The table, in the order of the data set, and the tracks that are left out of it.
    """
    rows: list[dict[str, Any] | str] = joblib.Parallel(n_jobs=workers, prefer="threads")(
        joblib.delayed(_row)(dataset, track_id, seconds, sample_rate)
        for track_id in dataset.tracks.index
    )
    found = dict(zip(dataset.tracks.index, rows, strict=True))
    good = {key: row for key, row in found.items() if isinstance(row, dict)}
    columns = [*KEYS, "loudness_lufs", "peak", "seconds"]
    table = pd.DataFrame.from_dict(good, orient="index", columns=columns)
    bad = {key: row for key, row in found.items() if isinstance(row, str)}
    return Described(table.rename_axis("track_id"), pd.Series(bad, dtype=object, name="reason"))


def _row(
    dataset: Dataset, track_id: str, seconds: float, sample_rate: int
) -> dict[str, float] | str:
    length = float(dataset.row(track_id)["duration_s"])
    start = max(0.0, (length - seconds) / 2) if math.isfinite(length) else 0.0
    try:
        clip = dataset.clip(track_id, sample_rate, start_s=start, duration_s=seconds)
        values = describe(clip.audio, sample_rate)
    except AudioError:
        return "cannot be decoded"
    if math.isnan(values["rms_db"]):
        return "silent"
    long_enough = clip.seconds >= BLOCK_S
    values["loudness_lufs"] = loudness_lufs(clip.audio, sample_rate) if long_enough else math.nan
    if not math.isfinite(values["loudness_lufs"]):
        values["loudness_lufs"] = math.nan
    return values | {"peak": peak(clip.audio), "seconds": clip.seconds}
