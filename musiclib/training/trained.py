"""Trained models by the name of their recipe: shipped ones, or trained when they are asked for."""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

import musiclib
from musiclib.errors import CheckpointError
from musiclib.training.paths import weights_path

if TYPE_CHECKING:
    from musiclib.datasets import Dataset
    from musiclib.training.checkpoint import Checkpoint

FOLDER_VARIABLE = "MUSICLIB_CHECKPOINTS"
# Melic's models, and one that makes latents, travel inside the package: an installation works.
PACKAGED = Path(musiclib.__file__).parent / "codecs" / "melic" / "weights"
# Data sets whose parts are the same whatever the seed, so that their name tells who was held out.
_FIXED_SPLITS = ("mini", "debian")


def shipped_folder() -> Path:
    """Return the book's models: `$MUSICLIB_CHECKPOINTS`, or `checkpoints` of this clone."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else Path(musiclib.__file__).parents[1] / "checkpoints"


def shipped_files() -> list[Path]:
    """Return the files of all shipped models, weights and tables, in the order of their names.

    A file of `shipped_folder()` stands in for one of the package that has its name.
    """
    found = {
        path.name: path
        for folder in (PACKAGED, shipped_folder())
        for path in folder.glob("*.*")
        if path.suffix in (".safetensors", ".npz") and ".last." not in path.name
    }
    return [found[name] for name in sorted(found)]


def find_shipped(file_name: str) -> Path | None:
    """Return a file of a shipped model: of `shipped_folder()`, or else of the package, or None."""
    places = (folder / file_name for folder in (shipped_folder(), PACKAGED))
    return next((place for place in places if place.is_file()), None)


def trained(
    name: str,
    dataset: Dataset,
    profile: str = "mini",
    seed: int = 0,
) -> Checkpoint:
    """Return the checkpoint of a trained model.

    Args:
        name: Name of a recipe, as `musiclib train --list` shows them.
        dataset: Music to train on. With the profile `mini` it is what the model is going to be
            measured on, and must not hold out what the model was trained on.
        profile: `mini`: the shipped checkpoint, whatever the seed. `retrain`: trained from scratch
            on `dataset`. `smoke`: the same with a few steps, which takes seconds. What was trained
            is kept in the cache; the next call with the same data and settings finds it, and a
            training that was interrupted goes on.
        seed: Seed of a training.

    Raises:
        TrainingError: The name or the profile is unknown.
        CheckpointError: The shipped checkpoint is missing or damaged, of another configuration
            than its recipe, or was trained on tracks that `dataset` holds out.
        DatasetError: The data set cannot be trained on.
    """
    # Who only looks for a shipped file need not wait for PyTorch.
    from musiclib.training.checkpoint import load
    from musiclib.training.config import recipe

    model_config, train_config = recipe(name).configs(profile, seed)
    if profile == "mini":
        found = load(_shipped(name))
        if found.model_config != model_config:
            raise CheckpointError(
                f"{found.path} holds another model than the recipe {name!r} of this musiclib "
                f"describes; run `musiclib train {name} --restart`"
            )
        _refuse_known(found, dataset)
        return found
    from musiclib.datasets import cache_root
    from musiclib.training.data import SegmentLoader
    from musiclib.training.loop import fit, new_model, with_precision

    train_config = with_precision(train_config)
    fingerprint = SegmentLoader.open(dataset, model_config.sample_rate).fingerprint()
    settings = [model_config.to_dict(), train_config.to_dict(), fingerprint]
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    out = cache_root() / "trained" / profile / key / name
    out.parent.mkdir(parents=True, exist_ok=True)
    # Two chapters may ask for the same model at the same time: the second one waits.
    with FileLock(out.with_name(f".{name}.wait")):
        fit(new_model(model_config, seed), dataset, train_config, out, progress=False)
    return load(out)


def _shipped(name: str) -> Path:
    found = find_shipped(weights_path(name).name)
    if found is None:
        raise CheckpointError(
            f"the model {name!r} is not in {shipped_folder()}: the book's models are in the "
            f"folder checkpoints/ of the repository; clone it and name that folder in "
            f"{FOLDER_VARIABLE}, or train the model (musiclib train {name})"
        )
    return found


def _refuse_known(found: Checkpoint, dataset: Dataset) -> None:
    """Refuse a data set whose validation or test part a model was trained on."""
    learned_from = found.record.get("data", {}).get("dataset")
    if dataset.name not in _FIXED_SPLITS or learned_from != dataset.name:
        return
    held_out = dataset.tracks.index[dataset.tracks["split"] != "train"]
    known = _training_tracks(dataset.name, dataset.root).intersection(held_out)
    if known:
        raise CheckpointError(
            f"{found.path} was trained on {len(known)} of the {len(held_out)} tracks that this "
            f"split of {dataset.name} holds out, so nothing measured there would be true; use the "
            "official split, or train the model on this one (profile retrain)"
        )


@lru_cache(maxsize=8)
def _training_tracks(name: str, root: Path) -> frozenset[str]:
    from musiclib.datasets import open_dataset

    return frozenset(open_dataset(name, root, split="official").part("train").tracks.index)
