"""The bundled music: 30 s clips under free licences, cut from Debian's packages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from musiclib.datasets.splits import (
    OFFICIAL_SEED,
    shared_artists,
    split_tracks,
    with_validation,
)
from musiclib.datasets.tracks import Dataset
from musiclib.errors import DatasetError

DESCRIPTION = "bundled music under free licences: 30 s clips of seven genres"
DATA_VARIABLE = "MUSICLIB_DATA"
# In the bundled table `path` is the place inside the Debian package, `file` the clip here.
_RENAMED = {"path": "source_path", "file": "path"}


def open_mini(
    data_root: str | Path | None = None, seed: int = 0, split: str = "official"
) -> Dataset:
    """Open the bundled music.

    Args:
        data_root: The folder with its `tracks.csv`, or one above it that holds it as
            `data/mini` or `mini`. By default the environment variable `MUSICLIB_DATA`, then
            the folders above the package and above the working folder are searched.
        seed: Seed of the split `"70-30"`, and of random choices later on.
        split: `"official"` for the fixed training and test clips with about 15 % of the training
            clips, by other artists, set apart as validation, the same ones whatever the seed: the
            shipped models were trained without them. `"70-30"` for a new split.

    Raises:
        DatasetError: The folder is not found, or its table is damaged.
    """
    root = find_mini(data_root)
    source = root / "tracks.csv"
    try:
        tracks = pd.read_csv(source, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DatasetError(f"{source}: not a readable table ({error}); restore it") from error
    if "track_id" not in tracks.columns:
        raise DatasetError(f"{source}: the column 'track_id' is missing; restore the table")
    tracks = tracks.rename(columns=_RENAMED).set_index("track_id")
    for column in ("genre", "artist_group", "split"):
        if column not in tracks.columns:
            raise DatasetError(f"{source}: the column {column!r} is missing; restore the table")
    if split == "70-30":
        tracks["split"] = split_tracks(tracks, seed=seed, validation_fraction=0.15)
    else:
        if both := shared_artists(tracks):
            raise DatasetError(f"{source}: the artist {both[0]!r} is in more than one split")
        if not (tracks["split"] == "validation").any():
            tracks = with_validation(tracks, seed=OFFICIAL_SEED)
    return Dataset("mini", root, tracks, DESCRIPTION, seed=seed)


def find_mini(data_root: str | Path | None = None) -> Path:
    """Return the folder of the bundled music.

    Raises:
        DatasetError: It is nowhere to be found.
    """
    for folder in _candidates(data_root):
        if (folder / "tracks.csv").is_file():
            return folder
    where = "above the package or the working folder" if data_root is None else f"in {data_root}"
    raise DatasetError(
        f"the bundled music (data/mini/tracks.csv) is not {where}; clone the repository, "
        f"which holds it, and pass its data/mini as data_root or set {DATA_VARIABLE}"
    )


def _candidates(data_root: str | Path | None) -> Iterator[Path]:
    if data_root is not None:
        root = Path(data_root)
        yield from (root, root / "mini", root / "data" / "mini")
        return
    if variable := os.environ.get(DATA_VARIABLE):
        yield from (Path(variable) / "mini", Path(variable) / "data" / "mini", Path(variable))
    for start in (Path(__file__).resolve().parent, Path.cwd()):
        for folder in (start, *start.parents):
            yield folder / "data" / "mini"
