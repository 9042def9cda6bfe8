"""The model that a file or a name asks for, found by the records of checkpoints.

PyTorch is imported when a checkpoint is read: what is refused before does not wait for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from musiclib.codecs.latent import bitstream
from musiclib.errors import BitstreamError, CheckpointError
from musiclib.training.paths import weights_path
from musiclib.training.trained import FOLDER_VARIABLE, PACKAGED, shipped_folder

if TYPE_CHECKING:
    from musiclib.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class Description:
    """What a file says of itself, and the record of its model.

    Attributes:
        model: Name of the model's checkpoint.
        sample_rate: Rate of the decoded audio in Hz.
        contents: What the file holds.
    """

    model: str
    sample_rate: int
    contents: bitstream.Contents


def describe(data: bytes, folder: str | Path | None = None) -> Description:
    """Read a file's header, and find the model that made the file without building it.

    Raises:
        BitstreamError: It is damaged or foreign, or its model is not in the folder.
    """
    contents = bitstream.unpack(bytes(data))
    places = _places(folder)
    for record in (record for place in places for record in sorted(place.glob("*.json"))):
        if not record.name.endswith(".last.json") and _sum(record).startswith(
            contents.model_id.hex()
        ):
            settings = json.loads(record.read_bytes())["model"]
            return Description(record.stem, settings["sample_rate"], contents)
    raise BitstreamError(
        f"This .mla file was made by a model ({contents.model_id.hex()}) that is not in "
        f"{places[0]}. Name the folder of its checkpoint."
    )


def open_checkpoint(model: str, folder: str | Path | None = None) -> Checkpoint:
    """Return the checkpoint of a model by its name, or by a path with a `/` in it.

    Args:
        model: Name, for example `wideband-64`, or path.
        folder: Folder of checkpoints; by default the shipped ones.

    Raises:
        CheckpointError: There is none of this name, or it is damaged.
    """
    if "/" in model:
        from musiclib.training.checkpoint import load

        return load(model)
    places = _places(folder)
    for place in places:
        if weights_path(place / model).is_file():
            from musiclib.training.checkpoint import load

            return load(place / model)
    known = sorted(path.stem for place in places for path in place.glob("*.safetensors"))
    names = ", ".join(name for name in known if not name.endswith(".last")) or "none"
    raise CheckpointError(
        f"{places[0]} has no model {model!r}. It has: {names}. The book's models are in the folder "
        f"checkpoints/ of the repository: clone it and name that folder in {FOLDER_VARIABLE}."
    )


def find_checkpoint(model_id: bytes, folder: str | Path | None = None) -> Checkpoint:
    """Return the checkpoint of a folder whose SHA-256 starts with the bytes that a file carries.

    Raises:
        BitstreamError: There is none.
        CheckpointError: It is damaged.
    """
    places = _places(folder)
    for record in (record for place in places for record in sorted(place.glob("*.json"))):
        if not record.name.endswith(".last.json") and _sum(record).startswith(model_id.hex()):
            from musiclib.training.checkpoint import load

            return load(record)
    raise BitstreamError(
        f"This .mla file was made by a model ({model_id.hex()}) that is not in {places[0]}. Name "
        "the folder of its checkpoint."
    )


def _places(folder: str | Path | None) -> list[Path]:
    return [shipped_folder(), PACKAGED] if folder is None else [Path(folder)]


def _sum(record: Path) -> str:
    try:
        return str(json.loads(record.read_bytes())["tensors_sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""  # a file of another kind, or one that is being replaced
