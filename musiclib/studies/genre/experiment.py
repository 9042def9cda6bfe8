"""Let all systems learn and guess, and score them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import joblib
import pandas as pd
from tqdm import tqdm

from musiclib.datasets import Dataset
from musiclib.errors import DatasetError
from musiclib.genre import (
    RUNS,
    Comparison,
    Guesses,
    Run,
    Score,
    System,
    TrackGuesses,
    compare,
    corrected,
    guess_all,
    runs,
    score,
)
from musiclib.latents import sequences
from musiclib.studies.genre import systems as names
from musiclib.studies.genre.systems import Entry, book_systems, scored

Kind = Literal["validation", "mean", "vote", "pieces"]
KINDS: Final[tuple[Kind, ...]] = ("validation", "mean", "vote", "pieces")
SMOKE_RUNS: Final = 2

__all__ = ["KINDS", "Kind", "Results", "deal", "guess_in_parallel", "run_experiment"]


@dataclass(frozen=True, eq=False)
class Results:
    """What the systems guessed.

    Attributes:
        dataset: The tracks of the genres that are scored.
        runs: Who learned from what.
        systems: In the order of the table.
        guesses: By name of the system.
    """

    dataset: Dataset
    runs: list[Run]
    systems: Sequence[Entry | System]
    guesses: Mapping[str, Guesses | TrackGuesses]

    @cached_property
    def scores(self) -> dict[str, dict[Kind, Score]]:
        """By name of the system and kind: on validation tracks by the mean, on test tracks by all.

        `mean` and `vote` guess tracks, `pieces` single pieces.
        """
        return {
            name: {kind: self._score(guesses, kind) for kind in KINDS}
            for name, guesses in self.guesses.items()
        }

    def _score(self, guesses: Guesses | TrackGuesses, kind: Kind) -> Score:
        tracks = self.dataset.tracks
        if kind == "validation":
            return score(guesses, tracks, "validation", "mean")
        return score(guesses, tracks, "test", kind)

    def test(self, name: str) -> Score:
        """Return a system's score on test tracks, by the mean of the pieces' log probabilities."""
        return self.scores[name]["mean"]

    def group(self, *groups: str) -> list[str]:
        """Return names of systems of some groups."""
        return [system.name for system in self.systems if system.group in groups]

    def best(self, *groups: str) -> str:
        """Return the system of some groups with the best score on validation tracks.

        The test part has no say in it. Of equal ones the first is taken.
        """
        return max(self.group(*groups), key=lambda n: self.scores[n]["validation"].balanced.mean)

    @property
    def best_latent(self) -> str:
        """The best system on latents, frozen or fine-tuned, by the validation tracks."""
        return self.best(names.LATENT, names.TUNED)

    def compare(self, first: str, second: str, kind: Kind = "mean") -> Comparison:
        """Compare two systems on the same tracks."""
        one, two = self.scores[first][kind], self.scores[second][kind]
        return compare(one, two, self.dataset.tracks)

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """The best system on latents against each baseline, on test tracks, as one family."""
        rivals = self.group(names.RAW)
        return corrected([self.compare(self.best_latent, other) for other in rivals])

    @property
    def against(self) -> dict[str, Comparison]:
        """The comparisons by name of the baseline."""
        return dict(zip(self.group(names.RAW), self.comparisons, strict=True))

    def table(self) -> pd.DataFrame:
        """Return the scores as numbers: a row for each system."""
        rows = {}
        for system in self.systems:
            of = self.scores[system.name]
            test = of["mean"]
            rows[system.name] = {
                "group": system.group,
                "validation": of["validation"].balanced.mean,
                "accuracy": test.accuracy.mean,
                "balanced": test.balanced.mean,
                "low": test.balanced.low,
                "high": test.balanced.high,
                "macro_f1": test.macro_f1.mean,
                "vote": of["vote"].balanced.mean,
                "pieces": of["pieces"].balanced.mean,
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("system")


def deal(dataset: Dataset, profile: str = "mini", seed: int = 0) -> list[Run]:
    """Deal the tracks into five runs (two in `smoke`), or as many as there are artists for.

    Raises:
        DatasetError: There is too little music for two runs.
    """
    for count in range(SMOKE_RUNS if profile == "smoke" else RUNS, 1, -1):
        try:
            return runs(dataset.tracks, count, seed)
        except DatasetError:
            if count == 2:
                raise
    raise AssertionError  # the last count either returns or raises


def run_experiment(
    dataset: Dataset,
    profile: str = "mini",
    seed: int = 0,
    jobs: int = 1,
    progress: bool = False,
) -> Results:
    """Run the book's experiment on genre.

    Args:
        dataset: The tracks; genres that are much smaller than the others are left out.
        profile: As for :func:`musiclib.studies.genre.systems.book_systems`.
        seed: Seed of the dealing and of everything that is trained.
        jobs: Processes that work side by side, each on one core.
        progress: Show bars.

    Raises:
        DatasetError: There are fewer than two genres to be scored, or too few artists.
    """
    heard = scored(dataset)
    dealt = deal(heard, profile, seed)
    systems = [entry.make() for entry in book_systems(dataset, profile, seed)]
    guesses = guess_in_parallel(systems, heard, dealt, jobs, progress)
    return Results(heard, dealt, systems, guesses)


def guess_in_parallel(
    systems: Sequence[System],
    dataset: Dataset,
    dealt: Sequence[Run],
    jobs: int = 1,
    progress: bool = False,
) -> dict[str, Guesses]:
    """Let systems learn and guess, several at a time.

    Args:
        systems: With different names.
        dataset: The tracks.
        dealt: Who learns from what.
        jobs: Number of processes.
        progress: Show a bar.

    Returns:
        Guesses by name.
    """
    if jobs > 1:
        _prepare(systems, dataset, jobs, progress)
    found = _each(guess_all, [(one, dataset, list(dealt)) for one in systems], jobs, progress)
    return {system.name: guesses for system, guesses in zip(systems, found, strict=True)}


def _prepare(systems: Sequence[System], dataset: Dataset, jobs: int, progress: bool) -> None:
    """Compute the sequences that several systems read, each once."""
    wanted: dict[str, Any] = {}
    rates = set()
    for system in systems:
        for representation in _representations(system):
            wanted[representation.key] = representation
            rates.add(representation.sample_rate)
        rates.add(getattr(system, "sample_rate", 0))
    for rate in sorted(rates - {0}):
        dataset.cache(rate)
    _each(_sequences, [(one, dataset) for one in wanted.values()], jobs, progress)


def _representations(system: System) -> list[Any]:
    inner = getattr(system, "frozen", system)
    several = getattr(inner, "representations", ())
    single = getattr(inner, "representation", None)
    return [*several, *([single] if single is not None else [])]


def _sequences(representation: Any, dataset: Dataset) -> None:
    sequences(representation, dataset)


def _in_worker(function: Callable[..., Any], *values: Any) -> Any:
    import torch

    torch.set_num_threads(1)  # as many processes work as there are cores to use
    return function(*values)


def _each(
    function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]], jobs: int, progress: bool
) -> list[Any]:
    """Call a function with each tuple of arguments, in processes, and keep the order."""
    found: Iterable[Any]
    if jobs > 1:
        calls = (joblib.delayed(_in_worker)(function, *values) for values in arguments)
        found = joblib.Parallel(n_jobs=jobs, return_as="generator")(calls)
    else:
        found = (function(*values) for values in arguments)
    return list(tqdm(found, total=len(arguments), disable=not progress))
