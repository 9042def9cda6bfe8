"""Principal components from a stream of rows, exact in float64."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from musiclib.errors import ModelError


@dataclass(frozen=True)
class Components:
    """Principal components of some rows.

    Attributes:
        mean: Mean row, `(D,)`, float64.
        vectors: Orthonormal components as rows, `(D, D)`, the largest variance first.
        variances: Eigenvalues of the covariance, `(D,)`, falling, not negative.
    """

    mean: Tensor
    vectors: Tensor
    variances: Tensor


class Moments:
    """Mean and covariance of rows that come in batches; memory does not grow with them."""

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self.sum = torch.zeros(dimension, dtype=torch.float64)
        self.products = torch.zeros(dimension, dimension, dtype=torch.float64)

    def update(self, rows: Tensor) -> None:
        """Add rows `(M, D)`."""
        wide = rows.detach().to("cpu", torch.float64)
        self.count += wide.shape[0]
        self.sum += wide.sum(dim=0)
        self.products += wide.T @ wide

    def components(self) -> Components:
        """Return the principal components.

        Raises:
            ModelError: If there were fewer than two rows, or a row was not finite.
        """
        if self.count < 2 or not bool(torch.isfinite(self.products).all()):
            raise ModelError(
                f"Principal components need at least two rows of finite values: {self.count} rows "
                "came. Check the audio."
            )
        mean = self.sum / self.count
        covariance = self.products / self.count - torch.outer(mean, mean)
        values, vectors = torch.linalg.eigh(covariance)
        return Components(mean, vectors.T.flip(0).contiguous(), values.flip(0).clamp(min=0.0))
