"""The comparison in numbers: intervals, paired differences, orderings and the paper's claims."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from musiclib.figures import with_values
from musiclib.stats import Interval, mean, mean_interval
from musiclib.studies.roche.models import BASELINE, LABELS

MINUS, NARROW = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Claim:
    """One statement of the paper about two families.

    Attributes:
        better: Family that has the lower error, by the paper.
        worse: The other one.
        words: The statement.
    """

    better: str
    worse: str
    words: str


CLAIMS = (
    Claim("pca", "shallow", "PCA beats the shallow autoencoder"),
    Claim("deep", "pca", "The deep autoencoder beats PCA"),
    Claim("lstm", "pca", "The LSTM autoencoder beats PCA"),
    Claim("deep", "vae", "The deep autoencoder beats the variational one"),
    Claim("vae", "pca", "The variational autoencoder beats PCA"),
)
"""From the abstract of Roche, Hueber, Limier and Girin (arXiv 1806.04096)."""


def errors_by_clip(table: pd.DataFrame, size: int) -> pd.DataFrame:
    """Errors at one encoding size, a row for each clip and a column for each family.

    Args:
        table: Result of :func:`musiclib.studies.roche.spectra.clip_table`.
        size: Values for a frame.

    Returns:
        RMSE in dB, indexed by ``artist`` and ``track_id``, families in the table's order.
    """
    part = table[table["size"] == size]
    wide = part.pivot(index=["artist", "track_id"], columns="family", values="rmse_db")
    return wide[part["family"].unique()]


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean error of each model over artists, with its 95 % interval.

    Args:
        table: Result of :func:`musiclib.studies.roche.spectra.clip_table`.

    Returns:
        One row for each family and size: ``family``, ``size``, ``mean``, ``low``, ``high``.
    """
    by_model = ("family", "size")
    found = mean(table, by_model, value="rmse_db", clip="track_id", bounds=(0.0, math.inf))
    return found[[*by_model, "mean", "low", "high"]]


def differences(table: pd.DataFrame, baseline: str = BASELINE) -> pd.DataFrame:
    """Paired difference of each model to the baseline of its size.

    Args:
        table: Result of :func:`musiclib.studies.roche.spectra.clip_table`.
        baseline: A family of the table.

    Returns:
        One row for each other family and size: ``family``, ``size``, ``mean``, ``low``, ``high``;
        negative where the model's error is lower.
    """
    pairs = table[table["family"] != baseline][["family", "size"]].drop_duplicates()
    rows = []
    for family, size in pairs.itertuples(index=False):
        found = difference(table, family, baseline, size)
        rows.append({"family": family, "size": size, **_ends(found)})
    return pd.DataFrame(rows)


def difference(table: pd.DataFrame, first: str, second: str, size: int) -> Interval:
    """Paired difference of two families at one size.

    Args:
        table: Result of :func:`musiclib.studies.roche.spectra.clip_table`.
        first: A family.
        second: Another one.
        size: Values for a frame.

    Returns:
        Interval of first minus second in dB.
    """
    wide = errors_by_clip(table, size)
    return mean_interval(wide[first] - wide[second], wide.index.get_level_values("artist"))


def ordering(table: pd.DataFrame, size: int, families: Sequence[str]) -> str:
    """Families from the lowest error to the highest.

    Args:
        table: Result of :func:`musiclib.studies.roche.spectra.clip_table`.
        size: Values for a frame.
        families: Those to sort.

    Returns:
        Labels, joined by "<" where the paired interval of two neighbours leaves out 0 and by "≈"
        where it holds 0, or where there are too few artists for one.
    """
    by_artist = errors_by_clip(table, size)[list(families)].groupby("artist").mean()
    ranked = by_artist.mean().sort_values().index
    words = LABELS[ranked[0]]
    for before, after in itertools.pairwise(ranked):
        clear = difference(table, before, after, size).sign == -1
        words += f" {'<' if clear else '≈'} {LABELS[after]}"
    return words


def orderings(table: pd.DataFrame, families: Sequence[str]) -> pd.DataFrame:
    """The ordering at every size.

    Args:
        table: Result of :func:`musiclib.studies.roche.spectra.clip_table`.
        families: Those to sort.

    Returns:
        One row for each size, with the column ``From the lowest error to the highest``.
    """
    rows = {size: ordering(table, size, families) for size in table["size"].unique()}
    return pd.DataFrame({"From the lowest error to the highest": rows}).rename_axis("Size")


