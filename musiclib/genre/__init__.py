"""Genre recognition: who learns from what, classifiers, and scores with intervals.

dataset = dataset.select(genres=scored_genres(dataset.tracks))
system = Statistics("deep-16", "latents", (AutoencoderLatents(trained("deep-16", dataset)),))
guesses = guess_all(system, dataset, runs(dataset.tracks))
score(guesses, dataset.tracks).balanced          # 0.76 [0.66, 0.86]
"""

from typing import TYPE_CHECKING, Any

from musiclib.genre.guesses import Guesses, TrackGuesses, votes_columns
from musiclib.genre.protocol import RUNS, SEGMENT_S, Run, leaking, runs, scored_genres
from musiclib.genre.scores import (
    Comparison,
    Score,
    balanced_interval,
    compare,
    corrected,
    score,
)

if TYPE_CHECKING:
    from musiclib.genre.networks import Learning
    from musiclib.genre.systems import (
        FineTuned,
        Network,
        Statistics,
        System,
        TrackTable,
        guess_all,
        with_learning,
    )

__all__ = [
    "RUNS",
    "SEGMENT_S",
    "Comparison",
    "FineTuned",
    "Guesses",
    "Learning",
    "Network",
    "Run",
    "Score",
    "Statistics",
    "System",
    "TrackGuesses",
    "TrackTable",
    "balanced_interval",
    "compare",
    "corrected",
    "guess_all",
    "leaking",
    "runs",
    "score",
    "scored_genres",
    "votes_columns",
    "with_learning",
]


def __getattr__(name: str) -> Any:
    # Systems bring PyTorch and Lightning Fabric, which take seconds to import.
    if name in __all__:
        from musiclib.genre import systems

        return getattr(systems, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
