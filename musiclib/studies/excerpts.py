"""Excerpts of test clips for the experiments of a chapter.

A chapter runs on any data set, so an excerpt may be short, silent in parts or narrow in band. What
no experiment can use is left out here, once, and by a stated rule.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.datasets import Clip, Dataset
from musiclib.errors import DatasetError
from musiclib.listen.media import slug

SHORTEST_S = 1.0
QUIETEST = 1e-3


@dataclass(frozen=True)
class StudySize:
    """How much music an experiment uses.

    Attributes:
        clips: Largest number of clips.
        seconds: Largest length of an excerpt in seconds.
    """

    clips: int
    seconds: float


def study_size(profile: str, clips: int, seconds: float = 8.0) -> StudySize:
    """Size of a chapter's experiments for a profile.

    Args:
        profile: ``"smoke"`` (2 clips of at most 3 s), ``"mini"`` or ``"retrain"``.
        clips: Clips in the full profiles.
        seconds: Length of the excerpts in the full profiles.

    Returns:
        The size.

    Raises:
        DatasetError: If the profile is not known.
    """
    if profile == "smoke":
        return StudySize(min(2, clips), min(3.0, seconds))
    if profile in ("mini", "retrain"):
        return StudySize(clips, seconds)
    raise DatasetError(f"profile {profile!r} is not known: choose smoke, mini or retrain")


def excerpt(clip: Clip, seconds: float) -> Clip:
    """Cut the middle of a clip.

    Args:
        clip: One channel.
        seconds: Length of the part; a shorter clip is returned whole.

    Returns:
        The clip with fewer samples.
    """
    wanted = round(seconds * clip.sample_rate)
    start = max(0, (len(clip.audio) - wanted) // 2)
    return replace(clip, audio=clip.audio[start : start + wanted])


def excerpts(dataset: Dataset, size: StudySize, sample_rate: int = HOUSE_RATE) -> dict[str, Clip]:
    """Usable excerpts, from the middle of a data set's test clips, spread over its genres.

    Left out are excerpts that are shorter than a second, or whose peak is below -60 dB.

    Args:
        dataset: All its splits; the test part is taken.
        size: How many, and how long.
        sample_rate: In Hz.

    Returns:
        Clips by track identifier, in the data set's order.

    Raises:
        DatasetError: If no excerpt is usable.
    """
    found = {
        clip.track_id: clip
        for clip in (
            excerpt(whole, size.seconds)
            for whole in dataset.part("test").clips(sample_rate=sample_rate, limit=size.clips)
        )
        if clip.seconds >= SHORTEST_S and np.max(np.abs(clip.audio)) >= QUIETEST
    }
    if not found:
        raise DatasetError(
            f"no test clip of {dataset.name} is at least {SHORTEST_S:g} s long and louder than "
            "-60 dB: add longer or louder files"
        )
    return found


def titles(clips: dict[str, Clip]) -> dict[str, str]:
    """A title for each clip, none of them twice.

    Args:
        clips: Result of :func:`excerpts`.

    Returns:
        Titles by track identifier; where two clips share one, the identifier is added.
    """
    names = {name: clip.title.strip() or name for name, clip in clips.items()}
    files = Counter(slug(title) for title in names.values())
    return {
        name: title if files[slug(title)] == 1 else f"{title} ({name})"
        for name, title in names.items()
    }


def artists(clips: dict[str, Clip]) -> dict[str, str]:
    """The artist of each clip, by track identifier: the unit of all statistics.

    Args:
        clips: Result of :func:`excerpts`.

    Returns:
        Artist groups, or names where nobody grouped them.
    """
    return {name: clip.unit for name, clip in clips.items()}


def one_an_artist(clips: dict[str, Clip]) -> dict[str, Clip]:
    """The first clip of each artist, so that clips can be counted as artists.

    Args:
        clips: Result of :func:`excerpts`.

    Returns:
        Some of the clips, in their order.
    """
    first = {clip.unit: name for name, clip in reversed(clips.items())}
    return {name: clip for name, clip in clips.items() if first[clip.unit] == name}


def sounds(clips: dict[str, Clip]) -> dict[str, FloatArray]:
    """The samples of each clip, by track identifier.

    Args:
        clips: Result of :func:`excerpts`.

    Returns:
        Samples of shape ``(N,)``.
    """
    return {name: clip.audio for name, clip in clips.items()}
