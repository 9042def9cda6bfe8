"""The Free Music Archive data set in its official layout.

Defferrard, Benzi, Vandergheynst and Bresson, "FMA: A dataset for music analysis", ISMIR 2017,
arXiv:1612.01840. The archives, their SHA1 sums and the layout are those of the authors'
repository, https://github.com/mdeff/fma, release rc1:

    fma_metadata/tracks.csv    two header rows and a row with the index name
    fma_small/000/000002.mp3   a folder for each thousand track numbers
"""

from __future__ import annotations

import csv
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from musiclib.datasets.bundled import DATA_VARIABLE
from musiclib.datasets.download import download, unpack
from musiclib.datasets.tracks import (
    UNKNOWN,
    VALIDATION_FRACTION,
    Dataset,
    shared_artists,
    skipped_table,
    split_tracks,
)
from musiclib.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

BASE_URL = "https://os.unil.cloud.switch.ch/fma"
URL_VARIABLE = "MUSICLIB_FMA_URL"
CLIP_SECONDS = 30.0


class Archive(NamedTuple):
    """An official archive."""

    sha1: str  # as published by the authors
    size: str  # for a reader


ARCHIVES: dict[str, Archive] = {
    "fma_metadata": Archive("f0df49ffe5f2a6008d7dc83c6915b31835dfe733", "342 MiB"),
    "fma_small": Archive("ade154f733639d52e35e32f5593efe5be76c6d70", "7.2 GiB"),
    "fma_medium": Archive("c67b69ea232021025fca9231fc1c7c1a063ab50b", "22 GiB"),
    "fma_large": Archive("497109f4dd721066b5ce5e5f250ec604dc78939e", "93 GiB"),
    "fma_full": Archive("0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab", "879 GiB"),
}
DESCRIPTIONS = {
    "fma_small": "Free Music Archive: 8,000 clips of 30 s, 8 balanced genres",
    "fma_medium": "Free Music Archive: 25,000 clips of 30 s, 16 genres",
    "fma_large": "Free Music Archive: 106,574 clips of 30 s, many without a top genre",
    "fma_full": "Free Music Archive: 106,574 whole tracks, many without a top genre",
}
_SUBSETS = ("small", "medium", "large")  # ordered: each contains the one before
_SPLITS = {"training": "train", "validation": "validation", "test": "test"}
_COLUMNS = {
    ("set", "split"): "split",
    ("set", "subset"): "subset",
    ("track", "genre_top"): "genre",
    ("track", "title"): "title",
    ("track", "duration"): "duration_s",
    ("track", "license"): "licence",
    ("artist", "id"): "artist_group",
    ("artist", "name"): "artist",
}
_WANTED = (".mp3", "/checksums", "/README.txt", "/tracks.csv", "/genres.csv")

KNOWN_BAD: dict[int, str] = {
    **dict.fromkeys((99134, 108925, 133297), "known: the clip holds no audio"),
    **dict.fromkeys((98565, 98567, 98569), "known: the clip is shorter than 2 s"),
    **dict.fromkeys((72059, 110736, 119979), "known: more than half of the clip is silent"),
}
"""Clips to leave out. The cutting failed, so the whole tracks of `fma_full` are not concerned."""


def download_fma(
    name: str, root: str | Path, base_url: str | None = None, keep_archives: bool = True
) -> Path:
    """Download, verify and unpack a data set and its metadata; go on where a call was cut off.

    Args:
        name: `"fma_small"`, `"fma_medium"`, `"fma_large"` or `"fma_full"`.
        root: Folder that is to hold `fma_metadata/` and the audio's folder.
        base_url: Where the archives are; by default the environment variable
            `MUSICLIB_FMA_URL`, else the authors' server.
        keep_archives: Keep the zip files after they are unpacked.

    Returns:
        The folder with the audio.

    Raises:
        DatasetError: The name is unknown, a download failed, or an archive is damaged.
    """
    if name not in DESCRIPTIONS:
        raise DatasetError(f"{name!r} cannot be downloaded; choose one of {sorted(DESCRIPTIONS)}")
    base = (base_url or os.environ.get(URL_VARIABLE) or BASE_URL).rstrip("/")
    root = Path(root)
    for part in ("fma_metadata", name):
        file = f"{part}.zip"
        zipped = download(f"{base}/{file}", root / file, ARCHIVES[part].sha1)
        unpack(zipped, root, _WANTED)
        if not keep_archives:
            zipped.unlink()
    return root / name


