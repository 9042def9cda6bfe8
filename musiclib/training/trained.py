"""Trained models by the name of their recipe: shipped ones, or trained when they are asked for."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from filelock import FileLock

import musiclib
from musiclib.datasets import Dataset, cache_root
from musiclib.errors import CheckpointError
from musiclib.training.checkpoint import Checkpoint, load, weights_path
from musiclib.training.recipes import recipe

FOLDER_VARIABLE = "MUSICLIB_CHECKPOINTS"


def shipped_folder() -> Path:
    """Return the folder of the shipped checkpoints.

    It is the environment variable `MUSICLIB_CHECKPOINTS`, or `checkpoints` of the clone that this
    package lies in.
    """
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else Path(musiclib.__file__).parents[1] / "checkpoints"


def shipped_checkpoints() -> list[Path]:
    """Return the files of the shipped checkpoints, without those that a training goes on from."""
    found = sorted(shipped_folder().glob("*.safetensors"))
    return [path for path in found if ".last." not in path.name]


def trained(
    name: str,
    dataset: Dataset,
    profile: str = "mini",
    seed: int = 0,
    folder: str | Path | None = None,
) -> Checkpoint:
    """Return the checkpoint of a trained model.

    Args:
        name: Name of a recipe, as `musiclib train --list` shows them.
        dataset: Music to train on; with the profile `mini` it is not looked at.
        profile: `mini`: the shipped checkpoint. `retrain`: trained from scratch on `dataset`.
            `smoke`: the same with a few steps, which takes seconds. What was trained is kept in the
            cache; the next call with the same data and settings finds it, and a training that was
            interrupted goes on.
        seed: Seed of a training.
        folder: Folder of shipped checkpoints; by default `shipped_folder()`.

    Raises:
        TrainingError: The name or the profile is unknown.
        CheckpointError: The shipped checkpoint is missing or damaged, or of another configuration
            than its recipe.
        DatasetError: The data set cannot be trained on.
    """
    model_config, train_config = recipe(name).configs(profile, seed)
    if profile == "mini":
        found = load(weights_path((Path(folder) if folder else shipped_folder()) / name))
        if found.model_config != model_config:
            raise CheckpointError(
                f"{found.path} holds another model than the recipe {name!r} of this musiclib "
                f"describes; run `musiclib train {name} --restart`"
            )
        return found
    from musiclib.training.data import Music
    from musiclib.training.fabric import with_precision
    from musiclib.training.loop import fit, new_model

    train_config = with_precision(train_config)
    fingerprint = Music.open(dataset, model_config.sample_rate).fingerprint()
    settings = [model_config.to_dict(), train_config.to_dict(), fingerprint]
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    out = cache_root() / "trained" / profile / key / name
    out.parent.mkdir(parents=True, exist_ok=True)
    # Two chapters may ask for the same model at the same time: the second one waits.
    with FileLock(out.with_name(f".{name}.wait")):
        fit(new_model(model_config, seed), dataset, train_config, out, progress=False)
    return load(out)
