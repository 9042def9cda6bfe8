"""What is known about each training: curves, sizes, times, and whether it was enough."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from musiclib.datasets import Dataset
from musiclib.models.base import summary
from musiclib.studies.training.families import AUTOENCODERS
from musiclib.training import Checkpoint, TrainConfig
from musiclib.training.trained import trained

LAST_PART = 0.25
"""The end of a training, as a share of its steps, that :func:`late_gain` looks at."""
SETTLING = 0.25
"""The beginning of a training that the growth of a gap leaves out. While the loss of a model that
starts from random numbers falls steeply, its mean between validations says nothing about their
end."""
LEAST_FALL = 0.01
"""A validation loss that falls by less than this share of its first value counts as level."""


@dataclass(frozen=True, eq=False)
class Run:
    """A training without the weights.

    Attributes:
        name: Name of its recipe.
        kind: Kind of the model, as configurations name it.
        config: How it was trained.
        train: Index ``step``; columns ``loss``, ``learning_rate``, ``gradient_norm``, ``seconds``.
            Empty for a model that is solved in closed form.
        validation: Index ``step``; ``loss``, its parts by name, ``seconds``.
        best_step: Step of the weights that are kept.
        seconds: Duration of the training.
        threads: Threads that it had.
        device: Where it ran, ``"cpu"`` or the name of a GPU.
        parameters: Learned values.
        n_bytes: Size of the checkpoint's weights file.
        train_seconds: Music in the training part.
        validation_seconds: Music in the validation part.
    """

    name: str
    kind: str
    config: TrainConfig
    train: pd.DataFrame
    validation: pd.DataFrame
    best_step: int
    seconds: float
    threads: int
    device: str
    parameters: int
    n_bytes: int
    train_seconds: float
    validation_seconds: float

    @property
    def seconds_seen(self) -> float:
        """Music that the steps have read, repetitions included."""
        return self.config.steps * self.config.batch_size * self.config.segment_s

    @property
    def epochs(self) -> float:
        """How often the training part was read, on average."""
        return self.seconds_seen / self.train_seconds


def run_of(name: str, checkpoint: Checkpoint) -> Run:
    """What a checkpoint tells about its training.

    Args:
        name: Name of its recipe.
        checkpoint: The checkpoint.

    Returns:
        The run.
    """
    record, history = checkpoint.record, checkpoint.history
    return Run(
        name=name,
        kind=checkpoint.model_config.kind,
        config=checkpoint.train_config,
        train=history.train_table(),
        validation=history.validation_table(),
        best_step=checkpoint.step,
        seconds=float(record["wall_time_s"]),
        threads=int(record["machine"]["threads"]),
        device=str(record["machine"]["device"]),
        parameters=int(summary(checkpoint.build())["parameters"]),
        n_bytes=checkpoint.path.stat().st_size,
        train_seconds=float(record["data"]["train_seconds"]),
        validation_seconds=float(record["data"]["validation_seconds"]),
    )


def all_runs(
    dataset: Dataset, profile: str, seed: int = 0, names: Iterable[str] | None = None
) -> dict[str, Run]:
    """The trainings of all recipes of autoencoders.

    Args:
        dataset: Music to train on, in the profiles that train.
        profile: As :func:`musiclib.training.trained.trained` takes it.
        seed: Seed of a training.
        names: Recipes; by default all of them.

    Returns:
        Runs by name, in the order of the recipes.
    """
    chosen = AUTOENCODERS if names is None else names
    return {name: run_of(name, trained(name, dataset, profile, seed)) for name in chosen}


def interval_means(run: Run) -> pd.Series:
    """Mean training loss between each validation and the one before it.

    A single step's loss is that of a few segments. The mean over all steps between two validations
    is steadier, and can be held against the validation at their end.

    Args:
        run: A training.

    Returns:
        Losses, index ``step`` of the validations; empty for a model without steps.
    """
    if run.train.empty:
        return pd.Series(dtype=float)
    edges = [0, *run.validation.index]
    losses = run.train["loss"]
    means = {
        end: losses[(losses.index > start) & (losses.index <= end)].mean()
        for start, end in pairwise(edges)
        if end > start
    }
    return pd.Series(means, dtype=float)


def gaps(run: Run) -> pd.Series:
    """Validation loss minus training loss at each validation.

    The two are measured on different terms (training is at reduced levels, and for some models
    with noise), so a constant gap says little. What grows over a training is overfitting.

    Args:
        run: A training.

    Returns:
        Differences, index ``step``; empty for a model without steps.
    """
    means = interval_means(run)
    return run.validation["loss"].reindex(means.index) - means


def late_gain(run: Run) -> float:
    """How much the validation loss fell in the last quarter, as a share of its whole fall.

    The whole fall is from the first validation to the end. A training that falls evenly gives
    about 0.25 or a little more; one that has settled gives 0.

    Args:
        run: A training.

    Returns:
        The share; NaN for fewer than three validations, or where the loss stayed level or rose.
    """
    losses = run.validation["loss"]
    if len(losses) < 3:
        return math.nan
    at = np.interp((1.0 - LAST_PART) * losses.index[-1], losses.index, losses)
    whole = losses.iloc[0] - losses.iloc[-1]
    fell = whole > LEAST_FALL * abs(losses.iloc[0])
    return float((at - losses.iloc[-1]) / whole) if fell else math.nan


def table(runs: Mapping[str, Run]) -> pd.DataFrame:
    """One row for each training, as numbers.

    Args:
        runs: Trainings by name.

    Returns:
        Index ``name``; ``parameters``, ``n_bytes``, ``steps``, ``best_step``, ``validation``
        (lowest loss), ``train_end`` and ``validation_end``, ``gap_first`` (of :func:`gaps`, after
        a quarter of the steps) and ``gap_end``, ``gap_growth``, ``late_gain``, ``seconds``,
        ``core_seconds``, ``seconds_seen``, ``epochs``.
    """
    rows = {}
    for name, run in runs.items():
        means, differences = interval_means(run), gaps(run)
        settled = differences[differences.index >= SETTLING * run.config.steps]
        first = settled.iloc[0] if len(settled) else math.nan
        end = differences.iloc[-1] if len(differences) else math.nan
        rows[name] = {
            "parameters": run.parameters,
            "n_bytes": run.n_bytes,
            "steps": run.config.steps,
            "best_step": run.best_step,
            "validation": run.validation["loss"].min(),
            "train_end": means.iloc[-1] if len(means) else math.nan,
            "validation_end": run.validation["loss"].iloc[-1],
            "gap_first": first,
            "gap_end": end,
            "gap_growth": end - first,
            "late_gain": late_gain(run),
            "seconds": run.seconds,
            "core_seconds": run.seconds * run.threads,
            "seconds_seen": run.seconds_seen,
            "epochs": run.epochs,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")
