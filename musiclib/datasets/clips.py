"""Which clips a result rests on: chosen once, so that a file has one result in the whole book.

Bytes and quick judges take every test clip of the bundled music, whole. Slow judges take a nested
subset, one clip an artist, and of each its first ten seconds. Other music is measured while a
chapter runs, on as many clips as the profile has time for.
"""

from __future__ import annotations

import hashlib

import pandas as pd

from musiclib.datasets.tracks import Dataset
from musiclib.errors import DatasetError

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
    """Choose the subset of clips that slow judges hear: of each artist the first by a hash.

    Args:
        clips: From `measured_clips`.
    """
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
