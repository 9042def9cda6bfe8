"""How well clusters agree with labels that they never saw.

All measures are computed from tables of counts `(..., G, K)`: tracks of label g in cluster k. The
leading dimensions hold many tables at once, for shuffled labels and for tables that lack an artist.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from musiclib.stats import Interval, jackknife
from musiclib.studies.clustering.fitting import Labels

Counts = npt.NDArray[np.float64]
Measure = Callable[[Counts], Counts]
SHUFFLES: Final = 500


def votes(clusters: Labels, tracks: Labels, k: int) -> Labels:
    """Cluster of each track: the one that most of its pieces are in, the first of equals.

    Args:
        clusters: Cluster of each piece, `(N,)`.
        tracks: Number of the track of each piece, `(N,)`.
        k: Number of clusters.

    Returns:
        A cluster for each track, `(M,)`.
    """
    found: Labels = table(tracks, clusters, int(tracks.max()) + 1, k).argmax(axis=1)
    return found


def table(labels: Labels, clusters: Labels, g: int, k: int) -> Counts:
    """Count tracks by label and cluster, `(g, k)`."""
    counts = np.zeros((g, k))
    np.add.at(counts, (labels, clusters), 1.0)
    return counts


def purity(counts: Counts) -> Counts:
    """Share of tracks that have the commonest label of their cluster; grows with more clusters."""
    return np.asarray(counts.max(axis=-2).sum(axis=-1) / counts.sum(axis=(-2, -1)))


def normalised_information(counts: Counts) -> Counts:
    """Mutual information over the mean of both entropies, 0 to 1; 0 where nothing is divided.

    The arithmetic mean, as scikit-learn's `normalized_mutual_info_score` has it.
    """
    shares = counts / counts.sum(axis=(-2, -1), keepdims=True)
    labels, clusters = _entropy(shares.sum(axis=-1)), _entropy(shares.sum(axis=-2))
    joint = _entropy(shares.reshape(*shares.shape[:-2], -1))
    mean = (labels + clusters) / 2.0
    shared = np.maximum(labels + clusters - joint, 0.0)
    found: Counts = np.divide(shared, mean, out=np.zeros_like(mean), where=mean > 1e-12)
    return found


def adjusted_rand(counts: Counts) -> Counts:
    """Adjusted Rand index (Hubert and Arabie, 1985): 1 for the same division, 0 at chance."""
    both = _pairs(counts).sum(axis=(-2, -1))
    labels = _pairs(counts.sum(axis=-1)).sum(axis=-1)
    clusters = _pairs(counts.sum(axis=-2)).sum(axis=-1)
    expected = labels * clusters / _pairs(counts.sum(axis=(-2, -1)))
    room = (labels + clusters) / 2.0 - expected
    found: Counts = np.divide(
        both - expected, room, out=np.ones_like(room), where=np.abs(room) > 1e-12
    )
    return found


def matching(counts: Counts) -> Labels:
    """Label of each cluster so that most tracks agree, one to one (the Hungarian method).

    Args:
        counts: One table `(G, K)`.

    Returns:
        A label for each cluster, `(K,)`; -1 for a cluster that is left over.
    """
    from scipy.optimize import linear_sum_assignment

    labels, clusters = linear_sum_assignment(-counts)
    matched = np.full(counts.shape[1], -1)
    matched[clusters] = labels
    return matched


def majority(counts: Counts) -> Labels:
    """Commonest label of each cluster, `(K,)`; clusters may share one. -1 for an empty cluster."""
    return np.where(counts.sum(axis=0) > 0, counts.argmax(axis=0), -1)


def shuffled(labels: Labels, clusters: Labels, g: int, k: int, seed: int = 0) -> Counts:
    """Tables of the same clusters with labels in random order, `(SHUFFLES, g, k)`."""
    generator = np.random.default_rng(seed)
    return np.stack([table(generator.permutation(labels), clusters, g, k) for _ in range(SHUFFLES)])


def interval(
    measure: Measure, labels: Labels, artists: Labels, clusters: list[Labels], g: int, k: int
) -> Interval:
    """Mean of a measure over seeds, with a 95 % interval over artists.

    Drawing artists with replacement would put copies of a track in one cluster, and so flatter
    every clustering. Leaving artists out in turn does not.

    Args:
        measure: Of tables of counts.
        labels: Label of each track, `(M,)`.
        artists: Number of the artist of each track, `(M,)`.
        clusters: Cluster of each track, `(M,)`, for each seed.
        g: Number of labels.
        k: Number of clusters.

    Returns:
        The interval; its ends are NaN for too few artists.
    """
    return jackknife(*_left_out(measure, labels, artists, clusters, g, k))


def difference(
    measure: Measure,
    labels: Labels,
    artists: Labels,
    first: list[Labels],
    second: list[Labels],
    g: int,
    k: int,
) -> Interval:
    """How much the first clusters' measure is above the second ones', as :func:`interval`.

    The same artists are left out on both sides, so what they have in common cancels.
    """
    one, without_one = _left_out(measure, labels, artists, first, g, k)
    two, without_two = _left_out(measure, labels, artists, second, g, k)
    return jackknife(one - two, without_one - without_two)


def _left_out(
    measure: Measure, labels: Labels, artists: Labels, clusters: list[Labels], g: int, k: int
) -> tuple[float, Counts]:
    """Mean of a measure over seeds, and the same without each artist, `(A,)`."""
    whole, without = [], []
    owners = np.unique(artists, return_inverse=True)[1]
    for found in clusters:
        own = np.zeros((int(owners.max()) + 1, g, k))
        np.add.at(own, (owners, labels, found), 1.0)
        counts = own.sum(axis=0)
        whole.append(float(measure(counts)))
        without.append(measure(counts - own) if len(own) > 1 else np.full(1, np.nan))
    return float(np.mean(whole)), np.mean(without, axis=0)


def _entropy(shares: Counts) -> Counts:
    safe = np.where(shares > 0.0, shares, 1.0)
    return np.asarray(-(shares * np.log(safe)).sum(axis=-1))


def _pairs(counts: Counts) -> Counts:
    return counts * (counts - 1.0) / 2.0
