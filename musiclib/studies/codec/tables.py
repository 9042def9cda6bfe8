"""Tables of the chapter on Melic."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from musiclib.codecs import CODEC_TITLES
from musiclib.figures import with_values
from musiclib.metrics import METRICS
from musiclib.stats import Interval
from musiclib.studies.clip_intervals import clip_difference
from musiclib.studies.codec.measuring import QUALITY_METRICS
from musiclib.studies.codec.plan import MELIC, PLAIN

TITLE = "Melic"
"""What a reader calls the codec."""
MINUS, SPACE = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"
SHORT = {
    "zimtohrli_mos": "MOS",
    "log_spectral_distance": "LSD (dB)",
    "spectral_rmse": "spectral RMSE",
    "si_sdr": "SI-SDR (dB)",
}
DIGITS = {"zimtohrli_mos": 2, "log_spectral_distance": 2, "spectral_rmse": 3, "si_sdr": 1}
_MARKS = {"better": f"{SPACE}✓", "worse": f"{SPACE}✗", "open": ""}


def title(system: str) -> str:
    """Name of a codec for figures and tables."""
    if system == PLAIN:
        return "without the network"
    return CODEC_TITLES.get(system, TITLE if system == MELIC else system)


def number(value: float, digits: int = 2) -> str:
    """A number with a real minus sign; a dash for none."""
    if math.isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", MINUS)


def said(interval: Interval, digits: int = 2, sign: bool = False) -> str:
    """An interval for a page; a dash where there is none.

    Args:
        interval: The mean and its ends.
        digits: Decimals.
        sign: Whether the mean carries a plus sign.
    """
    if math.isnan(interval.mean):
        return "–"
    form = f"{'+' if sign else ''}.{digits}f"
    mean = f"{interval.mean:{form}}"
    if math.isnan(interval.low):
        return mean.replace("-", MINUS)
    return f"{mean} [{interval.low:{form}},{SPACE}{interval.high:{form}}]".replace("-", MINUS)


def bought_table(summary: pd.DataFrame, metrics: Sequence[str] = QUALITY_METRICS) -> pd.DataFrame:
    """What each bitrate of the codec buys.

    Args:
        summary: From :func:`musiclib.studies.rate_tables.summarise`.
        metrics: Its metrics.

    Returns:
        One row for each bitrate that is asked for, with real bitrates and 95 % intervals.
    """
    rows = summary[summary["codec"] == MELIC].sort_values("kbps").set_index("setting")
    shown = pd.DataFrame({"real kbps": rows["kbps"].map("{:.2f}".format)})
    for metric in metrics:
        shown[SHORT[metric]] = [
            said(Interval(mean, low, high, 0), DIGITS[metric])
            for mean, low, high in zip(
                rows[metric], rows[f"{metric}_low"], rows[f"{metric}_high"], strict=True
            )
        ]
    return with_values(shown.rename_axis(None), rows)


def rates_table(summary: pd.DataFrame, metrics: Sequence[str] = QUALITY_METRICS) -> pd.DataFrame:
    """All codecs and settings by their real bitrate.

    Args:
        summary: From :func:`musiclib.studies.rate_tables.summarise`.
        metrics: Its metrics.
    """
    ordered = summary.sort_values("kbps").set_index("label")
    shown = pd.DataFrame({"real kbps": ordered["kbps"].map("{:.2f}".format)})
    for metric in metrics:
        shown[SHORT[metric]] = [number(value, DIGITS[metric]) for value in ordered[metric]]
    return with_values(shown.rename_axis(None), ordered)


def pairs_table(found: pd.DataFrame, metrics: Sequence[str] = QUALITY_METRICS) -> pd.DataFrame:
    """Differences at equal bytes; ✓ and ✗ say that all of an interval is on one side.

    Args:
        found: From :func:`musiclib.studies.codec.measuring.differences`.
        metrics: Its metrics.
    """
    shown = pd.DataFrame(
        {
            "against": found["rival"],
            "its kbps": found["rival_kbps"].map("{:.2f}".format),
            "kbps": found["kbps"].map("{:.2f}".format),
        }
    )
    for metric in metrics:
        shown[SHORT[metric]] = [
            said(interval, DIGITS[metric], sign=True) + _MARKS[verdict]
            for interval, verdict in zip(found[metric], found[f"{metric}_verdict"], strict=True)
        ]
    return shown.set_index("against").rename_axis(None)


def savings_table(found: pd.DataFrame, names: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Bits at equal quality, in percent of those of the reference.

    Args:
        found: From :func:`musiclib.studies.codec.gains.savings`.
        names: What a reader calls the systems.
    """
    called = names or {}
    shown = pd.DataFrame(
        {
            "": [called.get(name, title(name)) for name in found["codec"]],
            "against": [called.get(name, title(name)) for name in found["reference"]],
        }
    )
    for metric in [name for name in METRICS if name in found]:
        shown[f"bits at equal {SHORT[metric].split(' (')[0]} (%)"] = [
            said(interval, 1, sign=True) for interval in found[metric]
        ]
    return shown.set_index("").rename_axis(None)


