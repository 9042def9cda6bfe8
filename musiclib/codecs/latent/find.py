"""Find the checkpoint that made a file."""

from __future__ import annotations

import json
from pathlib import Path

from musiclib.errors import BitstreamError
from musiclib.training.checkpoint import Checkpoint, load
from musiclib.training.trained import shipped_folder


def find_checkpoint(model_id: bytes, folder: str | Path | None = None) -> Checkpoint:
    """Return the checkpoint of a folder whose SHA-256 starts with some bytes.

    Args:
        model_id: The bytes that a file carries.
        folder: Folder of checkpoints; by default the shipped ones.

    Raises:
        BitstreamError: There is none.
        CheckpointError: It is damaged.
    """
    place = Path(folder) if folder is not None else shipped_folder()
    for record in sorted(place.glob("*.json")):
        if not record.name.endswith(".last.json") and _sum(record).startswith(model_id.hex()):
            return load(record)
    raise BitstreamError(
        f"This .mla file was made by a model ({model_id.hex()}) that is not in {place}. Name the "
        "folder of its checkpoint."
    )


def _sum(record: Path) -> str:
    try:
        return str(json.loads(record.read_bytes())["tensors_sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""  # a file of another kind, or one that is being replaced
