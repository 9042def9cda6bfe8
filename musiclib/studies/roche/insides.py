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
    latent, frames = _encoded(model, training)
    design = torch.cat([latent, torch.ones_like(latent[:, :1])], dim=1)
    gram = design.T @ design
    # A value that is always the same would make the system singular.
    gram.diagonal().add_(1e-9 * gram.diagonal().mean())
    solved: Tensor = torch.linalg.solve(gram, design.T @ frames)
    return solved


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
    latent, _ = _encoded(model, material)
    with torch.inference_mode():
        network = model.decoder(latent.float()).double()
        straight = model.spine.expand(latent.float()).double()
    output = network + straight
    design = torch.cat([latent, torch.ones_like(latent[:, :1])], dim=1)
    fitted = design @ torch.linalg.lstsq(design, output).solution
    energies = [_spread(network), _spread(straight)]
    return {
        "network_share": 100.0 * energies[0] / max(sum(energies), 1e-30),
        "linear_r2": 100.0 * (1.0 - _spread(output - fitted) / max(_spread(output), 1e-30)),
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
    for logs in material.logs:
        with torch.inference_mode():
            inputs = model.spectrogram.normalise(logs)[None]
            coded = _rows(model.encode(inputs))
        output = coded @ decoder[:-1] + decoder[-1]
        found.append(float((output - _rows(inputs)).square().mean().sqrt()) * to_db)
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
            coded = model(model.spectrogram.normalise(logs))
            spread = coded.extra["log_variance"]
            divergences.append(_rows(gaussian_kl(coded.latent, spread)))
            means.append(_rows(coded.latent))
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
    latent, _ = _encoded(model, material)
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


def _encoded(model: FrameAutoencoder, material: Spectra) -> tuple[Tensor, Tensor]:
    """Encodings ``(M, latent)`` and normalised frames ``(M, F)``, in float64, clip after clip."""
    coded, frames = [], []
    with torch.inference_mode():
        for logs in material.logs:
            inputs = model.spectrogram.normalise(logs)[None]
            coded.append(_rows(model.encode(inputs)))
            frames.append(_rows(inputs))
    return torch.cat(coded), torch.cat(frames)


def _rows(values: Tensor) -> Tensor:
    """``(B, C, T)`` to float64 rows ``(B T, C)``."""
    return values.transpose(1, 2).reshape(-1, values.shape[1]).double()


def _spread(rows: Tensor) -> float:
    return float((rows - rows.mean(dim=0)).square().mean())
