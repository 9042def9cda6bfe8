"""How far judges agree: rank correlations between measures, from a table of `evaluate`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from musiclib.errors import MusiclibError
from musiclib.metrics.registry import JUDGES, METRICS

FEWEST_SYSTEMS = 3


def agreement(table: pd.DataFrame, metrics: Sequence[str] = JUDGES) -> pd.DataFrame:
    """Compare every two measures by Spearman's rank correlation.

    Two judges may agree on which system is the better one and disagree on the single clip, or order
    systems alike merely because some clips are easier for all of them. So there are three answers.
    Measures of which smaller is better are turned round first: 1 is full agreement throughout.

    Args:
        table: Rows of :func:`musiclib.evaluate.evaluate`; columns `system`, `setting`, `clip`,
            `metric` and `value`. Clips on which one of the measures has no value are left out of
            all of them.
        metrics: Keys of `METRICS`, two or more.

    Returns:
        A row for each pair: `first`, `second`; `systems`, over the means of systems; `everything`,
        over all systems and clips; `within_clips`, over the systems of one clip, the mean over
        clips; `n_systems`, `n_clips`, and `left_out`, the number of clips.

    Raises:
        MusiclibError: If a measure is not in the table, or there are fewer than three systems.
    """
    absent = sorted(set(metrics) - set(table["metric"]))
    if absent:
        raise MusiclibError(f"The table has no values of {', '.join(absent)}: measure them first.")
    wanted = table[table["metric"].isin(list(metrics))]
    wide = wanted.pivot(index=["clip", "system", "setting"], columns="metric", values="value")
    for name in metrics:
        if not METRICS[name].higher_is_better:
            wide[name] = -wide[name]
    clips = wide.notna().all(axis=1).groupby(level="clip").all()
    whole = wide[clips.reindex(wide.index.get_level_values("clip")).to_numpy()]
    means = whole.groupby(level=["system", "setting"]).mean()
    if len(means) < FEWEST_SYSTEMS:
        raise MusiclibError(
            f"Ranks of {len(means)} systems say nothing: measure at least {FEWEST_SYSTEMS}."
        )
    rows = []
    for first, second in itertools.combinations(metrics, 2):
        pair = [first, second]
        by_clip = [_spearman(one[pair]) for _, one in whole.groupby(level="clip") if len(one) > 1]
        rows.append(
            {
                "first": first,
                "second": second,
                "systems": _spearman(means[pair]),
                "everything": _spearman(whole[pair]),
                "within_clips": float(np.mean(by_clip)),
                "n_systems": len(means),
                "n_clips": int(clips.sum()),
                "left_out": int((~clips).sum()),
            }
        )
    return pd.DataFrame(rows)


def _spearman(pair: pd.DataFrame) -> float:
    return float(pair.iloc[:, 0].corr(pair.iloc[:, 1], method="spearman"))
