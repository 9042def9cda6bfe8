"""The source that frequency models code: statistics of log spectrograms of training music."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from musiclib.datasets import Dataset, open_dataset
from musiclib.models import FrequencyAutoencoder, FrequencyConfig
from musiclib.models.pca import Components, Moments
from musiclib.studies.compression.limits import GaussianLimit
from musiclib.training.config import TrainConfig
from musiclib.training.data import Music

MEMORY = 32
"""Groups of frames in a spectrum over time: about two seconds at 8 kHz."""


def training_music(dataset: Dataset, profile: str) -> Dataset:
    """Music that the models of a profile were trained on.

    Args:
        dataset: What the reader chose.
        profile: ``"mini"``, whose models are the shipped ones, or ``"smoke"`` or ``"retrain"``.

    Returns:
        The bundled music for the shipped models, else ``dataset``.
    """
    return open_dataset() if profile == "mini" and dataset.name != "mini" else dataset


def training_batches(dataset: Dataset, config: TrainConfig, sample_rate: int) -> Iterator[Tensor]:
    """Yield the batches, ``(B, N)``, that a training fits its statistics on."""
    return islice(Music.open(dataset, sample_rate).batches(config), config.prepare_batches)


def group_components(batches: Iterable[Tensor], config: FrequencyConfig) -> Components:
    """Principal components of groups of frames, in nepers.

    Args:
        batches: Audio ``(B, N)`` at the configuration's rate.
        config: Its STFT, offset and group are used.

    Returns:
        Components of rows of ``group * n_bins`` log magnitudes, bins outermost.
    """
    model = FrequencyAutoencoder(replace(config, blocks=0))
    moments = Moments(config.group * config.stft.n_bins)
    with torch.no_grad():
        for audio in batches:
            moments.update(_rows(model.spectrogram.logs(model.levelled(audio)[0]), config.group))
    return moments.components()


def linear_model(components: Components, config: FrequencyConfig) -> FrequencyAutoencoder:
    """Return the autoencoder that is principal component analysis and nothing else.

    It is where training starts: ``FrequencyAutoencoder.prepare`` does the same.

    Args:
        components: From :func:`group_components`.
        config: Of the trained model; its latent size is kept, its convolutions are left out.
    """
    bins, group = config.stft.n_bins, config.group
    model = FrequencyAutoencoder(replace(config, blocks=0))
    model.spectrogram.set_statistics(
        components.mean.reshape(bins, group).mean(dim=1), float(components.variances.mean())
    )
    kernels = components.vectors[: config.latent].reshape(config.latent, 1, bins, group)
    with torch.no_grad():
        model.reduce.weight.copy_(kernels)
        model.expand.weight.copy_(kernels)
    return model.eval()


def limit_with_memory(
    batches: Iterable[Tensor], components: Components, config: FrequencyConfig, length: int = MEMORY
) -> GaussianLimit:
    """Limit of a source whose groups of frames may be coded together.

    Each principal component is a series over time with a spectrum (Welch, 1967). Its values at
    ``length`` frequencies are the variances of ``length`` groups seen together. Components are
    treated as independent.

    Args:
        batches: Audio ``(B, N)``; the segments must hold at least ``length`` groups.
        components: From :func:`group_components`.
        config: As there.
        length: Groups that are seen together.

    Returns:
        Limit of ``length`` groups; segments that are too short for it give the limit of single
        groups.
    """
    model = FrequencyAutoencoder(replace(config, blocks=0))
    vectors, mean = components.vectors.float(), components.mean.float()
    window = torch.hann_window(length, periodic=True)[:, None]
    total = torch.zeros(length, len(mean), dtype=torch.float64)
    count = 0
    with torch.no_grad():
        for audio in batches:
            logs = model.spectrogram.logs(model.levelled(audio)[0])
            series = (_rows(logs, config.group) - mean) @ vectors.T
            for part in series.reshape(len(audio), -1, len(mean)):
                for start in range(0, len(part) - length + 1, length // 2):
                    spectrum = torch.fft.fft(window * part[start : start + length], dim=0)
                    total += spectrum.abs().square()
                    count += 1
    if count == 0:
        return GaussianLimit.of(components.variances.numpy())
    # White noise of variance 1 has a spectrum of 1 at each frequency.
    return GaussianLimit.of((total / (count * window.square().sum())).numpy())


def _rows(logs: Tensor, group: int) -> Tensor:
    """Log magnitudes ``(B, F, T)`` as rows of groups; the last frame fills up the last group."""
    padded = torch.nn.functional.pad(logs, (0, -logs.shape[-1] % group), mode="replicate")
    bins = logs.shape[1]
    split = padded.reshape(len(logs), bins, -1, group).transpose(1, 2)
    return split.reshape(-1, bins * group)
