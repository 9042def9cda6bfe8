"""Sentences about what scores depend on: tuning, pooling, votes, leaks, sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from musiclib.genre import Comparison, Score, compare
from musiclib.studies.genre.experiment import Results
from musiclib.studies.genre.splits import Leak, Weighing
from musiclib.studies.genre.tables import equals, names_there, shown, signed


def tuned(comparisons: Sequence[Comparison]) -> str:
    """What training the encoder along brings."""
    if not comparisons:
        return ""
    gains = [one.difference.mean for one in comparisons]
    return (
        f"Training the encoder along changes the test score by {signed(np.mean(gains))} on "
        f"average over {len(gains)} models, from {signed(min(gains))} to {signed(max(gains))}; "
        f"{_verdicts(comparisons)}."
    )


def attention(comparisons: Sequence[Comparison]) -> str:
    """What attention brings over plain statistics."""
    if not comparisons:
        return ""
    gains = [one.difference.mean for one in comparisons]
    return (
        f"Attention instead of equal weights changes the test score by {signed(np.mean(gains))} "
        f"on average over {len(gains)} models; {_verdicts(comparisons)}."
    )


def voting(results: Results) -> str:
    """Whole tracks against single pieces."""
    heard = [name for name in results.guesses if name not in names_there(results)]
    level = {
        kind: np.array([results.scores[name][kind].balanced.mean for name in heard])
        for kind in ("pieces", "vote", "mean")
    }
    best = results.scores[results.best_latent]
    gain = compare(best["vote"], best["pieces"], results.dataset.tracks)
    ahead = int(np.sum(level["vote"] > level["pieces"]))
    return (
        f"A majority vote over the pieces of a track beats single pieces in {ahead} of "
        f"{len(heard)} systems, by {signed(np.mean(level['vote'] - level['pieces']))} on average. "
        f"For the best latent system the gain is {shown(gain.difference, True)}, "
        f"p {equals(gain.p)}. The mean of log probabilities differs from the vote by "
        f"{signed(np.mean(level['mean'] - level['vote']))} on average."
    )


def leaking(leaks: Sequence[Leak]) -> str:
    """How much leaks flatter."""
    parts = []
    for one in leaks:
        parts.append(
            f"*{one.system}*: tracks dealt at random, without regard to artists, score "
            f"{signed(one.mixed_tracks.mean - one.tracks.mean)} against tracks dealt by artist, "
            f"and pieces dealt at random {signed(one.mixed_pieces.mean - one.pieces.mean)} "
            "against pieces of unheard artists."
        )
    return " ".join(parts)


def curve(table: pd.DataFrame) -> str:
    """Where the learning curves start and end."""
    parts = []
    for name, part in table.groupby("system", sort=False):
        means = part.groupby("tracks")["balanced"].mean()
        parts.append(
            f"*{name}* goes from {means.iloc[0]:.2f} with {means.index[0]} training tracks of each "
            f"genre to {means.iloc[-1]:.2f} with {means.index[-1]}"
        )
    return "; ".join(parts) + "."


def sizes(table: pd.DataFrame) -> str:
    """Smallest and largest latent of each family."""
    parts = []
    for family, part in table.groupby("family", sort=False):
        if len(part) > 1:
            small, large = part.iloc[part["size"].argmin()], part.iloc[part["size"].argmax()]
            parts.append(
                f"{family} from {small['balanced']:.2f} with {small['size']} values a frame to "
                f"{large['balanced']:.2f} with {large['size']}"
            )
    return "By size of the latent, " + "; ".join(parts) + "."


def bitrates(table: pd.DataFrame, floats: Score) -> str:
    """Accuracy from the smallest and the largest files."""
    small, large = table.iloc[table["kbps"].argmin()], table.iloc[table["kbps"].argmax()]
    return (
        f"From files of {large['kbps']:.1f} kbps the score is {large['balanced']:.2f}, from files "
        f"of {small['kbps']:.2f} kbps {small['balanced']:.2f}; without rounding it is "
        f"{floats.balanced.mean:.2f}."
    )


def weights(found: Weighing | None) -> str:
    """What weighing genres does."""
    if found is None:
        return (
            "The genres of this data set that are large enough to be dealt have about the same "
            "number of tracks, so there is nothing to weigh."
        )
    one, two = found.weighted, found.plain
    return (
        f"Over all {len(found.counts)} genres, weights change the balanced accuracy from "
        f"{two.balanced.mean:.2f} to {one.balanced.mean:.2f} and the accuracy from "
        f"{two.accuracy.mean:.2f} to {one.accuracy.mean:.2f}."
    )


def _verdicts(comparisons: Sequence[Comparison]) -> str:
    better = sum(one.verdict == "better" for one in comparisons)
    worse = sum(one.verdict == "worse" for one in comparisons)
    return f"settled as better for {better} and as worse for {worse} of {len(comparisons)}"
