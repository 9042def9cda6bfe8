"""A small training, done several times: again, with an interruption, and with other seeds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from musiclib.datasets import Dataset
from musiclib.models import Losses, Model
from musiclib.training import History, TrainConfig, fit, load_model, new_model, weights_digest
from musiclib.training.checkpoint import last_path
from musiclib.training.fabric import with_precision
from musiclib.training.recipes import Recipe, recipe

MODEL = "deep-scratch-16"
OTHER_SEEDS = 3
SHOWN_DIGITS = 12


class InterruptedTrainingError(Exception):
    """Raised in the middle of a step, as a power cut would end it."""


@dataclass(frozen=True)
class Trial:
    """One of the trainings.

    Attributes:
        label: What was done.
        seed: Its seed.
        digest: SHA-256 of the last weights.
        validation: Validation loss at the end.
        history: Its history.
    """

    label: str
    seed: int
    digest: str
    validation: float
    history: History


def few_tracks(dataset: Dataset, per_genre: int = 2, seed: int = 0) -> Dataset:
    """A small data set with a training and a validation part.

    Args:
        dataset: All its splits.
        per_genre: Largest number of training tracks of a genre; validation has half as many, at
            least one.
        seed: Seed of the choice.

    Returns:
        The chosen tracks, in the data set's order.
    """
    train = dataset.part("train").select(per_genre=per_genre, seed=seed)
    validation = dataset.part("validation").select(per_genre=max(1, per_genre // 2), seed=seed)
    return dataset.select(track_ids=[*train.tracks.index, *validation.tracks.index])


def short_training(item: Recipe, steps: int) -> TrainConfig:
    """The training of a recipe with few steps and a small batch.

    Args:
        item: The recipe.
        steps: Number of steps, at least 4.
    """
    return with_precision(
        replace(
            item.training,
            steps=steps,
            batch_size=8,
            warmup_steps=steps // 4,
            validate_every=max(1, steps // 2),
            validation_segments=24,
            checkpoint_every=max(1, steps // 4),
            log_every=max(1, steps // 10),
            prepare_batches=4,
        )
    )


def trials(dataset: Dataset, steps: int, seed: int = 0, name: str = MODEL) -> list[Trial]:
    """Train a model twice alike, once with an interruption, and with other seeds.

    Args:
        dataset: Music with a training and a validation part, such as :func:`few_tracks`.
        steps: Steps of each training.
        seed: The first seed.
        name: Recipe of a model that learns by steps.

    Returns:
        "first", "again", "interrupted", and one for each other seed.
    """
    item = recipe(name)
    config = short_training(item, steps)
    others = [seed + 1 + index for index in range(OTHER_SEEDS)]
    with tempfile.TemporaryDirectory(prefix="musiclib-") as folder:
        jobs = [("first", seed, False), ("again", seed, False), ("interrupted", seed, True)]
        jobs += [(f"seed {other}", other, False) for other in others]
        return [
            _trial(label, item, replace(config, seed=number), dataset, Path(folder) / label, broken)
            for label, number, broken in jobs
        ]


def trial_table(found: Sequence[Trial]) -> pd.DataFrame:
    """The trials for the page.

    Args:
        found: Result of :func:`trials`.

    Returns:
        A row for each: seed, the beginning of the digest, whether it is that of the first trial,
        and the validation loss.
    """
    return pd.DataFrame(
        {
            "Seed": [trial.seed for trial in found],
            "SHA-256 of the weights": [f"{trial.digest[:SHOWN_DIGITS]}…" for trial in found],
            "Same as first": [
                "yes" if trial.digest == found[0].digest else "no" for trial in found
            ],
            "Validation loss": [f"{trial.validation:.6f}" for trial in found],
        },
        index=[trial.label for trial in found],
    )


def seed_spread(found: Sequence[Trial]) -> tuple[float, float]:
    """Mean validation loss over the seeds, and its standard deviation.

    Args:
        found: Result of :func:`trials`.

    Returns:
        Mean and sample standard deviation, each seed counted once.
    """
    losses = pd.Series({trial.seed: trial.validation for trial in found})
    return float(losses.mean()), float(losses.std())


def _trial(
    label: str, item: Recipe, config: TrainConfig, dataset: Dataset, out: Path, broken: bool
) -> Trial:
    if broken:
        model = new_model(item.model, config.seed)
        _break_after(model, config.steps // 2 + 1)
        try:
            fit(model, dataset, config, out, progress=False)
        except InterruptedTrainingError:
            pass
        else:
            raise AssertionError("the training was to be interrupted")
    history = fit(new_model(item.model, config.seed), dataset, config, out, progress=False)
    digest = weights_digest(load_model(last_path(out)))
    return Trial(label, config.seed, digest, history.validation[-1]["loss"], history)


def _break_after(model: Model, steps: int) -> None:
    """Let a model fail in the middle of the step after `steps`."""
    whole, left = model.training_step, iter(range(steps))

    def training_step(*given: Any) -> Losses:
        if next(left, None) is None:
            raise InterruptedTrainingError
        return whole(*given)

    model.training_step = training_step  # type: ignore[method-assign, assignment]
