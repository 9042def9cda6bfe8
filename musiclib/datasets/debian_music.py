"""Whole pieces of music from Debian's packages: what a codec is trained on.

The bundled music is 30 s excerpts. Here are the whole pieces that its training clips were cut from,
and all others of the same survey of Debian 12, without those by artists of its test part. Two
tables of the package say which pieces, and from which versions of which packages.

For cross-validation over all of the bundled music there are further splits, which leave out the
artists of one of its folds, or all of its artists.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from musiclib.datasets.bundled import DATA_VARIABLE, open_mini
from musiclib.datasets.splits import (
    FOLDS,
    OFFICIAL_SEED,
    VALIDATION_FRACTION,
    folds,
    scored_genres,
    with_validation,
)
from musiclib.datasets.tracks import Dataset, Split, skipped_table
from musiclib.errors import DatasetError

NAME = "debian"
DESCRIPTION = "music from Debian's packages: 572 whole pieces, 31 hours, to train codecs on"
DOWNLOAD_SIZE = "5.2 GiB"
OFFICIAL, APART = "official", "apart"
SPLITS = (OFFICIAL, APART, *(f"fold-{number}" for number in range(1, FOLDS + 1)))
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


def open_debian(
    data_root: str | Path | None = None, seed: int = 0, split: str = OFFICIAL
) -> Dataset:
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
        split: `"official"`; `"fold-1"` to `"fold-5"`: the same without the artists of that one of
            the `bundled_folds`; `"apart"`: without any artist of the bundled music, 15 % of it for
            validation. The name of the data set says which.

    Raises:
        DatasetError: There is no such folder, or none of the pieces is in it; or the split is
            unknown.
    """
    root = _find_root(data_root)
    pieces = split_pieces(split)
    there = pd.Series([(root / path).is_file() for path in pieces["path"]], index=pieces.index)
    get = f"`musiclib data download {NAME} --root {root.parent}`"
    if not there.any():
        raise DatasetError(f"{root}: none of the {len(pieces)} pieces is there; run {get}")
    reason = f"the file is missing; run {get} again"
    skipped = [(key, path, reason) for key, path in pieces.loc[~there, "path"].items()]
    tracks = pieces[there]
    name = NAME if split == OFFICIAL else f"{NAME}-{split}"
    return TrainingMusic(name, root, tracks, DESCRIPTION, skipped_table(skipped), seed)


def split_pieces(split: str = OFFICIAL) -> pd.DataFrame:
    """Return the list of pieces with a column `split`; see `open_debian`.

    Raises:
        DatasetError: The split is unknown, or the bundled music is not there to be kept apart from.
    """
    if split not in SPLITS:
        raise DatasetError(f"unknown split {split!r} of {NAME}; choose one of {', '.join(SPLITS)}")
    pieces = with_parts(read_pieces())
    if split == OFFICIAL:
        return pieces
    if split == APART:
        bundled = open_mini().tracks["artist_group"]
        pieces = pieces[~pieces["artist_group"].isin(bundled)].assign(split="train")
        return with_validation(pieces, VALIDATION_FRACTION, OFFICIAL_SEED)
    dealt = bundled_folds()
    held_out = dealt.loc[dealt["fold"] == int(split.rpartition("-")[2]), "artist_group"]
    return pieces[~pieces["artist_group"].isin(held_out)]


def bundled_folds() -> pd.DataFrame:
    """Return the tracks of the bundled music's `scored_genres` with their `fold`, from 1 on.

    The same whatever the seed: encoders of the book were trained without one of them.
    """
    tracks = open_mini().tracks
    tracks = tracks[tracks["genre"].isin(scored_genres(tracks))]
    return tracks.assign(fold=folds(tracks, FOLDS, OFFICIAL_SEED))


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
