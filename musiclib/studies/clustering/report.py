"""Tables and the experiment's settings for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from musiclib.datasets import Dataset
from musiclib.studies.clustering import experiment, findings, summary
from musiclib.studies.clustering.experiment import DEEP_FRAMES, FREE_FRAMES, Outcome
from musiclib.studies.clustering.fitting import FRAMES, VECTORS
from musiclib.studies.clustering.material import Material, load
from musiclib.training import Checkpoint

NUMBERS: Final = (2, 3, 5, 10, 20)
NOT_COMPUTED: Final = "(Not computed for this music.)"
COLUMNS: Final = {
    "NMI, training tracks": (summary.TRAINING, "NMI"),
    "NMI, test tracks": (summary.TEST, "NMI"),
    "ARI, test tracks": (summary.TEST, "ARI"),
    "Accuracy, test tracks": (summary.TEST, summary.ACCURACY),
}


@dataclass(frozen=True, eq=False)
class Study:
    """The whole experiment on one data set.

    Attributes:
        material: The pieces.
        outcomes: Clusters of all methods.
        table: All measures.
        numbers: Agreement by number of clusters.
    """

    material: Material
    outcomes: Mapping[str, Outcome]
    table: pd.DataFrame
    numbers: pd.DataFrame

    @property
    def deep(self) -> Outcome:
        """Deep clustering through the encoder, which has at least one seed that succeeded."""
        return self.outcomes[DEEP_FRAMES]


def study(dataset: Dataset, checkpoint: Checkpoint, profile: str, seed: int) -> Study | str:
    """Run the experiment.

    Args:
        dataset: The music.
        checkpoint: A trained autoencoder of frames.
        profile: `smoke`: one seed and two epochs; otherwise five seeds.
        seed: First seed.

    Returns:
        The study, or the reason why there is none, in words.
    """
    material = load(dataset, checkpoint, seed=seed)
    if material is None:
        return findings.TOO_FEW
    smoke = profile == "smoke"
    seeds = range(seed, seed + (1 if smoke else 5))
    vectors, frames = (replace(one, epochs=2 if smoke else one.epochs) for one in (VECTORS, FRAMES))
    outcomes = experiment.run(material, seeds, vectors, frames)
    lacking = [name for name, one in outcomes.items() if not one.clusters and name != FREE_FRAMES]
    if lacking:
        return f"There is too little music for clusters. {findings.failures(outcomes)}"
    numbers = sorted({*(NUMBERS[:3] if smoke else NUMBERS), len(material.genres)})
    sweep = experiment.sweep(material, numbers, seeds[:2], vectors)
    return Study(
        material,
        outcomes,
        summary.comparison(material, outcomes),
        summary.by_number(material, sweep),
    )


def measures(found: Study) -> pd.DataFrame:
    """Means over seeds with their deviation, a row a method, and chance as the last row."""
    rows = {}
    cells = found.table.set_index(["method", "part", "measure"])
    for method in dict.fromkeys(found.table["method"]):
        one = {name: cells.loc[(method, *key)] for name, key in COLUMNS.items()}
        rows[method] = {
            name: f"{cell['mean']:.2f} ± {cell['deviation']:.2f}".replace("-", "\N{MINUS SIGN}")
            for name, cell in one.items()
        }
    chance = found.table.groupby(["part", "measure"])["chance"].mean()
    # Adding zero takes the minus from a rounded zero.
    rows["Chance"] = {name: f"{round(chance[key], 2) + 0.0:.2f}" for name, key in COLUMNS.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def pairs(found: Study) -> pd.DataFrame:
    """Pairs of tracks in one cluster, before and after deep clustering, in percent."""
    after = summary.kinship(found.material, found.deep)
    before = summary.kinship(found.material, found.outcomes[experiment.START_FRAMES])
    shown = pd.DataFrame(
        {
            "Pairs": after["pairs"],
            "Together, k-means (%)": before["together"].round(0).astype(int),
            "Together, deep clustering (%)": after["together"].round(0).astype(int),
        }
    )
    return shown.rename(index=lambda name: name[0].upper() + name[1:])


def rebuilding(found: Study) -> dict[str, Outcome]:
    """The two trainings that the figure on reconstruction compares."""
    return {
        "with reconstruction": found.outcomes[DEEP_FRAMES],
        "without": found.outcomes[FREE_FRAMES],
    }


def counts(found: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Genres by clusters of the training and of the test tracks, for the first seed."""
    first, second = (
        summary.contingency(found.material, found.deep, part)
        for part in (summary.TRAINING, summary.TEST)
    )
    return first, second


def words(found: Study | str) -> dict[str, str]:
    """The sentences of the page by topic; where nothing was computed, they say so."""
    topics = ("gain", "spectrum", "rebuilding", "stopping", "nearest", "kinship", "follows")
    if isinstance(found, str):
        return dict.fromkeys(topics, NOT_COMPUTED)
    material, outcomes = found.material, found.outcomes
    lines = (
        findings.gain(material, outcomes),
        findings.spectrum(material, outcomes),
        findings.rebuilding(material, outcomes),
        findings.stopping(outcomes),
        findings.nearest_genres(counts(found)[0]),
        findings.kinship(summary.kinship(material, found.deep)),
        findings.follows(summary.information(material, found.deep)),
    )
    return {topic: line or NOT_COMPUTED for topic, line in zip(topics, lines, strict=True)}


def in_short(found: Study) -> str:
    """One sentence for the end of the chapter."""
    cells = found.table.set_index(["method", "part", "measure"])
    deep, plain = (
        cells.loc[(name, summary.TEST, "NMI")] for name in (DEEP_FRAMES, experiment.KMEANS_MEL)
    )
    one = findings.compare(
        found.material, found.deep, found.outcomes[experiment.START_FRAMES], summary.TEST
    )
    return (
        f"the NMI with genre on test tracks is {deep['mean']:.2f} by deep clustering, "
        f"{plain['mean']:.2f} by k-means on log-mel statistics and {deep['chance']:.2f} by "
        f"chance; deep clustering changes that of its own encoder by {findings.signed(one)}"
    )
