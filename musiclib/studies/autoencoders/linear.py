"""Linear autoencoders and principal components, and what a bend does to both."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from musiclib.studies.autoencoders.running import DoubleArray


@dataclass(frozen=True)
class LinearRace:
    """A linear autoencoder on its way to the principal components.

    Attributes:
        steps: Steps of gradient descent.
        error: Squared error after them, as a share of the variance.
        principal: The same for as many principal components.
    """

    steps: list[int]
    error: list[float]
    principal: float


def centred(rows: Tensor) -> Tensor:
    """Rows ``(M, D)`` without their mean, in float64."""
    wide = rows.double()
    return wide - wide.mean(dim=0)


def unexplained(rows: Tensor) -> DoubleArray:
    """Share of the variance that the first k principal components leave, for k = 0 to D.

    Args:
        rows: ``(M, D)``, M of at least 2, not all equal.

    Returns:
        Falling from 1 to 0, ``(D + 1,)``.
    """
    values = torch.linalg.eigvalsh(centred(rows).T @ centred(rows)).flip(0).clamp(min=0.0)
    kept = torch.cat([torch.zeros(1, dtype=torch.float64), values.cumsum(0)])
    shares: DoubleArray = (1.0 - kept / values.sum()).clamp(min=0.0).numpy()
    return shares


def linear_race(rows: Tensor, size: int, steps: int = 300, seed: int = 0) -> LinearRace:
    """Train `W' W x` from random weights by gradient descent (Adam) on the squared error.

    Args:
        rows: Data, ``(M, D)``.
        size: Width of the bottleneck.
        steps: Steps, each on all rows.
        seed: Of the first weights.

    Returns:
        Errors at about 40 places on the way.
    """
    data = centred(rows)
    data = (data / data.square().mean().sqrt()).float()
    generator = torch.Generator().manual_seed(seed)
    encoder = (0.1 * torch.randn(data.shape[1], size, generator=generator)).requires_grad_()
    decoder = (0.1 * torch.randn(size, data.shape[1], generator=generator)).requires_grad_()
    optimiser = torch.optim.Adam([encoder, decoder], lr=0.01)
    noted = {0, steps, *np.unique(np.geomspace(1, steps, 40).astype(int)).tolist()}
    places, errors = [], []
    for step in range(steps + 1):
        error = (data @ encoder @ decoder - data).square().mean()
        if step in noted:
            places.append(step)
            errors.append(float(error.detach() / data.square().mean()))
        if step < steps:
            optimiser.zero_grad()
            error.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return LinearRace(places, errors, float(unexplained(rows)[size]))


def glide(
    frames: int = 256, bins: int = 64, width: float = 2.0, low: float = 8.0, high: float = 56.0
) -> Tensor:
    """Spectra of a tone that glides upwards: a bump that moves, described by one number.

    Args:
        frames: Spectra.
        bins: Frequencies in each.
        width: Of the bump, in bins.
        low: Where it starts, in bins.
        high: Where it ends, in bins.

    Returns:
        ``(frames, bins)``, between 0 and 1.
    """
    places = torch.linspace(low, high, frames)[:, None]
    spectra: Tensor = torch.exp(-0.5 * ((torch.arange(bins) - places) / width).square())
    return spectra


def principal_version(rows: Tensor, size: int) -> Tensor:
    """Rows rebuilt from their first principal components, ``(M, D)``."""
    mean = rows.double().mean(dim=0)
    data = centred(rows)
    vectors = torch.linalg.eigh(data.T @ data)[1].flip(1)[:, :size]
    version: Tensor = (mean + data @ vectors @ vectors.T).to(rows.dtype)
    return version


def network_version(rows: Tensor, size: int, steps: int = 800, seed: int = 0) -> Tensor:
    """Rows rebuilt by a small network with a bottleneck that was trained on them.

    Args:
        rows: Data between 0 and 1, ``(M, D)``.
        size: Width of the bottleneck.
        steps: Steps of Adam, each on all rows.
        seed: Of the first weights.

    Returns:
        The network's version, ``(M, D)``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden, bins = 96, rows.shape[1]
        network = nn.Sequential(
            nn.Linear(bins, hidden),
            nn.GELU(),
            nn.Linear(hidden, size),
            nn.Linear(size, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bins),
        )
    optimiser = torch.optim.Adam(network.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(steps, 1))
    for _ in range(steps):
        optimiser.zero_grad()
        (network(rows) - rows).square().mean().backward()
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        output: Tensor = network(rows)
    return output


def share_lost(rows: Tensor, version: Tensor) -> float:
    """Squared error as a share of the rows' variance."""
    error = (rows - version).double().square().sum()
    return float(error / centred(rows).square().sum())
