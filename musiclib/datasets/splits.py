"""Splits that keep every artist on one side.

Tracks of one artist sound alike. A classifier that has heard an artist in training scores
well on that artist's other tracks without knowing anything about genre ("album effect",
Flexer and Schnitzer, "Effects of album and artist filters in audio similarity computed for
very large music databases", Computer Music Journal 34(3), 2010). So the unit of a split is
the artist group, never the track.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.errors import DatasetError

TRAIN_FRACTION = 0.7
VALIDATION_FRACTION = 0.15
# Of the validation parts of `mini` and `debian`. No other seed may move them: tracks that shipped
# models were trained on would then pass for tracks that they never heard.
OFFICIAL_SEED = 0
FOLDS = 5
SMALLEST_SHARE = 0.5
_STARTS = 10
_GOOD_ENOUGH = 0.005  # tracks off the wanted shares, as a part of all


def split_tracks(
    tracks: pd.DataFrame,
    train_fraction: float = TRAIN_FRACTION,
    seed: int = 0,
    validation_fraction: float = 0.0,
) -> pd.Series:
    """Split tracks into train and test (and validation), stratified by genre, artist-disjoint.

    scikit-learn's `GroupShuffleSplit` draws whole artist groups. Single groups are then moved
    across while that brings the share of every genre nearer to the wanted one, and the best
    of a few draws is kept. A genre with a single artist cannot be on both sides: that is
    warned of. With one artist group in all, every track is in "train", with a warning.

    Args:
        tracks: Table with columns `genre` and `artist_group`.
        train_fraction: Share of the tracks outside the test part, between 0 and 1.
        seed: Seed of the split; equal seeds give equal splits, whatever the order of rows.
        validation_fraction: Share of the training part that is cut off as "validation" in
            the same way; 0 for none.

    Returns:
        Series of "train", "test" and "validation" with the index of `tracks`.

    Raises:
        DatasetError: The table is empty or lacks a column, or a fraction is out of range.
    """
    if tracks.empty:
        raise DatasetError("there are no tracks to split")
    for column in ("genre", "artist_group"):
        if column not in tracks.columns:
            raise DatasetError(f"the tracks table has no column {column!r} to split by")
    if not 0 < train_fraction < 1:
        raise DatasetError(f"train_fraction is {train_fraction}; it must be between 0 and 1")
    if not 0 <= validation_fraction < 1:
        raise DatasetError(
            f"validation_fraction is {validation_fraction}; it must be at least 0 and below 1"
        )
    split = pd.Series("train", index=tracks.index, name="split", dtype=object)
    split[_cut(tracks, 1 - train_fraction, seed, "test")] = "test"
    if validation_fraction > 0:
        rest = tracks[split == "train"]
        split[_cut(rest, validation_fraction, seed, "validation")] = "validation"
    return split


def with_validation(
    tracks: pd.DataFrame, fraction: float = VALIDATION_FRACTION, seed: int = 0
) -> pd.DataFrame:
    """Return the table with a share of its training tracks marked "validation".

    The cut is made among the artists of the training part, so that all three parts stay
    artist-disjoint; "test" is left as it is.

    Args:
        tracks: Table with columns `genre`, `artist_group` and `split`.
        fraction: Share of the training tracks, above 0 and below 1.
        seed: Seed of the choice.

    Raises:
        DatasetError: The fraction is out of range, or there is no training track.
    """
    if not 0 < fraction < 1:
        raise DatasetError(f"the validation fraction is {fraction}; it must be between 0 and 1")
    train = tracks[tracks["split"] == "train"]
    if train.empty:
        raise DatasetError("there are no training tracks to cut a validation part from")
    tracks = tracks.copy()
    tracks.loc[_cut(train, fraction, seed, "validation"), "split"] = "validation"
    return tracks


def scored_genres(tracks: pd.DataFrame) -> list[str]:
    """Return the genres on which a score makes sense, in alphabetical order.

    Args:
        tracks: Table with columns `genre` and `artist_group`.

    Returns:
        Genres with at least half as many tracks as the largest, by at least two artists; "unknown"
        is no genre. Empty where fewer than two are left.
    """
    known = tracks[tracks["genre"] != "unknown"]
    counts = known["genre"].value_counts()
    artists = known.groupby("genre")["artist_group"].nunique()
    large = counts.index[counts >= SMALLEST_SHARE * counts.max()]
    genres = sorted(str(genre) for genre in large if artists[genre] > 1)
    return genres if len(genres) > 1 else []


def folds(tracks: pd.DataFrame, count: int = FOLDS, seed: int = 0) -> pd.Series:
    """Deal tracks into folds for cross-validation, stratified by genre, each artist in one fold.

    Args:
        tracks: Table with columns `genre` and `artist_group`.
        count: Number of folds; no more are made than there are artists in all, or tracks of the
            largest genre.
        seed: Seed of the dealing; equal seeds give equal folds, whatever the order of rows.

    Returns:
        Numbers from 1 on, with the index of `tracks`.

    Raises:
        DatasetError: There are tracks of fewer than two artists, so that there is nobody else to
            learn from.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    ordered = tracks.sort_index()
    artists = ordered["artist_group"].nunique()
    count = min(count, artists, int(ordered["genre"].value_counts().max()) if artists else 0)
    if count < 2:
        raise DatasetError(
            f"{len(tracks)} tracks of {artists} artist groups cannot be dealt into folds that "
            "share no artist; add music by others"
        )
    number = pd.Series(0, index=ordered.index, name="fold")
    deal = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of genres smaller than the number of folds
        parts = list(deal.split(ordered, ordered["genre"], ordered["artist_group"]))
    for place, (_, held_out) in enumerate(parts):
        number.iloc[held_out] = place + 1
    return number.reindex(tracks.index)


