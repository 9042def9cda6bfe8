"""Guess the genre from a table of numbers and words, and say how sure the score is.

Nothing here is tuned: one forest with fixed settings, and a linear model beside it. So the
validation part is trained on too, and the test part is looked at once for each set of features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pandas as pd

from musiclib.datasets import scored_genres
from musiclib.errors import DatasetError
from musiclib.genre import balanced_interval
from musiclib.stats import Interval

TREES: Final = 100

Model = Literal["forest", "linear"]

__all__ = [
    "Model",
    "Recognition",
    "cross_validated_hits",
    "recognise",
    "scored_genres",
]


@dataclass(frozen=True, eq=False)
class Recognition:
    """How well genres were guessed on the test clips.

    Attributes:
        accuracy: Balanced accuracy (the mean over genres of the share guessed right) with its
            95 % interval over artists.
        hits: Share of seeds that guessed a clip right; index `track_id`.
        confusion: Clips of each genre (rows) guessed as each genre (columns), mean over seeds.
        trained_on: Number of training clips.
    """

    accuracy: Interval
    hits: pd.Series
    confusion: pd.DataFrame
    trained_on: int

    @property
    def chance(self) -> float:
        """Balanced accuracy of guessing blindly, or the same genre always."""
        return 1.0 / len(self.confusion)


def recognise(
    features: pd.DataFrame,
    tracks: pd.DataFrame,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    model: Model = "forest",
) -> Recognition:
    """Train on the training and validation clips, guess the genre of the test clips.

    Args:
        features: Numbers and words by clip; index `track_id`. Missing numbers are NaN.
        tracks: Table with `genre`, `split` and `artist_group` for the same clips.
        seeds: Seeds of the forest; the score is the mean over them.
        model: `"forest"`, or `"linear"` for logistic regression (equal for all seeds).

    Returns:
        The score with its interval.

    Raises:
        DatasetError: There are fewer than two genres, or one of the parts is empty.
    """
    tracks = tracks.loc[features.index]
    test = (tracks["split"] == "test").to_numpy()
    genres = sorted(set(tracks["genre"][~test]))
    if len(genres) < 2 or not test.any():
        raise DatasetError(
            f"genre can be guessed from two genres and one test clip on, not from {len(genres)} "
            f"genre(s) and {int(test.sum())} test clip(s): add music"
        )
    truth = tracks.loc[test, "genre"]
    used = tuple(seeds) if model == "forest" else tuple(seeds)[:1]
    guesses = pd.DataFrame(
        {
            seed: _pipeline(features, model, seed)
            .fit(features[~test], tracks.loc[~test, "genre"])
            .predict(features[test])
            for seed in used
        },
        index=truth.index,
    )
    hits = guesses.eq(truth, axis=0).mean(axis=1).rename("hit")
    confusion = pd.DataFrame(
        [[(guesses[truth == a] == b).sum().mean() for b in genres] for a in genres],
        index=genres,
        columns=genres,
    )
    return Recognition(
        balanced_interval(hits, truth, tracks.loc[test, "artist_group"]),
        hits,
        confusion,
        int((~test).sum()),
    )


def cross_validated_hits(
    features: pd.DataFrame, tracks: pd.DataFrame, folds: int = 5, seed: int = 0
) -> pd.Series:
    """Guess every clip once by a forest that has not heard its artist.

    Args:
        features: As for :func:`recognise`.
        tracks: Table with `genre` and `artist_group` for the same clips.
        folds: Number of parts, each guessed by a forest trained on the others.
        seed: Seed of the parts and of the forests.

    Returns:
        1 for each clip guessed right, else 0; empty if a genre has fewer artists than `folds`.
    """
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

    tracks = tracks.loc[features.index]
    if len(tracks) == 0 or tracks.groupby("genre")["artist_group"].nunique().min() < folds:
        return pd.Series(dtype=float)
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    guesses = cross_val_predict(
        _pipeline(features, "forest", seed),
        features,
        tracks["genre"],
        groups=tracks["artist_group"],
        cv=parts,
    )
    return pd.Series((guesses == tracks["genre"]).astype(float), tracks.index)


def _pipeline(features: pd.DataFrame, model: Model, seed: int) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = list(features.select_dtypes("number").columns)
    words = [name for name in features.columns if name not in numbers]
    prepared = make_column_transformer(
        # A word that occurs once can't be learned from, and one never seen says nothing.
        (
            OneHotEncoder(
                handle_unknown="infrequent_if_exist", min_frequency=2, sparse_output=False
            ),
            words,
        ),
        (
            make_pipeline(
                SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
            ),
            numbers,
        ),
    )
    if model == "linear":
        return make_pipeline(prepared, LogisticRegression(max_iter=5_000, class_weight="balanced"))
    forest = RandomForestClassifier(
        TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed, n_jobs=1
    )
    return make_pipeline(prepared, forest)