def verdict(table: pd.DataFrame, claim: Claim) -> str:
    """Whether a claim holds here, size by size.

    Args:
        table: Result of :func:`musiclib.studies.roche.spectra.clip_table`.
        claim: The claim.

    Returns:
        ``confirmed`` or ``refuted`` where all intervals leave out 0 on one side, ``not settled``
        where all hold it; else these words with the sizes that they hold for.
    """
    words = {-1: "confirmed", 0: "not settled", 1: "refuted"}
    by_word: dict[str, list[str]] = {}
    for size in table["size"].unique():
        word = words[difference(table, claim.better, claim.worse, size).sign]
        by_word.setdefault(word, []).append(str(size))
    if len(by_word) == 1:
        return next(iter(by_word))
    return "; ".join(f"{word} at {', '.join(found)}" for word, found in by_word.items())


def verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """The paper's claims beside what holds here.

    Args:
        table: Result of :func:`musiclib.studies.roche.spectra.clip_table`.

    Returns:
        One row for each claim, with the column ``On this music`` and the range of the mean
        differences over the sizes.
    """
    rows = {}
    for claim in CLAIMS:
        gaps = [
            difference(table, claim.better, claim.worse, size).mean
            for size in table["size"].unique()
        ]
        low, high = signed(min(gaps)), signed(max(gaps))
        rows[claim.words] = {
            "On this music": verdict(table, claim),
            "Difference (dB)": low if low == high else f"{low} to {high}",
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("Roche et al., NSynth")


def readable(rows: pd.DataFrame, signs: bool = False) -> pd.DataFrame:
    """Means with intervals as a table of texts.

    Args:
        rows: Result of :func:`means` or :func:`differences`.
        signs: Whether to write the sign of positive numbers.

    Returns:
        One row for each size, one column for each family.
    """
    text = signed if signs else _plain
    cells = [
        text(row.mean)
        if math.isnan(row.low)
        else f"{text(row.mean)} [{text(row.low)},{NARROW}{text(row.high)}]"
        for row in rows.itertuples()
    ]
    wide = rows.assign(cell=cells).pivot(index="size", columns="family", values="cell")
    wide = wide[rows["family"].unique()].rename(columns=LABELS)
    shown = wide.rename_axis(index="Size", columns=None).fillna("not trained")
    return with_values(shown, rows.reset_index(drop=True))


def by_part(tables: Mapping[str, pd.DataFrame], family: str) -> pd.DataFrame:
    """Difference of a family to the baseline on several parts of a data set.

    Args:
        tables: Results of :func:`musiclib.studies.roche.spectra.clip_table` by name of the part.
        family: A family other than the baseline.

    Returns:
        One row for each size, one column for each part, as texts.
    """
    columns = {}
    for part, table in tables.items():
        rows = differences(table[table["family"].isin([BASELINE, family])])
        columns[part] = readable(rows, signs=True)[LABELS[family]]
    return pd.DataFrame(columns)


def best_counts(table: pd.DataFrame) -> pd.Series:
    """How many sizes each family has the lowest mean error at.

    Args:
        table: Result of :func:`musiclib.studies.roche.spectra.clip_table`.

    Returns:
        Counts by family, the largest first.
    """
    found = means(table).pivot(index="size", columns="family", values="mean")
    return found.idxmin(axis=1).value_counts()


def worth(means: pd.DataFrame, family: str, size: int, baseline: str = BASELINE) -> float:
    """Number of values with which the baseline would have a family's error.

    Read off the baseline's curve, as straight lines over the logarithm of the size.

    Args:
        means: Result of :func:`means`.
        family: A family.
        size: Its values for a frame.
        baseline: Another family, with at least two sizes.

    Returns:
        Values for a frame; at most the largest and at least the smallest size of the baseline.
    """
    curve = means[means["family"] == baseline].sort_values("mean")
    own = means[(means["family"] == family) & (means["size"] == size)]["mean"].iloc[0]
    return float(np.exp(np.interp(own, curve["mean"], np.log(curve["size"]))))


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, as it is typeset."""
    text = f"{value:+.{digits}f}"
    if float(text) == 0.0:
        return text[1:]
    return text.replace("-", MINUS)


def _plain(value: float) -> str:
    return f"{value:.2f}".replace("-", MINUS)


def _ends(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}
