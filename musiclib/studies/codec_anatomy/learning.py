"""How the codec's learned parts came to be, from the records that they carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from musiclib.codecs.melic.model import TABLES, Model
from musiclib.models import Restorer
from musiclib.training.history import History


@dataclass(frozen=True, eq=False)
class Learned:
    """What is known of the training of the shipped network.

    Attributes:
        weights: Learned numbers of the network.
        file_mb: Size of its file.
        table_mb: Size of the file with the entropy coder's tables.
        contexts: Contexts that the entropy coder keeps a probability for, times decisions.
        steps: Steps of the training.
        hours: Time it took.
        device: On what.
        music_hours: Music of the training part.
        pieces: Pieces in it.
        dataset: Name of the data set.
        validation_pieces: Pieces that the loss is watched on.
        segment_s: Length of a training example.
        batch: Examples a step.
        table_music_hours: Music that the tables were filled from.
        table_dataset: Name of its data set, as far as it is recorded.
        table_segments: Segments that it was cut into; 0 where the tables have no record.
        reach_ms: How far the network looks on either side of a frame.
        history: Losses over the training.
    """

    weights: int
    file_mb: float
    table_mb: float
    contexts: int
    steps: int
    hours: float
    device: str
    music_hours: float
    pieces: int
    dataset: str
    validation_pieces: int
    segment_s: float
    batch: int
    table_music_hours: float
    table_dataset: str
    table_segments: int
    reach_ms: float
    history: History

    @property
    def heard_hours(self) -> float:
        """Music that went through the network in training, with repetitions."""
        return self.steps * self.batch * self.segment_s / 3600.0


def learned(model: Model) -> Learned:
    """Read the records of a model that has a network."""
    network: Restorer = model.restorer  # refuses a model without a network
    checkpoint = model.checkpoint
    assert checkpoint is not None
    record: dict[str, Any] = checkpoint.record
    data, training = record["data"], record["training"]
    history = checkpoint.history
    hop_ms = 1000.0 * 256 / network.config.sample_rate
    tables = checkpoint.path.with_name(TABLES)
    return Learned(
        weights=sum(parameter.numel() for parameter in network.parameters()),
        file_mb=checkpoint.path.stat().st_size / 1e6,
        table_mb=tables.stat().st_size / 1e6,
        contexts=int(model.tables.of_levels.slots.size + model.tables.of_values.slots.size),
        steps=int(training["steps"]),
        hours=_seconds(history, float(record["wall_time_s"])) / 3600.0,
        device=str(record["machine"]["device"]),
        music_hours=float(data["train_seconds"]) / 3600.0,
        pieces=int(data["train_tracks"]),
        dataset=str(data["dataset"]),
        validation_pieces=int(data["validation_tracks"]),
        segment_s=float(training["segment_s"]),
        batch=int(training["batch_size"]),
        table_music_hours=float(model.tables.record.get("seconds", 0.0)) / 3600.0,
        table_dataset=str(model.tables.record.get("dataset", "not recorded")),
        table_segments=int(model.tables.record.get("segments", 0)),
        reach_ms=hop_ms * network.config.reach,
        history=history,
    )


def _seconds(history: History, until_saved: float) -> float:
    """Time of the whole training; a checkpoint's own time ends where it was saved."""
    rows = [*history.train, *history.validation]
    return max([until_saved, *(row["seconds"] for row in rows)])


def loss_table(history: History) -> pd.DataFrame:
    """Validation losses over the training.

    Returns:
        Index `step`; columns `loss` and its terms, and `hours`.
    """
    table = history.validation_table()
    return table.assign(hours=table["seconds"] / 3600.0).drop(columns="seconds")
