"""Systems: what a classifier is shown of a track.

Each gives vectors of pieces of three seconds for the fold that is tested. Encoders have heard no
artist of that fold: they were trained without it (`by fold`), or without any artist of the bundled
music.

Besides, what is known of a track without learning: how its file was encoded, and descriptors,
numbers that anybody could take without knowing about music. They are in the family of Tzanetakis
and Cook ("Musical genre classification of audio signals", IEEE Transactions on Speech and Audio
Processing 10(5), 2002, section III). All but the RMS level do not change when the clip is made
louder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.fft

from musiclib.audio import HOUSE_RATE, FloatArray, peak, probe, rms_db
from musiclib.codecs.latent import open_checkpoint
from musiclib.datasets import Dataset
from musiclib.datasets.debian import bundled_folds
from musiclib.errors import AudioError
from musiclib.evidence import BUNDLED, Parameters
from musiclib.features import (
    RICH,
    AutoencoderLatents,
    Bands,
    CodedFrames,
    LogMel,
    Mfcc,
    Pooled,
    QuantisedLatents,
    RandomLatents,
    Representation,
    Sequences,
    fit_filterbank,
    pooled,
    sequences,
)
from musiclib.genre.crossval import make_folds
from musiclib.training import Checkpoint, trained

PIECE_S: Final = 3.0

DEALINGS: Final = 5
"""How often artists are dealt anew, so that the luck of one dealing counts less."""


@dataclass(frozen=True)
class System:
    """A system.

    Attributes:
        pieces: Vectors of the pieces of all tracks, for the fold that is tested, or for the number
            of a dealing, from 1 on, where they do not change with the fold.
        by_fold: Whether they differ from fold to fold.
        learns: Whether an encoder was trained for them.
    """

    pieces: Callable[[Parameters, int], Pooled]
    by_fold: bool = False
    learns: bool = False

    def changes(self, parameters: Parameters) -> bool:
        """Return whether the pieces differ from fold to fold; then artists are dealt once only."""
        return self.by_fold or (self.learns and parameters.profile != "mini")


@lru_cache(maxsize=8)
def tracks_with_folds(parameters: Parameters, dealing: int = 0) -> pd.DataFrame:
    """Return the tracks of the genres that are scored, with their `fold`.

    Args:
        parameters: Of a chapter.
        dealing: 0: the folds that encoders are trained for; 1, 2, ...: others.

    Raises:
        DatasetError: There are no two genres that can be told apart without their artists.
    """
    if dealing == 0 and replace(parameters, profile="mini", seed=0) == BUNDLED:
        return bundled_folds()
    return make_folds(parameters.music.tracks, parameters.seed + dealing)


@lru_cache(maxsize=4)
def scored(parameters: Parameters) -> Dataset:
    """Return these tracks as a data set."""
    return parameters.music.select(track_ids=list(tracks_with_folds(parameters).index))


def without(parameters: Parameters, fold: int) -> Dataset:
    """Return the music of some parameters, with a fold for its test part and one for validation."""
    number = tracks_with_folds(parameters)["fold"].reindex(parameters.music.tracks.index)
    following = fold % int(number.max()) + 1
    part = number.map({fold: "test", following: "validation"}).fillna("train")
    held_out = parameters.music.tracks["artist_group"].isin(
        parameters.music.tracks["artist_group"][number == fold]
    )
    part = part.mask(held_out, "test")
    return replace(parameters.music, tracks=parameters.music.tracks.assign(split=part))


def encoder(parameters: Parameters, name: str, fold: int, by_fold: bool = False) -> Checkpoint:
    """Return an autoencoder that has heard no artist of a fold.

    Args:
        parameters: With the profile `mini` it is a shipped one. Else it is trained on the music of
            the parameters without the fold.
        name: Of its recipe.
        fold: The fold.
        by_fold: Whether, of shipped ones, it is the one that has heard the artists of the others.
    """
    if parameters.profile == "mini":
        own = by_fold and parameters == BUNDLED
        return open_checkpoint(f"{name}-fold-{fold}" if own else f"{name}-apart")
    return trained(name, without(parameters, fold), parameters.profile, fold)


def shown(representation: Representation) -> System:
    """Return a system that is shown mean, deviation and changes of sequences."""
    return System(lambda parameters, _: _pooled(representation, parameters))


def _pooled(representation: Representation, parameters: Parameters) -> Pooled:
    return pooled(sequences(representation, scored(parameters)), PIECE_S, RICH)


def latents(name: str, *, by_fold: bool = False, step: int | None = None) -> System:
    """Return a system that is shown latents; with a step, whole numbers as a file holds them."""

    def statistics(parameters: Parameters, fold: int) -> Pooled:
        found = encoder(parameters, name, fold, by_fold)
        of = AutoencoderLatents(found) if step is None else QuantisedLatents(found, step)
        return _pooled(of, parameters)

    return System(statistics, by_fold, learns=True)


def untrained(name: str, swings: bool = False) -> System:
    """Return a system that is shown latents of the same network with random weights.

    Each dealing of artists has random weights of its own.
    """

    def statistics(parameters: Parameters, number: int) -> Pooled:
        of = RandomLatents(encoder(parameters, name, number), number)
        return _banded(of, parameters) if swings else _pooled(of, parameters)

    return System(statistics, learns=True)


def in_bands(name: str) -> System:
    """Return a system that is shown energies of latents that swing, in principal bands."""

    def statistics(parameters: Parameters, fold: int) -> Pooled:
        return _banded(AutoencoderLatents(encoder(parameters, name, fold)), parameters)

    return System(statistics, learns=True)


def _banded(of: Representation, parameters: Parameters) -> Pooled:
    found = sequences(of, scored(parameters))
    bank = fit_filterbank(found, list(found.tracks.index))  # it sees no label
    return _pooled(Bands(of, bank), parameters)


def of_tracks(make: Callable[[Dataset], pd.DataFrame], name: str) -> System:
    """Return a system that is shown a row of numbers a track; what is missing becomes a median."""

    @lru_cache(maxsize=1)
    def statistics(parameters: Parameters) -> Pooled:
        tracks = tracks_with_folds(parameters)
        table = make(scored(parameters)).reindex(tracks.index).astype(float)
        table = table.replace([np.inf, -np.inf], np.nan)
        table = table.fillna(table.median()).dropna(axis=1)
        rows = tracks[["genre", "split", "artist_group"]].assign(start_s=0.0)
        rows = rows.rename_axis("track_id").reset_index()
        return Pooled(table.to_numpy(np.float32), rows, name)

    return System(lambda parameters, _: statistics(parameters))


BEST: Final = "rate-18"
"""The autoencoder on which fine-tuning and attention are tried."""

SYSTEMS: Final[dict[str, System]] = {
    "MFCC": shown(Mfcc()),
    "Log-mel": shown(LogMel()),
    "Principal components, 16": latents("pca-16"),
    "Principal components, 64": latents("pca-64"),
    "Principal components, 64, by fold": latents("pca-64", by_fold=True),
    "Random deep encoder, 64": untrained("deep-64"),
    "Deep autoencoder, 16": latents("deep-16"),
    "Deep autoencoder, 64": latents("deep-64"),
    "Deep autoencoder, 64, by fold": latents("deep-64", by_fold=True),
    "Random spectrogram encoder": untrained(BEST),
    "Spectrogram autoencoder": latents(BEST),
    "Random waveform encoder": untrained("waveform-rate", swings=True),
    "Waveform autoencoder": in_bands("waveform-rate"),
    "Residual vector quantiser": latents("rvq", step=-26),
    "Melic": shown(CodedFrames(130)),
}
"""Systems that hear the sound, by what a reader calls them."""

QUICK: Final = ("MFCC", "Log-mel", "Principal components, 16", "Random deep encoder, 64")
"""Those that a few steps of training say something of."""


def best_latents(parameters: Parameters, fold: int) -> tuple[AutoencoderLatents, Sequences]:
    """Return the latents for fine-tuning and attention, and their sequences."""
    of = AutoencoderLatents(encoder(parameters, BEST, fold))
    return of, sequences(of, scored(parameters))


FRAME: Final = 1024
HOP: Final = 512
MEL_BANDS: Final = 64
RANGE_DB: Final = 60.0
BLOCK_S: Final = 0.4
QUIETEST_DB: Final = -80.0
LONGEST_S: Final = 30.0
ENCODING: Final = ("codec", "sample_rate", "channels", "bitrate_kbps", "bandwidth_hz")
_BASS_HZ, _HIGHS_HZ = 200.0, 5000.0

Array = npt.NDArray[np.floating]

DESCRIPTORS: Final = {
    # level and dynamics
    "rms_db": "root mean square of the samples, in dB",
    "crest_db": "largest sample over the root mean square, in dB",
    "range_db": "loud over quiet blocks of 0.4 s, the 95th over the 10th percentile, in dB",
    # brightness
    "centroid_hz": "centre of the spectrum",
    "spread_hz": "its width around the centre",
    "rolloff_hz": "85 % of the energy lies below",
    "bandwidth_hz": "highest frequency within 70 dB of the peak",
    "bass_db": "energy below 200 Hz over all energy",
    "highs_db": "energy above 5 kHz over all energy",
    # noisiness
    "crossings_hz": "changes of sign a second of the wave",
    "flatness_db": "0 dB for white noise, low for tones",
    "percussive": "share of the energy in clicks rather than in held tones",
    # rhythm
    "onset_db": "mean rise of the bands from frame to frame",
    "pulse": "how regularly the rises repeat, at most 1",
    "tempo_bpm": "most likely rate of the repetition, in beats a minute",
}
"""What is measured of a clip, and what each of the numbers is."""


def describe(audio: FloatArray, sample_rate: int) -> dict[str, float]:
    """Take all descriptors of a clip.

    Args:
        audio: Mono, `(N,)`.
        sample_rate: In Hz.

    Returns:
        A value for each of `DESCRIPTORS`. What a clip has not got is NaN: everything for silence
        (below -80 dB), tempo and pulse for clips below two seconds.

    Raises:
        AudioError: If the audio is empty or not finite.
    """
    level = rms_db(audio)
    if level < QUIETEST_DB:
        return dict.fromkeys(DESCRIPTORS, math.nan)
    power = _spectrogram(audio)
    if not np.any(power):  # all the sound is in the last samples, which fill no frame
        return dict.fromkeys(DESCRIPTORS, math.nan)
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


def descriptor_table(dataset: Dataset, workers: int = 2) -> pd.DataFrame:
    """Take the descriptors of every track, from at most half a minute in its middle.

    Returns:
        Index `track_id` in the order of the data set, a column for each of `DESCRIPTORS`. Tracks
        that are silent or cannot be decoded are left out.
    """

    def row(track_id: str) -> dict[str, float] | None:
        length = float(dataset.row(track_id)["duration_s"])
        start = max(0.0, (length - LONGEST_S) / 2) if math.isfinite(length) else 0.0
        try:
            clip = dataset.clip(track_id, HOUSE_RATE, start_s=start, duration_s=LONGEST_S)
            values = describe(clip.audio, HOUSE_RATE)
        except AudioError:
            return None
        return None if math.isnan(values["rms_db"]) else values

    names = dataset.tracks.index
    rows = joblib.Parallel(n_jobs=workers, prefer="threads")(map(joblib.delayed(row), names))
    found = {name: values for name, values in zip(names, rows, strict=True) if values}
    table = pd.DataFrame.from_dict(found, orient="index", columns=list(DESCRIPTORS))
    return table.rename_axis("track_id")


def encoding_table(dataset: Dataset) -> pd.DataFrame:
    """How the music was encoded where it came from.

    Returns:
        Index `track_id`; columns of `ENCODING`, codec as text, the others as numbers: the
        `source_*` columns of the table where it has them, else what the headers of the files say.
    """
    tracks = dataset.tracks
    names = [name for name in ENCODING if f"source_{name}" in tracks]
    if "codec" not in names:
        rows = [_header(dataset, track_id) for track_id in tracks.index]
        return pd.DataFrame(rows, index=tracks.index, columns=list(ENCODING[:4]))
    table = tracks[[f"source_{name}" for name in names]].set_axis(names, axis=1)
    numbers = [name for name in names if name != "codec"]
    return table.assign(**{name: pd.to_numeric(table[name], errors="coerce") for name in numbers})


def _header(dataset: Dataset, track_id: str) -> tuple[str, float, float, float]:
    try:
        info = probe(dataset.file(track_id))
    except AudioError:
        return "unknown", math.nan, math.nan, math.nan
    bitrate = math.nan if info.bitrate_kbps is None else info.bitrate_kbps
    # FFmpeg names its decoder, "mp3float", where the format is meant.
    return info.codec.removesuffix("float"), info.sample_rate, info.channels, bitrate
