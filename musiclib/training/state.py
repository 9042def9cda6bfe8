"""Where a training stands: what a checkpoint to resume from has to hold, and nothing more.

No state of a random generator is among it, because there is none to keep: step k draws its
segments and all its noise from generators that are seeded with (seed, k).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer

from musiclib.errors import CheckpointError
from musiclib.training.checkpoint import MODEL, Checkpoint
from musiclib.training.fabric import Step
from musiclib.training.history import History

OPTIMIZER = "optimizer."


def derived_seed(seed: int, step: int, process: int = 0) -> int:
    """Return a seed that depends on all three numbers and is unlike that of its neighbours."""
    words = np.random.SeedSequence([seed, step, process]).generate_state(1, np.uint64)
    return int(words[0]) >> 1


@dataclass
class Window:
    """Sums of what the next row of the history averages over."""

    loss: float = 0.0
    gradient_norm: float = 0.0
    count: int = 0

    def add(self, loss: float, gradient_norm: float) -> None:
        """Add a step."""
        self.loss += loss
        self.gradient_norm += gradient_norm
        self.count += 1

    def share(self, fabric: Fabric) -> None:
        """Bring the sums of all processes to their mean."""
        if fabric.world_size > 1:
            sums = torch.tensor(
                [self.loss, self.gradient_norm], dtype=torch.float64, device=fabric.device
            )
            shared = fabric.all_reduce(sums, reduce_op="mean")
            self.loss, self.gradient_norm = (float(value) for value in shared)


@dataclass
class State:
    """Progress of a training.

    Attributes:
        step: Steps made.
        seconds: Time spent, over all runs up to the checkpoint that each resumed from.
        best_loss: Lowest validation loss so far; None before a validation.
        window: What the next row of the history starts from.
        history: The rows so far.
    """

    step: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    window: Window = field(default_factory=Window)
    history: History = field(default_factory=History)

    def to_record(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            "step": self.step,
            "wall_time_s": round(self.seconds, 3),
            "best_loss": self.best_loss,
            "window": asdict(self.window),
            "history": self.history.to_dict(),
        }

    @classmethod
    def from_record(cls, checkpoint: Checkpoint) -> State:
        """Read what `to_record` wrote.

        Raises:
            CheckpointError: The checkpoint holds a model, but no state to go on from.
        """
        record = checkpoint.record
        try:
            window = Window(**record["window"])
            seconds, best = float(record["wall_time_s"]), record["best_loss"]
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{checkpoint.path} holds no training to resume; start again"
            ) from error
        return cls(checkpoint.step, seconds, best, window, checkpoint.history)


def tensors_of(step: Step, optimizer: Optimizer | None) -> dict[str, Tensor]:
    """Return weights and the optimizer's moments by name."""
    named = {MODEL + name: value for name, value in step.model.state_dict().items()}
    if optimizer is not None:
        for index, moments in optimizer.state_dict()["state"].items():
            for name, value in moments.items():
                named[f"{OPTIMIZER}{index}.{name}"] = torch.as_tensor(value)
    return named


def restore(checkpoint: Checkpoint, step: Step, optimizer: Optimizer | None) -> None:
    """Copy weights and moments back; the optimizer's settings come from the configuration.

    Raises:
        CheckpointError: They do not fit the model.
    """
    checkpoint.load_into(step.model)
    if optimizer is None:
        return
    moments = _moments(checkpoint.tensors)
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    wrong = checkpoint.step > 0 and sorted(moments) != list(range(len(parameters)))
    for index, values in moments.items():
        same = index < len(parameters) and values["exp_avg"].shape == parameters[index].shape
        wrong = wrong or not same
    if wrong:
        raise CheckpointError(
            f"{checkpoint.path}: the optimizer's state does not fit the model; start again"
        )
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _moments(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(OPTIMIZER):
            index, _, key = name.removeprefix(OPTIMIZER).partition(".")
            moments.setdefault(int(index), {})[key] = value
    return moments


def check_same(old: Checkpoint, new: Mapping[str, Any]) -> None:
    """Check that a training that goes on is the one that was begun.

    Warns where the machine or a library is another one, since last digits may differ then.

    Raises:
        CheckpointError: Model, training or data differ.
    """
    for room in ("model", "training", "data"):
        for key, before, now in _differences(old.record.get(room, {}), new[room]):
            raise CheckpointError(
                f"{old.path} is of another configuration: {room} {key} is {before!r}, not {now!r}. "
                "Name another output, or start again (--restart) and replace it"
            )
    for room in ("versions", "machine"):
        for key, before, now in _differences(old.record.get(room, {}), new[room]):
            if key != "musiclib":
                warnings.warn(
                    f"resumed with {key} {now} instead of {before}: the weights may differ in "
                    "their last digits from those of an undisturbed training",
                    stacklevel=3,
                )


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            yield key, before.get(key), now.get(key)
