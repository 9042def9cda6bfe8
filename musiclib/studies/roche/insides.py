"""What each model makes of its values: variance held, linear or not, in use or not."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from musiclib.models.frames import DeepAutoencoder, FrameAutoencoder, PcaAutoencoder
from musiclib.models.frames_vae import VariationalAutoencoder
from musiclib.models.losses import DB_PER_NEPER, gaussian_kl
from musiclib.studies.roche.spectra import DoubleArray, Spectra

ACTIVE = 0.01
"""Variance of its mean from which a value of a VAE counts as active (Burda et al., 2016)."""


def variance_held(model: PcaAutoencoder) -> DoubleArray:
    """Share of the variance of the training frames that the first components hold.

    Args:
        model: A trained PCA; it keeps all eigenvalues.

    Returns:
        Shares for 1, 2, ... components, ``(F,)``, rising to 1.
    """
    variances = model.variances.double().numpy()
    return np.asarray(np.cumsum(variances) / max(float(variances.sum()), 1e-30))


def components_for(model: PcaAutoencoder, share: float) -> int:
    """Number of principal components that hold a share of the variance.

    Args:
        model: A trained PCA.
        share: Between 0 and 1.

    Returns:
        The smallest number, at least 1.
    """
    held = variance_held(model)
    return min(int(np.searchsorted(held, share)) + 1, len(held))


def linear_decoder(model: FrameAutoencoder, training: Spectra) -> Tensor:
    """The best linear decoder for a model's encodings, by least squares.

    Args:
        model: Its encoder is used.
        training: Spectra to fit on.

    Returns:
        Matrix ``(latent + 1, F)``; the last row is a constant.
    """
    with torch.inference_mode():
        pairs = [_encoded(model, logs) for logs in training.logs]
        return _least_squares(pairs)


def decoder_shares(
    model: DeepAutoencoder, training: Spectra, material: Spectra
) -> dict[str, float]:
    """How far the decoder of a deep autoencoder is from a linear one.

    Args:
        model: With a linear path.
        training: Spectra that the best linear decoder is fitted on.
        material: Spectra to test on.

    Returns:
        ``network_share``: energy of the hidden layers' output over that of both paths' outputs,
        each without its mean frame, in percent; ``linear_r2``: share of the variance of the
        decoder's output that a linear map of the encoding explains, in percent;
        ``linear_rmse_db``: mean over clips of the error when the best linear decoder replaces it.

    Raises:
        ValueError: If the model has no linear path.
    """
    if model.spine is None:
        raise ValueError("the model has no linear path beside its hidden layers")
    with torch.inference_mode():
        coded = [_encoded(model, logs)[0] for logs in material.logs]
        network = [model.decoder(latent.float()).double() for latent in coded]
        straight = [model.spine.expand(latent.float()).double() for latent in coded]
        output = [a + b for a, b in zip(network, straight, strict=True)]
        linear = _least_squares(list(zip(coded, output, strict=True)))
        energies = [_spread(network), _spread(straight)]
        whole = _spread(output)
        for latent, rows in zip(coded, output, strict=True):
            rows -= latent @ linear[:-1] + linear[-1]
        rest = _spread(output)
    return {
        "network_share": 100.0 * energies[0] / max(sum(energies), 1e-30),
        "linear_r2": 100.0 * (1.0 - rest / max(whole, 1e-30)),
        "linear_rmse_db": linear_rmse_db(model, training, material),
    }


def linear_rmse_db(model: FrameAutoencoder, training: Spectra, material: Spectra) -> float:
    """Error of a model when the best linear decoder replaces its own.

    Args:
        model: Its encoder is used.
        training: Spectra that the decoder is fitted on.
        material: Spectra to test on.

    Returns:
        Mean over clips of the RMSE in dB.
    """
    decoder = linear_decoder(model, training)
    to_db = float(model.spectrogram.scale) * DB_PER_NEPER
    found = []
    with torch.inference_mode():
        for logs in material.logs:
            coded, frames = _encoded(model, logs)
            output = coded @ decoder[:-1] + decoder[-1]
            found.append(float((output - frames).square().mean().sqrt()) * to_db)
    return float(np.mean(found))


def values_in_use(model: VariationalAutoencoder, material: Spectra) -> pd.DataFrame:
    """What each value of a VAE's encoding carries.

    Args:
        model: A trained VAE.
        material: Spectra of clips.

    Returns:
        One row for each value, the most informative first: ``kl`` (divergence from the prior in
        bits a frame), ``variance`` (of its mean over frames), ``noise`` (mean variance that the
        encoder gives it).
    """
    divergences, means, noises = [], [], []
    with torch.inference_mode():
        for _, logs in material.batches():
            inputs = model.spectrogram.normalise(logs)
            mean, spread = model.encode(inputs), model.log_variances(inputs)
            divergences.append(_rows(gaussian_kl(mean, spread)))
            means.append(_rows(mean))
            noises.append(_rows(spread.exp()))
    table = pd.DataFrame(
        {
            "kl": torch.cat(divergences).mean(dim=0).numpy() / np.log(2.0),
            "variance": torch.cat(means).var(dim=0, unbiased=False).numpy(),
            "noise": torch.cat(noises).mean(dim=0).numpy(),
        }
    )
    return table.sort_values("kl", ascending=False, ignore_index=True)


def latent_steps(
    model: FrameAutoencoder, material: Spectra, places: Sequence[float] = (-2.0, 0.0, 2.0)
) -> npt.NDArray[np.float32]:
    """Spectra as one value of the encoding moves and the others stay at their means.

    Args:
        model: Any model.
        material: Spectra that give the mean and the deviation of each value.
        places: Positions in standard deviations.

    Returns:
        Levels in dB, ``(latent, len(places), F)``.
    """
    with torch.inference_mode():
        latent = torch.cat([_encoded(model, logs)[0] for logs in material.logs])
    middle, spread = latent.mean(dim=0), latent.std(dim=0, unbiased=False)
    count = latent.shape[1]
    moved = middle.repeat(count, len(places), 1)
    for value in range(count):
        moved[value, :, value] += spread[value] * torch.tensor(places, dtype=torch.float64)
    with torch.inference_mode():
        rows = model.decode(moved.reshape(-1, count, 1).float(), 1)
        logs = model.spectrogram.denormalise(rows)[..., 0] * DB_PER_NEPER
    return np.asarray(logs.reshape(count, len(places), -1).numpy())


def bend(walk: npt.NDArray[np.float32]) -> float:
    """How far the middle of three spectra is from the mean of the outer two.

    Args:
        walk: Result of :func:`latent_steps` with three places, equally far apart.

    Returns:
        RMS distance of the middle from that mean, over half the RMS distance of the outer two; 0
        for a linear decoder, and where nothing moves.
    """
    wide = walk.astype(np.float64)
    off = np.sqrt(np.mean((wide[:, 1] - (wide[:, 0] + wide[:, 2]) / 2) ** 2))
    reach = np.sqrt(np.mean((wide[:, 2] - wide[:, 0]) ** 2)) / 2
    return float(off / reach) if reach > 0.0 else 0.0


def _encoded(model: FrameAutoencoder, logs: Tensor) -> tuple[Tensor, Tensor]:
    """Encodings ``(T, latent)`` and normalised frames ``(T, F)`` of a clip, in float64."""
    inputs = model.spectrogram.normalise(logs)[None]
    return _rows(model.encode(inputs)), _rows(inputs)


def _least_squares(pairs: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """The best linear map from encodings ``(T, latent)`` to frames ``(T, F)`` of several clips.

    Returns:
        Matrix ``(latent + 1, F)``; the last row is a constant.
    """
    designs = [torch.cat([latent, torch.ones_like(latent[:, :1])], dim=1) for latent, _ in pairs]
    gram = torch.stack([design.T @ design for design in designs]).sum(dim=0)
    cross = torch.zeros(len(gram), pairs[0][1].shape[1], dtype=gram.dtype)
    for design, (_, frames) in zip(designs, pairs, strict=True):
        cross.addmm_(design.T, frames)
    # A value that is always the same would make the system singular.
    gram.diagonal().add_(1e-9 * gram.diagonal().mean())
    solved: Tensor = torch.linalg.solve(gram, cross)
    return solved


def _rows(values: Tensor) -> Tensor:
    """``(B, C, T)`` to float64 rows ``(B T, C)``."""
    return values.transpose(1, 2).reshape(-1, values.shape[1]).double()


def _spread(parts: Sequence[Tensor]) -> float:
    """Variance of rows of several clips about their mean row, over all values."""
    count = sum(len(part) for part in parts)
    mean = torch.stack([part.sum(dim=0) for part in parts]).sum(dim=0) / count
    total = sum(float((part - mean).square().sum()) for part in parts)
    return total / (count * mean.numel())
