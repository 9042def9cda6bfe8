"""Which clips a result rests on, and short pieces of tracks.

Clips are chosen once, so that a file has one result in the whole book. Bytes and quick judges take
every test clip of the bundled music, whole. Slow judges take a nested subset, one clip an artist,
and of each its first ten seconds. Other music is measured while a chapter runs, on as many clips as
the profile has time for. Segments are a fixed tiling for tests, and random draws for training.
"""

from __future__ import annotations

import hashlib
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray
from musiclib.datasets.cache import AudioCache
from musiclib.datasets.tracks import Dataset
from musiclib.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

WHOLE_S = 30.0
"""Longest part of a clip that is coded, in seconds. All bundled clips last just as long."""
EXCERPT_S = 10.0
"""What a slow judge hears of a clip, in seconds from its start, after the whole was coded."""
LIVE_CLIPS = {"smoke": 2, "mini": 12, "retrain": 63}
"""How many clips are measured while a chapter runs."""


def measured_clips(music: Dataset, profile: str = "mini") -> Dataset:
    """Choose the clips that codecs are measured on.

    Args:
        music: Any data set.
        profile: `smoke`, `mini` or `retrain`.

    Returns:
        All test tracks of the bundled music. Of other music, and in the profile `smoke`, as many as
        `LIVE_CLIPS` says: first one an artist, by a hash of their names, then the others.

    Raises:
        DatasetError: There are no test tracks, or the profile is unknown.
    """
    if profile not in LIVE_CLIPS:
        raise DatasetError(f"unknown profile {profile!r}; use one of {', '.join(LIVE_CLIPS)}")
    part = music.part("test")
    if music.name == "mini" and profile != "smoke":
        return part
    return part.select(track_ids=list(_by_turns(part.tracks).index[: LIVE_CLIPS[profile]]))


def one_clip_an_artist(clips: Dataset) -> Dataset:
    """Choose the subset of clips that slow judges hear: of each artist the first by a hash."""
    ordered = _by_turns(clips.tracks)
    return clips.select(track_ids=list(ordered.index[ordered["turn"] == 0]))


def _by_turns(tracks: pd.DataFrame) -> pd.DataFrame:
    """Order tracks by a hash of their names, so that every artist has a first, a second turn ...

    A hash knows nothing of packages, albums and the alphabet, and a track that is added or taken
    away moves no other.
    """
    digests = [hashlib.sha256(str(name).encode()).hexdigest() for name in tracks.index]
    mixed = tracks.assign(digest=digests).sort_values("digest")
    mixed["turn"] = mixed.groupby("artist_group").cumcount()
    return mixed.sort_values(["turn", "digest"])


@dataclass(frozen=True)
class SegmentBatch:
    """Segments drawn together."""

    audio: FloatArray  # `(B, N)`
    track_ids: list[str]
    starts: npt.NDArray[np.int64]  # first sample of each in its track, `(B,)`


def segments(
    dataset: Dataset,
    cache: AudioCache,
    seconds: float = 2.0,
) -> pd.DataFrame:
    """Cut every track into segments of equal length.

    A rest at the end that is shorter than a segment is left out. So are tracks shorter than one
    segment, with a warning.

    Args:
        dataset: The tracks to cut; a part of the data set that the cache was built for.
        cache: Their decoded audio. Tracks without audio give no segments.
        seconds: Length of a segment.

    Returns:
        Table with `track_id`, `genre`, `split`, `start` and `length` (both in samples).

    Raises:
        DatasetError: The length is not positive, or no track is long enough.
    """
    import pandas as pd

    length = _samples(seconds, cache.sample_rate)
    lengths = _lengths(dataset, cache)
    rows = {"track_id": [], "start": []}  # type: dict[str, list[object]]
    too_short = lengths.index[lengths < length]
    for track_id, available in lengths.items():
        starts = range(0, int(available) - length + 1, length)
        rows["track_id"].extend([track_id] * len(starts))
        rows["start"].extend(starts)
    if len(too_short):
        warnings.warn(
            f"{len(too_short)} of {len(lengths)} tracks are shorter than {seconds} s and give no "
            f"segment, the first is {too_short[0]}",
            stacklevel=2,
        )
    table = pd.DataFrame(rows)
    if table.empty:
        raise DatasetError(
            f"no track of {dataset.name} is {seconds} s long; choose shorter segments"
        )
    labels = dataset.tracks.loc[table["track_id"], ["genre", "split"]].reset_index(drop=True)
    return pd.concat([table[["track_id"]], labels, table[["start"]]], axis=1).assign(length=length)


def random_segments(
    dataset: Dataset,
    cache: AudioCache,
    seconds: float = 2.0,
    batch_size: int = 16,
    seed: int = 0,
    first_batch: int = 0,
    balance: Literal["time", "genre"] = "time",
) -> Iterator[SegmentBatch]:
    """Draw segments from random places, without end and without decoding.

    Batch number k depends on the seed and k alone, so that a training that is resumed at
    batch k goes on with the very segments it would have seen.

    Args:
        dataset: The tracks to draw from, usually `dataset.part("train")`.
        cache: Their decoded audio.
        seconds: Length of a segment.
        batch_size: Segments in a batch.
        seed: Seed of the draws.
        first_batch: Number of the first batch.
        balance: `"time"`: every place of the music is equally likely. `"genre"`: the genre is
            drawn first, all being equally likely, then a place in its music.

    Yields:
        Batches with audio of shape `(batch_size, N)`. Tracks shorter than a segment are not
        drawn.

    Raises:
        DatasetError: A number is out of range, or no track is long enough.
    """
    length = _samples(seconds, cache.sample_rate)
    if batch_size < 1 or first_batch < 0:
        raise DatasetError(f"batch_size {batch_size} or first_batch {first_batch} is out of range")
    lengths = _lengths(dataset, cache)
    places = (lengths - length + 1).clip(lower=0)
    places = places[places > 0]
    if places.empty:
        raise DatasetError(
            f"no track of {dataset.name} is {seconds} s long; choose shorter segments"
        )
    weights = places.astype(float)
    if balance == "genre":
        genres = dataset.tracks.loc[places.index, "genre"]
        weights = weights / weights.groupby(genres).transform("sum")
    chances = weights.to_numpy()
    chances = chances / chances.sum()

    def draw(number: int) -> SegmentBatch:
        generator = np.random.default_rng([seed, number])
        chosen = generator.choice(len(places), size=batch_size, p=chances)
        starts = generator.integers(0, places.to_numpy()[chosen])
        track_ids = [places.index[index] for index in chosen]
        rows = [
            cache.segment(track_id, int(start), length)
            for track_id, start in zip(track_ids, starts, strict=True)
        ]
        return SegmentBatch(np.stack(rows), track_ids, starts)

    return map(draw, itertools.count(first_batch))


def _lengths(dataset: Dataset, cache: AudioCache) -> pd.Series:
    known = [track_id for track_id in dataset.tracks.index if track_id in cache]
    if not known:
        raise DatasetError(f"the cache holds no track of {dataset.name}; build it for this part")
    return cache.lengths.loc[known]


def _samples(seconds: float, sample_rate: int) -> int:
    samples = round(seconds * sample_rate)
    if samples < 1:
        raise DatasetError(f"seconds is {seconds}; it must be at least one sample long")
    return samples
