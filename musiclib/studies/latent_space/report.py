"""Tables and words for the page, made of the measures."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from musiclib.latents.quality import text
from musiclib.stats import Interval
from musiclib.studies.latent_space.layout import Company, Picture
from musiclib.studies.latent_space.material import LABELS, Material
from musiclib.studies.latent_space.truth import TARGETS

NOT_COMPUTED = "not computed"
TARGET_LABELS = {**TARGETS, "chroma": "Chroma (12 shares)", "tempo": "Tempo (octaves)"}
SHORT_LABELS = {
    "level": "level",
    "centroid": "spectral centroid",
    "flatness": "flatness",
    "percussive": "percussive share",
    "onset": "onset strength",
    "chroma": "chroma",
    "tempo": "tempo",
}


def number(value: float, spec: str = ".2f") -> str:
    """A number for the text, with a real minus sign; "not computed" for NaN."""
    if not math.isfinite(value):
        return NOT_COMPUTED
    # "z" keeps what rounds to nothing from becoming a negative zero.
    return format(value, f"z{spec}" if spec[0] in ".0" else spec).replace("-", "\N{MINUS SIGN}")


def interval(value: Interval, spec: str = ".2f") -> str:
    """An interval for the text, with real minus signs; its ends stay on one line."""
    words = text(value, spec).replace("-", "\N{MINUS SIGN}")
    return words.replace(", ", ",\N{NO-BREAK SPACE}")


def spaces_table(found: Material) -> pd.DataFrame:
    """What the spaces are: values a second of sound, and in the vector of a piece."""
    rows = {
        one.label: {
            "Frames a second": f"{one.found.frame_rate:.1f}",
            "Values in a frame": one.found.channels,
            "Values in a vector": one.pieces.values.shape[1],
        }
        for one in found.spaces.values()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def company_table(measured: Mapping[str, Company], labels: Mapping[str, str]) -> pd.DataFrame:
    """Neighbours in numbers, a row a space or picture, and a last row for chance."""
    rows = {
        labels[name]: {
            "Genre of neighbours": interval(one.genre),
            "Silhouette, genre": number(one.genre_silhouette.mean),
            "Artist of nearest": interval(one.artist),
            "Silhouette, artist": number(one.artist_silhouette.mean),
            "Level of neighbours": number(one.level),
        }
        for name, one in measured.items()
    }
    first = next(iter(measured.values()))
    rows["chance"] = {
        "Genre of neighbours": number(first.genre_chance),
        "Silhouette, genre": "≤ 0",
        "Artist of nearest": number(first.artist_chance),
        "Silhouette, artist": "≤ 0",
        "Level of neighbours": "≈ 0",
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def pictures_table(
    pictures: Mapping[str, Picture],
    measured: Mapping[str, Company],
    trust: Mapping[str, float],
    training: Mapping[str, float],
) -> pd.DataFrame:
    """The numbers beside the pictures, a row for each."""
    rows = {
        picture.label: {
            "Genre of neighbours": interval(measured[name].genre),
            "the same, training tracks": number(training[name]),
            "Silhouette, genre": number(measured[name].genre_silhouette.mean),
            "Artist of nearest": number(measured[name].artist.mean),
            "Level of neighbours": number(measured[name].level),
            "Trustworthiness": number(trust[name]),
        }
        for name, picture in pictures.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def frames(measured: Mapping[str, Company]) -> tuple[dict[str, pd.DataFrame], dict[str, float]]:
    """Measures of whole spaces for :func:`musiclib.studies.latent_space.figures.dots`."""
    first = next(iter(measured.values()))
    panels: dict[str, pd.DataFrame] = {}
    chance: dict[str, float] = {}
    if math.isfinite(first.genre.mean):
        panels["Same genre nearby"] = _table({n: c.genre for n, c in measured.items()})
        chance["Same genre nearby"] = first.genre_chance
    if math.isfinite(first.artist.mean):
        panels["Same artist nearest"] = _table({n: c.artist for n, c in measured.items()})
        chance["Same artist nearest"] = first.artist_chance
    alone = {n: Interval(c.level, math.nan, math.nan, 0) for n, c in measured.items()}
    panels["Same level nearby (r)"] = _table(alone)
    return panels, chance


def probe_panels(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """R2 of each fact for :func:`musiclib.studies.latent_space.figures.dots`."""
    panels = {}
    for target, part in table.groupby("target", sort=False):
        shown = part.set_index("space")[["mean", "low", "high"]]
        panels[SHORT_LABELS[str(target)].capitalize()] = shown.rename(index=LABELS)
    return panels


def probe_table(table: pd.DataFrame) -> pd.DataFrame:
    """R2 of each fact (rows) from each space (columns), as texts."""
    cells = {
        LABELS[str(space)]: {
            TARGET_LABELS[str(row.target)]: number(float(row.mean_)) for row in part.itertuples()
        }
        for space, part in table.rename(columns={"mean": "mean_"}).groupby("space", sort=False)
    }
    return pd.DataFrame(cells)


def shares_table(columns: Mapping[str, tuple[Mapping[str, Interval], float]]) -> pd.DataFrame:
    """Shares with intervals, a column each, a row a space and a last row for knowing nothing."""
    cells = {
        title: {
            **{LABELS[name]: interval(share) for name, share in shares.items()},
            "knowing nothing": number(blind),
        }
        for title, (shares, blind) in columns.items()
        if shares
    }
    return pd.DataFrame(cells)


def percent_table(table: pd.DataFrame) -> pd.DataFrame:
    """Percentages as texts, spaces with their labels."""
    return table.rename(index=LABELS).map(lambda value: number(float(value), ".0f"))


def compared(
    value: Interval, better: str, worse: str, level: str, nothing: str = NOT_COMPUTED
) -> str:
    """Words for a difference: settled only where its interval leaves out 0."""
    if not math.isfinite(value.mean):
        return nothing
    return {1: better, -1: worse, 0: level}[value.sign]


def ranked(values: Mapping[str, float], labels: Mapping[str, str] = LABELS) -> str:
    """Names with their numbers, the highest first, as a list in words."""
    known = {name: value for name, value in values.items() if math.isfinite(value)}
    order = sorted(known, key=lambda name: -known[name])
    return ", ".join(f"{labels[name]} {number(known[name])}" for name in order) or NOT_COMPUTED


def strongest(shares: pd.DataFrame) -> dict[str, list[str]]:
    """Labels of the spaces by the factor that explains most of each, the most frequent first.

    Args:
        shares: Result of :func:`musiclib.studies.latent_space.layout.variance_shares`.
    """
    found: dict[str, list[str]] = {}
    for name, row in shares.iterrows():
        if np.isfinite(row.to_numpy(float)).any():
            found.setdefault(str(row.astype(float).idxmax()), []).append(LABELS[str(name)])
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def known(table: pd.DataFrame, space: str, least: float = 0.5) -> tuple[str, str]:
    """Facts that a space gives away, and those that it does not, as lists in words.

    Args:
        table: Result of :func:`musiclib.studies.latent_space.probing.scores`.
        space: A space.
        least: R2 from which a fact counts as given away; one whose interval reaches 0 is not.

    Returns:
        Facts with an R2 of at least `least`, and facts that are not settled to be above 0.
    """
    part = table[table["space"] == space]
    strong = part[part["mean"] >= least].sort_values("mean", ascending=False)
    none = part[~(part["low"] > 0.0)]
    return _listed(strong), _listed(none, with_number=False)


def _listed(part: pd.DataFrame, with_number: bool = True) -> str:
    words = [
        SHORT_LABELS[str(row.target)] + (f" ({number(float(row.mean_))})" if with_number else "")
        for row in part.rename(columns={"mean": "mean_"}).itertuples()
    ]
    return ", ".join(words) or "none"


def _table(values: Mapping[str, Interval]) -> pd.DataFrame:
    rows = {LABELS[n]: {"mean": v.mean, "low": v.low, "high": v.high} for n, v in values.items()}
    return pd.DataFrame.from_dict(rows, orient="index")
