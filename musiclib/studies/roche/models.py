"""The models of the chapter: six families at up to six encoding sizes."""

from collections.abc import Mapping, Sequence

import pandas as pd

from musiclib.datasets import Dataset
from musiclib.models import summary
from musiclib.models.frames import FrameAutoencoder
from musiclib.training.checkpoint import Checkpoint
from musiclib.training.recipes import FRAME_LATENTS, RECIPES, recipe
from musiclib.training.trained import trained

BASELINE = "pca"
FAMILIES = (BASELINE, "shallow", "deep", "lstm", "vae", "deep-scratch")
LABELS = {
    "pca": "PCA",
    "shallow": "Shallow",
    "deep": "Deep",
    "lstm": "LSTM",
    "vae": "VAE",
    "deep-scratch": "Deep from scratch",
}
SMOKE_SIZES = (4, 16)
LATE = 1 / 3
"""The end of a training that `still_falling` looks at, as a share of its steps."""

Key = tuple[str, int]
"""Family and encoding size of a model."""


def sizes(profile: str) -> tuple[int, ...]:
    """Encoding sizes for a profile: all of them, or two for a quick run.

    Args:
        profile: ``"smoke"``, ``"mini"`` or ``"retrain"``.

    Returns:
        Values for a frame, rising.
    """
    return SMOKE_SIZES if profile == "smoke" else FRAME_LATENTS


def checkpoints(
    dataset: Dataset,
    profile: str = "mini",
    seed: int = 0,
    families: Sequence[str] = FAMILIES,
) -> dict[Key, Checkpoint]:
    """Trained models of all families and sizes.

    Args:
        dataset: Music to train on, where the profile trains.
        profile: See :func:`musiclib.training.trained.trained`.
        seed: Seed of a training.
        families: Keys of :data:`LABELS`.

    Returns:
        Checkpoints by family and size, the sizes of a family together. Not every family has a
        recipe for every size.
    """
    return {
        (family, size): trained(f"{family}-{size}", dataset, profile, seed)
        for family in families
        for size in sizes(profile)
        if f"{family}-{size}" in RECIPES
    }


def build(found: Mapping[Key, Checkpoint]) -> dict[Key, FrameAutoencoder]:
    """Models of checkpoints, in evaluation mode.

    Args:
        found: Result of :func:`checkpoints`.

    Returns:
        Models by family and size.

    Raises:
        TypeError: If a checkpoint holds no model of spectral frames.
    """
    models = {}
    for (family, size), checkpoint in found.items():
        model = checkpoint.build()
        if not isinstance(model, FrameAutoencoder):
            raise TypeError(f"{family}-{size} is no model of spectral frames")
        models[family, size] = model
    return models


def family_table(models: Mapping[Key, FrameAutoencoder], size: int) -> pd.DataFrame:
    """What the families are made of, at one encoding size.

    Args:
        models: By family and size.
        size: Values for a frame.

    Returns:
        One row for each family: what it is, and how many values it learns or fits.
    """
    rows = {}
    for (family, latent), model in models.items():
        if latent == size:
            parts = summary(model)
            fitted = int(parts["buffers"]) if family == BASELINE else 0
            rows[LABELS[family]] = {
                "Model": recipe(f"{family}-{size}").description.split(": ", 1)[1],
                "Values learned": f"{int(parts['parameters']) or fitted:,}",
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def still_falling(found: Mapping[Key, Checkpoint], family: str) -> float:
    """How much the validation error of a family fell in the last third of its trainings.

    Args:
        found: Result of :func:`checkpoints`.
        family: A key of :data:`LABELS` with a training.

    Returns:
        In dB, the mean over the sizes; 0 where a training has a single validation.
    """
    falls = []
    for (name, _), checkpoint in found.items():
        rows = checkpoint.history.validation
        if name == family and rows:
            early = [row for row in rows if row["step"] <= (1 - LATE) * rows[-1]["step"]]
            before = min((row["rmse_db"] for row in early), default=rows[0]["rmse_db"])
            falls.append(before - min(row["rmse_db"] for row in rows))
    return sum(falls) / max(1, len(falls))
