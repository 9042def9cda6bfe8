"""One tracks table for every data set, the clips cut from it, and splits by artist.

A `Dataset` is a table with one row a track, and the folder where the files lie. Everything
else (splits, segments, the cache of decoded audio) is derived from the table.

Tracks of one artist sound alike. A classifier that has heard an artist in training scores well on
that artist's other tracks without knowing anything about genre ("album effect", Flexer and
Schnitzer, "Effects of album and artist filters in audio similarity computed for very large music
databases", Computer Music Journal 34(3), 2010). So the unit of a split is the artist group, never
the track.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from musiclib import audio
from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.datasets.cache import AudioCache, build_cache
from musiclib.errors import AudioError, DatasetError

if TYPE_CHECKING:
    import pandas as pd

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
UNKNOWN = "unknown"
"""The value of a genre, artist or licence that is not known."""

COLUMNS = ("path", "genre", "artist", "artist_group", "title", "licence", "split", "duration_s")
"""Columns that every tracks table has; a data set may add its own after them."""

TRAIN_FRACTION = 0.7
VALIDATION_FRACTION = 0.15
# Of the validation parts of `mini` and `debian`. No other seed may move them: tracks that shipped
# models were trained on would then pass for tracks that they never heard.
OFFICIAL_SEED = 0
FOLDS = 5
SMALLEST_SHARE = 0.5
_STARTS = 10
_GOOD_ENOUGH = 0.005  # tracks off the wanted shares, as a part of all


def skipped_table(rows: Iterable[tuple[str, str, str]] = ()) -> pd.DataFrame:
    """Return the skipped table of `(track_id, path, reason)` rows."""
    import pandas as pd

    table = pd.DataFrame(list(rows), columns=["track_id", "path", "reason"], dtype=object)
    return table.set_index("track_id").sort_index()


@dataclass(frozen=True, eq=False)
class Clip:
    """A decoded track, or a part of one, with what the tracks table says of it."""

    track_id: str
    audio: FloatArray  # mono, `(N,)`
    sample_rate: int  # in Hz
    genre: str
    artist: str
    title: str
    artist_group: str = ""  # the same for all spellings of a name; empty where nobody grouped them

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.audio) / self.sample_rate

    @property
    def unit(self) -> str:
        """The artist as the unit of statistics: the group, or the name where nobody grouped it."""
        return self.artist_group or self.artist


@dataclass(frozen=True, eq=False)
class Dataset:
    """A tracks table and the folder that its paths start from.

    Attributes:
        name: `"mini"`, `"fma_small"`, `"folder"`, ...
        root: Folder that the column `path` is relative to.
        tracks: One row a track, index `track_id`, columns `COLUMNS` and the source's own.
        description: One line for a reader.
        skipped: Tracks left out, with `path` and `reason`; index `track_id`.
        seed: Seed of the split and of the choices that `select` and `clips` make.
    """

    name: str
    root: Path
    tracks: pd.DataFrame
    description: str
    skipped: pd.DataFrame = field(default_factory=skipped_table)
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "tracks", validate_tracks(self.tracks, self.name))

    def __len__(self) -> int:
        return len(self.tracks)

    @property
    def genres(self) -> list[str]:
        """The genres present, in alphabetical order; `"unknown"` is one of them if it occurs."""
        return sorted(set(self.tracks["genre"]))

    def file(self, track_id: str) -> Path:
        """Return the full path of a track's file."""
        return self.root / str(self.row(track_id)["path"])

    def row(self, track_id: str) -> pd.Series:
        """Return a track's row of the table."""
        if track_id not in self.tracks.index:
            raise DatasetError(f"{self.name}: no track {track_id!r}; see the index of .tracks")
        return self.tracks.loc[track_id]

    def part(self, split: Split) -> Dataset:
        """Return the tracks of one split.

        Raises:
            DatasetError: The name is unknown, or the split has no tracks.
        """
        if split not in SPLITS:
            raise DatasetError(f"unknown split {split!r}; use one of {SPLITS}")
        tracks = self.tracks[self.tracks["split"] == split]
        if tracks.empty:
            raise DatasetError(
                f"{self.name} in {self.root}: no {split} tracks among {len(self)}; "
                "add music by other artists"
            )
        return replace(self, tracks=tracks)

    def select(
        self,
        track_ids: Sequence[str] | None = None,
        per_genre: int | None = None,
        seed: int = 0,
    ) -> Dataset:
        """Return a smaller data set; the rows keep the order of the table.

        Args:
            track_ids: Keep these tracks.
            per_genre: Keep at most so many tracks of each genre, chosen with `seed`.
            seed: Seed of that choice.

        Raises:
            DatasetError: A track is not there, or nothing is left.
        """
        tracks = self.tracks
        if track_ids is not None:
            absent = sorted(set(track_ids) - set(self.tracks.index))
            if absent:
                raise DatasetError(f"{self.name}: no track {absent[0]!r}")
            tracks = tracks[tracks.index.isin(list(track_ids))]
        if per_genre is not None:
            if per_genre < 1:
                raise DatasetError(f"per_genre is {per_genre}; it must be at least 1")
            rank = _shuffled(tracks, seed).groupby("genre").cumcount()
            tracks = tracks[rank.reindex(tracks.index) < per_genre]
        if tracks.empty:
            raise DatasetError(f"{self.name}: no track is left by this selection")
        return replace(self, tracks=tracks)

    def clip(
        self,
        track_id: str,
        sample_rate: int = HOUSE_RATE,
        start_s: float = 0.0,
        duration_s: float | None = None,
    ) -> Clip:
        """Decode a track, or a part of it, to mono at `sample_rate`."""
        row = self.row(track_id)
        samples, rate = audio.load(self.file(track_id), sample_rate, True, start_s, duration_s)
        about = row["genre"], row["artist"], row["title"], row["artist_group"]
        return Clip(track_id, samples, rate, *about)

    def clips(
        self,
        sample_rate: int = HOUSE_RATE,
        start_s: float = 0.0,
        duration_s: float | None = None,
        limit: int | None = None,
    ) -> Iterator[Clip]:
        """Decode one clip after the other; a file that fails is named in a warning and skipped.

        Args:
            sample_rate: Rate of the clips in Hz.
            start_s: Where each clip starts, in seconds.
            duration_s: Length of each clip in seconds; the rest of the track by default.
            limit: Number of clips. They are drawn with the data set's seed and spread over
                the genres in turn, so that a small limit still shows every genre. Without a
                limit the clips come in the order of the table.
        """
        if limit is None:
            order = list(self.tracks.index)
        else:
            mixed = _shuffled(self.tracks, self.seed)
            turn = mixed.groupby("genre").cumcount()
            order = list(mixed.assign(turn=turn).sort_values(["turn", "genre"]).index)
        given = 0
        for track_id in order:
            if limit is not None and given >= limit:
                return
            try:
                clip = self.clip(track_id, sample_rate, start_s, duration_s)
            except AudioError as error:
                warnings.warn(f"skipped track {track_id}: {error}", stacklevel=2)
                continue
            given += 1
            yield clip

    def cache(
        self,
        sample_rate: int = HOUSE_RATE,
        workers: int | None = None,
        retry_failures: bool = False,
    ) -> AudioCache:
        """Decode what is not decoded yet; see `musiclib.datasets.cache.build_cache`."""
        return build_cache(self, sample_rate, workers=workers, retry_failures=retry_failures)