def by_genre(
    pairs: pd.DataFrame, rivals: Sequence[str], metric: str, seed: int = 0
) -> pd.DataFrame:
    """Mean difference to some rivals at equal bytes, genre by genre.

    Args:
        pairs: Of :class:`musiclib.studies.codec.measuring.Measured`.
        rivals: Values of its column `rival`.
        metric: A metric.
        seed: Of the bootstrap.

    Returns:
        An interval for each genre (rows) and rival (columns), and the number of `clips`.
    """
    rows = {}
    for genre, part in pairs.groupby("genre"):
        row: dict[str, object] = {"clips": part["track_id"].nunique()}
        for rival in rivals:
            one = part[part["rival"] == rival][[metric, f"rival_{metric}"]].dropna()
            row[rival] = (
                clip_difference(
                    one[metric].to_numpy(), one[f"rival_{metric}"].to_numpy(), seed=seed
                )
                if len(one)
                else Interval(math.nan, math.nan, math.nan, 0)
            )
        rows[str(genre)] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def genre_table(found: pd.DataFrame, digits: int = 2) -> pd.DataFrame:
    """:func:`by_genre` for a page."""
    shown = found.rename(index=lambda genre: str(genre).replace("_", " ")).copy()
    for rival in shown.columns.drop("clips"):
        shown[rival] = [said(interval, digits, sign=True) for interval in shown[rival]]
    return shown


def limit_table(found: pd.DataFrame) -> pd.DataFrame:
    """Distances to the limit, for a page.

    Args:
        found: From :func:`musiclib.studies.compression.tables.bits_above_limit`.
    """
    ordered = found.sort_values("kbps").set_index("label")
    shown = pd.DataFrame(
        {
            "real kbps": ordered["kbps"],
            "SI-SDR (dB)": ordered["si_sdr"],
            "limit (kbps)": ordered["local_kbps"],
            "times the limit": ordered["kbps"] / ordered["local_kbps"],
            "bits a sample above it": ordered["local_bits"],
        }
    )
    return with_values(shown.round(2).rename_axis(None), ordered)


def speed_table(found: pd.DataFrame) -> pd.DataFrame:
    """Speeds for a page, in seconds of audio a second.

    Args:
        found: From :func:`musiclib.studies.codec.speed.speeds`.
    """
    shown = pd.DataFrame(
        {
            "real kbps": found["kbps"].map("{:.1f}".format),
            "encode": found["encode"].map(times),
            "decode": found["decode"].map(times),
            "both": found["both"].map(times),
        }
    )
    return with_values(shown, found)


def times(speed: float) -> str:
    """A speed, with a decimal where it is below 10."""
    return f"{speed:,.{0 if speed >= 10 else 1}f}\N{MULTIPLICATION SIGN}"


def entropy_table(found: pd.DataFrame, names: Mapping[str, str], static: str) -> pd.DataFrame:
    """Bitrates of entropy models, a column for each gain.

    Args:
        found: Rows of :func:`musiclib.studies.codec.variants.compare_parts`.
        names: What a reader calls each entropy model, in order.
        static: The model that the others are compared with.

    Returns:
        Mean kbps by model and gain, and the total in percent of that of ``static``.
    """
    parts = {name: found[found["codec"] == f"entropy: {name}"] for name in names}
    rows = {name: part.groupby("gain")["kbps"].mean() for name, part in parts.items()}
    table = pd.DataFrame(rows).T.sort_index(axis=1)
    shown = table.map("{:.2f}".format)
    shown.columns = [f"gain{SPACE}{gain}" for gain in table.columns]
    share = (table / table.loc[static]).mean(axis=1)
    shown["of static tables (%)"] = (100.0 * share).map("{:.1f}".format)
    return with_values(shown.rename(index=dict(names)), table.rename(index=dict(names)))


def shares(found: pd.DataFrame, model: str, others: Sequence[str]) -> dict[str, float]:
    """Bits of an entropy model over those of others, in all.

    Args:
        found: Rows of :func:`musiclib.studies.codec.variants.compare_parts`.
        model: An entropy model.
        others: Entropy models.

    Returns:
        By the name of the other model; 1 for as many bits.
    """

    def bits(name: str) -> float:
        part = found[found["codec"] == f"entropy: {name}"]
        return float((part["kbps"] * part["seconds"]).sum())

    return {name: bits(model) / bits(name) for name in others}


def overhead(found: pd.DataFrame, model: str) -> float:
    """How many percent more than its ideal code length an entropy coder writes.

    Args:
        found: Rows of :func:`musiclib.studies.codec.variants.compare_parts`.
        model: A mixing model.
    """
    part = found[found["codec"] == f"entropy: {model}"]
    real = (part["kbps"] * part["seconds"]).sum()
    ideal = (part["ideal_kbps"] * part["seconds"]).sum()
    return float(100.0 * (real / ideal - 1.0)) if ideal else float(np.nan)
