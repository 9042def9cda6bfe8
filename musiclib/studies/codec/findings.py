"""What the chapter on Melic found, in sentences and numbers that hold for any music."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from musiclib.metrics import METRICS
from musiclib.stats import Interval
from musiclib.studies.codec import variants
from musiclib.studies.codec.measuring import QUALITY_METRICS
from musiclib.studies.codec.plan import MELIC, PLAIN, RIVALS
from musiclib.studies.codec.tables import number, said, title

_NAMES = {
    "zimtohrli_mos": "predicted quality (MOS)",
    "log_spectral_distance": "log-spectral distance",
    "spectral_rmse": "spectral RMSE",
    "si_sdr": "SI-SDR",
}


def rates(values: Sequence[float]) -> str:
    """Bitrates as a list, for example `6.3, 8.4 and 12.4 kbps`."""
    return f"{listed([f'{value:.1f}' for value in sorted(values)])} kbps"


def listed(words: Sequence[str]) -> str:
    """Words with commas and an "and"."""
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else "".join(words)


def standing(found: pd.DataFrame, rival: str, metric: str) -> str:
    """Where the codec is better or worse than a rival by a metric, in a few words.

    Args:
        found: From :func:`musiclib.studies.codec.measuring.differences`.
        rival: Value of the column `rival_codec`.
        metric: A metric.
    """
    part = found[found["rival_codec"] == rival]
    sides = {
        verdict: list(part.loc[part[f"{metric}_verdict"] == verdict, "rival_kbps"])
        for verdict in ("better", "worse", "open")
    }
    words = {"better": "better", "worse": "worse", "open": "not clearly different"}
    for verdict, several in sides.items():
        if len(several) == len(part):
            where = "at all of them" if len(part) > 1 else "there"
            return f"{words[verdict]} {where}"
    return ", ".join(
        f"{words[verdict]} at {rates(several)}" for verdict, several in sides.items() if several
    )


def against(found: pd.DataFrame, rival: str, metrics: Sequence[str] = QUALITY_METRICS) -> str:
    """How the codec fares against a rival at equal bytes, in Markdown.

    Args:
        found: From :func:`musiclib.studies.codec.measuring.differences`.
        rival: Value of the column `rival_codec`.
        metrics: Metrics of the table.
    """
    part = found[found["rival_codec"] == rival]
    if part.empty:
        return ""
    said_by = "; ".join(f"{_NAMES[name]}: {standing(found, rival, name)}" for name in metrics)
    return f"**{title(rival)}**, with files of {rates(list(part['rival_kbps']))}: {said_by}."


def verdicts(found: pd.DataFrame, metrics: Sequence[str] = QUALITY_METRICS) -> str:
    """:func:`against` for every rival, as a list in Markdown."""
    lines = [against(found, rival, metrics) for rival in RIVALS]
    return "\n".join(f"- {line}" for line in lines if line)


def counts(found: pd.DataFrame, metric: str) -> dict[str, int]:
    """Number of rivals' settings at which the codec is `better`, `worse` or neither (`open`)."""
    column = found[f"{metric}_verdict"]
    return {verdict: int((column == verdict).sum()) for verdict in ("better", "worse", "open")}


def score(found: pd.DataFrame, metrics: Sequence[str] = QUALITY_METRICS) -> str:
    """At how many settings of all rivals the codec is better or worse, in a sentence."""
    parts = []
    for metric in metrics:
        of = counts(found, metric)
        parts.append(f"{_NAMES[metric]} {of['better']} better and {of['worse']} worse")
    return f"Of {len(found)} settings of other codecs, by " + "; ".join(parts) + "."


def saving_said(interval: Interval, metric: str) -> str:
    """Bits at equal quality, in words."""
    name = _NAMES[metric]
    if math.isnan(interval.mean):
        return f"at equal {name} nothing can be said, since the two share no quality"
    direction = "fewer" if interval.mean < 0 else "more"
    ends = ""
    if not math.isnan(interval.low):
        ends = (
            f" (95 % interval of the change: {number(interval.low, 1)} to "
            f"{number(interval.high, 1)} %)"
        )
    return f"{abs(interval.mean):.1f} % {direction} bits at equal {name}{ends}"


def saved(found: pd.DataFrame, codec: str, reference: str) -> str:
    """What a system saves against another by all metrics of a table, in words.

    Args:
        found: From :func:`musiclib.studies.codec.gains.savings`.
        codec: The system in question.
        reference: What it is compared with.
    """
    row = found[(found["codec"] == codec) & (found["reference"] == reference)].iloc[0]
    return " and ".join(
        saving_said(row[metric], metric) for metric in METRICS if metric in found.columns
    )


def bought(summary: pd.DataFrame, metric: str = "zimtohrli_mos") -> str:
    """What the lowest and the highest bitrate buy, in a sentence."""
    rows = summary[summary["codec"] == MELIC].sort_values("kbps")
    words = [f"{number(row[metric])} at {row['setting']}" for _, row in rows.iterrows()]
    return f"Mean {_NAMES[metric]}: {listed(words)}."


