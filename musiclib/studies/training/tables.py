"""Tables and findings of the chapter on training."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from musiclib.stats import Interval
from musiclib.studies.training.families import FAMILIES, FRAME_KINDS, Family
from musiclib.training.recipes import FRAME_LATENTS

MISSING = "–"


def digits_for(value: float, digits: int = 3) -> str:
    """A loss with a sensible number of decimals and a real minus sign; a dash for NaN."""
    if math.isnan(value):
        return MISSING
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else digits
    return f"{value:.{min(decimals, 4)}f}".replace("-", "\N{MINUS SIGN}")


def family_table(numbers: pd.DataFrame, family: Family) -> pd.DataFrame:
    """What a family's trainings took and reached, for the page.

    Args:
        numbers: From :func:`musiclib.studies.training.runs.table`.
        family: Which rows.

    Returns:
        A row for each model.
    """
    rows = numbers.loc[list(family.members)]
    return pd.DataFrame(
        {
            "Values": [f"{count:,}" for count in rows["parameters"]],
            "MB": [f"{size / 1e6:.1f}" for size in rows["n_bytes"]],
            "Minutes": [f"{seconds / 60:.1f}" for seconds in rows["seconds"]],
            "Epochs": [f"{epochs:.1f}" for epochs in rows["epochs"]],
            "Best step": [f"{best:,}" for best in rows["best_step"]],
            "Training": [digits_for(value) for value in rows["train_end"]],
            "Validation": [digits_for(value) for value in rows["validation_end"]],
            "Gap": [digits_for(value, 2) for value in rows["gap_growth"]],
            "Late": [
                MISSING if math.isnan(value) else f"{100 * value:.0f} %"
                for value in rows["late_gain"]
            ],
        },
        index=list(family.members),
    )


def frame_grid(numbers: pd.DataFrame, column: str, digits: int = 3) -> pd.DataFrame:
    """One figure for each of Roche's models: kinds by sizes.

    Args:
        numbers: From :func:`musiclib.studies.training.runs.table`.
        column: One of its columns.
        digits: Significant digits.

    Returns:
        Text, kinds as rows and encoding sizes as columns.
    """
    return pd.DataFrame(
        {
            str(latent): [
                digits_for(float(numbers[column].get(f"{kind}-{latent}", math.nan)), digits)
                for kind in FRAME_KINDS
            ]
            for latent in FRAME_LATENTS
        },
        index=list(FRAME_KINDS.values()),
    )


def overfitting_table(found: pd.DataFrame) -> pd.DataFrame:
    """The measurement of both parts on equal terms, for the page.

    Args:
        found: From :func:`musiclib.studies.training.equal_terms.overfitting`.

    Returns:
        A row for each model.
    """
    return pd.DataFrame(
        {
            "Control": [control or "(is one)" for control in found["control"]],
            "Training part (dB)": [digits_for(value) for value in found["train"]],
            "Validation part (dB)": [digits_for(value) for value in found["validation"]],
            "Difference (dB)": [interval_text(value) for value in found["difference"]],
            "Beyond the control's (dB)": [
                interval_text(value) for value in found["beyond_control"]
            ],
        },
        index=list(found.index),
    )


def interval_text(interval: Interval | None) -> str:
    """A difference with its sign and its interval."""
    if interval is None:
        return MISSING
    if math.isnan(interval.low):
        return f"{interval.mean:+.2f}".replace("-", "\N{MINUS SIGN}")
    text = f"{interval.mean:+.2f} ({interval.low:+.2f} to {interval.high:+.2f})"
    return text.replace("-", "\N{MINUS SIGN}")


def totals(numbers: pd.DataFrame) -> pd.DataFrame:
    """Models, learned values, time and size by family, and of all.

    Args:
        numbers: From :func:`musiclib.studies.training.runs.table`.

    Returns:
        A row for each family that occurs, and "All".
    """
    rows = {}
    for family in FAMILIES:
        part = numbers.loc[[name for name in family.members if name in numbers.index]]
        if len(part):
            rows[family.title] = _total(part)
    rows["All"] = _total(numbers)
    return pd.DataFrame.from_dict(rows, orient="index")


def _total(part: pd.DataFrame) -> dict[str, str]:
    return {
        "Models": f"{len(part)}",
        "Learned values": f"{part['parameters'].min():,} to {part['parameters'].max():,}",
        "Files (MB)": f"{part['n_bytes'].sum() / 1e6:.0f}",
        "Core minutes": f"{part['core_seconds'].sum() / 60:.1f}",
        "Hours of music read": f"{part['seconds_seen'].sum() / 3600:.1f}",
    }


def overfitters(found: Mapping[str, Interval | None]) -> list[str]:
    """Names whose difference lies above zero with its whole interval.

    Args:
        found: Column ``beyond_control`` of
            :func:`musiclib.studies.training.equal_terms.overfitting`.
    """
    return [name for name, value in found.items() if value is not None and value.low > 0.0]


def late_table(numbers: pd.DataFrame) -> pd.DataFrame:
    """The late share by family, for the page.

    Args:
        numbers: From :func:`musiclib.studies.training.runs.table`.

    Returns:
        A row for each family that learns by steps: median and largest share, and how many of its
        trainings have their best step at the end.
    """
    rows = {}
    for family in FAMILIES:
        part = numbers.loc[[name for name in family.members if name in numbers.index]]
        part = part[part["steps"] > 0]
        late = part["late_gain"].dropna()
        rows[family.title] = {
            "Median late share": f"{100 * late.median():.0f} %" if len(late) else MISSING,
            "Largest": f"{100 * late.max():.0f} % ({late.idxmax()})" if len(late) else MISSING,
            "Best at the end": f"{(part['best_step'] == part['steps']).sum()} of {len(part)}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")