def read_tracks(path: str | Path) -> pd.DataFrame:
    """Read the official `tracks.csv`.

    Returns:
        Table with an integer index and the columns `split`, `subset`, `genre`, `title`,
        `duration_s` (of the whole track), `licence`, `artist_group` and `artist`, as text.
    """
    import pandas as pd

    path = Path(path)
    remedy = "unpack the official fma_metadata.zip again"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            top, second, third = (next(rows, []) for _ in range(3))
            keys = list(zip(top, second, strict=False))
            places = {name: keys.index(key) for key, name in _COLUMNS.items() if key in keys}
            if absent := [" / ".join(key) for key in _COLUMNS if key not in keys]:
                raise DatasetError(f"{path}: missing column(s): {', '.join(absent)}; {remedy}")
            # The row with the index name is lost when the table is saved by some tools.
            header_rows = 2 if third and third[0].strip().isdigit() else 3
        table = pd.read_csv(
            path,
            skiprows=header_rows,
            header=None,
            usecols=[0, *places.values()],
            dtype=str,
            encoding="utf-8-sig",
        )
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file; run `musiclib data download`") from error
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(f"{path}: not a readable table ({error}); {remedy}") from error
    table = table.rename(columns={place: name for name, place in places.items()})
    numbers = pd.to_numeric(table[0], errors="coerce")
    if numbers.isna().any() or numbers.duplicated().any():
        raise DatasetError(f"{path}: a track number is missing, odd or listed twice; {remedy}")
    table.index = pd.Index(numbers.astype(int), name="track_id")
    for column, values in (("split", tuple(_SPLITS)), ("subset", _SUBSETS)):
        if strange := sorted(set(table[column].dropna()) - set(values)):
            raise DatasetError(f"{path}: unknown {column} {strange[0]!r}; {remedy}")
    return table[list(_COLUMNS.values())]


def open_fma(
    name: str, data_root: str | Path | None = None, seed: int = 0, split: str = "70-30"
) -> Dataset:
    """Open a downloaded FMA data set.

    Tracks without a top genre have the genre "unknown". Clips known to be bad, and tracks
    whose file is not there, are listed in `skipped`. For the clips `duration_s` is nominal
    (30 s, or the track's length where that is less); the cache knows exact lengths.

    The arguments are those of `musiclib.datasets.open_dataset`; the official split is 80/10/10.
    """
    root = _find_root(name, data_root)
    table = read_tracks(root / "fma_metadata" / "tracks.csv")
    if name in ("fma_small", "fma_medium"):
        allowed = _SUBSETS[: _SUBSETS.index(name.removeprefix("fma_")) + 1]
        table = table[table["subset"].isin(allowed)]
    trimmed = name != "fma_full"
    present = _present_files(root / name)
    table["path"] = [f"{name}/{n // 1000:03d}/{n:06d}.mp3" for n in table.index]
    skipped = []
    for number, path in table["path"].items():
        if trimmed and number in KNOWN_BAD:
            skipped.append((str(number), path, KNOWN_BAD[number]))
        elif path not in present:
            missing = "the file is missing; run `musiclib data download` again"
            skipped.append((str(number), path, missing))
    tracks = table[~table["path"].isin([path for _, path, _ in skipped])]
    if tracks.empty:
        raise DatasetError(
            f"{root / name}: none of the {len(table)} tracks of {name} is there; run "
            f"`musiclib data download {name} --root {root}`"
        )
    if lost := sum("missing" in reason for _, _, reason in skipped):
        warnings.warn(
            f"{root / name}: {lost} of {len(table)} files are missing (listed in .skipped)",
            stacklevel=2,
        )
    tracks = tracks.set_axis(tracks.index.astype(str))

    import pandas as pd

    duration = pd.to_numeric(tracks["duration_s"], errors="coerce").astype(float)
    tracks["duration_s"] = duration.clip(upper=CLIP_SECONDS) if trimmed else duration
    # A track whose artist is not known must not join the group of another one.
    own = pd.Series([f"track:{key}" for key in tracks.index], index=tracks.index)
    tracks["artist_group"] = tracks["artist_group"].fillna(own)
    for column in ("genre", "artist", "title", "licence"):
        tracks[column] = tracks[column].fillna(UNKNOWN)
    tracks["official_split"] = tracks["split"].map(_SPLITS)
    if split == "official":
        tracks["split"] = tracks["official_split"]
        if both := shared_artists(tracks):
            warnings.warn(
                f"{name}: {len(both)} artists are in more than one part of the official split",
                stacklevel=2,
            )
    else:
        tracks["split"] = split_tracks(tracks, seed=seed, validation_fraction=VALIDATION_FRACTION)
    return Dataset(name, root, tracks, DESCRIPTIONS[name], skipped_table(skipped), seed)


def _find_root(name: str, data_root: str | Path | None) -> Path:
    given = data_root if data_root is not None else os.environ.get(DATA_VARIABLE)
    if given is None:
        raise DatasetError(
            f"{name} is not bundled: pass the folder that holds {name}/ and fma_metadata/ as "
            f"data_root or set {DATA_VARIABLE}; `musiclib data download {name} --root FOLDER` "
            "gets it"
        )
    root = Path(given)
    if root.name == name and not (root / name).is_dir():
        root = root.parent
    for part in (name, "fma_metadata"):
        if not (root / part).is_dir():
            raise DatasetError(
                f"{root}: no folder {part}/ in it; run `musiclib data download {name} "
                f"--root {root}`"
            )
    return root.resolve()


def _present_files(folder: Path) -> set[str]:
    """Return the paths of the MP3 files, relative to the folder above; one pass, no stat."""
    return {
        f"{folder.name}/{thousand.name}/{entry.name}"
        for thousand in os.scandir(folder)
        if thousand.is_dir()
        for entry in os.scandir(thousand)
        if entry.name.endswith(".mp3")
    }
