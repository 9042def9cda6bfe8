"""The columns of a tracks table, and the checks that every table passes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import pandas as pd

from musiclib.errors import DatasetError

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


class TracksInFolder(Protocol):
    """What a `Dataset` is to the cache of its audio: tracks, and where their files lie."""

    @property
    def name(self) -> str:
        """Name of the data set."""

    @property
    def root(self) -> Path:
        """Folder that the column `path` is relative to."""

    @property
    def tracks(self) -> pd.DataFrame:
        """One row a track."""

    def __len__(self) -> int:
        """Return the number of tracks."""


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
