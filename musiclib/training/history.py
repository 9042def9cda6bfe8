"""What happened in a training: losses, learning rates and times, by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from musiclib.errors import CheckpointError

if TYPE_CHECKING:
    import pandas as pd


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

    def train_table(self) -> pd.DataFrame:
        """Return the rows of training, index `step`."""
        return _table(self.train)

    def validation_table(self) -> pd.DataFrame:
        """Return the rows of validation, index `step`."""
        return _table(self.validation)

    def to_dict(self) -> dict[str, dict[str, list[float]]]:
        """Return the rows by column, which is a third of the size in JSON."""
        return {"train": _columns(self.train), "validation": _columns(self.validation)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> History:
        """Read what `to_dict` returned.

        Raises:
            CheckpointError: The columns are not a history.
        """
        try:
            return cls(_rows(values["train"]), _rows(values["validation"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(f"the history cannot be read: {error!r}") from error


def _columns(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}


def _rows(columns: Mapping[str, list[float]]) -> list[dict[str, float]]:
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _table(rows: list[dict[str, float]]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["step", "loss"])
    return table.astype({"step": int}).set_index("step")
