"""Names of models' files. Who looks for one need not wait for PyTorch, which reads it."""

from __future__ import annotations

from pathlib import Path

TABLES = "codec-tables.npz"
"""The file of Melic's tables."""
_SUFFIX = ".safetensors"


def weights_path(path: str | Path) -> Path:
    """Return `NAME.safetensors` for `NAME`, `NAME.safetensors` or `NAME.json`."""
    path = Path(path)
    name = path.name.removesuffix(_SUFFIX).removesuffix(".json")
    return path.with_name(name + _SUFFIX)


def last_path(path: str | Path) -> Path:
    """Return the file to resume from, beside the best checkpoint `path`."""
    best = weights_path(path)
    return best.with_name(best.name.removesuffix(_SUFFIX) + ".last" + _SUFFIX)


def record_path(path: str | Path) -> Path:
    """Return the JSON file beside a checkpoint."""
    weights = weights_path(path)
    return weights.with_name(weights.name.removesuffix(_SUFFIX) + ".json")