def _shuffled(tracks: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the rows in a seeded order that does not depend on the order of the table."""
    ordered = tracks.sort_index()
    return ordered.iloc[np.random.default_rng(seed).permutation(len(ordered))]


def validate_tracks(tracks: pd.DataFrame, source: str) -> pd.DataFrame:
    """Check a tracks table and return it with the common columns first.

    Args:
        tracks: Table with index `track_id` and at least `COLUMNS`.
        source: Name of the data set, for the messages.

    Raises:
        DatasetError: The table is incomplete or inconsistent.
    """
    import pandas as pd

    missing = [name for name in COLUMNS if name not in tracks.columns]
    if missing:
        raise DatasetError(
            f"{source}: the tracks table lacks the column(s) {', '.join(missing)}; "
            "restore the table from its source"
        )
    tracks = tracks.copy()
    tracks.index = pd.Index(tracks.index.astype(str), name="track_id", dtype=object)
    for name, values in (("track_id", tracks.index.to_series()), ("path", tracks["path"])):
        if values.duplicated().any():
            raise DatasetError(
                f"{source}: {name} {values[values.duplicated()].iloc[0]!r} is listed twice; "
                "keep one row of each track"
            )
    for name in COLUMNS[:-1]:
        empty = tracks[name].isna() | (tracks[name].astype(str) == "")
        if empty.any():
            raise DatasetError(
                f"{source}: track {tracks.index[empty][0]!r} has no {name}; fill it in "
                f"(use {UNKNOWN!r} for what is not known)"
            )
        tracks[name] = tracks[name].astype(str).astype(object)
    tracks["duration_s"] = pd.to_numeric(tracks["duration_s"], errors="coerce").astype(float)
    strange = sorted(set(tracks["split"]) - set(SPLITS))
    if strange:
        raise DatasetError(f"{source}: unknown split {strange[0]!r}; use one of {SPLITS}")
    for path in tracks["path"]:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise DatasetError(
                f"{source}: the path {path!r} leaves the data set's folder; "
                "paths are relative to that folder"
            )
    extra = [name for name in tracks.columns if name not in COLUMNS]
    return tracks[[*COLUMNS, *extra]]


def split_tracks(
    tracks: pd.DataFrame,
    train_fraction: float = TRAIN_FRACTION,
    seed: int = 0,
    validation_fraction: float = 0.0,
) -> pd.Series:
    """Split tracks into train and test (and validation), stratified by genre, artist-disjoint.

    scikit-learn's `GroupShuffleSplit` draws whole artist groups. Single groups are then moved
    across while that brings the share of every genre nearer to the wanted one, and the best
    of a few draws is kept. A genre with a single artist cannot be on both sides, and one artist
    group alone is all "train"; both are warned of.

    Args:
        tracks: Table with columns `genre` and `artist_group`.
        train_fraction: Share of the tracks outside the test part, between 0 and 1.
        seed: Seed of the split; equal seeds give equal splits, whatever the order of rows.
        validation_fraction: Share of the training part that becomes "validation".

    Returns:
        Series of "train", "test" and "validation" with the index of `tracks`.

    Raises:
        DatasetError: The table is empty.
    """
    import pandas as pd

    if tracks.empty:
        raise DatasetError("there are no tracks to split")
    split = pd.Series("train", index=tracks.index, name="split", dtype=object)
    split[_cut(tracks, 1 - train_fraction, seed, "test")] = "test"
    if validation_fraction > 0:
        rest = tracks[split == "train"]
        split[_cut(rest, validation_fraction, seed, "validation")] = "validation"
    return split


def with_validation(tracks: pd.DataFrame) -> pd.DataFrame:
    """Return the table with 15 % of its training tracks marked "validation", whatever the seed.

    The cut is made among the artists of the training part, so that all three parts stay
    artist-disjoint; "test" is left as it is.

    Args:
        tracks: Table with columns `genre`, `artist_group` and `split`.
    """
    train = tracks[tracks["split"] == "train"]
    tracks = tracks.copy()
    cut = _cut(train, VALIDATION_FRACTION, OFFICIAL_SEED, "validation")
    tracks.loc[cut, "split"] = "validation"
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
    import pandas as pd
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
    import pandas as pd
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

    Returns the groups taken at last and their `_distance`. `taken` has the shape `(groups,)`,
    `table`, the tracks of each group and genre, `(groups, genres)`.
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