def shared_artists(tracks: pd.DataFrame) -> list[str]:
    """Return the artist groups that occur in more than one split; empty is what one wants."""
    parts = tracks.groupby("artist_group")["split"].nunique()
    return sorted(parts[parts > 1].index)


def _cut(tracks: pd.DataFrame, fraction: float, seed: int, name: str) -> pd.Index:
    """Return the labels of about `fraction` of the tracks, whole artist groups only."""
    from sklearn.model_selection import GroupShuffleSplit

    ordered = tracks.sort_index()
    groups, group_names = pd.factorize(ordered["artist_group"], sort=True)
    genres, genre_names = pd.factorize(ordered["genre"], sort=True)
    count = len(group_names)
    if count < 2:
        warnings.warn(
            f"all {len(tracks)} tracks are by one artist: no artist-disjoint {name} part can be "
            "cut; add music by other artists",
            stacklevel=3,
        )
        return tracks.index[:0]
    _warn_single_artist_genres(ordered, name)
    table = np.zeros((count, len(genre_names)))
    np.add.at(table, (groups, genres), 1)
    size = min(max(1, round(fraction * count)), count - 1)
    draws = GroupShuffleSplit(_STARTS, test_size=size, random_state=seed)
    best, best_distance = np.zeros(count, dtype=bool), np.inf
    for _, members in draws.split(groups, groups=groups):
        taken = np.zeros(count, dtype=bool)
        taken[groups[members]] = True
        taken, distance = _refined(taken, table, fraction)
        if distance < best_distance:
            best, best_distance = taken, distance
        if best_distance <= _GOOD_ENOUGH * len(tracks):
            break
    return ordered.index[best[groups]]


def _refined(
    taken: npt.NDArray[np.bool_], table: npt.NDArray[np.float64], fraction: float
) -> tuple[npt.NDArray[np.bool_], float]:
    """Move single artist groups across while that brings every share nearer to `fraction`.

    Args:
        taken: Which groups are taken, shape `(groups,)`.
        table: Tracks of each group and genre, shape `(groups, genres)`.
        fraction: The share wanted.

    Returns:
        The groups taken at last, shape `(groups,)`, and their `_distance`.
    """
    totals = table.sum(axis=0)
    share = table[taken].sum(axis=0)
    best = float(_distance(share, totals, fraction))
    while True:
        moved = share + np.where(taken, -1.0, 1.0)[:, None] * table
        distances = _distance(moved, totals, fraction)
        sizes = moved.sum(axis=1)
        distances[(sizes <= 0) | (sizes >= totals.sum())] = np.inf  # neither part may be empty
        move = int(np.argmin(distances))
        if not distances[move] < best - 1e-9:
            return taken, best
        best, share = float(distances[move]), moved[move]
        taken[move] = not taken[move]


def _distance(
    taken: npt.NDArray[np.float64], totals: npt.NDArray[np.float64], fraction: float
) -> npt.NDArray[np.float64]:
    """Return how many tracks `taken`, shape `(..., genres)`, is off the wanted shares."""
    by_genre = np.abs(taken - fraction * totals).sum(axis=-1)
    overall = np.abs(taken.sum(axis=-1) - fraction * totals.sum())
    # At full weight, balanced errors of two genres would be a dead end for single moves.
    return np.asarray(by_genre + overall / 2)


def _warn_single_artist_genres(tracks: pd.DataFrame, name: str) -> None:
    artists = tracks.groupby("genre")["artist_group"].nunique()
    several = tracks["genre"].value_counts().reindex(artists.index) > 1
    alone = sorted(artists[(artists == 1) & several].index)
    if alone:
        warnings.warn(
            f"genre(s) with a single artist cannot be in both the training and the {name} part: "
            + ", ".join(alone),
            stacklevel=4,
        )
