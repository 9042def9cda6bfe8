"""Checkpoints: weights as safetensors, everything else as JSON. Opening one never runs code.

A checkpoint is `NAME.safetensors`. Its header carries the whole record (configuration of model
and training, history, data, versions, wall time) as JSON, so that one `os.replace` moves weights
and record into place together. `NAME.json` is a copy of the record for readers.
A training writes `NAME` (lowest validation loss) and `NAME.last` (newest, with what is needed to
go on).
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor, nn

from musiclib.errors import CheckpointError, ModelError, TrainingError
from musiclib.files import CHECKPOINT_READ, atomic_write
from musiclib.models import (
    Autoencoder,
    Model,
    ModelConfig,
    as_autoencoder,
    build_model,
    config_from_dict,
)
from musiclib.training.config import TrainConfig
from musiclib.training.paths import last_path as last_path
from musiclib.training.paths import record_path as record_path
from musiclib.training.paths import weights_path as weights_path


@dataclass
class History:
    """Rows of a training; a step's number is how many steps had been made when it was written.

    Attributes:
        train: Rows with `step`, `loss` (mean since the last row), `learning_rate` (of the last
            step), `gradient_norm` (before clipping, mean), `seconds` (training time so far).
        validation: Rows with `step`, `loss`, the parts of the loss by their names, `seconds`.
    """

    train: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> dict[str, float] | None:
        """The first row with the lowest validation loss; None before a validation."""
        return min(self.validation, key=lambda row: row["loss"], default=None)

    def to_dict(self) -> dict[str, dict[str, list[float]]]:
        """Return the rows by column, which is a third of the size in JSON."""
        return {
            part: {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
            for part, rows in vars(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Mapping[str, list[float]]]) -> History:
        """Read what `to_dict` returned."""

        def rows(columns: Mapping[str, list[float]]) -> list[dict[str, float]]:
            values = zip(*columns.values(), strict=True)
            return [dict(zip(columns, row, strict=True)) for row in values]

        return cls(rows(values["train"]), rows(values["validation"]))


FORMAT, VERSION = "musiclib checkpoint", 1
MODEL, OPTIMIZER, CODEC = "model.", "optimizer.", "codec."
_KEY = "musiclib"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint that was read and checked.

    Attributes:
        path: Its `.safetensors` file.
        tensors: All tensors by name, on the CPU; those of the model start with `MODEL`, those
            of its calibration (`musiclib.models.calibration`) with `CODEC`.
        record: What `NAME.json` shows.
    """

    path: Path
    tensors: dict[str, Tensor]
    record: dict[str, Any]

    @property
    def model_config(self) -> ModelConfig:
        """Configuration of the model.

        Raises:
            CheckpointError: This version of musiclib cannot build it.
        """
        try:
            return config_from_dict(self.record["model"])
        except (ModelError, TypeError, KeyError) as error:
            raise CheckpointError(
                f"{self.path}: its model cannot be built by this version of musiclib: {error}"
            ) from error

    @property
    def train_config(self) -> TrainConfig:
        """Configuration of the training."""
        return TrainConfig(**self.record["training"])

    @property
    def history(self) -> History:
        """Losses, learning rates and times up to here; of a finished training, all of them."""
        return History.from_dict(self.record["history"])

    @property
    def step(self) -> int:
        """Number of steps behind these weights."""
        return int(self.record["step"])

    @property
    def model_tensors(self) -> dict[str, Tensor]:
        """The model's own tensors, by their names in its `state_dict`."""
        return {
            name.removeprefix(MODEL): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(MODEL)
        }

    def build(self) -> Autoencoder:
        """Return the autoencoder with these weights, on the CPU and in evaluation mode.

        Raises:
            CheckpointError: The weights do not fit the configuration.
            ModelError: It is no autoencoder.
        """
        return as_autoencoder(self.build_any())

    def build_any(self) -> Model:
        """Return the model with these weights, whatever it is, as `build` does."""
        with torch.random.fork_rng(devices=[]):  # first weights are drawn, and then overwritten
            model = build_model(self.model_config)
        self.load_into(model)
        return model.eval()

    def load_into(self, model: nn.Module) -> None:
        """Copy the weights into a model.

        Raises:
            CheckpointError: The weights do not fit the model.
        """
        try:
            model.load_state_dict(self.model_tensors)
        except RuntimeError as error:
            raise CheckpointError(f"{self.path}: weights and configuration differ: {error}") from (
                error
            )


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and bytes, whatever the order."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def weights_digest(model: nn.Module) -> str:
    """Return the SHA-256 of a model's weights, which tells two trained models apart."""
    return digest(model.state_dict())


def save(path: str | Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Write tensors by name and a record of JSON values; the old files stay until these are whole.

    Raises:
        CheckpointError: It cannot be written.
    """
    target = weights_path(path)
    # Each tensor gets memory of its own: safetensors refuses tensors that share some.
    kept = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    full = {"format": FORMAT, "version": VERSION, **record, "tensors_sha256": digest(kept)}
    header = json.dumps(full, allow_nan=False)
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in full.items()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, safetensors_bytes(kept, metadata={_KEY: header}))
        _write(record_path(target), ("{\n" + ",\n".join(lines) + "\n}\n").encode())
    except OSError as error:
        raise CheckpointError(
            f"{target} cannot be written: {error.strerror}; free some space or name another place"
        ) from error


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint and check it.

    Raises:
        CheckpointError: It is missing, damaged, or not one of musiclib's.
    """
    file = weights_path(path)
    if not file.is_file():
        raise CheckpointError(f"{file} is not there; `musiclib train --list` shows what makes it")
    try:
        with safe_open(file, framework="pt") as opened:
            text = (opened.metadata() or {}).get(_KEY)
            # Copies: the file is mapped into memory, and may be replaced.
            tensors = {name: opened.get_tensor(name).clone() for name in opened.keys()}  # noqa: SIM118
        record = None if text is None else json.loads(text)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{file} is damaged or no safetensors file: {error}; get or train it again"
        ) from error
    if record is None or record.get("format") != FORMAT:
        raise CheckpointError(f"{file} was not written by musiclib: its header has no record")
    if record["version"] > VERSION:
        raise CheckpointError(
            f"{file} has version {record['version']}; this musiclib reads version {VERSION}. "
            "Update musiclib, or train it again"
        )
    expected = record["tensors_sha256"]
    if digest(tensors) != expected:
        raise CheckpointError(f"{file} is damaged: wrong checksum; get or train it again")
    sys.audit(CHECKPOINT_READ, str(file), expected)
    return Checkpoint(file, tensors, record)


def load_model(path: str | Path) -> Model:
    """Return the trained model of `load(path)`, on the CPU and in evaluation mode."""
    return load(path).build_any()


def remove(path: str | Path) -> None:
    """Remove a checkpoint's two files, where they are."""
    for file in (weights_path(path), record_path(path)):
        file.unlink(missing_ok=True)


@contextmanager
def sole_writer(path: str | Path) -> Iterator[None]:
    """Hold the right to write a checkpoint, and clear away what a killed process left half-written.

    Raises:
        TrainingError: Another process has it.
    """
    target = weights_path(path)
    try:
        with FileLock(target.with_name(f".{target.name}.lock"), timeout=0):
            last = last_path(target)
            for file in (target, record_path(target), last, record_path(last)):
                for part in file.parent.glob(f".{glob.escape(file.name)}.????????"):
                    part.unlink()
            yield
    except Timeout:
        raise TrainingError(
            f"{target} is being trained by another process; wait for it or name another output"
        ) from None


def _write(target: Path, data: bytes) -> None:
    with atomic_write(target) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
