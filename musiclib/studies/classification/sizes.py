"""What a classifier is shown, and how much of it learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import nn

from musiclib.genre import SEGMENT_S
from musiclib.latents import AutoencoderLatents, LogMel, Mfcc, Representation
from musiclib.latents.bands import BANDS, SHRINK, STRIDE, WINDOW
from musiclib.models.genre import (
    LatentClassifier,
    Pooling,
    SequenceClassifier,
    SpectrogramCnn,
    WaveformCnn,
    lags_at,
)
from musiclib.studies.classification.material import MODEL

SAMPLE_RATE = 8_000
"""Sampling rate of the network that reads samples, in Hz."""


@dataclass(frozen=True)
class Size:
    """Shape of an input and size of its vector.

    Attributes:
        label: What is shown.
        channels: Values in a frame.
        frames: Frames in a piece.
        vector: Length of the vector of means, spreads and changes; 0 where a network reads the
            input itself.
    """

    label: str
    channels: int
    frames: int
    vector: int

    @property
    def shape(self) -> str:
        """Channels and frames."""
        return f"{self.channels}×{self.frames:,}" if self.channels > 1 else f"{self.frames:,}"


def size_of(representation: Representation, label: str | None = None) -> Size:
    """Shape of a representation's pieces."""
    rate = representation.frame_rate
    lags = lags_at(rate)
    frames = max(1, int(SEGMENT_S * rate + 1e-6))
    name = label or representation.label
    return Size(name, representation.channels, frames, representation.channels * (2 + len(lags)))


def sizes(latents: Sequence[AutoencoderLatents]) -> list[Size]:
    """Shapes of a piece: latents, log-mel spectrum, MFCC, samples."""
    found = [size_of(one, f"latents of {one.label}") for one in latents]
    found += [size_of(LogMel(), "log-mel spectra"), size_of(Mfcc(), "MFCC")]
    return [*found, Size("samples", 1, round(SEGMENT_S * SAMPLE_RATE), 0)]


def size_table(found: Sequence[Size]) -> pd.DataFrame:
    """Shapes as a table."""
    return pd.DataFrame(
        {
            "channels": [one.channels for one in found],
            "frames in a piece": [f"{one.frames:,}" for one in found],
            "values in a piece": [f"{one.channels * one.frames:,}" for one in found],
            "length of the vector": [f"{one.vector:,}" if one.vector else "–" for one in found],
        },
        index=pd.Index([one.label for one in found]),
    )


@dataclass(frozen=True)
class Learned:
    """Values that a system learns from labels, and that it takes over.

    Attributes:
        encoder: Learned values of the encoder.
        head: Learned values of the head.
    """

    encoder: int
    head: int


def learned(representation: AutoencoderLatents, genres: int, pooling: Pooling) -> Learned:
    """Count the learned values that shape the answer, by letting a gradient flow.

    Args:
        representation: The latents. Those of a waveform model get a filterbank.
        genres: Number of classes.
        pooling: Of the head.

    Returns:
        Values of the encoder and of the head that get a gradient.
    """
    import copy

    model = copy.deepcopy(representation.model)
    model.requires_grad_(True)
    head = _head(representation, genres, pooling)
    channels = representation.channels
    whole = LatentClassifier(model, head, torch.zeros(channels), torch.ones(channels))
    nn.init.ones_(head.ending.out.weight)  # it starts at zero, which would stop the gradient
    noise = torch.randn(
        2, 1, representation.sample_rate, generator=torch.Generator().manual_seed(0)
    )
    with torch.enable_grad():
        whole(0.1 * noise)[:, 0].sum().backward()
    return Learned(_reached(model), _reached(head))


def _head(representation: AutoencoderLatents, genres: int, pooling: Pooling) -> SequenceClassifier:
    channels, rate = representation.channels, representation.frame_rate
    if representation.model.domain != "waveform":
        return SequenceClassifier(channels, genres, rate, pooling)
    bank = torch.ones(min(BANDS, channels * WINDOW), channels, WINDOW)
    return SequenceClassifier(
        channels, genres, rate, pooling, filterbank=bank, stride=STRIDE, shrink=SHRINK
    )


def _reached(network: nn.Module) -> int:
    return sum(values.numel() for values in network.parameters() if values.grad is not None)


def weight_table(latents: Sequence[AutoencoderLatents], genres: int) -> pd.DataFrame:
    """How many values of each system labels teach.

    Args:
        latents: Models.
        genres: Number of classes.

    Returns:
        One row a system: what it reads, and the values that are taken over, learned with a frozen
        encoder, and learned with a fine-tuned one.
    """
    rows: dict[str, tuple[int, int, int | None]] = {}
    main = next((one for one in latents if one.name == MODEL), latents[0])
    vector = size_of(main).vector
    rows[f"{main.label}, logistic regression"] = (_encoder(main), (vector + 1) * genres, None)
    for one in latents:
        for pooling in ("statistics", "attention") if one is main else ("statistics",):
            found = learned(one, genres, pooling)
            rows[f"{one.label}, network with {pooling}"] = (
                found.encoder,
                found.head,
                found.encoder + found.head,
            )
    spectrogram = _count(SpectrogramCnn(LogMel().channels, genres))
    rows["log-mel CNN, from scratch"] = (0, spectrogram, None)
    rows["samples CNN, from scratch"] = (0, _count(WaveformCnn(genres)), None)
    return pd.DataFrame(
        [[_words(value) for value in row] for row in rows.values()],
        pd.Index(list(rows)),
        ["taken over", "learned, encoder frozen", "learned, fine-tuned"],
    )


def _encoder(representation: AutoencoderLatents) -> int:
    return learned(representation, 2, "statistics").encoder


def _count(network: nn.Module) -> int:
    return sum(values.numel() for values in network.parameters())


def _words(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
