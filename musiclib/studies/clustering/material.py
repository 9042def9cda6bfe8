"""What is clustered: pieces of the tracks of comparable genres, as vectors and as frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from musiclib.datasets import AudioCache, Dataset
from musiclib.errors import ModelError
from musiclib.latents import MEAN_STD, RICH, AutoencoderLatents, LogMel, Mfcc, pooled, sequences
from musiclib.models import FrameAutoencoder
from musiclib.studies.clustering.fitting import Labels
from musiclib.studies.dataset.recognition import scored_genres
from musiclib.training import Checkpoint

FRAMES_A_PIECE = 8
TRACKS_A_GENRE = 60
"""Of larger data sets, so many tracks of each genre are drawn."""
LATENT, LOG_MEL, MFCC = "latents", "log-mel", "MFCC"


@dataclass(frozen=True, eq=False)
class Material:
    """Pieces of tracks, ready to be clustered.

    Attributes:
        vectors: Standardised statistics of each piece, `(N, D)`, by representation.
        frames: Some frames of each piece as the model sees them, `(N, T, F)`.
        piece_tracks: Number of each piece's track, `(N,)`.
        tracks: Tracks in the order of those numbers; index `track_id`.
        model: The autoencoder whose latents and frames these are.
    """

    vectors: Mapping[str, Tensor]
    frames: Tensor
    piece_tracks: Labels
    tracks: pd.DataFrame
    model: FrameAutoencoder

    @property
    def genres(self) -> list[str]:
        """The genres, in alphabetical order."""
        return sorted(set(self.tracks["genre"]))

    @property
    def genre_codes(self) -> Labels:
        """Number of each track's genre, `(M,)`."""
        return codes(self.tracks["genre"])

    @property
    def artist_codes(self) -> Labels:
        """Number of each track's artist, `(M,)`."""
        return codes(self.tracks["artist_group"])

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Whether each track is learned from, `(M,)`: all but the test part."""
        return np.asarray(self.tracks["split"] != "test")

    @property
    def learned(self) -> npt.NDArray[np.bool_]:
        """The same for each piece, `(N,)`."""
        return self.known[self.piece_tracks]


def codes(labels: pd.Series) -> Labels:
    """Number the labels of a column in alphabetical order, `(M,)`."""
    return np.unique(labels.astype(str), return_inverse=True)[1].astype(np.int64)


def load(
    dataset: Dataset, checkpoint: Checkpoint, seconds: float = 3.0, seed: int = 0
) -> Material | None:
    """Collect the pieces.

    Args:
        dataset: The music.
        checkpoint: A trained autoencoder of frames.
        seconds: Length of a piece.
        seed: Of the choice of tracks, where there are many.

    Returns:
        The pieces of the genres that can be compared
        (:func:`~musiclib.studies.dataset.recognition.scored_genres`); None if there are fewer
        than two such genres.

    Raises:
        ModelError: The checkpoint is of another kind of model.
    """
    model = checkpoint.build()
    if not isinstance(model, FrameAutoencoder):
        raise ModelError(
            f"{checkpoint.path.name} is a {model.config.kind} model; clustering by frames needs "
            "one of frames, such as deep-16"
        )
    genres = scored_genres(dataset.tracks)
    if not genres:
        return None
    chosen = dataset.select(genres=genres, per_genre=TRACKS_A_GENRE, seed=seed)
    found = {
        LATENT: (sequences(AutoencoderLatents(checkpoint), chosen), RICH),
        LOG_MEL: (sequences(LogMel(), chosen), MEAN_STD),
        MFCC: (sequences(Mfcc(), chosen), MEAN_STD),
    }
    tracks = found[LATENT][0].tracks
    if len(scored_genres(tracks)) < len(genres):  # what cannot be decoded may have been a genre
        return None
    tables = {name: pooled(one, seconds, how) for name, (one, how) in found.items()}
    rows = tables[LATENT].rows
    kept = pd.MultiIndex.from_frame(rows[["track_id", "start_s"]].round(1))
    known = (rows["split"] != "test").to_numpy()
    vectors = {}
    for name, one in tables.items():
        keys = pd.MultiIndex.from_frame(one.rows[["track_id", "start_s"]].round(1))
        places = _nearest(one.rows, rows) if not keys.equals(kept) else np.arange(len(rows))
        vectors[name] = standardised(one.values[places], known)
    numbers = pd.Series(np.arange(len(tracks)), tracks.index)
    cache = chosen.cache(checkpoint.model_config.sample_rate)
    frames = _frames(model, cache, rows, seconds, found[LATENT][0].frame_rate)
    return Material(vectors, frames, numbers[rows["track_id"]].to_numpy(), tracks, model)


def standardised(values: npt.NDArray[np.float32], known: npt.NDArray[np.bool_]) -> Tensor:
    """Scale columns to mean 0 and deviation 1 over the known rows, `(N, D)`; constants to 0."""
    wide = values.astype(np.float64)
    spread = wide[known].std(axis=0)
    scaled = (wide - wide[known].mean(axis=0)) / np.where(spread > 1e-6, spread, np.inf)
    return torch.from_numpy(scaled.astype(np.float32))


def _nearest(rows: pd.DataFrame, wanted: pd.DataFrame) -> Labels:
    """Row of the same track with the nearest start, for each wanted row.

    Frames of different lengths cut tracks at slightly different places, and the last piece of a
    track may be missing.
    """
    places = np.zeros(len(wanted), np.int64)
    starts, groups = rows["start_s"].to_numpy(), rows.groupby("track_id").indices
    for place, (track_id, start) in enumerate(
        zip(wanted["track_id"], wanted["start_s"], strict=True)
    ):
        own = groups[track_id]
        places[place] = own[np.abs(starts[own] - start).argmin()]
    return places


def _frames(
    model: FrameAutoencoder, cache: AudioCache, rows: pd.DataFrame, seconds: float, rate: float
) -> Tensor:
    """Evenly spaced frames of each piece, `(N, T, F)`."""
    length = max(1, int(seconds * rate + 1e-6))
    parts = []
    for track_id, pieces in rows.groupby("track_id", sort=False):
        audio = torch.tensor(cache.audio(str(track_id)), dtype=torch.float32)[None]
        with torch.inference_mode():
            spectrum = model.inputs(model.levelled(audio)[0])[0].T
        for start in (pieces["start_s"] * rate).round().astype(int):
            here = min(length, len(spectrum) - start)
            places = start + ((np.arange(FRAMES_A_PIECE) + 0.5) * here / FRAMES_A_PIECE).astype(int)
            parts.append(spectrum[torch.from_numpy(places)].clone())
    return torch.stack(parts).clone()
