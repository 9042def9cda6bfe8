"""Plain and denoising autoencoders on damaged inputs."""

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from musiclib.audio import FloatArray
from musiclib.models import Autoencoder, Corruption
from musiclib.stats import Interval, mean_interval
from musiclib.studies.autoencoders.running import error_nepers, nepers, normalised, rebuilt, view

CLEAN = Corruption()
INPUT = "no model"
"""Name of the damaged input itself among the models."""


def describe(corruption: Corruption) -> str:
    """A corruption in words, such as "masking 30 %"."""
    if corruption.kind == "none":
        return "clean"
    return f"{corruption.kind} {100 * corruption.amount:.0f} %".replace("gaussian", "Gaussian")


def corrupt(
    model: Autoencoder, logs: Tensor, corruption: Corruption, clip: str, seed: int = 0
) -> Tensor:
    """Damage a log spectrogram as training does, in the model's normalisation.

    Args:
        model: A model of spectrograms.
        logs: Log magnitudes in nepers, ``(F, T)``.
        corruption: What is done.
        clip: Name of the clip: each clip and corruption has random numbers of its own, which are
            the same for every model.
        seed: Of the random numbers.

    Returns:
        Damaged log magnitudes in nepers, ``(F, T)``.
    """
    key = f"{seed} {clip} {corruption.kind} {corruption.amount}"
    generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    return nepers(model, corruption.apply(normalised(model, logs), generator))


def corruption_table(
    models: Mapping[str, Autoencoder],
    clips: Mapping[str, FloatArray],
    corruptions: Sequence[Corruption],
    artists: Mapping[str, str],
    seed: int = 0,
) -> pd.DataFrame:
    """Error against the clean spectrogram for each model and damage.

    Args:
        models: Spectrogram models by name, with one STFT and offset. The damage is done in the
            normalisation of the first, so that all see the same.
        clips: Clips at the models' rate by name, each of shape ``(N,)``.
        corruptions: Kinds of damage.
        artists: Artist of each clip.
        seed: Of the damage.

    Returns:
        One row for each clip, damage and model, :data:`INPUT` among them: ``clip``, ``artist``,
        ``kind``, ``amount``, ``model`` and ``spectral_rmse`` in nepers.
    """
    first = next(iter(models.values()))
    rows = []
    for name, audio in clips.items():
        clean = view(first, audio).logs
        for corruption in corruptions:
            damaged = corrupt(first, clean, corruption, name, seed)
            outputs = {INPUT: damaged}
            outputs |= {label: rebuilt(model, damaged) for label, model in models.items()}
            rows += [
                {
                    "clip": name,
                    "artist": artists[name],
                    "kind": corruption.kind,
                    "amount": corruption.amount,
                    "model": label,
                    "spectral_rmse": error_nepers(clean, output),
                }
                for label, output in outputs.items()
            ]
    return pd.DataFrame(rows)


def errors_of(table: pd.DataFrame, corruption: Corruption, model: str) -> pd.Series:
    """Errors of one model under one kind of damage, by artist and clip."""
    chosen = (table["kind"] == corruption.kind) & (table["amount"] == corruption.amount)
    part = table[chosen & (table["model"] == model)]
    return part.set_index(["artist", "clip"])["spectral_rmse"]


def over_artists(values: pd.Series) -> Interval:
    """Mean and interval over artists of values by artist and clip."""
    return mean_interval(values, values.index.get_level_values("artist"))


def gain(table: pd.DataFrame, corruption: Corruption, model: str, plain: str) -> Interval:
    """How much lower a model's error is than the plain model's, over the same clips.

    Args:
        table: From :func:`corruption_table`.
        corruption: One of the table's.
        model: One of its models.
        plain: The one to compare with.

    Returns:
        Mean and interval of the plain model's error minus the other's: positive is better.
    """
    return over_artists(errors_of(table, corruption, plain) - errors_of(table, corruption, model))


def verdict(interval: Interval) -> str:
    """A paired gain in a word."""
    return {1: "better", -1: "worse", 0: "not settled"}[interval.sign]


def error_table(
    table: pd.DataFrame, corruptions: Sequence[Corruption], models: Sequence[str]
) -> pd.DataFrame:
    """Mean errors with intervals for the page.

    Returns:
        One row for each model, one column for each damage.
    """
    columns = {
        describe(corruption): {
            model: format_interval(over_artists(errors_of(table, corruption, model)))
            for model in models
        }
        for corruption in corruptions
    }
    return pd.DataFrame(columns)


def gain_table(
    table: pd.DataFrame, corruptions: Sequence[Corruption], models: Sequence[str], plain: str
) -> pd.DataFrame:
    """Paired gains over the plain model for the page.

    Returns:
        One row for each model, one column for each damage: gain, interval and verdict.
    """
    columns = {}
    for corruption in corruptions:
        cells = {}
        for model in models:
            found = gain(table, corruption, model, plain)
            cells[model] = f"{format_interval(found, sign=True)} {verdict(found)}"
        columns[describe(corruption)] = cells
    return pd.DataFrame(columns)


def format_interval(interval: Interval, digits: int = 3, sign: bool = False) -> str:
    """A mean and its interval, such as ``0.213 (0.201 to 0.225)``."""
    style = f"{'+' if sign else ''}.{digits}f"
    if np.isnan(interval.low):
        return f"{interval.mean:{style}}".replace("-", "−")
    text = f"{interval.mean:{style}} ({interval.low:{style}} to {interval.high:{style}})"
    return text.replace("-", "−")


def break_even(table: pd.DataFrame, kind: str, model: str, plain: str) -> float:
    """The smallest tested amount of damage at which a model has the lower mean error; else NaN."""
    part = table[table["kind"].isin([kind, "none"])]
    by_artist = part.groupby(["amount", "model", "artist"])["spectral_rmse"].mean()
    means = by_artist.groupby(["amount", "model"]).mean().unstack("model").sort_index()
    better = means.index[means[model] < means[plain]]
    return float(better[0]) if len(better) else float("nan")
