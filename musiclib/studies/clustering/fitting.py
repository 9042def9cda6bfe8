"""Training of deep embedded clustering: k-means first, then network and centres together."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from torch.optim import Adam

from musiclib.errors import TrainingError
from musiclib.models.clustering import (
    ClusteringBody,
    DeepClustering,
    VectorBody,
    divergence,
    soft_assignment,
    target_distribution,
)
from musiclib.training.state import derived_seed

Labels = npt.NDArray[np.int64]
STARTS = 10
"""First guesses of k-means, the best of which is kept."""


@dataclass(frozen=True)
class Settings:
    """How a clustering is trained.

    Attributes:
        epochs: Most passes over the pieces. Before each one the target is computed anew.
        batch_size: Pieces in a step.
        learning_rate: Step size of Adam for the network.
        centre_rate: The same for the centres.
        weight: Weight of the clustering loss beside the reconstruction error.
        tolerance: Training stops when fewer than this share of the pieces change their cluster
            between two targets (Xie et al., section 3.1).
        rebuild: Whether the reconstruction error counts.
    """

    epochs: int = 12
    batch_size: int = 32
    learning_rate: float = 1e-3
    centre_rate: float = 1e-2
    weight: float = 1.0
    tolerance: float = 1e-3
    rebuild: bool = True


VECTORS = Settings(batch_size=64)
FRAMES = Settings(epochs=6, learning_rate=3e-4)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A clustering of pieces.

    Attributes:
        start: Cluster of each piece by k-means on the untouched embedding, `(N,)`.
        clusters: The same after training, `(N,)`.
        before: Embedding before, `(N, D)`.
        after: Embedding after, `(N, D)`.
        history: A row for each target: `divergence` in nats, `changed` (share of pieces that
            changed their cluster), `confidence` (mean of each piece's largest share), `error`
            (mean squared error of the reconstruction).
        stopped: Whether fewer pieces than the tolerance changed, so that training ended early.
        body: The autoencoder after training.
    """

    start: Labels
    clusters: Labels
    before: npt.NDArray[np.float32]
    after: npt.NDArray[np.float32]
    history: pd.DataFrame
    stopped: bool
    body: ClusteringBody


def k_means(points: npt.NDArray[np.float32], clusters: int, seed: int) -> Any:
    """Fit k-means to points `(N, D)` from ten starts.

    Returns:
        scikit-learn's `KMeans`.

    Raises:
        TrainingError: There are fewer different points than clusters.
    """
    from sklearn.cluster import KMeans

    different = len(np.unique(points, axis=0))
    if clusters < 2 or different < clusters:
        raise TrainingError(
            f"{clusters} clusters cannot be made of {different} different pieces; ask for 2 to "
            f"{max(2, different)} clusters, or add music"
        )
    return KMeans(clusters, n_init=STARTS, random_state=seed).fit(points)


def new_vector_body(inputs: Tensor, seed: int, epochs: int = 20) -> VectorBody:
    """Train an autoencoder of vectors, the first phase of Xie et al. (section 3.2).

    Args:
        inputs: Standardised vectors `(N, V)`.
        seed: Seed of the weights and of the order of pieces.
        epochs: Passes over the vectors.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, 0))
        body = VectorBody(inputs.shape[1])
    generator = torch.Generator().manual_seed(derived_seed(seed, 1))
    optimizer = Adam(body.parameters(), lr=1e-3)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(inputs), generator=generator), 64):
            batch = inputs[rows]
            loss = body.error(batch, body.encoded(batch)[1])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return body


def fit(
    body: ClusteringBody,
    inputs: Tensor,
    learned: npt.NDArray[np.bool_],
    clusters: int,
    seed: int,
    settings: Settings = VECTORS,
) -> Fitted:
    """Cluster pieces. The same arguments give the same result.

    Args:
        body: A trained autoencoder; a copy of it is trained further.
        inputs: Pieces `(N, ...)`.
        learned: The pieces to learn from, `(N,)`. The others are only assigned to clusters.
        clusters: Number of clusters K.
        seed: Seed of k-means and of the order of pieces.
        settings: How to train.

    Raises:
        TrainingError: There are fewer different pieces than clusters, or clusters died out, or
            the loss is not finite.
    """
    body = copy.deepcopy(body)
    shown = inputs[torch.from_numpy(learned)]
    body.calibrate(shown)
    before = _embedded(body, inputs)
    first = k_means(before[learned], clusters, seed)
    model = DeepClustering(body, torch.from_numpy(first.cluster_centers_))
    generator = torch.Generator().manual_seed(derived_seed(seed, 2))
    optimizer = Adam(
        [
            {"params": list(body.parameters()), "lr": settings.learning_rate},
            {"params": [model.centres], "lr": settings.centre_rate},
        ]
    )
    last, rows, stopped = first.labels_, [], False
    for epoch in range(settings.epochs + 1):
        shares, error = _shares(model, shown)
        target = target_distribution(shares)
        now = shares.argmax(dim=1).numpy()
        _check(shares, now, epoch)
        changed = float(np.mean(now != last))
        confidence = float(shares.amax(dim=1).mean())
        rows.append((float(divergence(target, shares)), changed, confidence, error))
        stopped = epoch > 0 and changed < settings.tolerance
        if stopped or epoch == settings.epochs:
            break
        last = now
        order = torch.randperm(len(shown), generator=generator)
        for step, chosen in enumerate(torch.split(order, settings.batch_size)):
            losses = model.loss(
                shown[chosen], target[chosen], settings.weight, settings.rebuild, step
            )
            optimizer.zero_grad()
            losses.total.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    history = pd.DataFrame(rows, columns=["divergence", "changed", "confidence", "error"])
    after = _embedded(body, inputs)
    final = soft_assignment(torch.from_numpy(after), model.centres.detach())
    return Fitted(
        first.predict(before).astype(np.int64),
        final.argmax(dim=1).numpy(),
        before,
        after,
        history.rename_axis("epoch"),
        stopped,
        body.eval(),
    )


def _embedded(body: ClusteringBody, inputs: Tensor) -> npt.NDArray[np.float32]:
    with torch.no_grad():
        parts = [body.embed(part)[0].numpy() for part in torch.split(inputs, 256)]
    return np.concatenate(parts)


def _shares(model: DeepClustering, inputs: Tensor) -> tuple[Tensor, float]:
    """Shares `(N, K)` and reconstruction error of pieces; always of the same frames."""
    shares, total = [], 0.0
    with torch.no_grad():
        for part in torch.split(inputs, 256):
            embedding, latent = model.body.embed(part)
            shares.append(soft_assignment(embedding, model.centres))
            total += float(model.body.error(part, latent)) * len(part)
    return torch.cat(shares), total / len(inputs)


def _check(shares: Tensor, now: Labels, epoch: int) -> None:
    if not bool(torch.isfinite(shares).all()):
        raise TrainingError(
            f"the clustering is not finite after {epoch} epochs; lower its learning_rate or weight"
        )
    clusters = shares.shape[1]
    empty = clusters - len(np.unique(now))
    if empty:
        raise TrainingError(
            f"{empty} of {clusters} clusters hold no piece after {epoch} epochs: the others took "
            "them over. Ask for fewer clusters, or lower the weight or the learning_rate"
        )
