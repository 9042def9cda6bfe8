"""Training and validation music under the same conditions: is a model better on what it has heard?

In the curves, training and validation losses differ in level, noise and corruption, and the two
parts hold different music. Here both parts are measured like validation, and a control that cannot
have memorised anything tells how much harder one part's music is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.stats import ttest_ind

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.datasets import Dataset
from musiclib.models import Autoencoder, as_autoencoder
from musiclib.models.losses import DB_PER_NEPER
from musiclib.stats import Interval
from musiclib.training import Checkpoint, new_model
from musiclib.training.trained import trained

SHORTEST_S, QUIETEST = 0.5, 1e-3
CONTROLS: dict[str, tuple[str, ...]] = {
    "pca-16": ("deep-16", "deep-scratch-16", "lstm-16", "vae-16", "wideband-64"),
    "downsampling": ("waveform-8", "waveform-8-scratch"),
}
"""Controls and what is held against them, by the names of recipes. PCA-16 has no weights that steps
could fit to single tracks; "downsampling" is waveform-8 before the first step."""


@dataclass(frozen=True)
class Parts:
    """Excerpts of both parts, at the house rate.

    Attributes:
        train: Samples, each of shape ``(N,)``, one excerpt a track.
        validation: The same of the validation part.
    """

    train: list[FloatArray]
    validation: list[FloatArray]


def parts_of(dataset: Dataset, limit: int, seconds: float) -> Parts:
    """Excerpts from a data set's training and validation parts, spread over genres.

    Args:
        dataset: All its splits.
        limit: Largest number of excerpts of each part.
        seconds: Length of an excerpt. Tracks that are shorter than half a second or quieter than
            -60 dB are left out.
    """

    def some(part: Literal["train", "validation"]) -> list[FloatArray]:
        clips = dataset.part(part).clips(HOUSE_RATE, duration_s=seconds, limit=limit)
        return [
            clip.audio
            for clip in clips
            if clip.seconds >= SHORTEST_S and np.abs(clip.audio).max() > QUIETEST
        ]

    return Parts(some("train"), some("validation"))


def errors_db(model: Autoencoder, clips: Sequence[FloatArray]) -> npt.NDArray[np.float64]:
    """Error of each clip in dB, as validation measures it.

    Args:
        model: In evaluation mode, at the house rate.
        clips: Samples ``(N,)``.

    Returns:
        For models of spectrograms the root mean square error of log magnitudes; for models of
        waveforms the noise-to-signal ratio. Shape ``(len(clips),)``.
    """
    found = []
    with torch.no_grad():
        for clip in clips:
            terms = model.evaluation_step(torch.from_numpy(clip)[None]).terms
            if "noise_to_signal_db" in terms:
                found.append(float(terms["noise_to_signal_db"]))
            elif "rmse_db" in terms:
                found.append(float(terms["rmse_db"]))
            else:
                found.append(DB_PER_NEPER * float(terms["spectral_rmse"]))
    return np.array(found)


def difference_of_parts(
    train: npt.NDArray[np.float64], validation: npt.NDArray[np.float64]
) -> Interval:
    """Mean over validation minus mean over training, with Welch's 95 % interval.

    Args:
        train: A value for each training track.
        validation: A value for each validation track.

    Returns:
        The difference; the ends are NaN where a part has a single track.
    """
    difference = float(validation.mean() - train.mean())
    if min(len(train), len(validation)) < 2:
        return Interval(difference, np.nan, np.nan, len(train) + len(validation))
    ends = ttest_ind(validation, train, equal_var=False).confidence_interval()
    return Interval(difference, float(ends.low), float(ends.high), len(train) + len(validation))


def overfitting(
    dataset: Dataset,
    profile: str,
    parts: Parts,
    seed: int = 0,
    controls: Mapping[str, Sequence[str]] = CONTROLS,
) -> pd.DataFrame:
    """How much worse each model is on music that it has not been trained on.

    Args:
        dataset: As :func:`musiclib.training.trained.trained` takes it.
        profile: Likewise.
        parts: From :func:`parts_of`.
        seed: Of a training.
        controls: Models by their control.

    Returns:
        Index ``name``; ``control``, mean errors ``train`` and ``validation`` in dB, their
        ``difference`` (an ``Interval``), and ``beyond_control``: the same difference after the
        control's error of the same clip was taken off, None for the control itself.
    """
    rows: dict[str, dict[str, object]] = {}
    for control, names in controls.items():
        base = _measured(_control(control, dataset, profile, seed), parts)
        rows[control] = _row("", base, None)
        for name in names:
            found = _measured(trained(name, dataset, profile, seed).build(), parts)
            rows[name] = _row(control, found, base)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")


def has_heard(checkpoint: Checkpoint, dataset: Dataset) -> bool:
    """Whether a model was trained on this data set's training part, as far as its record tells.

    Args:
        checkpoint: Of the model.
        dataset: All its splits.
    """
    data = checkpoint.record["data"]
    return bool(
        data["dataset"] == dataset.name
        and data["train_tracks"] == len(dataset.part("train"))
        and data["validation_tracks"] == len(dataset.part("validation"))
    )


Errors = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def _control(name: str, dataset: Dataset, profile: str, seed: int) -> Autoencoder:
    if name == "downsampling":
        config = trained("waveform-8", dataset, profile, seed).model_config
        return as_autoencoder(new_model(config, seed)).eval()
    return trained(name, dataset, profile, seed).build()


def _measured(model: Autoencoder, parts: Parts) -> Errors:
    return errors_db(model, parts.train), errors_db(model, parts.validation)


def _row(control: str, found: Errors, base: Errors | None) -> dict[str, object]:
    train, validation = found
    return {
        "control": control,
        "train": float(train.mean()),
        "validation": float(validation.mean()),
        "difference": difference_of_parts(train, validation),
        "beyond_control": None
        if base is None
        else difference_of_parts(train - base[0], validation - base[1]),
    }
