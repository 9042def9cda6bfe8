"""Predictions of whole numbers from those before, in whole numbers."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from musiclib.codecs.latent.tables import IntArray

ORDER = 32
# Coefficients count in 1/64.
UNIT_BITS = 6
HALF = 1 << UNIT_BITS - 1
MAX_COEFFICIENT = 2**15
_ENDLESS = 2.0**62


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
    if order == 0:
        return errors
    # In float64, whose products BLAS adds up: whole numbers below 2^53 are exact there. A hostile
    # file's values may grow beyond, up to infinity; they end as numbers that are out of any range.
    signal = np.zeros(order + errors.size)
    weights = coefficients[::-1].astype(np.float64)
    windows = sliding_window_view(signal, order)
    known = errors.T.ravel().astype(np.float64).tolist()
    with np.errstate(over="ignore", invalid="ignore"):
        for place, (window, error) in enumerate(zip(windows, known, strict=False), order):
            signal[place] = error + (float(weights.dot(window)) + HALF) // 2**UNIT_BITS
    found = np.nan_to_num(signal[order:], nan=_ENDLESS, posinf=_ENDLESS, neginf=_ENDLESS)
    whole: IntArray = np.clip(found, -_ENDLESS, _ENDLESS).astype(np.int64)
    return whole.reshape(errors.T.shape).T
