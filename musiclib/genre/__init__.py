"""Genre recognition: folds without shared artists, one classifier, networks, intervals.

Systems, `musiclib.genre.systems`, say what a classifier is shown; `musiclib.genre.crossval` tests
every track once, by what never heard its artist; `musiclib.genre.networks` learns without a
classifier of statistics.
"""

from musiclib.genre.crossval import balanced_interval, compare, cross_validate, hits, scores

__all__ = [
    "balanced_interval",
    "compare",
    "cross_validate",
    "hits",
    "scores",
]
