"""Tables and players of the chapter on compression."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from musiclib.codecs import Codec
from musiclib.datasets import Clip
from musiclib.evaluate import align
from musiclib.figures import with_values
from musiclib.listen import Row, Sound
from musiclib.metrics import METRICS, bitrate_kbps
from musiclib.stats import Interval
from musiclib.studies.compression.limits import GaussianLimit
from musiclib.studies.compression.rates import QUALITY_METRICS, title

_MINUS = "\N{MINUS SIGN}"
_SHORT = {
    "log_spectral_distance": "LSD (dB)",
    "si_sdr": "SI-SDR (dB)",
    "zimtohrli_mos": "MOS",
    "spectral_rmse": "Spectral RMSE",
}


def said(interval: Interval, digits: int = 2) -> str:
    """An interval for a page, with real minus signs; a line may break before the bracket alone."""
    text = format(interval, f".{digits}f").replace("-", _MINUS)
    return text.replace(", ", ",\N{NO-BREAK SPACE}")


def word(holds: bool) -> str:
    """``yes`` or ``no``."""
    return "yes" if holds else "no"


def report_table(found: pd.DataFrame) -> pd.DataFrame:
    """Distances and ratios of the report's experiment.

    Args:
        found: From :func:`musiclib.studies.compression.report.ratios`.

    Returns:
        One row for each nominal rate.
    """
    return pd.DataFrame(
        {
            "down-sampling": found["downsampling"].map(lambda interval: f"{interval.mean:.2f}"),
            "auto-encoder": found["autoencoder"].map(lambda interval: f"{interval.mean:.2f}"),
            "ratio": found["ratio"].map(said),
            "PCA's ratio": found["pca_ratio"].map(said),
            "ratio as sound": found["sound_ratio"].map(said),
            "report's ratio (quoted)": found["quoted_ratio"].map("{:.2f}".format),
            "aim": [
                f"≤\N{NO-BREAK SPACE}{wanted:g}: {word(holds)}"
                for wanted, holds in zip(found["wanted"], found["holds"], strict=True)
            ],
        }
    ).set_index(found["nominal_kbps"].map("{:g}\N{NO-BREAK SPACE}kbps".format).rename(None))


def time_table(found: pd.DataFrame) -> pd.DataFrame:
    """Downsampling and the time autoencoder.

    Args:
        found: From :func:`musiclib.studies.compression.time_domain.verdicts`.

    Returns:
        One row for each system.
    """
    names = {
        "downsampling": "Downsampling, 16-bit file",
        "floats": "Autoencoder, as many floats",
        "file": "Autoencoder, file",
    }
    shown = pd.DataFrame({"kbps": found["kbps"].map(lambda x: "-" if np.isnan(x) else f"{x:.1f}")})
    for name in ("si_sdr", "log_spectral_distance"):
        shown[_SHORT[name]] = found[name].map(lambda interval: said(interval, 1))
        shown[f"difference of {_SHORT[name]}"] = found[f"{name}_difference"].map(
            lambda interval: said(interval, 1)
        )
    shown.loc["downsampling", [name for name in shown if name.startswith("difference")]] = ""
    return shown.rename(index=names)


def rates_table(summary: pd.DataFrame, nominal: Mapping[str, float]) -> pd.DataFrame:
    """All systems with nominal and real rates.

    Args:
        summary: From :func:`musiclib.studies.rate_tables.summarise`.
        nominal: Nominal kbps by model.

    Returns:
        One row for each setting, sorted by real bitrate, with means. The figures have intervals.
    """
    ordered = summary.sort_values("kbps")
    shown = pd.DataFrame(
        {
            "nominal kbps": ordered["codec"].map(
                lambda name: f"{nominal[name]:g}" if name in nominal else ""
            ),
            "kbps": ordered["kbps"].map("{:.2f}".format),
        }
    )
    for metric in QUALITY_METRICS:
        digits = 2 if metric == "zimtohrli_mos" else 1
        shown[_SHORT[metric]] = [
            f"{mean:.{digits}f}".replace("-", _MINUS) for mean in ordered[metric]
        ]
    shown = shown.set_index(ordered["label"].rename(None))
    return with_values(shown, ordered.set_index("label"))


def matched_table(found: pd.DataFrame) -> pd.DataFrame:
    """Differences at matched bytes; values that are clearly better are marked.

    Args:
        found: From :func:`musiclib.studies.compression.rates.differences`.

    Returns:
        One row for each model and rival.
    """
    shown = pd.DataFrame(
        {
            "model": found["model"],
            "against": found["rival"],
            "kbps": found["kbps"].map("{:.2f}".format),
            "its kbps": found["rival_kbps"].map("{:.2f}".format),
        }
    )
    for metric in QUALITY_METRICS:
        shown[f"difference of {_SHORT[metric]}"] = [
            said(interval) + (" ✓" if wins else "")
            for interval, wins in zip(found[metric], found[f"{metric}_wins"], strict=True)
        ]
    return shown.set_index("model").rename_axis(None)


def savings_table(found: pd.DataFrame) -> pd.DataFrame:
    """From nominal rates to files.

    Args:
        found: From :func:`musiclib.studies.compression.rates.savings`.

    Returns:
        One row for each model, in kbps.
    """
    shown = found[["nominal", "fixed", "by_channel", "file"]].round(2)
    shown.columns = ["nominal", "one word length", "a length per channel", "file"]
    shown["bits a value"] = found["bits"].round(2)
    shown["header (%)"] = (100 * found["header"]).round(1)
    return shown.rename_axis(None)


def bits_above_limit(
    table: pd.DataFrame, limits: Mapping[str, Mapping[str, GaussianLimit]], sample_rate: int
) -> pd.DataFrame:
    """How many bits each codec spends above what a limit needs for the same SI-SDR.

    Args:
        table: From :func:`musiclib.studies.compression.rates.measured`.
        limits: For each name of a limit, that of each clip by track identifier.
        sample_rate: Of the clips in Hz.

    Returns:
        One row for each setting whose mean SI-SDR is above 0 dB: ``codec``, ``label``, ``kbps``,
        ``si_sdr``, and for each limit ``<name>_kbps`` (its mean rate) and ``<name>_bits`` (the
        difference in bits a sample). Where a difference is negative, the music was not like noise
        of these spectra.
    """
    rows = []
    for (codec, label), part in table.groupby(["codec", "label"], sort=False):
        if part["si_sdr"].mean() <= 0.0:
            continue
        row = {
            "codec": codec,
            "label": label,
            "kbps": part["kbps"].mean(),
            "si_sdr": part["si_sdr"].mean(),
        }
        for name, by_clip in limits.items():
            needed = np.array(
                [
                    by_clip[track].bits_for_si_sdr(value) / seconds / 1000
                    for track, value, seconds in zip(
                        part["track_id"], part["si_sdr"], part["seconds"], strict=True
                    )
                ]
            )
            row[f"{name}_kbps"] = needed.mean()
            row[f"{name}_bits"] = 1000 * (part["kbps"].mean() - needed.mean()) / sample_rate
        rows.append(row)
    return pd.DataFrame(rows)


def spectrogram_bits_above_limit(
    spectrograms: pd.DataFrame,
    limit: GaussianLimit,
    memory: GaussianLimit,
    groups_per_second: float,
    group_values: int,
) -> pd.DataFrame:
    """How many bits each model at 8 kHz spends above the limits for the same spectral RMSE.

    Args:
        spectrograms: From :func:`musiclib.studies.compression.rates.narrow_spectrograms`.
        limit: Of groups of frames.
        memory: Of groups that are seen together.
        groups_per_second: Groups in a second.
        group_values: Log magnitudes in a group.

    Returns:
        The table with ``limit_kbps``, ``memory_kbps`` and ``bits``, what is spent above the first
        one for each log magnitude.
    """
    found = spectrograms.copy()
    for name, source in (("limit", limit), ("memory", memory)):
        groups = source.count / group_values
        found[f"{name}_kbps"] = [
            source.bits_for_error(source.count * rmse**2) / groups * groups_per_second / 1000
            for rmse in found["rmse"]
        ]
    found["bits"] = (
        1000 * (found["kbps"] - found["limit_kbps"]) / (groups_per_second * group_values)
    )
    return found


def outcome(found: pd.DataFrame, model: str, rival: str) -> dict[str, str]:
    """By which metrics a model is clearly better or worse than a rival at matched bytes.

    Args:
        found: From :func:`musiclib.studies.compression.rates.differences`.
        model: Name of the model.
        rival: Label of the rival.

    Returns:
        Names of metrics, or ``none``: ``better``, ``worse``, ``open``.
    """
    row = found[(found["model"] == model) & (found["rival"] == rival)].iloc[0]
    sides: dict[str, list[str]] = {"better": [], "worse": [], "open": []}
    for metric in QUALITY_METRICS:
        crossed = not (row[metric].low > 0.0 or row[metric].high < 0.0)
        side = "better" if row[f"{metric}_wins"] else "open" if crossed else "worse"
        sides[side].append(METRICS[metric].label)
    return {side: listed(names) for side, names in sides.items()}


def coded_sounds(
    clips: Sequence[Clip],
    names: Sequence[str],
    codecs: Mapping[str, Codec],
    metrics: Sequence[str],
) -> list[Row]:
    """Clips through several codecs, with real bitrates and measured values.

    Args:
        clips: Mono clips.
        names: A title for each clip.
        codecs: Codecs by what a listener reads.
        metrics: Keys of :data:`musiclib.metrics.METRICS`.

    Returns:
        A row for each clip, for :func:`musiclib.listen.comparison`; the reference comes first.
    """
    rows = []
    for clip, name in zip(clips, names, strict=True):
        sounds = [Sound("Reference", clip.audio, clip.sample_rate)]
        for label, codec in codecs.items():
            data = codec.encode(clip.audio, clip.sample_rate)
            decoded = align(*codec.decode(data), clip.audio, clip.sample_rate)
            values = {
                metric: METRICS[metric](clip.audio, decoded, clip.sample_rate) for metric in metrics
            }
            rate = bitrate_kbps(len(data), clip.seconds)
            sounds.append(Sound(label, decoded, clip.sample_rate, rate, values))
        rows.append(Row(name, sounds, note=clip.artist))
    return rows


def best(summary: pd.DataFrame, metric: str) -> pd.Series:
    """The row of a summary with the best mean of a metric."""
    values = summary[metric]
    row: pd.Series = summary.loc[
        values.idxmax() if METRICS[metric].higher_is_better else values.idxmin()
    ]
    return row


def listed(labels: Sequence[str]) -> str:
    """Words with commas and an "and"; ``none`` for no words."""
    names = [title(label) for label in labels]
    if len(names) < 2:
        return names[0] if names else "none"
    return f"{', '.join(names[:-1])} and {names[-1]}"
