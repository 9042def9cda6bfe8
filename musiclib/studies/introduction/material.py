"""Which music the introduction plays: short excerpts of test clips, bright ones first."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from musiclib.audio import rms_db
from musiclib.datasets import Clip, Dataset
from musiclib.errors import DatasetError


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


def excerpts(
    dataset: Dataset, count: int, seconds: float, quietest_db: float = -60.0
) -> list[Clip]:
    """Excerpts of test clips, spread over the genres, without silent ones.

    Args:
        dataset: Any data set.
        count: Number of clips wanted; fewer where there are fewer.
        seconds: Length of each excerpt.
        quietest_db: Excerpts of a lower RMS level, in dB below full scale, are left out.

    Returns:
        Clips of one channel at the house rate.

    Raises:
        DatasetError: If no excerpt is left.
    """
    cut = (excerpt(clip, seconds) for clip in dataset.part("test").clips(limit=count))
    clips = [clip for clip in cut if rms_db(clip.audio) > quietest_db]
    if not clips:
        raise DatasetError(
            f"{dataset.name}: no test clip has sound above {quietest_db} dB; "
            "give a folder with music in it"
        )
    return clips


def chosen_clip(dataset: Dataset, track: str, clips: Sequence[Clip], seconds: float) -> Clip:
    """The excerpt of a named track, or the first clip where the data set has no such track.

    Args:
        dataset: Any data set.
        track: Key of the tracks table.
        clips: Clips to fall back on, at least one.
        seconds: Length of the excerpt.

    Returns:
        A clip of one channel at the house rate.
    """
    if track not in dataset.tracks.index:
        return clips[0]
    return excerpt(dataset.clip(track), seconds)


def brightness(clip: Clip) -> float:
    """Share of a clip's energy change that lies high: the power of its first differences.

    Args:
        clip: One channel.

    Returns:
        Mean square of first differences over the mean square of samples: 0 for a constant, 2 for
        white noise, 4 at half the sample rate. 0 for silence.
    """
    power = float(np.mean(clip.audio.astype(np.float64) ** 2))
    return float(np.mean(np.diff(clip.audio.astype(np.float64)) ** 2)) / power if power else 0.0


def bright_clips(clips: Sequence[Clip], count: int) -> list[Clip]:
    """The brightest clip of each genre, the brightest genre first.

    Bright clips are the hard ones for a codec. When there are fewer genres than clips wanted, the
    next brightest clips of any genre follow.

    Args:
        clips: Clips to choose from.
        count: Number of clips wanted; fewer where there are fewer.

    Returns:
        Clips, brightest first within each round.
    """
    ranked = sorted(clips, key=brightness, reverse=True)
    genres: set[str] = set()
    first: list[Clip] = []
    others: list[Clip] = []
    for clip in ranked:
        (others if clip.genre in genres else first).append(clip)
        genres.add(clip.genre)
    return [*first, *others][:count]
