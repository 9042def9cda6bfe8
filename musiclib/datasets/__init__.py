"""Data sets behind one interface: a tracks table, splits, segments and decoded audio.

dataset = open_dataset("mini")
dataset.tracks                       # one row a track
cache = dataset.cache(24_000)        # decoded once, memory-mapped
for batch in random_segments(dataset.part("train"), cache, seconds=1.0): ...
"""

from __future__ import annotations

from pathlib import Path

from musiclib.datasets.bundled import open_killer, open_mini
from musiclib.datasets.cache import AudioCache, cache_root
from musiclib.datasets.clips import (
    EXCERPT_S,
    WHOLE_S,
    measured_clips,
    one_clip_an_artist,
    random_segments,
    segments,
)
from musiclib.datasets.debian import download_debian, open_debian
from musiclib.datasets.fma import DESCRIPTIONS, download_fma, open_fma
from musiclib.datasets.folder import open_folder
from musiclib.datasets.tracks import (
    UNKNOWN,
    Clip,
    Dataset,
    folds,
    scored_genres,
    shared_artists,
    split_tracks,
)
from musiclib.errors import DatasetError

DATASET_NAMES: tuple[str, ...] = ("mini", "killer", *DESCRIPTIONS, "debian", "folder")

__all__ = [
    "DATASET_NAMES",
    "EXCERPT_S",
    "UNKNOWN",
    "WHOLE_S",
    "AudioCache",
    "Clip",
    "Dataset",
    "cache_root",
    "download_debian",
    "download_fma",
    "folds",
    "measured_clips",
    "one_clip_an_artist",
    "open_dataset",
    "random_segments",
    "scored_genres",
    "segments",
    "shared_artists",
    "split_tracks",
]


def open_dataset(
    name: str = "mini",
    data_root: str | Path | None = None,
    seed: int = 0,
    split: str | None = None,
) -> Dataset:
    """Open a data set by name. Nothing is downloaded and nothing decoded.

    >>> import musiclib as ml
    >>> music = ml.open_dataset("mini")
    >>> for clip in music.part("test").clips(24_000, duration_s=10.0, limit=2):
    ...     print(clip.genre, len(clip.audio) / clip.sample_rate)
    ambient 10.0
    chiptune 10.0

    Args:
        name: One of `DATASET_NAMES`.
        data_root: `mini` and `killer`: its folder, found by itself in a clone. `fma_*`: the folder
            that holds `fma_metadata/` and the audio. `debian`: the folder that holds `debian/`.
            `folder`: the folder of audio. All but `folder` also look into the environment
            variable `MUSICLIB_DATA`.
        seed: Seed of a split that is drawn, and of random choices later on. It does not move the
            official split of `mini` and `debian`, which shipped models were trained with.
        split: `"official"`: the split that comes with the data (the default for `mini`; FMA's
            80/10/10). `"70-30"`: stratified by genre and artist-disjoint, made with `seed`
            (the default for all others). Both have 15 % of the training part as validation
            where the data bring none. No artist group is in two parts of one split. `debian`
            is split into training and validation; its test part is that of `mini`, or, for
            cross-validation, one of its folds (`"fold-1"` to `"fold-5"`) or all of it
            (`"apart"`). `killer` is all test part.

    Raises:
        DatasetError: The name or split is unknown, the data are not there, or damaged.
    """
    if name not in DATASET_NAMES:
        raise DatasetError(f"unknown data set {name!r}; choose one of {', '.join(DATASET_NAMES)}")
    if name == "debian":
        if split == "70-30":
            raise DatasetError("debian has no test part, so no split 70-30; use 'official'")
        return open_debian(data_root, seed, split or "official")
    if split not in (None, "official", "70-30"):
        raise DatasetError(f"unknown split {split!r}; choose 'official' or '70-30'")
    if name == "mini":
        return open_mini(data_root, seed, split or "official")
    if name == "killer":
        if split == "70-30":
            raise DatasetError("killer is all test part, so it has no split 70-30; use 'official'")
        return open_killer(data_root, seed)
    if name == "folder":
        if split == "official":
            raise DatasetError("a folder has no official split; use '70-30'")
        return open_folder(data_root, seed)
    return open_fma(name, data_root, seed, split or "70-30")
