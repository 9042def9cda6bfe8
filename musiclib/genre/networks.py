"""Networks that learn genre, from sequences, spectra or samples, and their loop.

All end the same way: statistics of their features over time, dropout, one linear layer. So what
differs between two of them is what they are fed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.errors import DatasetError, TrainingError
from musiclib.features import AutoencoderLatents, Sequences, Source, track_pieces
from musiclib.features.pooling import lags_of
from musiclib.features.sequences import channel_statistics, frames_in
from musiclib.models import Autoencoder
from musiclib.training import TrainConfig
from musiclib.training.loop import deterministic, make_fabric

Pooling = Literal["statistics", "attention"]
_SMALLEST: Final = 1e-4
_ATTENTION_WIDTH: Final = 16
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


CNN: Final = FitConfig(learning_rate=3e-3)
TUNING: Final = FitConfig(steps=60, batch=8, learning_rate=5e-4, encoder_rate=0.2)


class StatisticsPool(nn.Module):
    """Statistics over time, `(B, C, L)` to `(B, C * (2 + lags))`.

    They are the mean, the logarithm of the standard deviation, and for each lag the logarithm of
    the root mean square of the changes over so many frames. With attention, frames have weights
    that two small layers find for them (Okabe, Koshinaka and Shinoda, "Attentive statistics pooling
    for deep speaker embedding", Interspeech 2018, section 2.3, with one head). Without, all weigh
    the same.
    """

    def __init__(self, channels: int, pooling: Pooling, lags: Sequence[int] = ()) -> None:
        super().__init__()
        self.lags = tuple(lags)
        self.size = channels * (2 + len(self.lags))
        self.scores: nn.Module | None = None
        if pooling == "attention":
            self.scores = nn.Sequential(
                nn.BatchNorm1d(channels),
                nn.Conv1d(channels, _ATTENTION_WIDTH, 1),
                nn.Tanh(),
                nn.Conv1d(_ATTENTION_WIDTH, 1, 1),
            )

    def weights(self, x: Tensor) -> Tensor:
        """Return the weight of each frame, `(B, 1, L)`; they sum to one."""
        if self.scores is None:
            return torch.full_like(x[:, :1], 1.0 / x.shape[-1])
        weights: Tensor = self.scores(x).softmax(dim=-1)
        return weights

    def forward(self, x: Tensor) -> Tensor:
        """Pool `(B, C, L)`."""
        weights = self.weights(x)
        mean = (weights * x).sum(dim=-1)
        spread = (weights * (x - mean.unsqueeze(-1)).square()).sum(dim=-1)
        return torch.cat([mean, _log(spread), *(self._change(x, weights, k) for k in self.lags)], 1)

    @staticmethod
    def _change(x: Tensor, weights: Tensor, lag: int) -> Tensor:
        lag = min(lag, x.shape[-1] - 1)
        if lag == 0:  # a single frame does not change
            return _log(torch.zeros_like(x[..., 0]))
        squares = (x[..., lag:] - x[..., :-lag]).square()
        both = (weights[..., lag:] * weights[..., :-lag]).sqrt()
        return _log((both * squares).sum(dim=-1) / both.sum(dim=-1).clamp(min=1e-9))


def _log(power: Tensor) -> Tensor:
    return 0.5 * torch.log(power + _SMALLEST)


class SequenceClassifier(nn.Module):
    """Statistics over time, normalised, dropout, a linear layer: `(B, C, L)` to `(B, classes)`."""

    def __init__(
        self,
        channels: int,
        classes: int,
        lags: Sequence[int] = (),
        pooling: Pooling = "statistics",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.pool = StatisticsPool(channels, pooling, lags)
        self.norm = nn.BatchNorm1d(self.pool.size, affine=False)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(self.pool.size, classes)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores before the softmax."""
        scores: Tensor = self.out(self.dropout(self.norm(self.pool(x))))
        return scores


class SpectrogramCnn(nn.Module):
    """Genre from a log-mel spectrogram `(B, bands, L)`, by 2-D convolutions from scratch."""

    def __init__(self, bands: int, classes: int, width: int = 16) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(bands)
        # The first layer also halves both sides, which makes the whole network cheaper.
        layers = _block(1, width, 5, stride=2)
        for inner, outer in ((1, 2), (2, 4), (4, 4)):
            layers += [
                *_block(inner * width, outer * width, 3),
                nn.MaxPool2d(2, ceil_mode=True),
            ]
        self.convolutions = nn.Sequential(*layers)
        self.convolutions.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ending = SequenceClassifier(4 * width, classes, dropout=0.3)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores `(B, classes)` before the softmax."""
        image = self.norm(x).unsqueeze(1).to(memory_format=torch.channels_last)
        scores: Tensor = self.ending(self.convolutions(image).mean(dim=2))
        return scores


def _block(inner: int, outer: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inner, outer, kernel, stride, padding=kernel // 2),
        nn.BatchNorm2d(outer),
        nn.ReLU(),
    ]


class Normalised(nn.Module):
    """A network behind a normalisation of its channels; in front an encoder, where there is one.

    Attributes:
        network: Takes normalised `(B, C, L)`.
        model: An autoencoder whose latents the network sees, or None; its decoder is not used.
        mean: Mean of each channel on training tracks, `(1, C, 1)`.
        spread: Its standard deviation, the same.
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self, network: nn.Module, mean: Tensor, spread: Tensor, model: Autoencoder | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.model = model
        self.register_buffer("mean", mean.reshape(1, -1, 1))
        self.register_buffer("spread", spread.reshape(1, -1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores `(B, genres)` of sequences `(B, C, L)`, or of samples `(B, 1, N)`."""
        if self.model is not None:
            x = self.model.encode(self.model.inputs(x.squeeze(1)))
        scores: Tensor = self.network((x - self.mean) / self.spread)
        return scores


def fit_spectrogram_cnn(
    found: Sequences, train: Sequence[str], seed: int, learning: FitConfig = CNN
) -> Normalised:
    """Return a convolutional network that has learned genre from log-mel spectra of tracks."""
    return _learned(
        lambda genres: SpectrogramCnn(found.channels, genres), found, train, seed, learning
    )


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

    def make(genres: int) -> nn.Module:
        return SequenceClassifier(found.channels, genres, lags_of(found), pooling)

    return _learned(make, found, train, seed, learning or FitConfig())


def _learned(
    make: Callable[[int], nn.Module],
    found: Sequences,
    train: Sequence[str],
    seed: int,
    learning: FitConfig,
) -> Normalised:
    mean, spread = (torch.from_numpy(v).float() for v in channel_statistics(found, train))
    genres = found.tracks.loc[list(train), "genre"].nunique()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Normalised(make(genres), mean, spread)
    learn(network, found, train, seed, learning)
    return network


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
    encoder = of.checkpoint.build()
    encoder.requires_grad_(True)
    whole = Normalised(head.network, head.mean, head.spread, encoder)
    return learn(whole, sound, train, seed, learning)


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
    # In float32 on every machine: with bfloat16 where a processor has it, the same experiment would
    # have other results there.
    fabric = make_fabric(TrainConfig(steps=learning.steps, batch_size=learning.batch))
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
    rows = {}
    for name in names:
        if name in source:
            pieces = [piece for _, piece in track_pieces(source, seconds, name)]
            batches = torch.split(torch.from_numpy(np.stack(pieces)), _PREDICTED_TOGETHER)
            with torch.inference_mode():
                logs = torch.cat([network(batch).log_softmax(dim=1) for batch in batches])
            rows[name] = logs.clamp(min=np.log(1e-9)).double().mean(dim=0).numpy()
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(genres))
    return table.rename_axis("track_id")


def _random_piece(
    source: Source, name: str, learning: FitConfig, generator: np.random.Generator
) -> Any:
    length, available = frames_in(source, learning.seconds), source.length(name)
    if available >= length:
        start = int(generator.integers(available - length + 1))
        return source.piece(name, start, length)
    # A track that is too short is repeated.
    return np.take(source[name], np.arange(length), axis=1, mode="wrap")


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
