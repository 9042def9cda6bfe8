"""One tracks table for every data set, and the clips cut from it.

A `Dataset` is a table with one row a track, and the folder where the files lie. Everything
else (splits, segments, the cache of decoded audio) is derived from the table.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from musiclib import audio
from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.datasets.cache import AudioCache, build_cache
from musiclib.errors import AudioError, DatasetError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
UNKNOWN = "unknown"
"""The value of a genre, artist or licence that is not known."""

COLUMNS = (
    "path",
    "genre",
    "artist",
    "artist_group",
    "title",
    "licence",
    "split",
    "duration_s",
)
"""Columns that every tracks table has; a data set may add its own after them."""


def empty_skipped() -> pd.DataFrame:
    """Return a skipped table without rows: index `track_id`, columns `path` and `reason`."""
    return skipped_table([])


def skipped_table(rows: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """Return the skipped table of `(track_id, path, reason)` rows."""
    table = pd.DataFrame(list(rows), columns=["track_id", "path", "reason"], dtype=object)
    return table.set_index("track_id").sort_index()


def validate_tracks(tracks: pd.DataFrame, source: str) -> pd.DataFrame:
    """Check a tracks table and return it with the common columns first.

    Args:
        tracks: Table with index `track_id` and at least `COLUMNS`.
        source: Name of the data set or file, for the messages.

    Raises:
        DatasetError: A column is missing, a track or its path is listed twice, a value is
            empty, a split has an unknown name, or a path leaves the data set's folder.
    """
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


@dataclass(frozen=True, eq=False)
class Clip:
    """A decoded track, or a part of one.

    Attributes:
        track_id: The track's key in the tracks table.
        audio: Samples, mono float32 of shape `(N,)`.
        sample_rate: Samples a second, in Hz.
        genre: Label of the tracks table, `"unknown"` where there is none.
        artist: Artist as the source names them.
        title: Title as the source names it.
        artist_group: The artist as the unit of splits and of statistics, the same for all spellings
            of a name; empty where nobody grouped them.
    """

    track_id: str
    audio: FloatArray
    sample_rate: int
    genre: str
    artist: str
    title: str
    artist_group: str = ""

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
    skipped: pd.DataFrame = field(default_factory=empty_skipped)
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
        """Return the full path of a track's file.

        Raises:
            DatasetError: The track is not in this data set.
        """
        return self.root / str(self.row(track_id)["path"])

    def row(self, track_id: str) -> pd.Series:
        """Return a track's row of the table.

        Raises:
            DatasetError: The track is not in this data set.
        """
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
        genres: Sequence[str] | None = None,
        track_ids: Sequence[str] | None = None,
        per_genre: int | None = None,
        seed: int = 0,
    ) -> Dataset:
        """Return a smaller data set; the rows keep the order of the table.

        Args:
            genres: Keep these genres.
            track_ids: Keep these tracks.
            per_genre: Keep at most so many tracks of each genre, chosen with `seed`.
            seed: Seed of that choice.

        Raises:
            DatasetError: A genre or track is not there, or nothing is left.
        """
        tracks = self.tracks
        if genres is not None:
            unknown = sorted(set(genres) - set(self.genres))
            if unknown:
                raise DatasetError(f"{self.name}: no genre {unknown[0]!r}; it has {self.genres}")
            tracks = tracks[tracks["genre"].isin(list(genres))]
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
        """Decode a track, or a part of it, to mono at `sample_rate`.

        Raises:
            DatasetError: The track is not in this data set.
            AudioFileError: The file is missing or cannot be decoded.
        """
        row = self.row(track_id)
        samples, rate = audio.load(
            self.root / str(row["path"]),
            sample_rate=sample_rate,
            start_s=start_s,
            duration_s=duration_s,
        )
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
        """Decode what is not decoded yet and return the memory-mapped audio of these tracks.

        See `musiclib.datasets.cache.build_cache`.
        """
        return build_cache(self, sample_rate, workers=workers, retry_failures=retry_failures)


def _shuffled(tracks: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the rows in a seeded order that does not depend on the order of the table."""
    ordered = tracks.sort_index()
    return ordered.iloc[np.random.default_rng(seed).permutation(len(ordered))]
