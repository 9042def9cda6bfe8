"""Tracks as paths: how the latents of a clip wander while it plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import uniform_filter1d

from musiclib.audio import FloatArray
from musiclib.latents.projection import Array
from musiclib.studies.latent_space.material import MAIN, Material

SMOOTH_S: Final = 1.0
SHORTEST_S: Final = 3.0
_STEPS = 4  # background points a second


@dataclass(frozen=True, eq=False)
class Path:
    """One track's path.

    Attributes:
        track_id: The track.
        places: Through the first two components, `(L, 2)`.
        seconds: Length of the track.
        restlessness: Mean distance of one second from the next in the whole space, where frames of
            training music are 1 from their mean (root mean square).
    """

    track_id: str
    places: Array
    seconds: float
    restlessness: float


@dataclass(frozen=True, eq=False)
class Paths:
    """The calmest and the most restless test track before the background of all training tracks.

    Attributes:
        background: Places of training tracks, a few a second, `(N, 2)`.
        held: Share of the smoothed latents' variance in the two components, in percent.
        chosen: The two paths, the calm one first.
        compared: Number of test tracks that they were chosen from.
    """

    background: Array
    held: float
    chosen: tuple[Path, Path]
    compared: int


def smoothed(sequence: Array | FloatArray, frame_rate: float, seconds: float = SMOOTH_S) -> Array:
    """Moving average of a sequence `(C, L)` over time."""
    size = max(1, round(seconds * frame_rate))
    found: Array = uniform_filter1d(sequence.astype(np.float64), size, axis=1, mode="nearest")
    return found


def restlessness(sequence: Array | FloatArray, frame_rate: float) -> float:
    """Mean distance between the means of neighbouring seconds of a sequence `(C, L)`."""
    size = max(1, round(frame_rate))
    count = sequence.shape[1] // size
    if count < 2:
        return float("nan")
    means = sequence[:, : count * size].reshape(len(sequence), count, size).mean(axis=2)
    return float(np.linalg.norm(np.diff(means, axis=1), axis=0).mean())


def paths(found: Material, space: str = MAIN) -> Paths | None:
    """Choose and project the two paths.

    The space is scaled, as a whole, and its components are found on training tracks. Test tracks
    that are at least half as long as the longest of them, and three seconds, are compared; the calm
    one has the lowest :func:`restlessness`, the changing one the highest.

    Args:
        found: The material.
        space: A space whose sequences are latents.

    Returns:
        The paths; None where fewer than two test tracks are long enough.
    """
    from sklearn.decomposition import PCA

    sequences = found.spaces[space].found
    rate = sequences.frame_rate
    ids = found.tracks.index
    learned = [sequences[track_id] for track_id in ids[found.training]]
    joined = np.concatenate(learned, axis=1).astype(np.float64)
    centre = joined.mean(axis=1)[:, None]
    # One scale for all: a value that moves the sound more keeps its larger range.
    spread = max(float(np.sqrt(joined.var(axis=1).sum())), 1e-6)

    def scaled(sequence: FloatArray) -> Array:
        found: Array = (sequence - centre) / spread
        return found

    step = max(1, round(rate / _STEPS))
    calm = np.concatenate([smoothed(scaled(one), rate)[:, ::step] for one in learned], axis=1).T
    heard = {track_id: scaled(sequences[track_id]) for track_id in ids[found.test]}
    lengths = {track_id: one.shape[1] / rate for track_id, one in heard.items()}
    least = max(SHORTEST_S, max(lengths.values()) / 2)
    moves = {
        track_id: restlessness(one, rate)
        for track_id, one in heard.items()
        if lengths[track_id] >= least
    }
    if len(moves) < 2 or len(calm) < 3 or calm.shape[1] < 2:
        return None
    plane = PCA(2, random_state=0).fit(calm)
    ordered = sorted(moves, key=lambda track_id: moves[track_id])
    first, last = (
        Path(
            track_id,
            plane.transform(smoothed(heard[track_id], rate).T),
            lengths[track_id],
            moves[track_id],
        )
        for track_id in (ordered[0], ordered[-1])
    )
    held = 100 * float(plane.explained_variance_ratio_.sum())
    return Paths(plane.transform(calm), held, (first, last), len(moves))
