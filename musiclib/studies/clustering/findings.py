"""What the experiment found, in sentences that hold for whatever data set it ran on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.models.losses import DB_PER_NEPER
from musiclib.stats import Interval
from musiclib.studies.clustering import scores
from musiclib.studies.clustering.experiment import (
    DEEP_FRAMES,
    DEEP_VECTORS,
    FREE_FRAMES,
    KMEANS_MEL,
    START_FRAMES,
    START_VECTORS,
    Outcome,
)
from musiclib.studies.clustering.fitting import Fitted
from musiclib.studies.clustering.material import Material
from musiclib.studies.clustering.summary import OTHER, SAME_ARTIST, SAME_GENRE, TEST, TRAINING

TOO_FEW = (
    "Clusters can be compared with genres where there are at least two genres of comparable size "
    "with training and test tracks. This data set has fewer, so nothing is computed here."
)


def decibels(material: Material, errors: pd.Series) -> npt.NDArray[np.float64]:
    """Turn mean squared errors of normalised log magnitudes into dB."""
    scale = float(material.model.spectrogram.scale)
    levels: npt.NDArray[np.float64] = np.sqrt(errors.to_numpy(float)) * scale * DB_PER_NEPER
    return levels


def signed(value: Interval) -> str:
    """A difference with its interval, with real minus signs."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def size(material: Material) -> str:
    """What was clustered."""
    known = int(material.known.sum())
    return (
        f"{len(material.frames):,} pieces of {len(material.tracks)} tracks of "
        f"{len(material.genres)} genres. The clusters are made on {known} tracks; the other "
        f"{len(material.tracks) - known}, the test tracks, are only assigned to them."
    )


def failures(outcomes: Mapping[str, Outcome]) -> str:
    """Which trainings collapsed, in words; empty if none did."""
    lines = [
        f"{name}: {len(one.failures)} of {len(one.failures) + len(one.clusters)} seeds failed "
        f"({one.failures[0]})."
        for name, one in outcomes.items()
        if one.failures
    ]
    return " ".join(lines)


def gain(material: Material, outcomes: Mapping[str, Outcome]) -> str:
    """Whether deep clustering agrees better with genre than k-means on the same embedding."""
    lines = []
    for what, start, deep in (
        ("the encoder", START_FRAMES, DEEP_FRAMES),
        ("the small autoencoder", START_VECTORS, DEEP_VECTORS),
    ):
        if not outcomes[deep].clusters:
            continue
        parts = [
            f"{signed(compare(material, outcomes[deep], outcomes[start], part))} on {part} tracks"
            for part in (TRAINING, TEST)
        ]
        lines.append(
            f"Deep clustering changes the NMI of {what} by {' and '.join(parts)}, compared with "
            "k-means on the same embedding before."
        )
    return " ".join(lines)


def compare(material: Material, first: Outcome, second: Outcome, part: str) -> Interval:
    """Difference of the NMI of two outcomes on a part's tracks, with its 95 % interval."""
    chosen = material.known if part == TRAINING else ~material.known
    return scores.difference(
        scores.normalised_information,
        material.genre_codes[chosen],
        material.artist_codes[chosen],
        [one[chosen] for one in first.clusters],
        [one[chosen] for one in second.clusters],
        len(material.genres),
        max(first.k, second.k),
    )


def spectrum(material: Material, outcomes: Mapping[str, Outcome]) -> str:
    """Whether the clusters of the codec's encoder beat plain k-means on log-mel statistics."""
    if not outcomes[DEEP_FRAMES].clusters or not outcomes[KMEANS_MEL].clusters:
        return ""
    one = compare(material, outcomes[DEEP_FRAMES], outcomes[KMEANS_MEL], TEST)
    word = {1: "above", -1: "below", 0: "not settled to differ from"}[one.sign]
    return (
        f"On test tracks the deep clusters of the encoder are {word} k-means on log-mel "
        f"statistics: the difference of the NMI is {signed(one)}."
    )


def rebuilding(material: Material, outcomes: Mapping[str, Outcome]) -> str:
    """What became of the spectra."""
    kept, free = outcomes[DEEP_FRAMES].fits, outcomes[FREE_FRAMES].fits
    if not kept:
        return ""
    errors = np.mean([decibels(material, one.history["error"])[[0, -1]] for one in kept], axis=0)
    text = (
        f"With the reconstruction kept, the error of the spectra goes from {errors[0]:.2f} to "
        f"{errors[1]:.2f} dB (mean over {_seeds(kept)})."
    )
    if free:
        ends = np.mean([decibels(material, one.history["error"])[-1] for one in free])
        text += f" Without it, it ends at {ends:.2f} dB (mean over {_seeds(free)})."
    return text


def stopping(outcomes: Mapping[str, Outcome]) -> str:
    """How many trainings came to rest, and how restless the others were."""
    fits = [one for name in (DEEP_FRAMES, DEEP_VECTORS) for one in outcomes[name].fits]
    if not fits:
        return ""
    rest = sum(one.stopped for one in fits)
    moving = [100.0 * float(one.history["changed"].iloc[-1]) for one in fits if not one.stopped]
    text = f"{rest} of {len(fits)} trainings came to rest before their last epoch."
    if moving:
        text += (
            f" In the others, {np.mean(moving):.1f} % of the pieces still changed their cluster "
            "at the end."
        )
    return text


def kinship(table: pd.DataFrame) -> str:
    """What tracks of one cluster have in common."""
    if not {SAME_GENRE, OTHER} <= set(table.index):
        return ""
    together = table["together"]
    text = (
        f"Two tracks of one genre that share neither artist nor package fall into one cluster in "
        f"{together[SAME_GENRE]:.0f} % of the cases, two tracks of different genres in "
        f"{together[OTHER]:.0f} %."
    )
    if SAME_ARTIST in table.index:
        more = together[SAME_ARTIST] - together[SAME_GENRE]
        sign = "+" if more >= 0 else "\N{MINUS SIGN}"
        text += (
            f" A common artist changes the first figure by {sign}{abs(more):.0f} points "
            f"({table.loc[SAME_ARTIST, 'pairs']} pairs)."
        )
    return text


def follows(table: pd.DataFrame) -> str:
    """Whether clusters know more about genre than about artists and packages."""
    ranked = table["above"].sort_values(ascending=False)
    words = ", ".join(
        f"{name} {value:.2f}".replace("-", "\N{MINUS SIGN}") for name, value in ranked.items()
    )
    return (
        f"NMI beyond chance over all tracks: {words}. The clusters follow {ranked.index[0]} most."
    )


def nearest_genres(counts: pd.DataFrame) -> str:
    """The genre that is caught best, and the one that is spread most."""
    shares = (counts.max(axis=1) / counts.sum(axis=1).clip(lower=1)).sort_values()
    best, worst = str(shares.index[-1]), str(shares.index[0])
    return (
        f"Best caught is {best.replace('_', ' ')}: {100 * shares.iloc[-1]:.0f} % of its training "
        f"tracks are in one cluster. Most spread is {worst.replace('_', ' ')}: its largest share "
        f"in one cluster is {100 * shares.iloc[0]:.0f} %."
    )


def _seeds(fits: Sequence[Fitted]) -> str:
    return "1 seed" if len(fits) == 1 else f"{len(fits)} seeds"
