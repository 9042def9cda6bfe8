"""Pictures of a space of many dimensions: seven ways to lay its points out in a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from musiclib.errors import MusiclibError

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

PROJECTIONS: Final[Mapping[str, str]] = {
    "pca": "PCA",
    "kernel-rbf": "Kernel PCA, RBF",
    "kernel-cosine": "Kernel PCA, cosine",
    "kernel-poly": "Kernel PCA, cubic",
    "lda": "LDA",
    "tsne": "t-SNE",
    "umap": "UMAP",
}
"""Names of the projections and what a reader sees."""
SUPERVISED: Final = ("lda",)
JOINT: Final = ("tsne", "umap")
"""Projections that place all points together, without labels: they have no map for new points."""
_FEWEST = 4


def standardised(values: npt.ArrayLike, training: Mask) -> Array:
    """Bring every dimension to mean 0 and deviation 1 on the training points.

    Args:
        values: A row a point, `(N, D)`.
        training: Which points the mean and the deviation are taken of, `(N,)`.

    Returns:
        An array of the same shape. A dimension that is constant in training becomes 0 there.
    """
    from sklearn.preprocessing import StandardScaler

    array = np.asarray(values, dtype=np.float64)
    found: Array = StandardScaler().fit(array[training]).transform(array)
    return found


def project(
    name: str,
    values: npt.ArrayLike,
    training: Mask,
    labels: Sequence[str] | None = None,
    seed: int = 0,
) -> Array | None:
    """Lay points out in a plane.

    PCA, kernel PCA (Schoelkopf, Smola and Mueller, 1998) and LDA (Fisher, 1936) are fitted on the
    training points. t-SNE (van der Maaten and Hinton, 2008) and UMAP (McInnes, Healy and Melville,
    2018) see all points, without labels.

    Args:
        name: A key of :data:`PROJECTIONS`.
        values: A row a point, standardised, `(N, D)`.
        training: Which points may be fitted on, `(N,)`.
        labels: Class of each point, for LDA; only those of training points are looked at.
        seed: Seed of t-SNE and UMAP.

    Returns:
        Places `(N, 2)`; None where the points are too few or, for LDA, of fewer than three classes.

    Raises:
        MusiclibError: The name is unknown, or LDA has no labels.
    """
    if name not in PROJECTIONS:
        raise MusiclibError(f"no projection {name!r}; choose one of {', '.join(PROJECTIONS)}")
    points = np.asarray(values, dtype=np.float64)
    if training.sum() < _FEWEST or not np.ptp(points[training], axis=0).any():
        return None
    if name in JOINT:
        return _joint(name, points, seed)
    if name == "lda":
        if labels is None:
            raise MusiclibError("LDA needs the class of each point")
        return _lda(points, training, np.asarray(labels))
    found = _method(name, points[training]).fit(points[training]).transform(points)
    return _plane(found)


def _method(name: str, training: Array) -> Any:
    from sklearn.decomposition import PCA, KernelPCA

    if name == "pca":
        return PCA(2, random_state=0)
    kind = name.removeprefix("kernel-")
    gamma = 1.0 / training.shape[1] if kind == "poly" else rbf_gamma(training)
    options = {} if kind == "cosine" else {"gamma": gamma}
    return KernelPCA(2, kernel=kind, degree=3, coef0=1.0, eigen_solver="dense", **options)


def rbf_gamma(points: Array) -> float:
    """Width of a Gaussian kernel: one over the median squared distance of the points `(N, D)`."""
    from sklearn.metrics import pairwise_distances

    squares = pairwise_distances(points, metric="sqeuclidean")
    return 1.0 / max(float(np.median(squares[np.triu_indices(len(points), 1)])), 1e-12)


def _lda(points: Array, training: Mask, labels: npt.NDArray[Any]) -> Array | None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    classes, counts = np.unique(labels[training], return_counts=True)
    if len(classes) < 3 or counts.min() < 2:
        return None
    # More dimensions than points: without shrinkage (Ledoit and Wolf, 2004) every training set of
    # this size falls into perfect groups.
    method = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto", n_components=2)
    found = method.fit(points[training], labels[training]).transform(points)
    return _plane(found)


def _joint(name: str, points: Array, seed: int) -> Array:
    from sklearn.decomposition import PCA

    start = PCA(2, random_state=0).fit_transform(points)
    start *= 1e-4 / max(float(start[:, 0].std()), 1e-12)
    if name == "tsne":
        from sklearn.manifold import TSNE

        perplexity = min(30.0, (len(points) - 1) / 3)
        places = TSNE(2, perplexity=perplexity, init=start, random_state=seed, n_jobs=1)
        return _plane(places.fit_transform(points))
    from umap import UMAP

    # Spectral initialisation warns on small sets; principal components do not.
    reducer = UMAP(
        n_neighbors=min(15, len(points) - 1),
        init=start * 1e5,
        random_state=seed,
        n_jobs=1,
        n_epochs=500,
    )
    return _plane(reducer.fit_transform(points))


def _plane(places: npt.ArrayLike) -> Array:
    found = np.asarray(places, dtype=np.float64)
    missing = max(0, 2 - found.shape[1])
    return np.pad(found[:, :2], ((0, 0), (0, missing)))
