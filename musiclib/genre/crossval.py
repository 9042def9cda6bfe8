"""Genre by cross-validation: a track is tested once, by what never heard its artist.

One classifier and one tuning budget for all systems: logistic regression on statistics of pieces,
its strength of regularisation chosen by cross-validation inside the training folds. So what differs
between two systems is what they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from musiclib.datasets import folds, scored_genres
from musiclib.errors import DatasetError
from musiclib.features import Pooled
from musiclib.stats import SCALES, Bounds, Interval, holm, jackknife, sign_flip_p, verdict

STRENGTHS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""What is tried for the constant C; the smallest regularises most."""

_LEAST: Final = 1e-9
_ATTEMPTS: Final = 20

Features = Callable[[int], Pooled]
"""Vectors of the pieces of all tracks, by the fold that is tested: an encoder may be trained for
each fold, on music without its artists."""


def make_folds(tracks: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Deal the tracks of the scored genres into folds in which each genre can be learned.

    Args:
        tracks: Table with `genre` and `artist_group`; index `track_id`.
        seed: Seed of the dealing.

    Returns:
        The tracks of `musiclib.datasets.scored_genres` with their `fold`.

    Raises:
        DatasetError: There are no two such genres, or one always falls into a single fold, so that
            nothing of it would be left to learn from.
    """
    genres = scored_genres(tracks)
    if not genres:
        raise DatasetError("there are no two genres of similar size by several artists; add music")
    scored = tracks[tracks["genre"].isin(genres)]
    for attempt in range(_ATTEMPTS):
        dealt = scored.assign(fold=folds(scored, seed=seed + 1_000 * attempt))
        there = dealt.groupby("genre")["fold"].nunique()
        if there.min() > 1:
            return dealt
    raise DatasetError(
        f"all tracks of {there.idxmin()} fall into one fold: add music of this genre by others"
    )


def classifier(strength: float) -> Pipeline:
    """Return logistic regression on standardised columns, all genres weighing the same."""
    # Half of the scale's precision is enough for probabilities, and saves most of the time.
    last = LogisticRegression(C=strength, max_iter=300, tol=1e-3, class_weight="balanced")
    return make_pipeline(StandardScaler(), last)


def predict(train: Pooled, test: Pooled, strength: float, genres: Sequence[str]) -> pd.DataFrame:
    """Train on pieces and predict tracks.

    Returns:
        Log probability of each genre, the mean over a track's pieces: index `track_id`, a column a
        genre. A track's genre is the one with the largest.

    Raises:
        DatasetError: A genre has no training pieces, or a value is not finite.
    """
    if not (np.isfinite(train.values).all() and np.isfinite(test.values).all()):
        raise DatasetError(f"{train.name}: some values are not finite; decode the music again")
    lacking = sorted(set(genres) - set(train.rows["genre"]))
    if lacking:
        raise DatasetError(
            f"no track of {lacking[0]} is left to learn from: add music of this genre by others"
        )
    model = classifier(strength).fit(train.values, train.rows["genre"])
    # A genre that a piece rules out must not silence the other pieces of its track.
    shares = np.maximum(model.predict_proba(test.values), _LEAST)
    logs = pd.DataFrame(np.log(shares), columns=model.classes_)
    return (
        logs[list(genres)].groupby(test.rows["track_id"].to_numpy()).mean().rename_axis("track_id")
    )


def predict_fold(
    pieces: Pooled, tracks: pd.DataFrame, fold: int, strengths: Sequence[float] = STRENGTHS
) -> pd.DataFrame:
    """Test the tracks of one fold with a classifier that learns from all others.

    Inside the training part each fold is predicted by the rest with every strength; the strength
    with the best balanced accuracy, the smallest among equals, then learns from all of it.

    Args:
        pieces: Vectors of the pieces of all tracks.
        tracks: Table with `genre` and `fold`, of which no two share an artist; index `track_id`.
        fold: The one that is tested.
        strengths: What is tried.

    Returns:
        `strength`, and the log probability of each genre; index `track_id`.
    """
    genres = sorted(tracks["genre"].unique())
    held_out = tracks["fold"] == fold
    strength = strengths[0]
    if len(strengths) > 1:
        scores = [_inner(pieces, tracks[~held_out], one, genres) for one in strengths]
        strength = strengths[int(np.argmax(np.round(scores, 9)))]
    train, test = (pieces.part(tracks.index[part]) for part in (~held_out, held_out))
    logs = predict(train, test, strength, genres)
    return logs.assign(strength=strength)[["strength", *genres]]


def cross_validate(
    features: Features, tracks: pd.DataFrame, strengths: Sequence[float] = STRENGTHS
) -> pd.DataFrame:
    """Test every track once: `predict_fold` of each fold, which becomes a column."""
    tested = [
        predict_fold(features(fold), tracks, fold, strengths).assign(fold=fold)
        for fold in sorted(tracks["fold"].unique())
    ]
    return pd.concat(tested)


def balanced_accuracy(prediction: pd.Series, genre: pd.Series) -> float:
    """Return the mean over genres of the share of their tracks that are predicted right."""
    right = prediction == genre.reindex(prediction.index)
    return float(right.groupby(genre.reindex(prediction.index)).mean().mean())


def hits(predictions: pd.DataFrame, tracks: pd.DataFrame) -> pd.DataFrame:
    """Return 1 where a system's prediction is right, 0 where it is not, or the mean of several.

    Args:
        predictions: `system`, `track_id`, and the log probability of each genre; a system may have
            several rows for a track, from several dealings.
        tracks: Table with `genre`; index `track_id`.

    Returns:
        A row a track, a column a system, in the order of the predictions.
    """
    genres = [str(genre) for genre in sorted(tracks["genre"].unique()) if genre in predictions]
    right = (
        predictions[genres].idxmax(axis=1)
        == tracks["genre"].reindex(predictions["track_id"]).to_numpy()
    )
    table = predictions[["system", "track_id"]].assign(hit=right.astype(float))
    wide = table.groupby(["track_id", "system"])["hit"].mean().unstack("system")
    return wide[list(dict.fromkeys(predictions["system"]))]


def scores(hits: pd.DataFrame, tracks: pd.DataFrame) -> pd.DataFrame:
    """Return the balanced accuracy of each system.

    Args:
        hits: How well each system (a column) did on each track (`track_id`).
        tracks: Table with `genre` and `artist_group`; index `track_id`.

    Returns:
        `system`, `mean`, and the ends `low` and `high` of its 95 % interval over `n` artists.
    """
    about = tracks.reindex(hits.index)
    found = [balanced_interval(hits[name], about["genre"], about["artist_group"]) for name in hits]
    return pd.DataFrame(map(vars, found)).assign(system=hits.columns)[
        ["system", "mean", "low", "high", "n"]
    ]


def balanced_interval(
    values: npt.ArrayLike,
    genres: pd.Series,
    artists: pd.Series,
    bounds: Bounds | None = (0.0, 1.0),
) -> Interval:
    """Mean over genres of the mean over tracks, with a 95 % interval over artists.

    Args:
        values: Such as 1 for each track that is predicted right, and 0 for the others, `(N,)`.
        genres: Genre of each track, `(N,)`.
        artists: Its artist, `(N,)`.
        bounds: Lowest and highest possible value; None for differences.

    Returns:
        The mean with its interval; a genre is left out with an artist who has it alone.
    """
    owners, names = pd.factorize(artists)
    columns, labels = pd.factorize(genres)
    sums = np.zeros((2, len(names), len(labels)))
    np.add.at(sums[0], (owners, columns), np.asarray(values, dtype=np.float64))
    np.add.at(sums[1], (owners, columns), 1.0)
    totals = sums.sum(axis=1, keepdims=True)
    rest, count = np.concatenate([totals, totals - sums], axis=1)
    there = count > 0
    shares = np.divide(rest, count, out=np.zeros(rest.shape), where=there)
    means = shares.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return jackknife(means[0], means[1:], bounds=bounds)


def compare(
    hits: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    tracks: pd.DataFrame,
    metric: str = "balanced_accuracy",
) -> pd.DataFrame:
    """Compare systems track by track, the artist being the unit.

    Args:
        hits: How well each system (a column) did on each track (`track_id`), such as 1 where its
            prediction is right and 0 where it is not.
        pairs: Names of a first and a second system.
        tracks: Table with `genre` and `artist_group`; index `track_id`.
        metric: A key of `musiclib.stats.SCALES`: what is the smallest difference worth a word.

    Returns:
        A row a pair: `first`, `second`, `difference` of their balanced scores with the ends `low`
        and `high` of its 95 % interval over artists, `p` of a sign-flip test over artists and
        `p_holm`, corrected for all pairs; `verdict` as `musiclib.stats.compare` has it; `visible`,
        the difference that so many artists would have shown in four of five such tests; and `n`,
        the number of artists.
    """
    scale = SCALES[metric]
    table = hits.join(tracks[["genre", "artist_group"]], how="inner")
    # In a mean over genres each track weighs by the size of its genre.
    weight = 1.0 / (table["genre"].nunique() * table.groupby("genre")["genre"].transform("size"))
    rows = []
    for first, second in pairs:
        gain = (table[first] - table[second]).astype(float)
        found = balanced_interval(gain, table["genre"], table["artist_group"], bounds=None)
        p = sign_flip_p((weight * gain).groupby(table["artist_group"]).sum())
        error = (found.high - found.low) / 2.0 / stdtrit(found.n - 1, 0.975)
        visible = error * (stdtrit(found.n - 1, 0.975) + stdtrit(found.n - 1, 0.8))
        rows.append((first, second, found, p, visible))
    corrected = holm([p for *_, p, _ in rows])
    return pd.DataFrame(
        {
            "first": first,
            "second": second,
            "difference": found.mean,
            "low": found.low,
            "high": found.high,
            "p": p,
            "p_holm": p_holm,
            "verdict": verdict(found, p_holm, scale),
            "visible": visible,
            "n": found.n,
        }
        for (first, second, found, p, visible), p_holm in zip(rows, corrected, strict=True)
    )


def _inner(pieces: Pooled, tracks: pd.DataFrame, strength: float, genres: Sequence[str]) -> float:
    """Return the balanced accuracy of tracks by a cross-validation over their folds."""
    logs = []
    for fold in sorted(tracks["fold"].unique()):
        held_out = tracks["fold"] == fold
        train, test = (pieces.part(tracks.index[part]) for part in (~held_out, held_out))
        # Inside, a small genre may be by artists of one fold alone; then it cannot be predicted.
        there = [genre for genre in genres if genre in set(train.rows["genre"])]
        if len(there) > 1:
            logs.append(predict(train, test, strength, there))
    if not logs:
        return 0.0
    return balanced_accuracy(pd.concat(logs).idxmax(axis=1), tracks["genre"])
