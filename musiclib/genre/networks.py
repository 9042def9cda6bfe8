"""Learning and guessing with networks: one loop for all that recognise genre."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.errors import DatasetError, TrainingError
from musiclib.genre.guesses import FloatMatrix, Part, guesses_of
from musiclib.genre.protocol import SEGMENT_S, Run
from musiclib.latents import Source, track_pieces
from musiclib.latents.sources import channel_statistics, frames_in
from musiclib.training import TrainConfig
from musiclib.training.fabric import make_fabric, repeatable

_GUESSED_TOGETHER = 32


@dataclass(frozen=True)
class Learning:
    """How a network learns.

    Attributes:
        steps: Steps of AdamW; the learning rate follows one cycle (Smith and Topin, 2019).
        batch: Pieces in a step.
        learning_rate: Highest learning rate.
        weight_decay: Weight decay.
        smoothing: Label smoothing.
        seconds: Length of a piece.
        encoder_rate: Learning rate of an encoder that is fine-tuned, or of a filterbank, as a share
            of the other.
    """

    steps: int = 200
    batch: int = 32
    learning_rate: float = 1e-2
    weight_decay: float = 0.1
    smoothing: float = 0.1
    seconds: float = SEGMENT_S
    encoder_rate: float = 0.1

    def __post_init__(self) -> None:
        if min(self.steps, self.batch) < 1 or not self.learning_rate > 0.0:
            raise TrainingError("steps, batch and learning_rate must be positive")


class Normalised(nn.Module):
    """A network behind a normalisation of its channels that training pieces give."""

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


def learn_and_guess(
    make: Callable[[], nn.Module], source: Source, run: Run, learning: Learning | None = None
) -> pd.DataFrame:
    """Train a new network on a run's training tracks, and guess the others.

    Args:
        make: Makes the network, from `(B, C, L)` to `(B, genres)`.
        source: What it reads.
        run: Who learns from what. Its number seeds all that is random.
        learning: How.

    Returns:
        Probabilities of pieces, as `musiclib.genre.guesses.guesses_of` makes them.

    Raises:
        DatasetError: A genre has no training tracks that can be read.
        TrainingError: The loss is not finite any more.
    """
    learning = learning or Learning()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.number)
        network = Normalised(make(), *statistics(source, run.train))
    return guess(learn(network, source, run, learning), source, run, learning.seconds)


def statistics(source: Source, tracks: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each channel over tracks, two tensors `(C,)`."""
    mean, spread = channel_statistics(source, tracks)
    return torch.from_numpy(mean).float(), torch.from_numpy(spread).float()


def learn(network: nn.Module, source: Source, run: Run, learning: Learning) -> nn.Module:
    """Train a network in place.

    Pieces come from random places of the training tracks, each track being equally likely. The loss
    weighs genres by the inverse of their share, so that rare ones are not neglected.

    Returns:
        The network on the CPU, in evaluation mode.
    """
    names = [name for name in run.train if name in source]
    truth = source.tracks.loc[names, "genre"]
    counts = truth.value_counts().reindex(list(run.genres), fill_value=0)
    if counts.min() == 0:
        raise DatasetError(f"no training track of {counts.idxmin()} can be read: add music")
    weights = torch.tensor(len(names) / (len(counts) * counts.to_numpy()), dtype=torch.float32)
    labels = torch.tensor([run.genres.index(genre) for genre in truth])
    fabric = _fabric(learning)
    generator = np.random.default_rng(run.number)
    with repeatable(fabric):
        torch.manual_seed(run.number)
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


def guess(network: nn.Module, source: Source, run: Run, seconds: float = SEGMENT_S) -> pd.DataFrame:
    """Return probabilities of all pieces of a run's validation and test tracks."""
    found = {}
    parts: dict[Part, Sequence[str]] = {"validation": run.validation, "test": run.test}
    for names in parts.values():
        for name in names:
            if name in source:
                found[name] = _probabilities(network, source, name, seconds)
    return guesses_of(run.number, parts, found, run.genres)


def _probabilities(network: nn.Module, source: Source, name: str, seconds: float) -> FloatMatrix:
    pieces = [piece for _, piece in track_pieces(source, seconds, name)]
    batches = [
        torch.from_numpy(np.stack(pieces[first : first + _GUESSED_TOGETHER]))
        for first in range(0, len(pieces), _GUESSED_TOGETHER)
    ]
    with torch.inference_mode():
        shares = torch.cat([network(batch).softmax(dim=1) for batch in batches])
    return shares.double().numpy()


def _random_piece(
    source: Source, name: str, learning: Learning, generator: np.random.Generator
) -> Any:
    length, available = frames_in(source, learning.seconds), source.length(name)
    if available >= length:
        start = int(generator.integers(available - length + 1))
        return source.piece(name, start, length)
    # A track that is too short is repeated.
    whole = source.piece(name, 0, available)
    return np.take(whole, np.arange(length), axis=1, mode="wrap")


def _groups(network: nn.Module, learning: Learning) -> list[dict[str, Any]]:
    """Parameters with their learning rates: what starts from something known goes slower."""
    named = list(network.named_parameters())
    slow = [p for name, p in named if _is_slow(name)]
    fast = [p for name, p in named if not _is_slow(name)]
    rate, decay = learning.learning_rate, learning.weight_decay
    groups = [{"params": fast, "lr": rate, "weight_decay": decay}]
    slow = [parameter for parameter in slow if parameter.requires_grad]
    if slow:
        groups.append({"params": slow, "lr": rate * learning.encoder_rate, "weight_decay": 0.0})
    return groups


def _is_slow(name: str) -> bool:
    return name.startswith("model.") or ".bank." in f".{name}"


def _fabric(learning: Learning) -> Fabric:
    # In float32 on every machine: with bfloat16 where a processor has it, the same experiment would
    # have other results there.
    return make_fabric(TrainConfig(steps=learning.steps, batch_size=learning.batch))
