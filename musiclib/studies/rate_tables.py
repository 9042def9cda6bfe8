"""Wide tables, a column a metric, for chapters that do not use the tidy table of `evaluate` yet."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from musiclib.codecs import Codec
from musiclib.datasets import Clip
from musiclib.errors import MusiclibError
from musiclib.evaluate import DEFAULT_METRICS, evaluate
from musiclib.metrics import METRICS
from musiclib.stats import mean


def rate_distortion(
    codecs: Sequence[Codec], clips: Iterable[Clip], metrics: Sequence[str] = DEFAULT_METRICS
) -> pd.DataFrame:
    """Measure every clip with every codec.

    Returns:
        One row for each clip and codec: `track_id`, `genre`, `artist`, `codec`, `setting`, `label`,
        `n_bytes`, `seconds`, `kbps`, and a column for each metric. Where a metric is not defined
        the value is NaN, and a warning says why.
    """
    rows: list[dict[str, Any]] = []
    for clip in clips:
        measured, problems = measure_clip(clip, codecs, metrics)
        rows += measured
        for problem in problems:
            warnings.warn(problem, stacklevel=2)
    if not rows:
        raise MusiclibError("There are no clips to measure. Check the data set or the files.")
    return pd.DataFrame(rows)


def measure_clip(
    clip: Clip, codecs: Sequence[Codec], metrics: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of one clip, and a sentence for each value that is NaN."""
    rows, problems = [], []
    for codec in codecs:
        tidy = evaluate(codec, clip, metrics)
        first = tidy.iloc[0]
        rows.append(
            {
                "track_id": clip.track_id,
                "genre": clip.genre,
                "artist": clip.unit,
                "codec": codec.name,
                "setting": codec.setting,
                "label": codec.label,
                "n_bytes": int(first["file_bytes"]),
                "seconds": float(first["seconds"]),
                "kbps": float(first["kbps"]),
                **dict(zip(tidy["metric"], tidy["value"], strict=True)),
            }
        )
        for name, reason in zip(tidy["metric"], tidy["reason"], strict=True):
            if reason:
                problems.append(f"{clip.track_id}, {codec.label}: no {name}: {reason}")
    return rows, problems


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Average a table of `rate_distortion` over artists.

    Returns:
        One row for each codec setting in the order of the table: `codec`, `setting`, `label`,
        `kbps` (mean), and for each metric its mean under the metric's name and the
        interval's ends in `<metric>_low` and `<metric>_high` (NaN for fewer than eight artists).

    Raises:
        MusiclibError: If the table is empty.
    """
    if table.empty:
        raise MusiclibError("The table is empty: there is nothing to summarise.")
    rows = []
    for (codec, setting, label), group in table.groupby(["codec", "setting", "label"], sort=False):
        row: dict[str, Any] = {
            "codec": codec,
            "setting": setting,
            "label": label,
            "kbps": float(group["kbps"].mean()),
        }
        for metric in (name for name in METRICS if name in table):
            found = mean(group.assign(metric=metric), (), value=metric, clip="track_id").iloc[0]
            row[metric] = found["mean"]
            row[f"{metric}_low"], row[f"{metric}_high"] = found["low"], found["high"]
        rows.append(row)
    return pd.DataFrame(rows)
