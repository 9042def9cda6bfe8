"""Genre recognition: folds without shared artists, one classifier, networks, intervals.

Systems, `musiclib.genre.systems`, say what a classifier is shown; `musiclib.genre.crossval` tests
every track once, by what never heard its artist; `musiclib.genre.networks` learns without a
classifier of statistics.
"""

from musiclib.genre.crossval import (
    Features,
    balanced_accuracy,
    balanced_interval,
    classifier,
    compare,
    cross_validate,
    deal,
    hits,
    predict,
    predict_fold,
    scores,
)

__all__ = [
    "Features",
    "balanced_accuracy",
    "balanced_interval",
    "classifier",
    "compare",
    "cross_validate",
    "deal",
    "hits",
    "predict",
    "predict_fold",
    "scores",
]
