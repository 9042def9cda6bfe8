"""Tables of the experiment: every measure with its interval, beside chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.stats import Interval, mean_interval
from musiclib.studies.clustering import scores
from musiclib.studies.clustering.experiment import Outcome
from musiclib.studies.clustering.fitting import Labels
from musiclib.studies.clustering.material import Material, codes

MEASURES: Final[Mapping[str, scores.Measure]] = {
    "purity": scores.purity,
    "NMI": scores.normalised_information,
    "ARI": scores.adjusted_rand,
}
ACCURACY: Final = "accuracy"
TRAINING, TEST = "training", "test"
SAME_ARTIST: Final = "same genre, same artist"
SAME_SOURCE: Final = "same genre, same package, other artist"
SAME_GENRE: Final = "same genre, nothing else in common"
OTHER_NEAR: Final = "other genre, same artist or package"
OTHER: Final = "other genre, nothing in common"
_DEALS: Final = 200

Mask = npt.NDArray[np.bool_]


def measured(material: Material, outcome: Outcome) -> dict[tuple[str, str], Interval]:
    """Return each measure by part (`training`, `test`) and name, the mean over seeds.

    The accuracy is of test tracks: each cluster was given a genre on the training tracks.
    """
    found = {}
    for part, chosen in _parts(material).items():
        labels, artists = material.genre_codes[chosen], material.artist_codes[chosen]
        clusters = [one[chosen] for one in outcome.clusters]
        for name, measure in MEASURES.items():
            found[part, name] = scores.interval(
                measure, labels, artists, clusters, len(material.genres), outcome.k
            )
    hits = np.mean([_hits(material, one, outcome.k) for one in outcome.clusters], axis=0)
    found[TEST, ACCURACY] = mean_interval(hits, material.artist_codes[~material.known])
    return found


def spread(material: Material, outcome: Outcome) -> dict[tuple[str, str], float]:
    """Return the standard deviation over seeds of each measure, by part and name."""
    found = {}
    for part, chosen in _parts(material).items():
        labels = material.genre_codes[chosen]
        tables = np.stack(
            [
                scores.table(labels, one[chosen], len(material.genres), outcome.k)
                for one in outcome.clusters
            ]
        )
        for name, measure in MEASURES.items():
            found[part, name] = float(np.std(measure(tables)))
    found[TEST, ACCURACY] = float(
        np.std([_hits(material, one, outcome.k).mean() for one in outcome.clusters])
    )
    return found


def chance(material: Material, outcome: Outcome, seed: int = 0) -> dict[tuple[str, str], float]:
    """Return what each measure is worth when genres are dealt to the tracks at random.

    The clusters stay as they are, those of the first seed.
    """
    clusters, g = outcome.clusters[0], len(material.genres)
    found = {}
    for part, chosen in _parts(material).items():
        dealt = scores.shuffled(
            material.genre_codes[chosen], clusters[chosen], g, outcome.k, seed=seed
        )
        for name, measure in MEASURES.items():
            found[part, name] = float(measure(dealt).mean())
    generator = np.random.default_rng(seed)
    known, labels = material.known, material.genre_codes.copy()
    values = []
    for _ in range(_DEALS):
        labels[known] = generator.permutation(labels[known])
        values.append(_hits(material, clusters, outcome.k, labels).mean())
    found[TEST, ACCURACY] = float(np.mean(values))
    return found


def comparison(material: Material, outcomes: Mapping[str, Outcome]) -> pd.DataFrame:
    """Return all measures of all methods.

    Returns:
        A row for each method that succeeded with at least one seed and each part and measure:
        `method`, `part`, `measure`, `mean`, `low`, `high`, `deviation` (over seeds), `chance`,
        `seeds`.
    """
    rows = []
    for method, outcome in outcomes.items():
        if not outcome.clusters:
            continue
        deviations, dealt = spread(material, outcome), chance(material, outcome)
        for (part, name), one in measured(material, outcome).items():
            rows.append(
                {
                    "method": method,
                    "part": part,
                    "measure": name,
                    "mean": one.mean,
                    "low": one.low,
                    "high": one.high,
                    "deviation": deviations[part, name],
                    "chance": dealt[part, name],
                    "seeds": len(outcome.clusters),
                }
            )
    return pd.DataFrame(rows)


def by_number(material: Material, sweep: Mapping[int, tuple[Outcome, Outcome]]) -> pd.DataFrame:
    """Return how agreement depends on the number of clusters.

    Returns:
        A row for each number and method (`k-means`, `deep clustering`): `clusters`, `method`,
        and of the training tracks `purity`, `chance` (its value for shuffled genres), `NMI`,
        `ARI`; and `carried`, the share of test tracks whose genre is the commonest one of their
        cluster in the training tracks.
    """
    rows = []
    for k, pair in sweep.items():
        for method, outcome in zip(("k-means", "deep clustering"), pair, strict=True):
            if not outcome.clusters:
                continue
            found, dealt = measured(material, outcome), chance(material, outcome)
            carried = [_carried(material, one, k) for one in outcome.clusters]
            rows.append(
                {
                    "clusters": k,
                    "method": method,
                    **{name: found[TRAINING, name].mean for name in MEASURES},
                    "chance": dealt[TRAINING, "purity"],
                    "carried": float(np.mean(carried)),
                }
            )
    return pd.DataFrame(rows)


def contingency(material: Material, outcome: Outcome, part: str | None = None) -> pd.DataFrame:
    """Count tracks by genre and cluster, for the first seed.

    Args:
        material: The tracks.
        outcome: The clusters.
        part: `training`, `test`, or all tracks.

    Returns:
        Genres in rows. Clusters are numbered so that the diagonal is as full as it can be on the
        training tracks, and clusters that are left over come last.
    """
    g, clusters = len(material.genres), outcome.clusters[0]
    order = cluster_order(material, outcome)
    chosen = np.ones(len(clusters), bool) if part is None else _parts(material)[part]
    counts = scores.table(material.genre_codes[chosen], clusters[chosen], g, outcome.k)
    return pd.DataFrame(
        counts[:, order].astype(int),
        index=material.genres,
        columns=[str(number + 1) for number in range(outcome.k)],
    )


def cluster_order(material: Material, outcome: Outcome) -> Labels:
    """Return the clusters of the first seed in the order of the genres that match them, `(K,)`."""
    g, known = len(material.genres), material.known
    counts = scores.table(material.genre_codes[known], outcome.clusters[0][known], g, outcome.k)
    matched = scores.matching(counts)
    return np.argsort(np.where(matched < 0, g, matched), kind="stable")


def kinship(material: Material, outcome: Outcome) -> pd.DataFrame:
    """Ask what tracks of one cluster have in common: pairs of all tracks, and all seeds.

    Returns:
        `pairs` and `together` (share of the pairs whose tracks are in one cluster, in percent) by
        kind of pair. Kinds without a pair are left out. A package counts where tracks have one.
    """
    first, second = np.triu_indices(len(material.tracks), 1)
    together = np.mean([one[first] == one[second] for one in outcome.clusters], axis=0)

    def same(column: str) -> Mask:
        numbers = codes(material.tracks[column])
        return np.asarray(numbers[first] == numbers[second])

    genre, artist = same("genre"), same("artist_group")
    near = artist | same("package") if "package" in material.tracks.columns else artist
    kinds = {
        SAME_ARTIST: genre & artist,
        SAME_SOURCE: genre & near & ~artist,
        SAME_GENRE: genre & ~near,
        OTHER_NEAR: ~genre & near,
        OTHER: ~genre & ~near,
    }
    rows = {
        name: (int(chosen.sum()), 100.0 * float(together[chosen].mean()))
        for name, chosen in kinds.items()
        if chosen.any()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["pairs", "together"])


def information(material: Material, outcome: Outcome, seed: int = 0) -> pd.DataFrame:
    """Compare what clusters share with genre, artist group and package.

    Returns:
        `groups` (number of labels), `NMI` over all tracks as a mean over seeds, `chance` (the same
        for shuffled labels) and `above` (their difference). Many small groups give a high NMI by
        chance, so the difference is what to compare.
    """
    rows = {}
    for name, column in (("genre", "genre"), ("artist", "artist_group"), ("package", "package")):
        if column not in material.tracks.columns:
            continue
        labels = codes(material.tracks[column])
        g = int(labels.max()) + 1
        tables = np.stack([scores.table(labels, one, g, outcome.k) for one in outcome.clusters])
        value = float(scores.normalised_information(tables).mean())
        dealt = scores.shuffled(labels, outcome.clusters[0], g, outcome.k, seed=seed)
        random = float(scores.normalised_information(dealt).mean())
        rows[name] = (g, value, random, value - random)
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["groups", "NMI", "chance", "above"]
    )


def _parts(material: Material) -> dict[str, Mask]:
    return {TRAINING: material.known, TEST: ~material.known}


def _hits(material: Material, clusters: Labels, k: int, labels: Labels | None = None) -> Mask:
    """Whether the genre of each test track is that of its cluster, by the training tracks."""
    known = material.known
    taught = material.genre_codes if labels is None else labels
    counts = scores.table(taught[known], clusters[known], len(material.genres), k)
    guesses = scores.matching(counts)[clusters[~known]]
    return np.asarray(guesses == material.genre_codes[~known], float)


def _carried(material: Material, clusters: Labels, k: int) -> float:
    known = material.known
    counts = scores.table(material.genre_codes[known], clusters[known], len(material.genres), k)
    guesses = scores.majority(counts)[clusters[~known]]
    return float(np.mean(guesses == material.genre_codes[~known]))