def numbers(
    summary: pd.DataFrame, found: pd.DataFrame, savings: pd.DataFrame
) -> dict[str, float | str]:
    """What this page and other pages of the book quote.

    Args:
        summary: From :func:`musiclib.studies.rate_tables.summarise`.
        found: From :func:`musiclib.studies.codec.measuring.differences`.
        savings: From :func:`musiclib.studies.codec.gains.savings`, over the test clips.

    Returns:
        `mos_<rate>` and `lsd_<rate>` of the codec for each rate in kbps; `kbps_low` and
        `kbps_high`; for each metric the counts of :func:`counts`; `opus_saving_mos` and
        `opus_saving_lsd` in percent (below 0: fewer bits), with `_low`, `_high` and `_said`.
    """
    values: dict[str, float | str] = {}
    ours = summary[summary["codec"] == MELIC]
    for _, row in ours.iterrows():
        rate = str(row["setting"]).split()[0].replace(".", "_")
        values[f"mos_{rate}"] = float(row["zimtohrli_mos"])
        values[f"lsd_{rate}"] = float(row["log_spectral_distance"])
    values |= {"kbps_low": float(ours["kbps"].min()), "kbps_high": float(ours["kbps"].max())}
    values["settings"] = float(len(found))
    for metric, short in (("zimtohrli_mos", "mos"), ("log_spectral_distance", "lsd")):
        values |= {f"{short}_{side}": float(n) for side, n in counts(found, metric).items()}
        row = savings[(savings["codec"] == MELIC) & (savings["reference"] == "opus")]
        if len(row):
            interval = row.iloc[0][metric]
            values[f"opus_saving_{short}"] = interval.mean
            values[f"opus_saving_{short}_low"] = interval.low
            values[f"opus_saving_{short}_high"] = interval.high
            values[f"opus_saving_{short}_said"] = f"{said(interval, 1)} %"
    return values


def part_numbers(ablation: pd.DataFrame) -> dict[str, float | str]:
    """What the parts of the codec save, in words and in percent.

    Args:
        ablation: From :func:`musiclib.studies.codec.gains.savings`, of
            :func:`musiclib.studies.codec.variants.ablation`.

    Returns:
        `part_restorer`, `part_transform`, `part_rounding`, `part_smoothing` and `part_learned` in
        words,
        `learned_mos` and `learned_lsd` in percent, and `stft`, the name of the autoencoder.
    """
    restorer, nothing = variants.RESTORED, variants.entropy(variants.UNTRAINED)
    pairs = set(zip(ablation["codec"], ablation["reference"], strict=True))
    asked = {
        "part_restorer": (restorer, variants.BASE),
        "part_rounding": (variants.ROUNDING, variants.BASE),
        "part_smoothing": (variants.UNSMOOTHED, variants.BASE),
        "part_learned": (restorer, nothing),
    }
    transforms = [pair for pair in sorted(pairs) if pair[0].startswith("transform: ")]
    if transforms:
        asked["part_transform"] = transforms[0]
    found: dict[str, float | str] = {
        key: saved(ablation, *pair) if pair in pairs else "not measured"
        for key, pair in asked.items()
    }
    found.setdefault("part_transform", "not measured")
    found |= {"learned_mos": math.nan, "learned_lsd": math.nan, "stft": "none"}
    both = ablation[(ablation["codec"] == restorer) & (ablation["reference"] == nothing)]
    for _, row in both.iterrows():
        found |= {
            "learned_mos": row["zimtohrli_mos"].mean,
            "learned_lsd": row["log_spectral_distance"].mean,
        }
    for name in ablation["codec"]:
        if ": " not in name and name not in (variants.ROUNDING, variants.UNSMOOTHED):
            found["stft"] = name
    return found


def genre_numbers(genres: pd.DataFrame) -> dict[str, float | str]:
    """The genres that the codec serves best and worst.

    Args:
        genres: From :func:`musiclib.studies.codec.tables.by_genre`, of a metric of which more is
            better.
    """
    means = genres.drop(columns="clips").map(lambda interval: interval.mean).mean(axis=1)
    best, worst = str(means.idxmax()), str(means.idxmin())
    return {
        "genre_best": best.replace("_", " "),
        "genre_best_value": float(means[best]),
        "genre_worst": worst.replace("_", " "),
        "genre_worst_value": float(means[worst]),
    }


def limit_numbers(above: pd.DataFrame) -> dict[str, float]:
    """How many times the bits of the limit the codec and Opus spend, at least and at most.

    Args:
        above: From :func:`musiclib.studies.compression.tables.bits_above_limit`.
    """
    found = {}
    for codec, key in ((MELIC, "times"), ("opus", "opus")):
        part = above[above["codec"] == codec] if len(above) else above
        times = part["kbps"] / part["local_kbps"] if len(part) else pd.Series([math.nan])
        found[f"limit_{key}_low"] = float(times.min())
        found[f"limit_{key}_high"] = float(times.max())
    return found


def conclusion(
    summary: pd.DataFrame,
    found: pd.DataFrame,
    savings: pd.DataFrame,
    ablation: pd.DataFrame,
    overhead: float,
    order: pd.Series,
) -> str:
    """What the chapter found, as a list in Markdown.

    Args:
        summary: From :func:`musiclib.studies.rate_tables.summarise`.
        found: From :func:`musiclib.studies.codec.measuring.differences`.
        savings: BD-rates over test clips.
        ablation: BD-rates of the parts.
        overhead: Of the entropy coder over its ideal, in percent.
        order: From :func:`musiclib.studies.codec.failures.ranked`.
    """
    parts = part_numbers(ablation)
    lines = [
        bought(summary),
        score(found),
        f"Against Opus, BD-rates over the test clips: {saved(savings, MELIC, 'opus')}.",
        f"The network alone, over the test clips: {saved(savings, MELIC, PLAIN)}.",
        f"Everything learned against nothing, on validation clips: {parts['part_learned']}.",
        f"The entropy coder writes {overhead:.2f} % more than its model's ideal code length.",
        f"At equal bytes {int((order < 0).sum())} of {len(order)} clips have a lower predicted "
        f"quality than with Opus, on average over its settings.",
    ]
    return "\n".join(f"- {line}" for line in lines)
