"""Networks that learn genre: one loop for all that read sequences, spectra or samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.errors import DatasetError, TrainingError
from musiclib.features import AutoencoderLatents, Sequences, Source, track_pieces
from musiclib.features.sequences import channel_statistics, frames_in
from musiclib.models.genre import LatentClassifier, Pooling, SequenceClassifier, SpectrogramCnn
from musiclib.training import TrainConfig
from musiclib.training.loop import deterministic, make_fabric

_PREDICTED_TOGETHER: Final = 32


@dataclass(frozen=True)
class FitConfig:
    """How a network learns.

    Attributes:
        steps: Steps of AdamW; the learning rate follows one cycle (Smith and Topin, 2019).
        batch: Pieces in a step.
        learning_rate: Highest learning rate.
        weight_decay: Weight decay.
        smoothing: Label smoothing.
        seconds: Length of a piece.
        encoder_rate: Learning rate of an encoder that is fine-tuned, as a share of the other.
    """

    steps: int = 200
    batch: int = 32
    learning_rate: float = 1e-2
    weight_decay: float = 0.1
    smoothing: float = 0.1
    seconds: float = 3.0
    encoder_rate: float = 0.1

    def __post_init__(self) -> None:
        if min(self.steps, self.batch) < 1 or not self.learning_rate > 0.0:
            raise TrainingError("steps, batch and learning_rate must be positive")


CNN: Final = FitConfig(learning_rate=3e-3)
TUNING: Final = FitConfig(steps=60, batch=8, learning_rate=5e-4, encoder_rate=0.2)


class Normalised(nn.Module):
    """A network behind a normalisation of its channels that training tracks give."""

    mean: Tensor
    spread: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean.reshape(1, -1, 1))
        self.register_buffer("spread", spread.reshape(1, -1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores of `(B, C, L)`."""
        scores: Tensor = self.network((x - self.mean) / self.spread)
        return scores


def fit_spectrogram_cnn(
    found: Sequences, train: Sequence[str], seed: int, learning: FitConfig = CNN
) -> Normalised:
    """Return a convolutional network that has learned genre from log-mel spectra of tracks."""
    make = lambda genres: SpectrogramCnn(found.channels, genres, "statistics")  # noqa: E731
    return _learned(make, found, train, seed, learning)


def fit_latent_classifier(
    found: Sequences,
    train: Sequence[str],
    seed: int,
    pooling: Pooling = "statistics",
    learning: FitConfig | None = None,
) -> Normalised:
    """Return a classifier that has learned genre from the sequences of tracks.

    It sees what logistic regression sees: statistics over time. With the pooling `attention` it
    weighs the frames of a piece as it finds best.
    """
    make = lambda genres: SequenceClassifier(found.channels, genres, found.frame_rate, pooling)  # noqa: E731
    return _learned(make, found, train, seed, learning or FitConfig())


def fine_tune(
    of: AutoencoderLatents,
    found: Sequences,
    sound: Source,
    train: Sequence[str],
    seed: int,
    learning: FitConfig = TUNING,
    first: FitConfig | None = None,
) -> nn.Module:
    """Train a classifier of latents, and then the encoder with it.

    Args:
        of: The latents.
        found: Their sequences.
        sound: The same tracks as samples at the encoder's rate, which the network reads.
        train: Tracks to learn from.
        seed: Of all that is random.
        learning: How both learn together.
        first: How the classifier learns before.
    """
    head = fit_latent_classifier(found, train, seed, learning=first)
    assert isinstance(head.network, SequenceClassifier)
    encoder = of.checkpoint.build()
    encoder.requires_grad_(True)
    whole = LatentClassifier(encoder, head.network, head.mean.flatten(), head.spread.flatten())
    return learn(whole, sound, train, seed, learning)


def _learned(
    make: Any, found: Sequences, train: Sequence[str], seed: int, learning: FitConfig
) -> Normalised:
    mean, spread = (torch.from_numpy(v).float() for v in channel_statistics(found, train))
    genres = found.tracks.loc[list(train), "genre"].nunique()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Normalised(make(genres), mean, spread)
    learn(network, found, train, seed, learning)
    return network


