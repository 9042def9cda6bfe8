"""Splits that keep every artist on one side.

Tracks of one artist sound alike. A classifier that has heard an artist in training scores
well on that artist's other tracks without knowing anything about genre ("album effect",
Flexer and Schnitzer, "Effects of album and artist filters in audio similarity computed for
very large music databases", Computer Music Journal 34(3), 2010). So the unit of a split is
the artist group, never the track.
"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd

from musiclib.errors import DatasetError

TRAIN_FRACTION = 0.7
VALIDATION_FRACTION = 0.15
_MAX_FOLDS = 10


def split_tracks(
    tracks: pd.DataFrame,
    train_fraction: float = TRAIN_FRACTION,
    seed: int = 0,
    validation_fraction: float = 0.0,
) -> pd.Series:
    """Split tracks into train and test (and validation), stratified by genre, artist-disjoint.

    scikit-learn's `StratifiedGroupKFold` cuts the artist groups into up to ten folds with a
    like mixture of genres; the set of folds nearest to the wanted share of every genre
    becomes the test part. A genre with a single artist cannot be on both sides: that is
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


def shared_artists(tracks: pd.DataFrame) -> list[str]:
    """Return the artist groups that occur in more than one split; empty is what one wants."""
    parts = tracks.groupby("artist_group")["split"].nunique()
    return sorted(parts[parts > 1].index)


def _cut(tracks: pd.DataFrame, fraction: float, seed: int, name: str) -> pd.Index:
    """Return the labels of about `fraction` of the tracks, whole artist groups only."""
    from sklearn.model_selection import StratifiedGroupKFold

    ordered = tracks.sort_index()
    genre_codes, genres = pd.factorize(ordered["genre"], sort=True)
    groups = ordered["artist_group"].to_numpy(dtype=str)
    group_count = len(np.unique(groups))
    if group_count < 2:
        warnings.warn(
            f"all {len(tracks)} tracks are by one artist: no artist-disjoint {name} part can be "
            "cut; add music by other artists",
            stacklevel=3,
        )
        return tracks.index[:0]
    sizes = np.bincount(genre_codes)
    _warn_single_artist_genres(ordered, name)
    folds = _fold_count(fraction, limit=min(_MAX_FOLDS, group_count, int(sizes.max())))
    if folds < 2:
        # Every genre has one track: folds cannot be stratified, so stratify by nothing.
        genre_codes = np.zeros(len(ordered), dtype=int)
        folds = _fold_count(fraction, limit=min(_MAX_FOLDS, group_count))
    fold_of = np.empty(len(ordered), dtype=int)
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # It warns of genres with fewer tracks than folds; those are handled by the choice below.
        warnings.simplefilter("ignore", UserWarning)
        for number, (_, members) in enumerate(
            splitter.split(np.zeros(len(ordered)), genre_codes, groups)
        ):
            fold_of[members] = number
    counts = np.zeros((folds, len(genres)))
    np.add.at(counts, (fold_of, pd.factorize(ordered["genre"], sort=True)[0]), 1)
    chosen = _nearest_folds(counts, fraction, seed)
    return ordered.index[np.isin(fold_of, chosen)]


def _nearest_folds(counts: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Return the folds whose union is nearest to `fraction` of the tracks and of each genre.

    Args:
        counts: Tracks of each genre in each fold, shape `(folds, genres)`.
        fraction: The share wanted.
        seed: Seed that decides between equally good unions.
    """
    folds = len(counts)
    unions = np.array(list(itertools.product((0, 1), repeat=folds)))
    sizes = unions @ counts.sum(axis=1)
    unions = unions[(sizes > 0) & (sizes < counts.sum())]
    taken = unions @ counts
    by_genre = np.abs(taken - fraction * counts.sum(axis=0)).sum(axis=1)
    overall = np.abs(taken.sum(axis=1) - fraction * counts.sum())
    order = np.random.default_rng(seed).permutation(len(unions))
    best = order[np.argmin((by_genre + overall)[order])]
    return np.flatnonzero(unions[best])


def _fold_count(fraction: float, limit: int) -> int:
    """Return the number of folds, at most `limit`, whose whole numbers come nearest `fraction`."""
    errors = {n: abs(max(1, round(n * fraction)) / n - fraction) for n in range(2, limit + 1)}
    # Of equally good counts the larger one mixes finer.
    return min(errors, key=lambda n: (round(errors[n], 6), -n), default=0)


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
