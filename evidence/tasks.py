"""Tasks: what can be read off a space that nobody has to judge, since the sound itself says it.

An item is a space. Its rows are tracks: for identification the share of a track's pieces that are
recognised and what blind choice would have, for a property of the sound the squared error of a
linear map that never heard the artist and the one of knowing nothing.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import librosa
import numpy as np
import pandas as pd

from musiclib.audio import HOUSE_RATE, FloatArray, peak
from musiclib.errors import AudioError
from musiclib.evidence import Experiment, Item, Parameters, Tolerance
from musiclib.features.pooling import identified, ridge_probe, tempo_hits
from musiclib.genre.systems import (
    PIECE_S,
    SYSTEMS,
    describe,
    scored,
    tracks_with_folds,
)
from musiclib.models import PEAK

SPACES: Final = tuple(name for name in SYSTEMS if not name.endswith("by fold"))
"""Whether two tracks lie side by side can only be asked in one space: no encoder by fold here."""
SOUND: Final = ("loudness", "brightness", "percussiveness")
PITCHES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@lru_cache(maxsize=2)
def facts(parameters: Parameters) -> pd.DataFrame:
    """Return properties of the sound of all pieces, of clips with a peak of 0.3.

    Returns:
        `track_id`, `piece`, `loudness` in dB, `brightness` (the spectral centroid) in octaves,
        `percussiveness`, the shares of the twelve pitch classes; and `tempo` of the whole track in
        beats a minute.
    """
    rows = []
    for name in scored(parameters).tracks.index:
        audio = parameters.music.clip(str(name), HOUSE_RATE).audio
        audio = audio * np.float32(PEAK / max(peak(audio), 1e-9))
        tempo = _described(audio)["tempo_bpm"]
        size = min(round(PIECE_S * HOUSE_RATE), len(audio))
        for piece, start in enumerate(range(0, len(audio) - size + 1, size)):
            part = audio[start : start + size]
            told = _described(part)
            chroma = librosa.feature.chroma_stft(y=part, sr=HOUSE_RATE, tuning=0.0).mean(axis=1)
            row = {
                "track_id": name,
                "piece": piece,
                "loudness": told["rms_db"],
                "brightness": np.log2(told["centroid_hz"]),
                "percussiveness": told["percussive"],
                "tempo": tempo,
            }
            rows.append(row | dict(zip(PITCHES, chroma / max(chroma.sum(), 1e-9), strict=True)))
    return pd.DataFrame(rows)


def _described(audio: FloatArray) -> dict[str, float]:
    try:
        return describe(audio, HOUSE_RATE)
    except AudioError:  # silence has no properties
        return dict.fromkeys(("tempo_bpm", "rms_db", "centroid_hz", "percussive"), np.nan)


def items(parameters: Parameters) -> list[Item]:
    """List the spaces."""
    short = ("MFCC", "Log-mel", "Random deep encoder, 64")
    return [{"space": name} for name in (short if parameters.profile == "smoke" else SPACES)]


def measure(parameters: Parameters, item: Item) -> Iterator[dict[str, object]]:
    """Ask a space all questions."""
    tracks, system = tracks_with_folds(parameters), SYSTEMS[str(item["space"])]
    found = system.pieces(parameters, 1)
    rows = found.rows.assign(piece=found.rows.groupby("track_id").cumcount())
    values, names = found.values, rows["track_id"].to_numpy()
    about = tracks.loc[names]
    # An encoder that was trained here has heard the artists of all folds but the first.
    unheard = (about["fold"].to_numpy() == 1) | (not system.changes(parameters))

    def told(task: str, value: np.ndarray, reference: np.ndarray) -> Iterator[dict[str, object]]:
        """Sum what is known of pieces over each track."""
        table = pd.DataFrame({"value": value, "reference": reference, "track_id": names})
        table = table[np.isfinite(table["value"]) & unheard]
        sums = table.groupby("track_id", sort=False)[["value", "reference"]].sum()
        counts = table.groupby("track_id", sort=False).size()
        for name, one in sums.iterrows():
            yield {**item, "task": task, "track_id": name, "pieces": int(counts[name]), **one}

    # Pieces of the same track that touch sound on into each other.
    starts = rows["start_s"].to_numpy()
    yield from told("track", *identified(values, names, starts, 1.01 * PIECE_S, names))
    yield from told("artist", *_across(values, names, about["artist_group"].to_numpy()))
    if "package" in about:
        yield from told("soundtrack", *_across(values, names, about["package"].to_numpy()))

    truth = rows.merge(facts(parameters), how="left", on=["track_id", "piece"])
    fold, artist = about["fold"].to_numpy(), about["artist_group"].to_numpy()
    groups = {**{name: [name] for name in SOUND}, "chroma": list(PITCHES)}
    for task, columns in groups.items():
        wanted = truth[columns].to_numpy(np.float64)
        predicted, usual = _predicted(values, wanted, fold, artist)
        rest, total = (np.square(one - wanted).sum(axis=1) for one in (predicted, usual))
        yield from told(task, rest, total)
    wanted = np.log2(truth[["tempo"]].to_numpy(np.float64))
    predicted, usual = _predicted(values, wanted, fold, artist)
    # The pieces of a track speak with one voice.
    together = pd.Series(predicted[:, 0]).groupby(names).transform("mean").to_numpy()
    yield from told("tempo", *(_hits(wanted[:, 0], one) for one in (together, usual[:, 0])))


def _across(
    values: np.ndarray, names: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return identified(values, names, np.zeros(len(names)), np.inf, labels)


def _predicted(
    values: np.ndarray, wanted: np.ndarray, fold: np.ndarray, artist: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a linear map of the other folds says of each piece, and their mean.

    Both are NaN where the truth is not known, or nothing is left to learn from.
    """
    predicted, usual = np.full(wanted.shape, np.nan), np.full(wanted.shape, np.nan)
    known = np.isfinite(wanted).all(axis=1)
    for number in np.unique(fold):
        train, test = known & (fold != number), known & (fold == number)
        if train.any() and test.any():
            probe = ridge_probe(values[train], wanted[train], artist[train], values[test])
            predicted[test], usual[test] = probe.predicted, probe.baseline
    return predicted, usual


def _hits(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return whether tempi in octaves are within 4 %, octaves apart allowed; NaN if unknown."""
    hit = np.full(len(truth), np.nan)
    known = np.isfinite(truth) & np.isfinite(predicted)
    hit[known] = tempo_hits(np.exp2(truth[known]), np.exp2(predicted[known]))
    return hit


def quick(item: Item) -> bool:
    """Whether it takes seconds on a machine where nothing is computed yet."""
    return item["space"] == "MFCC"


EXPERIMENT = Experiment(
    items, measure, {"*": Tolerance(absolute=0.5, relative=0.05)}, quick, digits=5
)