def learn(
    network: nn.Module, source: Source, train: Sequence[str], seed: int, learning: FitConfig
) -> nn.Module:
    """Train a network in place to tell the genres of tracks apart, in alphabetical order.

    Pieces come from random places of the tracks, each track being equally likely. The loss weighs
    genres by the inverse of their share, so that rare ones are not neglected.

    Args:
        network: From `(B, C, L)` to scores `(B, genres)`.
        source: What it reads.
        train: Tracks to learn from; those that cannot be read are left out.
        seed: Of all that is random.
        learning: How.

    Returns:
        The network on the CPU, in evaluation mode.

    Raises:
        DatasetError: None of the tracks can be read.
        TrainingError: The loss is not finite any more.
    """
    names = [name for name in train if name in source]
    if not names:
        raise DatasetError("none of the tracks to learn genre from can be read: add music")
    codes, _ = pd.factorize(source.tracks.loc[names, "genre"], sort=True)
    labels, counts = torch.from_numpy(codes).long(), np.bincount(codes)
    weights = torch.tensor(len(names) / (len(counts) * counts), dtype=torch.float32)
    fabric = _fabric(learning)
    generator = np.random.default_rng(seed)
    with deterministic(fabric):
        torch.manual_seed(seed)
        optimizer = torch.optim.AdamW(_groups(network, learning))
        rates = [group["lr"] for group in optimizer.param_groups]
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, learning.steps)
        module: Any
        module, stepper = fabric.setup(network, optimizer)
        weights = fabric.to_device(weights)
        module.train()
        for _ in range(learning.steps):
            chosen = generator.integers(len(names), size=learning.batch)
            pieces = [_random_piece(source, names[k], learning, generator) for k in chosen]
            batch = fabric.to_device(torch.from_numpy(np.stack(pieces)))
            truths = fabric.to_device(labels[torch.from_numpy(chosen)])
            loss = F.cross_entropy(
                module(batch), truths, weights, label_smoothing=learning.smoothing
            )
            if not torch.isfinite(loss):
                raise TrainingError("the loss of a genre classifier is not finite any more")
            stepper.zero_grad(set_to_none=True)
            fabric.backward(loss)
            stepper.step()
            schedule.step()
    return network.to("cpu").eval()


def predict(
    network: nn.Module,
    source: Source,
    names: Sequence[str],
    genres: Sequence[str],
    seconds: float = 3.0,
) -> pd.DataFrame:
    """Return log probabilities as `musiclib.genre.crossval.predict` does.

    Args:
        network: One that has learned these genres.
        source: What it reads.
        names: Tracks.
        genres: In alphabetical order.
        seconds: Length of a piece.

    Returns:
        Mean over a track's pieces: index `track_id`, a column a genre.
    """
    rows = {name: _log_shares(network, source, name, seconds) for name in names if name in source}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(genres))
    return table.rename_axis("track_id")


def _log_shares(network: nn.Module, source: Source, name: str, seconds: float) -> Any:
    pieces = [piece for _, piece in track_pieces(source, seconds, name)]
    logs = []
    with torch.inference_mode():
        for first in range(0, len(pieces), _PREDICTED_TOGETHER):
            batch = torch.from_numpy(np.stack(pieces[first : first + _PREDICTED_TOGETHER]))
            logs.append(network(batch).log_softmax(dim=1).clamp(min=np.log(1e-9)))
    return torch.cat(logs).double().mean(dim=0).numpy()


def _random_piece(
    source: Source, name: str, learning: FitConfig, generator: np.random.Generator
) -> Any:
    length, available = frames_in(source, learning.seconds), source.length(name)
    if available >= length:
        start = int(generator.integers(available - length + 1))
        return source.piece(name, start, length)
    # A track that is too short is repeated.
    whole = source.piece(name, 0, available)
    return np.take(whole, np.arange(length), axis=1, mode="wrap")


def _groups(network: nn.Module, learning: FitConfig) -> list[dict[str, Any]]:
    """Parameters with their learning rates: an encoder that was trained before goes slower."""
    named = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    fast = [parameter for name, parameter in named if not name.startswith("model.")]
    slow = [parameter for name, parameter in named if name.startswith("model.")]
    rate, decay = learning.learning_rate, learning.weight_decay
    groups = [{"params": fast, "lr": rate, "weight_decay": decay}]
    if slow:
        groups.append({"params": slow, "lr": rate * learning.encoder_rate, "weight_decay": 0.0})
    return groups


def _fabric(learning: FitConfig) -> Fabric:
    # In float32 on every machine: with bfloat16 where a processor has it, the same experiment would
    # have other results there.
    return make_fabric(TrainConfig(steps=learning.steps, batch_size=learning.batch))
