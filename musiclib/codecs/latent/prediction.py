"""Predictions of whole numbers from those before, in whole numbers."""

from __future__ import annotations

import numpy as np

from musiclib.codecs.latent.tables import IntArray

ORDER = 32
# Coefficients count in 1/64.
UNIT_BITS = 6
HALF = 1 << UNIT_BITS - 1
MAX_COEFFICIENT = 2**15


def frame_errors(values: IntArray, quarters: int) -> IntArray:
    """Return values `(C, L)` less `quarters / 4` of the frame before, rounded."""
    before = np.pad(values, ((0, 0), (1, 0)))[:, :-1]
    return values - (quarters * before + 2 >> 2)


def undo_frames(errors: IntArray, quarters: IntArray) -> IntArray:
    """Undo `frame_errors`, with a weight `(C,)` for each channel."""
    values = np.empty_like(errors.T)
    before = np.zeros(len(errors), dtype=np.int64)
    for frame, row in enumerate(errors.T):
        before = row + (quarters * before + 2 >> 2)
        values[frame] = before
    return values.T


def fit_sequence(values: IntArray) -> IntArray:
    """Return coefficients of linear prediction along the channels of one frame after the other.

    The channels of a waveform model are a signal at a low rate, cut into frames. The coefficients
    are those of least squares by the autocorrelation method, whole multiples of 1/64.

    Args:
        values: `(C, L)`.

    Returns:
        Coefficients of the last value, the one before it, and so on, `(32,)`, or none where the
        values are too few.
    """
    signal = values.T.ravel().astype(np.float64)
    if len(signal) <= 4 * ORDER or not signal.any():
        return np.zeros(0, dtype=np.int64)
    lags = np.array([signal[lag:] @ signal[: len(signal) - lag] for lag in range(ORDER + 1)])
    lags[0] *= 1.001  # a little white noise, so that the equations can be solved
    places = np.arange(ORDER)
    found = np.linalg.solve(lags[np.abs(places[:, None] - places)], lags[1:])
    coefficients: IntArray = np.rint(found * 2**UNIT_BITS).astype(np.int64)
    return coefficients


def sequence_errors(values: IntArray, coefficients: IntArray) -> IntArray:
    """Return values `(C, L)` less their linear prediction, rounded."""
    signal = values.T.ravel()
    sums = np.zeros_like(signal)
    for lag, weight in enumerate(coefficients.tolist(), 1):
        sums[lag:] += weight * signal[:-lag]
    errors: IntArray = (signal - (sums + HALF >> UNIT_BITS)).reshape(values.T.shape).T
    return errors


def undo_sequence(errors: IntArray, coefficients: IntArray) -> IntArray:
    """Undo `sequence_errors`."""
    order = len(coefficients)
    signal = np.concatenate([np.zeros(order, dtype=np.int64), errors.T.ravel()])
    weights = coefficients[::-1].copy()
    with np.errstate(over="ignore"):  # a hostile file's values may grow without bounds
        for place in range(order, len(signal)):
            signal[place] += weights @ signal[place - order : place] + HALF >> UNIT_BITS
    values: IntArray = signal[order:].reshape(errors.T.shape).T
    return values
