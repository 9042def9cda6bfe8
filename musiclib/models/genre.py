"""Networks that recognise genre: from sequences (latents), from spectrograms.

All end the same way: statistics of their features over time, dropout, one linear layer. So what
differs between two of them is what they are fed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from musiclib.errors import ModelError
from musiclib.models.base import Autoencoder

Pooling = Literal["statistics", "attention"]
LAGS_S = (0.02, 0.04, 0.08, 0.16, 0.32)
_SMALLEST = 1e-4
_ATTENTION_WIDTH = 16


def lags_at(frame_rate: float) -> tuple[int, ...]:
    """Return the lags of changes in frames at a rate in Hz: 0.02 to 0.32 s, without doubles."""
    return tuple(sorted({max(1, round(lag * frame_rate)) for lag in LAGS_S}))


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
        if pooling not in ("statistics", "attention"):
            raise ModelError(f"pooling must be statistics or attention, not {pooling!r}")
        if any(lag < 1 for lag in lags):
            raise ModelError(f"lags must be positive, not {tuple(lags)}")
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


class ClassifierHead(nn.Module):
    """Statistics over time, normalised, dropout, a linear layer: `(B, C, L)` to `(B, classes)`."""

    def __init__(
        self, channels: int, classes: int, pooling: Pooling, lags: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        self.pool = StatisticsPool(channels, pooling, lags)
        self.norm = nn.BatchNorm1d(self.pool.size, affine=False)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(self.pool.size, classes)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores before the softmax."""
        # Logarithms of small numbers do not survive 8 bits of precision.
        with torch.autocast(x.device.type, enabled=False):
            scores: Tensor = self.out(self.dropout(self.norm(self.pool(x.float()))))
        return scores


class SequenceClassifier(nn.Module):
    """Genre from a sequence `(B, C, L)` by its statistics alone."""

    def __init__(
        self,
        channels: int,
        classes: int,
        frame_rate: float,
        pooling: Pooling = "statistics",
        dropout: float = 0.5,
    ) -> None:
        """Make a classifier.

        Args:
            channels: Channels C of the sequence.
            classes: Number of genres.
            frame_rate: Frames in a second.
            pooling: Over time.
            dropout: Share of statistics that are dropped in training.
        """
        super().__init__()
        if min(channels, classes) < 1 or not frame_rate > 0.0:
            raise ModelError("sizes and rates of a classifier must be positive")
        self.ending = ClassifierHead(channels, classes, pooling, lags_at(frame_rate), dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores `(B, classes)` before the softmax."""
        scores: Tensor = self.ending(x)
        return scores


class SpectrogramCnn(nn.Module):
    """Genre from a log-mel spectrogram `(B, bands, L)`, by 2-D convolutions from scratch."""

    def __init__(
        self, bands: int, classes: int, pooling: Pooling = "statistics", width: int = 16
    ) -> None:
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
        self.ending = ClassifierHead(4 * width, classes, pooling, (), dropout=0.3)

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


class LatentClassifier(nn.Module):
    """An autoencoder's encoder with a classifier on top: samples `(B, 1, N)` to scores.

    The whole is trained, or the classifier alone, when the encoder's weights are frozen.
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self, model: Autoencoder, classifier: SequenceClassifier, mean: Tensor, spread: Tensor
    ) -> None:
        """Put a classifier on an encoder.

        Args:
            model: A trained autoencoder; its decoder is not used.
            classifier: Takes normalised latents `(B, C, L)`.
            mean: Mean of each latent channel, `(C,)`.
            spread: Its standard deviation, `(C,)`.
        """
        super().__init__()
        self.model = model
        self.classifier = classifier
        self.register_buffer("mean", mean.reshape(1, -1, 1))
        self.register_buffer("spread", spread.reshape(1, -1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores `(B, classes)` before the softmax, of levelled samples."""
        latent = self.model.encode(self.model.inputs(x.squeeze(1)))
        scores: Tensor = self.classifier((latent - self.mean) / self.spread)
        return scores
