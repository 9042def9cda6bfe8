"""Tables and players of the chapter on metrics."""

from collections.abc import Mapping, Sequence

import pandas as pd

from musiclib.audio import FloatArray
from musiclib.codecs import Codec
from musiclib.evaluate import align
from musiclib.figures import with_values
from musiclib.listen import Rendered, Row, Sound, comparison
from musiclib.metrics import METRICS, bitrate_kbps
from musiclib.studies.metric.baseline import ORIGINAL_REPORT
from musiclib.studies.metric.equal_pairs import EqualPair
from musiclib.studies.metric.measures import METRIC_LABELS, METRIC_NAMES, measure

CONTEST_METRICS = ("log_spectral_distance", "spectral_rmse", "si_sdr", "zimtohrli_mos")
"""Metrics by which the chapter compares real codecs."""

IGNORED_DB = 50.0
MILD_DB = 30.0


def readable(table: pd.DataFrame, digits: int = 2) -> pd.DataFrame:
    """A table with the metrics' labels as headings and rounded values.

    Args:
        table: Columns are keys of :func:`musiclib.studies.metric.measures.measure`, or others.
        digits: Decimals.

    Returns:
        A copy for the page.
    """
    shown = table.rename(columns={**METRIC_LABELS, "above": "Energy above 4 kHz (%)"})
    shown = shown.rename_axis(index=[None] * shown.index.nlevels)
    return with_values(shown.round(digits), shown)


def baseline_table(table: pd.DataFrame, offset: float = 0.1) -> pd.DataFrame:
    """Spectral RMSE of downsampling beside the figures of the original report.

    Args:
        table: From :func:`musiclib.studies.metric.baseline.downsampling_baseline`.
        offset: The constant c.

    Returns:
        One row for each factor: nominal kbps, mean and interval here, the report's downsampling
        and autoencoder, the ratio of the two baselines, and the ratio of the report's autoencoder
        to its baseline.
    """
    ours = table[table["offset"] == offset].set_index("factor")
    report = ORIGINAL_REPORT.set_index("factor").loc[ours.index]
    return (
        pd.DataFrame(
            {
                "kbps": report["nominal_kbps"],
                "here": ours["mean"].round(2),
                "95 % interval": [
                    f"{low:.2f}–{high:.2f}" if low == low else "one clip"  # NaN for a single clip
                    for low, high in zip(ours["low"], ours["high"], strict=True)
                ],
                "report": report["downsampling"],
                "here / report": (ours["mean"] / report["downsampling"]).round(2),
                "auto-encoder": report["autoencoder"],
                "its ratio": (report["autoencoder"] / report["downsampling"]).round(2),
            }
        )
        .rename(index=lambda factor: f"1\N{NO-BREAK SPACE}in\N{NO-BREAK SPACE}{factor}")
        .rename_axis(None)
    )


def verdicts(equivalent: pd.DataFrame) -> pd.DataFrame:
    """In words, how each metric takes each kind of damage.

    Args:
        equivalent: From :func:`musiclib.studies.metric.measures.equivalent_noise_db`.

    Returns:
        The same rows and columns: "ignored" from 50 dB of equivalent noise on, "mild" from 30 dB
        on, else "punished".
    """

    def word(decibels: float) -> str:
        if decibels >= IGNORED_DB:
            return "ignored"
        return "mild" if decibels >= MILD_DB else "punished"

    words = equivalent.map(word).rename(columns=METRIC_LABELS)
    words.index.name = None
    return words


def contest_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Codecs by metrics, with measured bitrates.

    Args:
        summary: From :func:`musiclib.studies.rate_tables.summarise`.

    Returns:
        One row for each codec, sorted by bitrate.
    """
    columns = {metric: summary[metric] for metric in CONTEST_METRICS}
    table = pd.DataFrame({"label": summary["label"], "kbps": summary["kbps"], **columns})
    return readable(table.sort_values("kbps").set_index("label"))


def winners(summary: pd.DataFrame) -> dict[str, str]:
    """The best codec by each metric.

    Args:
        summary: From :func:`musiclib.studies.rate_tables.summarise`.

    Returns:
        Labels of codecs by metric.
    """
    best = {}
    for metric in CONTEST_METRICS:
        values = summary.set_index("label")[metric]
        best[metric] = str(values.idxmax() if METRICS[metric].higher_is_better else values.idxmin())
    return best


def damage_players(
    title: str,
    reference: FloatArray,
    copies: Mapping[str, FloatArray],
    sample_rate: int,
    metrics: Sequence[str],
    caption: str,
) -> Rendered:
    """Players of a clip and its damaged copies, each with its measured values.

    Args:
        title: Title of the clip; it also names the files, so it must differ within a page.
        reference: Samples, shape ``(N,)``.
        copies: Damaged copies by label.
        sample_rate: In Hz.
        metrics: Keys of :func:`musiclib.studies.metric.measures.measure`.
        caption: What is compared.

    Returns:
        An object that a notebook shows.
    """
    sounds = [Sound("Reference", reference, sample_rate)]
    for label, copy in copies.items():
        values = measure(reference, copy, sample_rate, metrics)
        sounds.append(Sound(label, copy, sample_rate, figures=_named(values)))
    return comparison([Row(title, sounds)], caption)


def codec_players(
    title: str,
    reference: FloatArray,
    sample_rate: int,
    codecs: Sequence[Codec],
    metrics: Sequence[str],
    caption: str,
) -> Rendered:
    """Players of a clip and of its decoded files, with their real bitrates.

    Args:
        title: Title of the clip; it also names the files.
        reference: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        codecs: Codecs to listen to.
        metrics: Keys of :func:`musiclib.studies.metric.measures.measure`.
        caption: What is compared.

    Returns:
        An object that a notebook shows.
    """
    sounds = [Sound("Reference", reference, sample_rate)]
    for codec in codecs:
        data = codec.encode(reference, sample_rate)
        decoded = align(*codec.decode(data), reference, sample_rate)
        values = measure(reference, decoded, sample_rate, metrics)
        kbps = bitrate_kbps(len(data), len(reference) / sample_rate)
        sounds.append(Sound(codec.label, decoded, sample_rate, kbps, _named(values)))
    return comparison([Row(title, sounds)], caption)


def pair_players(
    pairs: Sequence[EqualPair], reference: FloatArray, sample_rate: int, caption: str
) -> Rendered:
    """A row of players for each pair of equal value.

    Args:
        pairs: From :func:`musiclib.studies.metric.equal_pairs.equal_pairs`.
        reference: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        caption: What is compared.

    Returns:
        An object that a notebook shows.
    """
    rows = []
    for pair in pairs:
        sounds = [Sound("Reference", reference, sample_rate)]
        for side, label, copy, values in zip(
            ("First copy", "Second copy"), pair.labels, pair.sounds, pair.values, strict=True
        ):
            figures = {"Damage:": label[:1].lower() + label[1:], **_named(values)}
            sounds.append(Sound(side, copy, sample_rate, figures=figures))
        note = f"{pair.labels[0]}; {pair.labels[1]}"
        rows.append(Row(f"Equal {METRIC_NAMES[pair.metric]}", sounds, note=note))
    return comparison(rows, caption)


def _named(values: Mapping[str, float]) -> dict[str, float | str]:
    named: dict[str, float | str] = {}
    for key, value in values.items():
        if key == "relative_rmse":
            named["Waveform RMSE"] = f"{value:.1f} %"
        else:
            named[key] = value
    return named
