"""Training: one loop for every model, checkpoints, histories and recipes.

model = new_model(FrequencyConfig(latent=64))
history = fit(model, open_dataset("mini"), TrainConfig(steps=1000), "checkpoints/frequency-64")
model = load_model("checkpoints/frequency-64")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from musiclib.training.trained import find_shipped, shipped_files, shipped_folder, trained

if TYPE_CHECKING:
    from musiclib.training.checkpoint import Checkpoint, History, load, load_model, weights_digest
    from musiclib.training.config import TrainConfig
    from musiclib.training.loop import fit, new_model

__all__ = [
    "Checkpoint",
    "History",
    "TrainConfig",
    "find_shipped",
    "fit",
    "load",
    "load_model",
    "new_model",
    "shipped_files",
    "shipped_folder",
    "trained",
    "weights_digest",
]


# PyTorch takes seconds to import, and Lightning Fabric, which the loop brings, some more.
_PLACES = {
    "Checkpoint": "checkpoint",
    "History": "checkpoint",
    "TrainConfig": "config",
    "fit": "loop",
    "load": "checkpoint",
    "load_model": "checkpoint",
    "new_model": "loop",
    "weights_digest": "checkpoint",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
