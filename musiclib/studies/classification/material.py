"""The tracks of the chapter, their latents, and who learns from what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from musiclib.audio import FloatArray
from musiclib.datasets import Clip, Dataset
from musiclib.errors import DatasetError
from musiclib.genre import RUNS, SEGMENT_S, Run, runs, scored_genres
from musiclib.latents import AutoencoderLatents, Sequences, sequences
from musiclib.latents.sources import frames_in
from musiclib.studies.latent_space.material import usable
from musiclib.training import trained

MODEL: Final = "deep-16"
SMOKE_TRACKS: Final = 40


@dataclass(frozen=True, eq=False)
class Material:
    """What the chapter works on.

    Attributes:
        music: The usable tracks of the genres that are compared, or all usable tracks.
        source: What models are trained on, where they are trained and not shipped.
        found: Their latents.
        runs: Who learns from what; empty where genres cannot be compared.
        reason: Why not, as a sentence; empty where they can.
    """

    music: Dataset
    source: Dataset
    found: Sequences
    runs: list[Run]
    reason: str

    @property
    def tracks(self) -> pd.DataFrame:
        """The tracks table."""
        return self.music.tracks

    @property
    def representation(self) -> AutoencoderLatents:
        """The latents' model."""
        assert isinstance(self.found.representation, AutoencoderLatents)
        return self.found.representation

    @property
    def genres(self) -> list[str]:
        """The genres that are compared, or those that are there."""
        return list(self.runs[0].genres) if self.runs else self.music.genres

    @property
    def test(self) -> Sequences:
        """Latents of the test tracks."""
        return self.found.select(self.tracks[self.tracks["split"] == "test"])

    @property
    def frames(self) -> int:
        """Frames of latents in a piece."""
        return frames_in(self.found, SEGMENT_S)

    @property
    def described(self) -> str:
        """What the examples use, in sentences."""
        test = self.tracks[self.tracks["split"] == "test"]
        artists, heard = (table["artist_group"].nunique() for table in (self.tracks, test))
        words = f"The examples use {counted(len(self.tracks), 'track')} "
        words += f"of {counted(len(self.genres), 'genre')} by {counted(artists, 'artist')}. "
        words += f"The test part has {counted(len(test), 'track')} by {counted(heard, 'artist')}."
        if self.reason:
            words += f" **{self.reason} What needs genres can't be shown with this music, and the "
            words += "text says so.**"
        return words

    def piece(self, track_id: str, start_s: float, seconds: float = SEGMENT_S) -> Clip:
        """The sound of a piece, at the rate that the model hears."""
        return self.music.clip(track_id, self.representation.sample_rate, start_s, seconds)

    def latents(self, track_id: str, start_s: float, seconds: float = SEGMENT_S) -> FloatArray:
        """The latents of a piece, `(C, L)`."""
        rate = self.found.frame_rate
        length = max(1, round(seconds * rate))
        return self.found.piece(track_id, round(start_s * rate), length)


def material(dataset: Dataset, profile: str = "mini", seed: int = 0) -> Material:
    """Open what the chapter needs.

    Args:
        dataset: Any data set.
        profile: As for :func:`musiclib.training.trained`; with `smoke` about 40 tracks.
        seed: Seed of a training, and of the dealing.

    Returns:
        Tracks, latents and runs.

    Raises:
        DatasetError: No test track is left that can be used.
    """
    genres = scored_genres(dataset.tracks)
    chosen = dataset.select(genres=genres) if genres else dataset
    if profile == "smoke":
        chosen = chosen.select(per_genre=max(4, SMOKE_TRACKS // len(chosen.genres)), seed=seed)
    music = usable(chosen)
    if not (music.tracks["split"] == "test").any():
        raise DatasetError(
            f"{dataset.name} has no test track of a second or more that is not silent: add music"
        )
    dealt, reason = deal(music.tracks, seed)
    # A quick training warns of tracks that are too short to give it anything.
    source = usable(dataset) if profile == "smoke" else dataset
    found = sequences(AutoencoderLatents(trained(MODEL, source, profile, seed)), music)
    return Material(music, source, found, dealt, reason)


def counted(number: int, noun: str) -> str:
    """A number with its noun, which has an s from two on."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def deal(tracks: pd.DataFrame, seed: int = 0) -> tuple[list[Run], str]:
    """Deal the tracks into runs, or say why that cannot be done.

    Where the rarest genre has fewer artists outside the test part than the usual number of runs,
    there are fewer runs.

    Args:
        tracks: Table with `genre`, `split` and `artist_group`; index `track_id`.
        seed: Seed of the dealing.

    Returns:
        The runs and an empty text, or no runs and a sentence.
    """
    genres = scored_genres(tracks)
    if not genres:
        return [], "Fewer than two genres here have enough tracks to be compared."
    rest = tracks[tracks["genre"].isin(genres) & (tracks["split"] != "test")]
    artists = rest.groupby("genre")["artist_group"].nunique()
    if artists.min() < 2:
        return [], f"Outside the test part, {artists.idxmin()} is by one artist alone."
    try:
        return runs(tracks, min(RUNS, int(artists.min())), seed), ""
    except DatasetError as error:
        return [], f"The tracks cannot be dealt: {error}."
