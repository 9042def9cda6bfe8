"""Any folder of audio as a data set: the reader's own music."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from musiclib import audio
from musiclib.datasets.tracks import (
    UNKNOWN,
    VALIDATION_FRACTION,
    Dataset,
    skipped_table,
    split_tracks,
)
from musiclib.errors import AudioError, DatasetError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("wav", "wave", "flac", "mp3", "mp2", "ogg", "oga", "opus", "m4a", "mp4", "aac", "wma"),
        *("aif", "aiff", "aifc", "au", "caf", "w64", "wv", "ape", "tta", "mka", "spx", "ac3"),
    )
)
_ARTIST_TAGS = ("artist", "album_artist", "albumartist", "performer", "composer")
_NOBODY = frozenset({"", "unknown", "unknownartist", "various", "variousartists", "va"})
_PROBE_THREADS = 8


def open_folder(data_root: str | Path | None, seed: int = 0) -> Dataset:
    """Open a folder of audio files.

    - The first folder below `data_root` names the genre; files directly in it are "unknown".
    - Artist and title come from the file's tags. A file without an artist is taken as an
      artist of its own, since nothing better is known; the title is then its name.
    - Files are known as audio by their suffix. Hidden files and folders are passed over.
    - Files whose header cannot be read are listed in `skipped`, with a warning.
    - The split is 70-30, stratified and artist-disjoint, and 15 % of the training tracks are
      set apart as validation. With fewer than three artists (one album, say) such a split
      is impossible: then each file counts as an artist of its own, with a warning.

    """
    if data_root is None:
        raise DatasetError("the data set 'folder' needs data_root: the path of a folder of audio")
    root = Path(data_root)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; name a folder of audio files")
    root = root.resolve()
    paths = sorted(_audio_files(root))
    if not paths:
        raise DatasetError(
            f"{root}: no audio files in it or below it; it needs files such as .wav, .flac, .mp3, "
            ".ogg or .m4a"
        )
    with (
        ThreadPoolExecutor(_PROBE_THREADS) as pool,
        tqdm(total=len(paths), desc="reading headers", disable=None, leave=False) as bar,
    ):
        rows, skipped = [], []
        for path, found in zip(paths, pool.map(lambda p: _probe(root, p), paths), strict=True):
            bar.update()
            if isinstance(found, str):
                name = ascii(path)[1:-1] if not _is_text(path) else path
                skipped.append((name, name, found))
            else:
                rows.append(found)
    if skipped:
        warnings.warn(
            f"{root}: {len(skipped)} of {len(paths)} audio files cannot be read and are left out "
            f"(listed in .skipped), the first is {skipped[0][1]}: {skipped[0][2]}",
            stacklevel=2,
        )
    if not rows:
        raise DatasetError(f"{root}: none of the {len(paths)} audio files can be read")

    import pandas as pd

    tracks = pd.DataFrame(rows).set_index("track_id")
    tracks = _separable(tracks, root)
    tracks["split"] = split_tracks(tracks, seed=seed, validation_fraction=VALIDATION_FRACTION)
    description = f"{len(tracks)} audio files of a folder, genre by subfolder"
    return Dataset("folder", root, tracks, description, skipped_table(skipped), seed)


def _audio_files(root: Path) -> Iterator[str]:
    """Yield paths relative to `root`; each folder and each link's target once."""
    seen_folders: set[tuple[int, int]] = set()
    seen_files: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        stat = Path(folder).stat()
        if (stat.st_dev, stat.st_ino) in seen_folders:
            folders.clear()
            continue
        seen_folders.add((stat.st_dev, stat.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if name.startswith(".") or path.suffix.lower() not in SUFFIXES:
                continue
            real = os.path.realpath(path)
            # One recording under two names would be in training and in test.
            if real not in seen_files:
                seen_files.add(real)
                yield path.relative_to(root).as_posix()


def _probe(root: Path, path: str) -> dict[str, object] | str:
    """Return a row of the tracks table, or the reason why there is none."""
    if not _is_text(path):
        return "the file name is not valid UTF-8; rename it"
    try:
        info = audio.probe(root / path)
    except (AudioError, OSError) as error:
        return str(error)
    if math.isfinite(info.duration_s) and info.duration_s <= 0:
        return "the file holds no sound"
    tags = {key.lower(): value.strip() for key, value in info.tags.items()}
    artist = next((tags[key] for key in _ARTIST_TAGS if tags.get(key)), "")
    group = "".join(letter for letter in artist.casefold() if letter.isalnum())
    parts = Path(path).parts
    return {
        "track_id": path,
        "path": path,
        "genre": parts[0] if len(parts) > 1 else UNKNOWN,
        "artist": artist or UNKNOWN,
        # A colon never occurs in a group made from a name.
        "artist_group": f"file:{path}" if group in _NOBODY else group,
        "title": tags.get("title") or Path(path).stem,
        "licence": UNKNOWN,
        "duration_s": info.duration_s,
    }


def _separable(tracks: pd.DataFrame, root: Path) -> pd.DataFrame:
    groups = tracks["artist_group"].nunique()
    if groups >= 3 or groups == len(tracks):
        return tracks
    warnings.warn(
        f"{root}: {len(tracks)} tracks by {groups} artist(s) cannot be split by artist; they are "
        "split by file, and scores on the test part flatter",
        stacklevel=3,
    )
    return tracks.assign(artist_group=[f"file:{path}" for path in tracks["path"]])


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
