"""Levels of bands, chosen so that they are cheap to send."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from musiclib.models.transform.bands import EDGES, FLOOR_DB, LARGEST_LEVEL, LEVEL_DB, IntArray

# Bits that a change of a level by d costs, about: measured on levels chosen with them.
UNCHANGED_BITS = 0.4
CHANGE_BITS = 2.2
STEP_BITS = 0.8
# An error beyond this many levels counts by its size instead of its square.
LARGE_ERROR = 10.0


def exact_levels(coefficients: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Mean power of each band in levels, not rounded.

    Args:
        coefficients: MDCT `(..., T, 256)`.

    Returns:
        `(..., T, 20)`; below 0 for what is fainter than the faintest level.
    """
    power = np.square(coefficients, dtype=np.float64)
    means = np.add.reduceat(power, EDGES[:-1], axis=-1) / np.diff(EDGES)
    return np.asarray((10.0 * np.log10(means + 1e-20) - FLOOR_DB) / LEVEL_DB)


def choose_levels(coefficients: npt.NDArray[np.float32], smoothing: float) -> IntArray:
    """Levels to send: the path through each band which errs and changes least.

    Minimises `(exact - level)^2 + smoothing * bits(change)` over all paths (Viterbi, "Error
    bounds for convolutional codes", IEEE Transactions on Information Theory 1967).

    Args:
        coefficients: MDCT `(T, 256)`.
        smoothing: What a bit is worth in squared levels; 0 rounds.

    Returns:
        Levels `(T, 20)`, 0 to 47.
    """
    exact = exact_levels(coefficients)
    if smoothing <= 0.0:
        return np.clip(np.rint(exact), 0, LARGEST_LEVEL).astype(np.int32)
    return np.asarray(_paths(np.clip(exact, 0.0, LARGEST_LEVEL), float(smoothing)))


@numba.njit(cache=True, nogil=True)
def _paths(exact, smoothing):  # type: ignore[no-untyped-def]
    """Best path of each column of `(T, B)`."""
    n_frames, n_bands = exact.shape
    states = LARGEST_LEVEL + 1
    out = np.empty((n_frames, n_bands), np.int32)
    back = np.empty((n_frames, states), np.int8)
    stay, change, step = (
        smoothing * UNCHANGED_BITS,
        smoothing * CHANGE_BITS,
        smoothing * STEP_BITS,
    )
    for band in range(n_bands):
        cost = np.zeros(states)
        for t in range(n_frames):
            if t > 0:
                # The cheapest way from below, then from above: a change costs `change + step * d`,
                # so the best start of a longer one is that of its neighbour.
                came = np.empty(states)
                running, origin = np.inf, 0
                for v in range(states):
                    came[v], back[t, v] = cost[v] + stay, v
                    if running + change < came[v]:
                        came[v], back[t, v] = running + change, origin
                    if cost[v] < running:
                        running, origin = cost[v], v
                    running += step
                running, origin = np.inf, 0
                for v in range(states - 1, -1, -1):
                    if running + change < came[v]:
                        came[v], back[t, v] = running + change, origin
                    if cost[v] < running:
                        running, origin = cost[v], v
                    running += step
                cost = came
            for v in range(states):
                error = abs(exact[t, band] - v)
                if error > LARGE_ERROR:
                    cost[v] += LARGE_ERROR * (2.0 * error - LARGE_ERROR)
                else:
                    cost[v] += error * error
        level = int(np.argmin(cost))
        for t in range(n_frames - 1, -1, -1):
            out[t, band] = level
            if t > 0:
                level = int(back[t, level])
    return out
