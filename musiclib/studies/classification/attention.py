"""Where attention looks: a quickly trained head, and its weights over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from musiclib.genre import SEGMENT_S, Learning, Network, Run
from musiclib.genre.networks import Normalised, learn, statistics
from musiclib.latents import track_pieces
from musiclib.latents.quality import grouped_interval
from musiclib.models.genre import SequenceClassifier
from musiclib.stats import Interval
from musiclib.studies.classification.material import Material

FloatVector = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Looks:
    """Weights of the frames of one track.

    Attributes:
        track_id: The track.
        weights: Weight of each frame, `(L,)`, as a multiple of an equal share of its piece.
        used: Frames that would give the same entropy with equal weights, as a share of all; mean
            over pieces.
        level: Rank correlation of the weights with the level of the sound; NaN if one is constant.
        change: The same with the distance of a frame's latents from those of the frame before.
    """

    track_id: str
    weights: FloatVector
    used: float
    level: float
    change: float


def train_head(found: Material, run: Run, steps: int | None = None) -> Normalised:
    """Train a head with attention on frozen latents.

    Args:
        found: The chapter's material.
        run: Who learns.
        steps: Steps of training; by default the usual number.

    Returns:
        The head in evaluation mode.
    """
    learning = Learning() if steps is None else Learning(steps=steps)
    system = Network("attention", "latents", found.representation, pooling="attention")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.number)
        head = system.make(found.found, run)
        network = Normalised(head, *statistics(found.found, run.train))
    learn(network, found.found, run, learning)
    return network


def looks(found: Material, network: Normalised, track_id: str) -> Looks:
    """Weights of a track, piece by piece."""
    head = network.network
    assert isinstance(head, SequenceClassifier)
    weights, used, moved = [], [], []
    with torch.inference_mode():
        for _, piece in track_pieces(found.found, SEGMENT_S, track_id):
            values = (torch.from_numpy(piece)[None] - network.mean) / network.spread
            shares = head.ending.pool.weights(head.features(values))[0, 0].double().numpy()
            weights.append(shares * len(shares))
            used.append(effective(shares) / len(shares))
            steps = np.diff(values[0].double().numpy(), axis=1, prepend=values[0, :, :1].double())
            moved.append(np.sqrt(np.square(steps).sum(axis=0)))
    joined = np.concatenate(weights)
    return Looks(
        track_id,
        joined,
        float(np.mean(used)),
        rank_correlation(joined, levels(found, track_id)[: len(joined)]),
        rank_correlation(joined, np.concatenate(moved)),
    )


def effective(weights: FloatVector) -> float:
    """Number of equal weights with the same entropy, 1 to `L`, of `(L,)` that sum to one."""
    positive = weights[weights > 0.0]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def levels(found: Material, track_id: str) -> FloatVector:
    """Mean power of the sound in each frame of the latents, `(L,)`, in dB."""
    representation = found.representation
    audio = found.music.cache(representation.sample_rate).audio(track_id).astype(np.float64)
    length = found.found.length(track_id)
    padded = np.zeros(length * representation.hop)
    padded[: len(audio)] = audio[: len(padded)]
    power = np.square(padded).reshape(length, -1).mean(axis=1)
    decibels: FloatVector = 10.0 * np.log10(power + 1e-9)
    return decibels


def rank_correlation(first: FloatVector, second: FloatVector) -> float:
    """Spearman's rank correlation; NaN where one of them is constant."""
    from scipy.stats import spearmanr

    if np.ptp(first) < 1e-9 or np.ptp(second) < 1e-9:
        return float("nan")
    return float(spearmanr(first, second).statistic)


def most_uneven(seen: list[Looks], frames: int, pieces: int = 3) -> tuple[Looks, int]:
    """The stretch of some pieces whose weights are spread most unevenly.

    Args:
        seen: Weights of tracks.
        frames: Frames in a piece.
        pieces: Pieces in the stretch, as far as a track is long enough.

    Returns:
        The track and the first frame of the stretch: that with the largest standard deviation of
        its weights.
    """
    best: tuple[float, Looks, int] | None = None
    for one in seen:
        length = min(len(one.weights), pieces * frames)
        for start in range(0, len(one.weights) - length + 1, frames):
            spread = float(one.weights[start : start + length].std())
            if best is None or spread > best[0]:
                best = spread, one, start
    assert best is not None  # there is at least one track
    return best[1], best[2]


def mean_correlation(values: Sequence[float], artists: Sequence[str]) -> Interval:
    """Mean of the tracks' correlations that are known, with a 95 % interval over artists."""
    return grouped_interval(values, artists, (-1.0, 1.0))
