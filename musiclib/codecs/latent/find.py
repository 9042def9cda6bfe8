"""Find checkpoints: by a model's name, or by a file that one made."""

from __future__ import annotations

import json
from pathlib import Path

from musiclib.errors import BitstreamError, CheckpointError
from musiclib.training.checkpoint import Checkpoint, load, weights_path
from musiclib.training.trained import FOLDER_VARIABLE, shipped_folder


def open_checkpoint(model: str, folder: str | Path | None = None) -> Checkpoint:
    """Return the checkpoint of a model.

    Args:
        model: Its name, for example `wideband-64`, or a path with a `/` in it.
        folder: Folder of checkpoints; by default the shipped ones.

    Raises:
        CheckpointError: There is none of this name, or it is damaged.
    """
    if "/" in model:
        return load(model)
    place = _place(folder)
    if not weights_path(place / model).is_file():
        known = sorted(path.stem for path in place.glob("*.safetensors"))
        names = ", ".join(name for name in known if not name.endswith(".last")) or "none"
        raise CheckpointError(
            f"{place} has no model {model!r}. It has: {names}. The book's models are in the folder "
            f"checkpoints/ of the repository: clone it and name that folder in {FOLDER_VARIABLE}."
        )
    return load(place / model)


def find_checkpoint(model_id: bytes, folder: str | Path | None = None) -> Checkpoint:
    """Return the checkpoint of a folder whose SHA-256 starts with some bytes.

    Args:
        model_id: The bytes that a file carries.
        folder: Folder of checkpoints; by default the shipped ones.

    Raises:
        BitstreamError: There is none.
        CheckpointError: It is damaged.
    """
    place = _place(folder)
    for record in sorted(place.glob("*.json")):
        if not record.name.endswith(".last.json") and _sum(record).startswith(model_id.hex()):
            return load(record)
    raise BitstreamError(
        f"This .mla file was made by a model ({model_id.hex()}) that is not in {place}. Name the "
        "folder of its checkpoint."
    )


def _place(folder: str | Path | None) -> Path:
    return shipped_folder() if folder is None else Path(folder)


def _sum(record: Path) -> str:
    try:
        return str(json.loads(record.read_bytes())["tensors_sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""  # a file of another kind, or one that is being replaced
