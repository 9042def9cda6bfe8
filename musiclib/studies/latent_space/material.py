"""The tracks of the chapter, and the spaces that they are put into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.datasets import Dataset
from musiclib.datasets.cutting import TARGET_LUFS
from musiclib.errors import DatasetError
from musiclib.latents import (
    RICH,
    AutoencoderLatents,
    LogMel,
    Mfcc,
    Pooled,
    Representation,
    Sequences,
    pooled,
    sequences,
)
from musiclib.latents.projection import Array, standardised
from musiclib.studies.dataset.recognition import scored_genres
from musiclib.studies.latent_space.truth import Facts, of_pieces
from musiclib.training import trained

MAIN: Final = "deep-16"
RAW: Final = "log-mel"
PIECE_S: Final = 3.0
SHORTEST_S: Final = 1.0
QUIETEST: Final = 1e-3
LABELS: Final[Mapping[str, str]] = {
    "deep-16": "deep-16",
    "pca-16": "pca-16",
    "frequency-128": "frequency-128",
    "log-mel": "log-mel",
    "mfcc": "MFCC",
}
"""The spaces and what a reader sees: latents of three models, and two that no model made."""
LATENTS: Final = ("deep-16", "pca-16", "frequency-128")


@dataclass(frozen=True, eq=False)
class Space:
    """Tracks and pieces as vectors.

    Attributes:
        name: A key of :data:`LABELS`.
        found: The sequences behind the vectors.
        pieces: Statistics of pieces, in the order of the tracks.
        tracks: Standardised mean vectors of tracks, in the order of the tracks table, `(M, D)`.
    """

    name: str
    found: Sequences
    pieces: Pooled
    tracks: Array

    @property
    def label(self) -> str:
        """What a reader sees."""
        return LABELS[self.name]


@dataclass(frozen=True, eq=False)
class Material:
    """All that the chapter works on.

    Attributes:
        music: The tracks that are used.
        spaces: By name.
        facts: Measured facts of the sound.
        left_out: Number of tracks that are too short, silent or cannot be decoded.
        genres: Genres that are compared; empty where the data set has fewer than two to compare.
    """

    music: Dataset
    spaces: dict[str, Space]
    facts: Sequences
    left_out: int
    genres: list[str]

    @property
    def tracks(self) -> pd.DataFrame:
        """The tracks table."""
        return self.music.tracks

    @property
    def training(self) -> npt.NDArray[np.bool_]:
        """Which tracks are not test tracks, `(M,)`."""
        return np.asarray(self.tracks["split"] != "test")

    @property
    def test(self) -> npt.NDArray[np.bool_]:
        """Which tracks are test tracks, `(M,)`."""
        return ~self.training


def names(profile: str) -> list[str]:
    """Spaces of a profile: all, or those that are quick to make."""
    return ["deep-16", "pca-16", "log-mel", "mfcc"] if profile == "smoke" else list(LABELS)


def material(dataset: Dataset, profile: str = "mini", seed: int = 0) -> Material:
    """Put all usable tracks of the balanced genres into each space.

    Args:
        dataset: Any data set. Where fewer than two genres are balanced, all tracks are used.
        profile: As for :func:`musiclib.training.trained`.
        seed: Seed of a training.

    Returns:
        The spaces.

    Raises:
        DatasetError: Fewer than two tracks for training or no track for the test is left.
    """
    genres = scored_genres(dataset.tracks)
    balanced = dataset.select(genres=genres) if genres else dataset
    music = usable(balanced)
    split = music.tracks["split"]
    if (split != "test").sum() < 2 or not (split == "test").any():
        raise DatasetError(
            f"the latent space of {dataset.name} needs two tracks for training and one for the "
            f"test, each of at least {SHORTEST_S:g} s and not silent: add music"
        )
    made = {name: space(name, music, dataset, profile, seed) for name in names(profile)}
    facts = sequences(Facts(), music)
    return Material(music, made, facts, len(balanced) - len(music), genres)


def usable(dataset: Dataset) -> Dataset:
    """Leave out tracks that cannot be decoded, are shorter than a second or below -60 dB."""
    audio = dataset.cache()
    kept = [
        track_id
        for track_id in dataset.tracks.index
        if track_id in audio
        and audio.length(track_id) >= SHORTEST_S * audio.sample_rate
        and float(np.abs(audio.audio(track_id)).max()) >= QUIETEST
    ]
    return replace(dataset, tracks=dataset.tracks.loc[kept])


def representation(name: str, dataset: Dataset, profile: str, seed: int) -> Representation:
    """The representation of a space by its name."""
    if name == "log-mel":
        return LogMel()
    if name == "mfcc":
        return Mfcc()
    return AutoencoderLatents(trained(name, dataset, profile, seed))


def space(name: str, music: Dataset, dataset: Dataset, profile: str, seed: int) -> Space:
    """Make one space: sequences, their statistics over pieces, and the means of tracks."""
    found = sequences(representation(name, dataset, profile, seed), music)
    pieces = pooled(found, PIECE_S, RICH)
    vectors, order = pieces.tracks()
    if order != list(music.tracks.index):
        raise DatasetError(f"{name} lacks tracks of {music.name}; empty the cache and run again")
    training = np.asarray(music.tracks["split"] != "test")
    return Space(name, found, pieces, standardised(vectors, training))


def loudness(found: Material) -> pd.DataFrame:
    """Loudness of each track, in the two senses that are left.

    Args:
        found: The material.

    Returns:
        Index `track_id`. `heard_db`: level after the peak was brought to 0.3, which is all that a
        model gets to hear. `source_lufs`: loudness of the source before the data set's clips were
        levelled, NaN where the tracks table does not tell.
    """
    heard = of_pieces(found.facts, PIECE_S).groupby("track_id", sort=False)["level"].mean()
    table = pd.DataFrame({"heard_db": heard.reindex(found.tracks.index)})
    gain = found.tracks.get("gain_db")
    table["source_lufs"] = np.nan if gain is None else TARGET_LUFS - gain.astype(float)
    return table
