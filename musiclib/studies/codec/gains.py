"""Bits that one system saves against another at equal quality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.errors import MusiclibError
from musiclib.metrics import METRICS
from musiclib.stats import Interval
from musiclib.studies.clip_intervals import clip_saving

METRIC_NAMES = ("zimtohrli_mos", "log_spectral_distance")

Array = npt.NDArray[np.float64]


def curve(table: pd.DataFrame, codec: str, metric: str) -> tuple[Array, Array]:
    """Bitrates and values of a codec, a row for each clip, a column for each setting.

    Args:
        table: Rows of clips and settings, from `musiclib.studies.rate_tables.rate_distortion`.
        codec: Value of the column `codec`.
        metric: A column.

    Returns:
        Two arrays `(clips, settings)`.

    Raises:
        MusiclibError: If the table has no such codec.
    """
    part = table[table["codec"] == codec]
    if part.empty:
        raise MusiclibError(f"There is no codec {codec!r} in the table: {set(table['codec'])}.")
    sides = [
        part.pivot_table(index="track_id", columns="label", values=name, sort=False)
        for name in ("kbps", metric)
    ]
    return sides[0].to_numpy(np.float64), sides[1].to_numpy(np.float64)


def saving(table: pd.DataFrame, codec: str, reference: str, metric: str, seed: int = 0) -> Interval:
    """BD-rate of a codec against another one over the clips of a table.

    Args:
        table: As for :func:`curve`, with the same clips for either codec.
        codec: The codec in question.
        reference: What it is compared with.
        metric: A key of :data:`musiclib.metrics.METRICS`.
        seed: Of the bootstrap.

    Returns:
        Percent, below 0 for bits that are saved. NaN where the curves share no quality: one codec
        is better at all its rates than the other one at any.
    """
    reference_kbps, reference_values = curve(table, reference, metric)
    kbps, values = curve(table, codec, metric)
    known = np.isfinite(reference_values).all(axis=1) & np.isfinite(values).all(axis=1)
    try:
        return clip_saving(
            reference_kbps[known],
            reference_values[known],
            kbps[known],
            values[known],
            METRICS[metric].higher_is_better,
            seed=seed,
        )
    except MusiclibError:
        return Interval(math.nan, math.nan, math.nan, int(known.sum()))


def savings(
    table: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    metrics: Sequence[str] = METRIC_NAMES,
    seed: int = 0,
) -> pd.DataFrame:
    """BD-rates of several pairs of codecs.

    Args:
        table: As for :func:`curve`.
        pairs: Codec in question and reference.
        metrics: Keys of :data:`musiclib.metrics.METRICS`.
        seed: Of the bootstrap.

    Returns:
        One row for each pair: `codec`, `reference`, and an interval for each metric.
    """
    rows = []
    for codec, reference in pairs:
        found: Mapping[str, Interval] = {
            metric: saving(table, codec, reference, metric, seed) for metric in metrics
        }
        rows.append({"codec": codec, "reference": reference, **found})
    return pd.DataFrame(rows)
