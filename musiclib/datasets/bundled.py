"""What is bundled: `mini`, free music cut from Debian's packages, and `killer`, critical sounds.

Killer sounds are rendered from a free sound font by `scripts/render_killer_sounds.py`: castanets,
harpsichord, glockenspiel and nine more, which codecs find hard and nothing here was trained on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from musiclib.datasets.tracks import (
    VALIDATION_FRACTION,
    Dataset,
    shared_artists,
    split_tracks,
    with_validation,
)
from musiclib.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

DESCRIPTION = "bundled music under free licences: 30 s clips of seven genres"
KILLER_DESCRIPTION = "bundled: twelve sounds of 10 s that codecs find hard, for tests only"
DATA_VARIABLE = "MUSICLIB_DATA"
TABLE = "tracks.csv"
# In the bundled table `path` is the place inside the Debian package, `file` the clip here.
_RENAMED = {"path": "source_path", "file": "path"}


def open_mini(
    data_root: str | Path | None = None, seed: int = 0, split: str = "official"
) -> Dataset:
    """Open the bundled music; see `musiclib.datasets.open_dataset`.

    Args:
        data_root: The folder with its `tracks.csv`, or one above it that holds it as
            `data/mini` or `mini`. By default the environment variable `MUSICLIB_DATA`, then
            the folders above the package and above the working folder are searched.
        seed: Seed of the split `"70-30"`, and of random choices later on.
        split: `"official"`: the fixed training and test clips, with about 15 % of the training
            clips, by other artists, as validation. `"70-30"` for a new split.
    """
    root, tracks = _read("mini", data_root)
    if split == "70-30":
        tracks["split"] = split_tracks(tracks, seed=seed, validation_fraction=VALIDATION_FRACTION)
    else:
        if both := shared_artists(tracks):
            raise DatasetError(f"{root / TABLE}: the artist {both[0]!r} is in more than one split")
        if not (tracks["split"] == "validation").any():
            tracks = with_validation(tracks)
    return Dataset("mini", root, tracks, DESCRIPTION, seed=seed)


def open_killer(data_root: str | Path | None = None, seed: int = 0) -> Dataset:
    """Open the killer sounds: stereo at 48 kHz, all in the test part, each an artist of its own."""
    root, tracks = _read("killer", data_root)
    if "instrument" not in tracks.columns:
        raise DatasetError(f"{root / TABLE}: the column 'instrument' is missing; restore the table")
    return Dataset("killer", root, tracks, KILLER_DESCRIPTION, seed=seed)


def find_mini() -> Path:
    """Return the folder of the bundled music."""
    return _find("mini", None)


def _read(name: str, data_root: str | Path | None) -> tuple[Path, pd.DataFrame]:
    """Return the folder of a bundled data set and its table, index `track_id`."""
    root = _find(name, data_root)

    import pandas as pd  # takes half a second, for which a wrong folder must not wait

    source = root / TABLE
    try:
        tracks = pd.read_csv(source, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DatasetError(f"{source}: not a readable table ({error}); restore it") from error
    for column in ("track_id", "genre", "artist_group", "split"):
        if column not in tracks.columns:
            raise DatasetError(f"{source}: the column {column!r} is missing; restore the table")
    return root, tracks.rename(columns=_RENAMED).set_index("track_id")


def _find(name: str, data_root: str | Path | None) -> Path:
    for folder in _candidates(name, data_root):
        if (folder / TABLE).is_file():
            return folder
    where = "above the package or the working folder" if data_root is None else f"in {data_root}"
    raise DatasetError(
        f"the bundled data set {name} (data/{name}/{TABLE}) is not {where}; clone the repository, "
        f"which holds it, and pass its data/{name} as data_root or set {DATA_VARIABLE}"
    )


def _candidates(name: str, data_root: str | Path | None) -> Iterator[Path]:
    if data_root is not None:
        root = Path(data_root)
        yield from (root, root / name, root / "data" / name)
        return
    if variable := os.environ.get(DATA_VARIABLE):
        yield from (Path(variable) / name, Path(variable) / "data" / name)
        # It may name the folder of the one data set, which is not that of the other.
        if name == "mini" or Path(variable).name == name:
            yield Path(variable)
    for start in (Path(__file__).resolve().parent, Path.cwd()):
        for folder in (start, *start.parents):
            yield folder / "data" / name
