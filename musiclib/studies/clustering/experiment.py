"""The experiment: the same pieces clustered in several ways, with several seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from musiclib.errors import TrainingError
from musiclib.models.clustering import FrameBody
from musiclib.studies.clustering import scores
from musiclib.studies.clustering.fitting import (
    FRAMES,
    VECTORS,
    Fitted,
    Labels,
    Settings,
    fit,
    k_means,
    new_vector_body,
)
from musiclib.studies.clustering.material import LATENT, LOG_MEL, MFCC, Material

KMEANS_MFCC: Final = "MFCC statistics: k-means"
KMEANS_MEL: Final = "Log-mel statistics: k-means"
KMEANS_LATENT: Final = "Latent statistics: k-means"
START_VECTORS: Final = "Small autoencoder: k-means"
DEEP_VECTORS: Final = "Small autoencoder: deep clustering"
START_FRAMES: Final = "Encoder: k-means"
DEEP_FRAMES: Final = "Encoder: deep clustering"
FREE_FRAMES: Final = "Encoder: no reconstruction"


@dataclass(frozen=True, eq=False)
class Outcome:
    """Clusters of one method.

    Attributes:
        k: Number of clusters.
        clusters: Cluster of each track, `(M,)`, for each seed that succeeded.
        fits: The trainings behind them, the same number; none for plain k-means.
        failures: What went wrong with the other seeds.
    """

    k: int
    clusters: tuple[Labels, ...]
    fits: tuple[Fitted, ...] = ()
    failures: tuple[str, ...] = ()


def run(
    material: Material,
    seeds: Sequence[int],
    vectors: Settings = VECTORS,
    frames: Settings = FRAMES,
    free_seeds: int = 2,
) -> dict[str, Outcome]:
    """Cluster in as many clusters as there are genres, in every way.

    Args:
        material: The pieces.
        seeds: Seeds of all methods.
        vectors: Training on statistics.
        frames: Training on spectra.
        free_seeds: Number of seeds of the training without reconstruction.

    Returns:
        An outcome for each method; the order is that of tables and figures.
    """
    k = len(material.genres)
    found = {
        name: _plain(material, kind, k, seeds)
        for name, kind in ((KMEANS_MFCC, MFCC), (KMEANS_MEL, LOG_MEL), (KMEANS_LATENT, LATENT))
    }
    pair = _trained(material, k, seeds, lambda seed: _by_vectors(material, k, seed, vectors))
    found[START_VECTORS], found[DEEP_VECTORS] = pair
    pair = _trained(material, k, seeds, lambda seed: _by_frames(material, k, seed, frames))
    found[START_FRAMES], found[DEEP_FRAMES] = pair
    alone = replace(frames, rebuild=False)
    found[FREE_FRAMES] = _trained(
        material, k, seeds[:free_seeds], lambda seed: _by_frames(material, k, seed, alone)
    )[1]
    return found


def sweep(
    material: Material, numbers: Sequence[int], seeds: Sequence[int], settings: Settings = VECTORS
) -> dict[int, tuple[Outcome, Outcome]]:
    """Vary the number of clusters.

    Args:
        material: The pieces.
        numbers: Numbers of clusters.
        seeds: Seeds.
        settings: How to train.

    Returns:
        For each number: k-means on the statistics of latents, and deep clustering of the small
        autoencoder of them.
    """
    inputs, found = material.vectors[LATENT], {}
    learned = material.learned
    bodies = {seed: new_vector_body(inputs[learned], seed) for seed in seeds}
    for k in numbers:
        deep = _trained(
            material,
            k,
            seeds,
            lambda seed, k=k: fit(bodies[seed], inputs, learned, k, seed, settings),  # type: ignore[misc]
        )[1]
        found[k] = (_plain(material, LATENT, k, seeds), deep)
    return found


def _plain(material: Material, kind: str, k: int, seeds: Sequence[int]) -> Outcome:
    points, learned = material.vectors[kind].numpy(), material.learned
    found, failures = [], []
    for seed in seeds:
        try:
            clusters = k_means(points[learned], k, seed).predict(points)
        except TrainingError as error:
            failures.append(str(error))
            continue
        found.append(scores.votes(clusters.astype(np.int64), material.piece_tracks, k))
    return Outcome(k, tuple(found), (), tuple(failures))


def _trained(
    material: Material, k: int, seeds: Sequence[int], train: Callable[[int], Fitted]
) -> tuple[Outcome, Outcome]:
    """Outcomes of the start and of the end of trainings. A seed that collapses is reported."""
    fits, failures = [], []
    for seed in seeds:
        try:
            fits.append(train(seed))
        except TrainingError as error:
            failures.append(str(error))
    start, end = (
        Outcome(
            k,
            tuple(scores.votes(getattr(one, when), material.piece_tracks, k) for one in fits),
            tuple(fits),
            tuple(failures),
        )
        for when in ("start", "clusters")
    )
    return start, end


def _by_vectors(material: Material, k: int, seed: int, settings: Settings) -> Fitted:
    inputs, learned = material.vectors[LATENT], material.learned
    return fit(new_vector_body(inputs[learned], seed), inputs, learned, k, seed, settings)


def _by_frames(material: Material, k: int, seed: int, settings: Settings) -> Fitted:
    return fit(FrameBody(material.model), material.frames, material.learned, k, seed, settings)
