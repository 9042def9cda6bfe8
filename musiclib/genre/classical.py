"""Classifiers of single vectors: logistic regression, support vector machine, random forest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from musiclib.errors import DatasetError
from musiclib.genre.guesses import FloatMatrix, Part, guesses_of
from musiclib.genre.protocol import Run
from musiclib.latents import Pooled

Kind = Literal["logistic", "svm", "forest"]
STRENGTHS: dict[Kind, tuple[float, ...]] = {
    "logistic": (0.003, 0.03, 0.3),
    "svm": (1.0, 10.0),
    "forest": (2.0,),
}
"""What is tried on the validation part: the constant C, or the smallest leaf of a forest."""
_TREES = 100


def learn_and_guess(
    pieces: Pooled, run: Run, kind: Kind = "logistic", weighted: bool = True
) -> pd.DataFrame:
    """Learn from a run's training tracks, and guess its validation and test tracks.

    Columns are standardised on the training pieces. Of several strengths of regularisation the one
    with the best balanced accuracy on the validation tracks is taken, the strongest among equals.

    Args:
        pieces: Vectors of the pieces of all tracks.
        run: Who learns from what.
        kind: The classifier. `svm` has radial basis functions, and the softmax of its decision
            values for probabilities.
        weighted: Whether genres weigh the same, however many pieces they have.

    Returns:
        Probabilities of pieces, as `musiclib.genre.guesses.guesses_of` makes them.

    Raises:
        DatasetError: A genre has no training pieces, or a value is not finite.
    """
    if not np.isfinite(pieces.values).all():
        raise DatasetError(f"{pieces.name}: some statistics are not finite; decode the music again")
    train = pieces.part(run.train)
    lacking = set(run.genres) - set(train.rows["genre"])
    if lacking:
        raise DatasetError(f"no training piece of {min(lacking)}: add music of this genre")
    best: tuple[float, dict[str, FloatMatrix]] | None = None
    for strength in STRENGTHS[kind]:
        model = _pipeline(kind, strength, run.number, weighted)
        model.fit(train.values, train.rows["genre"])
        found = {
            part: _probabilities(model, pieces.part(names), run.genres)
            for part, names in (("validation", run.validation), ("test", run.test))
        }
        score = _validation_score(found["validation"], pieces, run)
        if best is None or score > best[0] + 1e-9:
            best = score, {**found["validation"], **found["test"]}
    assert best is not None  # there is at least one strength
    parts: dict[Part, Sequence[str]] = {"validation": run.validation, "test": run.test}
    return guesses_of(run.number, parts, best[1], run.genres)


def _pipeline(kind: Kind, strength: float, seed: int, weighted: bool) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    weights = "balanced" if weighted else None
    if kind == "forest":
        return RandomForestClassifier(
            _TREES,
            min_samples_leaf=int(strength),
            class_weight=weights,
            random_state=seed,
            n_jobs=1,
        )
    if kind == "svm":
        last: Any = SVC(C=strength, class_weight=weights, decision_function_shape="ovr")
    else:
        # Half of the scale's precision is enough for probabilities, and saves most of the time.
        last = LogisticRegression(C=strength, max_iter=300, tol=1e-3, class_weight=weights)
    return make_pipeline(StandardScaler(), last)


def _probabilities(model: Any, pieces: Pooled, genres: Sequence[str]) -> dict[str, FloatMatrix]:
    if len(pieces.values) == 0:
        return {}
    if hasattr(model, "predict_proba"):
        values = model.predict_proba(pieces.values)
    else:
        values = _softmax_of(model.decision_function(pieces.values))
    order = [list(model.classes_).index(genre) for genre in genres]
    table = np.asarray(values, dtype=np.float64)[:, order]
    owners = pieces.rows["track_id"].to_numpy()
    return {str(name): table[owners == name] for name in dict.fromkeys(owners)}


def _softmax_of(decisions: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    if decisions.ndim == 1:  # two classes have one decision value
        decisions = np.stack([-decisions, decisions], axis=1) / 2
    shares: npt.NDArray[np.floating] = softmax(decisions, axis=1)
    return shares


def _validation_score(found: dict[str, FloatMatrix], pieces: Pooled, run: Run) -> float:
    """Balanced accuracy of the tracks, over the genres that are there."""
    truth = dict(zip(pieces.rows["track_id"], pieces.rows["genre"], strict=True))
    right: dict[str, list[float]] = {}
    for name, values in found.items():
        guess = run.genres[int(np.log(np.maximum(values, 1e-9)).mean(axis=0).argmax())]
        right.setdefault(truth[name], []).append(float(guess == truth[name]))
    return float(np.mean([np.mean(hits) for hits in right.values()])) if right else 0.0
