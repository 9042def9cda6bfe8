"""Systems: what a classifier is shown of a track.

Each gives vectors of pieces of three seconds for the fold that is tested. Encoders have heard no
artist of that fold: they were trained without it (`by fold`), or without any artist of the bundled
music.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from musiclib.codecs.latent import open_checkpoint
from musiclib.datasets import Dataset
from musiclib.datasets.debian_music import bundled_folds
from musiclib.evidence import BUNDLED, Parameters
from musiclib.genre.crossval import deal
from musiclib.latents import (
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
def dealt(parameters: Parameters, dealing: int = 0) -> pd.DataFrame:
    """Return the tracks of the genres that are scored, with their `fold`.

    Args:
        parameters: Of a chapter.
        dealing: 0: the folds that encoders are trained for; 1, 2, ...: others.

    Raises:
        DatasetError: There are no two genres that can be told apart without their artists.
    """
    if dealing == 0 and replace(parameters, profile="mini", seed=0) == BUNDLED:
        return bundled_folds()
    return deal(parameters.music.tracks, parameters.seed + dealing)


@lru_cache(maxsize=4)
def scored(parameters: Parameters) -> Dataset:
    """Return these tracks as a data set."""
    return parameters.music.select(track_ids=list(dealt(parameters).index))


def without(parameters: Parameters, fold: int) -> Dataset:
    """Return the music of some parameters, with a fold for its test part and one for validation."""
    number = dealt(parameters)["fold"].reindex(parameters.music.tracks.index)
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
        tracks = dealt(parameters)
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
