"""From a sequence of latents to a vector: what statistics keep, and what they cannot see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.audio import FloatArray
from musiclib.genre import SEGMENT_S, Guesses, Statistics, guess_all
from musiclib.latents import (
    RICH,
    AutoencoderLatents,
    Pooled,
    Representation,
    Statistic,
    pooled,
    sequences,
)
from musiclib.latents.bands import Bands, fit_filterbank
from musiclib.latents.pooling import lags_of
from musiclib.studies.classification.material import Material

MOST_PIECES: Final = 600
CLOSEST_SHARE: Final = 0.01
LADDER: Final[dict[str, tuple[Statistic, ...]]] = {
    "mean": ("mean",),
    "mean and spread": ("mean", "logstd"),
    "mean, spread and changes": RICH,
}
"""Statistics of latents by name, each with more than the one before."""

FloatMatrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Twins:
    """Two pieces with nearly the same means and spreads, and other changes.

    Attributes:
        tracks: Identifier of each.
        starts: Where each begins, in seconds.
        still: Distance of their means and spreads, as a share of the median pair's.
        moving: Distance of their changes, as a share of the median pair's.
        pairs: Number of pairs that were looked at.
    """

    tracks: tuple[str, str]
    starts: tuple[float, float]
    still: float
    moving: float
    pairs: int


def twins(found: Material) -> Twins | None:
    """Find two test pieces that means and spreads confuse.

    Of all pairs of pieces by different artists, take the hundredth whose means and spreads are
    closest; of those, the pair whose changes are furthest apart. Of more than 600 test pieces,
    600 are looked at, evenly spread.

    Returns:
        The pair; None if all test pieces are by one artist.
    """
    every = pooled(found.test, SEGMENT_S, RICH)
    kept = np.unique(np.linspace(0, len(every.values) - 1, MOST_PIECES).round().astype(int))
    pieces = Pooled(every.values[kept], every.rows.iloc[kept].reset_index(drop=True), every.name)
    groups = pd.factorize(pieces.rows["artist_group"])[0]
    first, second = np.triu_indices(len(groups), 1)
    apart = groups[first] != groups[second]
    first, second = first[apart], second[apart]
    if len(first) == 0:
        return None
    values = standardised(pieces.values)
    edge = 2 * found.found.channels
    still = _distances(values[:, :edge])[first, second]
    moving = _distances(values[:, edge:])[first, second]
    close = np.argsort(still, kind="stable")[: max(1, int(CLOSEST_SHARE * len(still)))]
    best = close[int(moving[close].argmax())]
    rows = pieces.rows.iloc[[first[best], second[best]]]
    names, starts = rows["track_id"].tolist(), rows["start_s"].tolist()
    return Twins(
        (str(names[0]), str(names[1])),
        (float(starts[0]), float(starts[1])),
        float(still[best] / max(np.median(still), 1e-9)),
        float(moving[best] / max(np.median(moving), 1e-9)),
        len(still),
    )


def standardised(values: npt.NDArray[np.floating]) -> FloatMatrix:
    """Bring each column to mean 0 and deviation 1; a column that does not vary becomes 0."""
    spread = values.std(axis=0)
    centred = values - values.mean(axis=0)
    scaled: FloatMatrix = centred / np.where(spread > 1e-6, spread, np.inf)
    return scaled


def _distances(values: FloatMatrix) -> FloatMatrix:
    squares = np.square(values).sum(axis=1)
    found = squares[:, None] + squares[None] - 2 * values @ values.T
    distances: FloatMatrix = np.sqrt(np.maximum(found, 0.0))
    return distances


def change_by_lag(
    piece: FloatArray, scale: FloatArray, lags: Sequence[int]
) -> npt.NDArray[np.float64]:
    """Root mean square change over each lag, over channels, in units of the channels' deviation.

    Args:
        piece: Latents, `(C, L)`.
        scale: Deviation of each channel, `(C,)`.
        lags: In frames. A lag that the piece is too short for gives NaN.

    Returns:
        `(lags,)`.
    """
    scaled = piece / np.maximum(scale, 1e-6)[:, None]
    return np.array(
        [
            np.sqrt(np.square(scaled[:, lag:] - scaled[:, :-lag]).mean())
            if scaled.shape[1] > lag
            else np.nan
            for lag in lags
        ]
    )


def lags_s(found: Material) -> tuple[list[int], list[float]]:
    """The lags of changes, in frames and in seconds."""
    lags = lags_of(found.found)
    return lags, [lag / found.found.frame_rate for lag in lags]


def shuffled(piece: FloatArray, seed: int = 0) -> FloatArray:
    """The same frames in another order, `(C, L)`."""
    order = np.random.default_rng(seed).permutation(piece.shape[1])
    mixed: FloatArray = piece[:, order]
    return mixed


def ladder(found: Material) -> dict[str, Guesses]:
    """Guesses of logistic regression on more and more statistics of the same latents."""
    return {
        name: guess_all(system, found.music, found.runs)
        for name, system in {
            name: Statistics(name, "latents", (found.representation,), statistics=chosen)
            for name, chosen in LADDER.items()
        }.items()
    }


@dataclass(frozen=True, eq=False)
class Swing:
    """How a sequence swings, over the same pieces of music.

    Attributes:
        label: What it is.
        values: One channel of one piece, `(L,)`: the one with the largest variance.
        frame_rate: Its frames in a second.
        said: Spread of the pieces' means over the mean spread inside a piece, median over channels.
        turned: Correlation with the sequence of the sound turned upside down.
    """

    label: str
    values: FloatArray
    frame_rate: float
    said: float
    turned: float


def banded(found: Material, representation: AutoencoderLatents, most: int = 12) -> Bands:
    """Energies of latents in bands that are fitted to some of the tracks outside the test part.

    Args:
        found: The chapter's material.
        representation: Latents that swing.
        most: Number of tracks to fit the bands to, evenly spread; all tracks, where there are none
            outside the test part.
    """
    tracks = found.tracks
    names = list(tracks.index[tracks["split"] != "test"]) or list(tracks.index)
    chosen = [str(name) for name in names[:: max(1, -(-len(names) // most))]]
    source = sequences(representation, found.music.select(track_ids=chosen))
    return Bands(representation, fit_filterbank(source, chosen))


def swings(representations: Sequence[Representation], sounds: Sequence[FloatArray]) -> list[Swing]:
    """Compare what the means of sequences say of the same pieces of music.

    Args:
        representations: Of one sampling rate.
        sounds: Pieces, each `(N,)`.

    Returns:
        One for each representation.
    """
    return [
        _swing(one.label, one.frame_rate, [(one(sound), one(-sound)) for sound in sounds])
        for one in representations
    ]


def _swing(label: str, rate: float, pairs: Sequence[tuple[FloatArray, ...]]) -> Swing:
    means = np.stack([pair[0].mean(axis=1) for pair in pairs])
    inside = np.stack([pair[0].std(axis=1) for pair in pairs]).mean(axis=0)
    said = np.median(means.std(axis=0) / np.maximum(inside, 1e-9))
    upright, turned = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
    still = min(upright.std(), turned.std()) < 1e-9
    alike = float("nan") if still else float(np.corrcoef(upright, turned)[0, 1])
    shown = pairs[0][0]
    return Swing(label, shown[int(shown.var(axis=1).argmax())], rate, float(said), alike)
