"""Whole pieces of music from Debian's packages: what a codec is trained on.

The bundled music is 30 s excerpts. Here are the whole pieces that its training clips were cut from,
and all others of the same survey of Debian 12, without those by artists of its test part. Two
tables of the package say which pieces, and from which versions of which packages.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from musiclib.datasets.bundled import DATA_VARIABLE
from musiclib.datasets.splits import OFFICIAL_SEED, VALIDATION_FRACTION, with_validation
from musiclib.datasets.table import Split, skipped_table
from musiclib.datasets.tracks import Dataset
from musiclib.errors import DatasetError

NAME = "debian"
DESCRIPTION = "music from Debian's packages: 572 whole pieces, 31 hours, to train codecs on"
DOWNLOAD_SIZE = "5.2 GiB"
TABLES = Path(__file__).with_name("tables")
_NUMBERS = {"duration_s": float, "bytes": int, "sample_rate": int, "channels": int}


@dataclass(frozen=True, eq=False)
class TrainingMusic(Dataset):
    """A data set without a test part, and with a reason for that."""

    def part(self, split: Split) -> Dataset:
        """Return the tracks of one split, `"train"` or `"validation"`.

        Raises:
            DatasetError: The name is unknown, the split has no tracks, or it is the test part.
        """
        if split == "test":
            raise DatasetError(
                f"{self.name} has no test part: the artists of mini's test part are left out of "
                "it so that they can serve as one; test on open_dataset('mini').part('test')"
            )
        return super().part(split)


def open_debian(data_root: str | Path | None = None, seed: int = 0) -> Dataset:
    """Open the downloaded pieces.

    The validation part is all pieces by the artists of the bundled music's validation part, the
    training part is all others; no seed moves them. So the training part shares no artist with
    the validation and test parts of either data set. Artists that are not known are grouped by
    package; for them this is not certain, as in the bundled music.

    Besides the common columns the table has `package`, `source_path` and `inner_path` (where a
    piece lies in Debian), `mini` (`"train"` where the bundled music has an excerpt), `codec`,
    `sample_rate`, `channels`, `bytes` and `sha256`. Pieces that were not downloaded are listed in
    `skipped`.

    Args:
        data_root: Folder that holds `debian/`, or that folder itself; by default the
            environment variable `MUSICLIB_DATA`.
        seed: Seed of random choices later on.

    Raises:
        DatasetError: There is no such folder, or none of the pieces is in it.
    """
    root = _find_root(data_root)
    pieces = with_parts(read_pieces())
    there = pd.Series([(root / path).is_file() for path in pieces["path"]], index=pieces.index)
    get = f"`musiclib data download {NAME} --root {root.parent}`"
    if not there.any():
        raise DatasetError(f"{root}: none of the {len(pieces)} pieces is there; run {get}")
    reason = f"the file is missing; run {get} again"
    skipped = [(key, path, reason) for key, path in pieces.loc[~there, "path"].items()]
    tracks = pieces[there]
    return TrainingMusic(NAME, root, tracks, DESCRIPTION, skipped_table(skipped), seed)


def with_parts(pieces: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a column `split` of "train" and "validation".

    The cut is made as `open_mini` makes it, from the same rows, so that both agree.
    """
    bundled = pieces[pieces["mini"] == "train"].assign(split="train")
    cut = with_validation(bundled, VALIDATION_FRACTION, OFFICIAL_SEED)
    artists = set(cut.loc[cut["split"] == "validation", "artist_group"])
    held_out = pieces["artist_group"].isin(artists)
    return pieces.assign(split=held_out.map({True: "validation", False: "train"}))


def read_pieces() -> pd.DataFrame:
    """Return the list of pieces, index `track_id`.

    Raises:
        DatasetError: The table is missing or damaged.
    """
    return _read(TABLES / "debian_tracks.csv", "track_id")


def read_packages() -> pd.DataFrame:
    """Return the pinned packages, index `package`, in alphabetical order.

    Columns: `version`, `architecture`, `source` and `source_version` (the source package),
    `file` (its place in Debian's archive), `bytes`, `sha256`, and `notices`: paths in the package,
    separated by semicolons, of the files that say who made the music and under which licence.

    Raises:
        DatasetError: The table is missing or damaged.
    """
    return _read(TABLES / "debian_packages.csv", "package")


def _read(path: Path, index: str) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        numbers = {name: kind for name, kind in _NUMBERS.items() if name in table.columns}
        return table.set_index(index).astype(numbers)
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(f"{path}: not a readable table ({error}); install again") from error


def _find_root(data_root: str | Path | None) -> Path:
    given = data_root if data_root is not None else os.environ.get(DATA_VARIABLE)
    if given is None:
        raise DatasetError(
            f"{NAME} is not bundled: pass the folder that holds {NAME}/ as data_root or set "
            f"{DATA_VARIABLE}; `musiclib data download {NAME} --root FOLDER` gets it"
        )
    root = Path(given)
    for folder in (root / NAME, root):
        if (folder / "music").is_dir():
            return folder.resolve()
    raise DatasetError(
        f"{root}: no folder {NAME}/ in it; run `musiclib data download {NAME} --root {root}`"
    )
