"""Tables and words of the chapter, which hold for any music."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from musiclib.genre import SEGMENT_S, Guesses, Score, score
from musiclib.genre.guesses import How
from musiclib.latents import RICH, LogMel, Mfcc, pooled
from musiclib.stats import Interval
from musiclib.studies.classification.dealing import Decision
from musiclib.studies.classification.drawing import Example
from musiclib.studies.classification.material import Material
from musiclib.studies.classification.sizes import SAMPLE_RATE, Size, size_of
from musiclib.studies.classification.vectors import standardised

NOT_COMPUTED = "(not computed here)"
HOWS: tuple[How, ...] = ("pieces", "vote", "mean")

Scores = Mapping[str, Mapping[tuple[str, str], Score]]


def number(value: float, form: str = ".2f") -> str:
    """A number, or that there is none."""
    if not math.isfinite(value):
        return NOT_COMPUTED
    return format(value, form).replace("-", "\N{MINUS SIGN}")


def interval(found: Interval, form: str = ".2f") -> str:
    """A mean with its interval, or that there is none."""
    if not math.isfinite(found.mean):
        return NOT_COMPUTED
    return format(found, form).replace("-", "\N{MINUS SIGN}")


def sided(found: Interval, positive: str, negative: str, neither: str) -> str:
    """A word by the side of zero on which a whole interval lies."""
    return {1: positive, -1: negative, 0: neither}[found.sign]


def compared(first: float, second: float, more: str, less: str, same: str) -> str:
    """A word by which of two numbers is the larger, to two digits after the point."""
    difference = round(first, 2) - round(second, 2)
    if abs(difference) < 1e-9 or not math.isfinite(difference):
        return same
    return more if difference > 0 else less


def all_scores(found: Mapping[str, Guesses], tracks: pd.DataFrame) -> Scores:
    """Scores by system, then by part and way of deciding."""
    return {
        name: {
            (part, how): score(guesses, tracks, part, how)
            for part in ("validation", "test")
            for how in HOWS
        }
        for name, guesses in found.items()
    }


def score_table(scores: Scores) -> pd.DataFrame:
    """Balanced accuracies on the validation tracks, with intervals over artists."""
    return pd.DataFrame(
        [[interval(one["validation", how].balanced) for how in HOWS] for one in scores.values()],
        pd.Index(list(scores)),
        ["single pieces", "tracks, by vote", "tracks, by mean"],
    )


def example(found: Material, track_id: str, piece: int) -> Example:
    """A track on its way, for the drawing.

    Args:
        found: The chapter's material.
        track_id: A test track.
        piece: Number of the piece that is followed; the last one of a shorter track.
    """
    table = pooled(found.test, SEGMENT_S, RICH)
    mine = np.flatnonzero((table.rows["track_id"] == track_id).to_numpy())
    piece = min(piece, len(mine) - 1)
    latents = found.latents(track_id, SEGMENT_S * piece).astype(np.float64)
    spread = np.concatenate([found.test[name] for name in found.test.tracks.index], axis=1).std(1)
    clip = found.music.clip(track_id)
    return Example(
        clip.audio,
        clip.seconds,
        piece,
        len(mine),
        (latents - latents.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-6)[:, None],
        standardised(table.values)[mine[piece]],
        size_of(found.representation),
    )


def baselines() -> list[Size]:
    """What enters where the latents do."""
    return [
        size_of(LogMel(), "log-mel spectra"),
        size_of(Mfcc(), "MFCC"),
        Size("samples", 1, round(SEGMENT_S * SAMPLE_RATE), 0),
    ]


def decided(one: Decision) -> str:
    """How a track was decided, in a sentence."""
    count = len(one.probabilities)
    voted = round(float(one.votes.max()) * count)
    best = float(one.mean.max())
    said = f"Votes for {plain(one.vote_guess)}: {voted} of {count}. So the vote says "
    said += f"{plain(one.vote_guess)}. The mean says {plain(one.mean_guess)}, with {best:.2f}. "
    right = {"vote": one.vote_guess == one.truth, "mean": one.mean_guess == one.truth}
    ends = {
        (True, True): "both are right",
        (True, False): "the vote is right",
        (False, True): "the mean is right",
        (False, False): "both are wrong",
    }
    return f"{said}Its label is {plain(one.truth)}: {ends[right['vote'], right['mean']]}."


def plain(genre: str) -> str:
    """A genre as a reader sees it."""
    return str(genre).replace("_", " ")
