"""How the spaces are laid out: numbers for whole spaces and for their pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.latents import quality
from musiclib.latents.projection import PROJECTIONS, Array, project
from musiclib.stats import Interval
from musiclib.studies.latent_space.material import MAIN, Material, loudness


@dataclass(frozen=True, eq=False)
class Picture:
    """One projection of all tracks.

    Attributes:
        name: A key of :data:`musiclib.latents.projection.PROJECTIONS`.
        places: Of all tracks, `(M, 2)`.
    """

    name: str
    places: Array

    @property
    def label(self) -> str:
        """What a reader sees."""
        return PROJECTIONS[self.name]

    @property
    def framed(self) -> Array:
        """The places for drawing: the outermost 2 % of each direction are set on the edge.

        A few tracks far outside would press all others into a corner. Measures use the places.
        """
        low, high = np.percentile(self.places, [1.0, 99.0], axis=0)
        room = 0.08 * (high - low)
        return np.clip(self.places, low - room, high + room)


@dataclass(frozen=True, eq=False)
class Company:
    """What kind of neighbours tracks have.

    Attributes:
        genre: Share of the five nearest that have a track's genre, its own artist left out.
        genre_chance: The same for a blind choice.
        genre_silhouette: Mean silhouette by genre.
        artist: Share of tracks whose nearest neighbour has their artist.
        artist_chance: The same for a blind choice.
        artist_silhouette: Mean silhouette by artist.
        level: Correlation of a track's level with that of its five nearest.
        shares: `genre` for each track, `(N,)`.
    """

    genre: Interval
    genre_chance: float
    genre_silhouette: Interval
    artist: Interval
    artist_chance: float
    artist_silhouette: Interval
    level: float
    shares: Array


def company(
    values: npt.ArrayLike, tracks: pd.DataFrame, level: npt.ArrayLike, genres: bool
) -> Company:
    """Measure the neighbours of tracks in a space or a picture.

    Args:
        values: A row a track, `(N, D)`.
        tracks: Their table, with `genre` and `artist_group`.
        level: Level of each track in dB, `(N,)`.
        genres: Whether there are genres to compare.

    Returns:
        The measures; NaN where one cannot be computed.
    """
    apart = quality.distances(values)
    owners = tracks["artist_group"].to_numpy()
    kinds = tracks["genre"].to_numpy()
    nothing = np.full(len(tracks), math.nan)
    shares, chance = quality.purity(apart, kinds, owners) if genres else (nothing, nothing)
    hits, blind = quality.same_nearest(apart, owners)
    by_genre = quality.silhouettes(apart, kinds) if genres else nothing
    by_artist = quality.silhouettes(apart, owners)
    return Company(
        quality.grouped_interval(shares, owners, (0.0, 1.0)),
        _mean(chance),
        quality.grouped_interval(by_genre, owners, (-1.0, 1.0)),
        quality.grouped_interval(hits, owners, (0.0, 1.0)),
        _mean(blind),
        quality.grouped_interval(by_artist, owners, (-1.0, 1.0)),
        quality.neighbour_correlation(apart, level, owners),
        shares,
    )


def spaces(found: Material) -> dict[str, Company]:
    """Neighbours of the test tracks in each whole space, by the space's name."""
    level = loudness(found)["heard_db"].to_numpy()[found.test]
    part = found.tracks[found.test]
    return {
        name: company(one.tracks[found.test], part, level, bool(found.genres))
        for name, one in found.spaces.items()
    }


def pictures(
    found: Material, profile: str = "mini", seed: int = 0, space: str = MAIN
) -> dict[str, Picture]:
    """All projections of a space that can be computed, by name.

    Args:
        found: The material.
        profile: `smoke` leaves out UMAP, whose code takes long to compile.
        seed: Seed of the projections that draw.
        space: The space.

    Returns:
        The pictures.
    """
    values, labels = found.spaces[space].tracks, list(found.tracks["genre"])
    names = [name for name in PROJECTIONS if name != "umap" or profile != "smoke"]
    made = {name: project(name, values, found.training, labels, seed) for name in names}
    return {name: Picture(name, places) for name, places in made.items() if places is not None}


def judged(found: Material, made: Mapping[str, Picture]) -> dict[str, Company]:
    """Neighbours of the test tracks in each picture, by its name."""
    level = loudness(found)["heard_db"].to_numpy()[found.test]
    part = found.tracks[found.test]
    return {
        name: company(picture.places[found.test], part, level, bool(found.genres))
        for name, picture in made.items()
    }


def trust(found: Material, made: Mapping[str, Picture], space: str = MAIN) -> dict[str, float]:
    """Trustworthiness of each picture, on the test tracks."""
    apart = quality.distances(found.spaces[space].tracks[found.test])
    return {
        name: quality.kept_neighbours(apart, picture.places[found.test])
        for name, picture in made.items()
    }


def flattered(found: Material, made: Mapping[str, Picture]) -> dict[str, float]:
    """Purity by genre of each picture on the tracks that LDA was fitted on."""
    if not found.genres:
        return dict.fromkeys(made, math.nan)
    part = found.tracks[found.training]
    kinds, owners = part["genre"].to_numpy(), part["artist_group"].to_numpy()
    return {
        name: _mean(quality.purity(quality.distances(one.places[found.training]), kinds, owners)[0])
        for name, one in made.items()
    }


def across_packages(found: Material) -> tuple[dict[str, Interval], float]:
    """Purity by genre when neighbours of the same soundtrack are left out as well as the artist's.

    Args:
        found: The material.

    Returns:
        For each space the share, with an interval over artists, and that of a blind choice; empty
        where a data set knows no packages or no genres.
    """
    if not found.genres or "package" not in found.tracks:
        return {}, math.nan
    part = found.tracks[found.test]
    owners, packages = part["artist_group"].to_numpy(), part["package"].astype(str).to_numpy()
    result, chance = {}, math.nan
    for name, one in found.spaces.items():
        apart = quality.distances(one.tracks[found.test])
        shares, blind = quality.purity(apart, part["genre"].to_numpy(), owners, packages)
        result[name] = quality.grouped_interval(shares, owners, (0.0, 1.0))
        chance = _mean(blind)
    return result, chance


def variance_shares(found: Material) -> pd.DataFrame:
    """Share of each space's variance that genre, artist and loudness explain, in percent.

    Args:
        found: The material; all its tracks count, no label is fitted that a score is taken on.

    Returns:
        A row a space, a column a factor; adjusted for the number of groups, NaN where a factor
        cannot be told.
    """
    loud = loudness(found)
    factors = {
        "Artist": found.tracks["artist_group"].astype(str).to_numpy(),
        "Genre": found.tracks["genre"].astype(str).to_numpy(),
        "Level heard": loud["heard_db"].to_numpy(float),
        "Loudness of the source": loud["source_lufs"].to_numpy(float),
    }
    rows = {
        name: {
            label: 100 * quality.explained(one.tracks, factor) for label, factor in factors.items()
        }
        for name, one in found.spaces.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def versus(found: Material, measured: Mapping[str, Company], first: str, second: str) -> Interval:
    """Purity by genre of one space minus that of another on the same test tracks.

    Args:
        found: The material.
        measured: Result of :func:`spaces`.
        first: A space.
        second: Another one.

    Returns:
        The difference with an interval over artists.
    """
    owners = found.tracks["artist_group"].to_numpy()[found.test]
    return quality.grouped_interval(measured[first].shares - measured[second].shares, owners)


def _mean(values: npt.NDArray[np.float64]) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else math.nan
