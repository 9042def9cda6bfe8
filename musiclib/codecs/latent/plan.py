"""The encoder's choices for a clip: how latents are predicted, and which table codes what is left.

What a calibration expects of all music fits no single clip. An encoder counts what each choice
would cost, and says in the file what it chose where that is cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from musiclib.codecs.latent.prediction import fit_sequence, frame_errors, sequence_errors
from musiclib.codecs.latent.tables import HIGHEST, LOWEST, IntArray, noisy_index, table
from musiclib.codecs.latent.varint import signed_varint_length, to_signed_varints
from musiclib.models.calibration import PREDICTORS, UNUSED

# How far a clip's scale may be from the calibrated one, in quarter-octaves.
REACH = 12
# Tables (shape, scale) of changes to expected scales and predictions.
DELTAS, SWITCHES = (0, 2), (0, -5)
EXPECTED, ADAPTED, SEQUENCE, MIXED = range(4)


@dataclass(frozen=True, eq=False)
class Statistics:
    """The whole-number part of a calibration.

    Attributes:
        scale: As in `musiclib.models.calibration.Calibration`, `(5, C)`.
        shape: The same, `(C,)`.
        sequence: Whether the channels of a frame follow each other in time.
    """

    scale: IntArray
    shape: IntArray
    sequence: bool = False

    @property
    def used(self) -> npt.NDArray[np.bool_]:
        """Which channels are coded at all, `(C,)`."""
        used: npt.NDArray[np.bool_] = self.scale[0] != UNUSED
        return used

    def expected(self, step: int) -> tuple[IntArray, IntArray]:
        """Return the table index for each prediction, `(5, U)`, and the best prediction, `(U,)`.

        U counts the channels that are used.
        """
        scale = self.scale[:, self.used] - step
        noisy = np.array(
            [
                [noisy_index(int(index), quarters) for index in row]
                for quarters, row in zip(PREDICTORS, scale, strict=True)
            ],
            dtype=np.int64,
        ).reshape(scale.shape)
        return np.clip(noisy, LOWEST, HIGHEST), noisy.argmin(axis=0)


@dataclass(frozen=True, eq=False)
class Plan:
    """How a clip is coded; U counts the channels that are used.

    Attributes:
        mode: `EXPECTED`, `ADAPTED` or `SEQUENCE`.
        errors: What is left of the values after prediction, `(U, L)`.
        index: Table of each channel, `(U,)`.
        delta: The same less the expected one, `(U,)`.
        switch: Index of the prediction less the expected one, `(U,)`.
        coefficients: Of `SEQUENCE`; none otherwise.
    """

    mode: int
    errors: IntArray
    index: IntArray
    delta: IntArray
    switch: IntArray
    coefficients: IntArray


def make_plan(values: IntArray, statistics: Statistics, step: int) -> Plan:
    """Return the cheapest plan for quantised latents of used channels, `(U, L)`."""
    levels, usual = statistics.expected(step)
    shape = statistics.shape[statistics.used]
    everyone = np.arange(len(values))
    errors = np.stack([frame_errors(values, quarters) for quarters in PREDICTORS])
    costs = _costs(errors, shape, levels)
    plain = float(costs[usual, everyone, REACH].sum())
    nothing, none = np.zeros(len(values), dtype=np.int64), np.zeros(0, dtype=np.int64)
    mine = errors[usual, everyone]
    plans = [(plain, Plan(EXPECTED, mine, levels[usual, everyone], nothing, nothing, none))]

    costs += table(*DELTAS).bits[np.abs(np.arange(-REACH, REACH + 1))]
    costs += table(*SWITCHES).bits[
        np.abs(np.arange(len(PREDICTORS))[:, None, None] - usual[:, None])
    ]
    flat = costs.transpose(1, 0, 2).reshape(len(values), -1)
    chosen, place = np.divmod(flat.argmin(axis=1), 2 * REACH + 1)
    index = levels[chosen, everyone] + place - REACH
    mine = errors[chosen, everyone]
    found = Plan(ADAPTED, mine, index, place - REACH, chosen - usual, none)
    plans.append((float(flat.min(axis=1).sum()), found))

    if statistics.sequence:
        coefficients = fit_sequence(values)
        mine = sequence_errors(values, coefficients)
        costs = _costs(mine[None], shape, levels[:1])[0]
        costs += table(*DELTAS).bits[np.abs(np.arange(-REACH, REACH + 1))]
        delta = costs.argmin(axis=1) - REACH
        total = float(costs.min(axis=1).sum()) + 8 * len(to_signed_varints(coefficients.tolist()))
        found = Plan(SEQUENCE, mine, levels[0] + delta, delta, nothing, coefficients)
        plans.append((total, found))
    return min(plans, key=lambda pair: pair[0])[1]


def _costs(errors: IntArray, shape: IntArray, levels: IntArray) -> npt.NDArray[np.float64]:
    """Bits for each prediction, channel and table from `-REACH` to `REACH` about the expected one.

    Args:
        errors: `(P, U, L)`.
        shape: `(U,)`.
        levels: Expected tables, `(P, U)`.

    Returns:
        Bits, `(P, U, 2 * REACH + 1)`, infinite where there is no table.
    """
    costs = np.full((*levels.shape, 2 * REACH + 1), np.inf)
    sizes = np.abs(errors)
    for kind in np.unique(shape):
        mine = levels[:, shape == kind]
        low, high = max(int(mine.min()) - REACH, LOWEST), min(int(mine.max()) + REACH, HIGHEST)
        for level in range(low, high + 1):
            place = level - levels + REACH
            row, channel = np.nonzero((place >= 0) & (place <= 2 * REACH) & (shape == kind))
            found = table(int(kind), level)
            size = sizes[row, channel]
            bits = found.bits.take(size, mode="clip").sum(axis=1)  # beyond the reach: the escape
            outside = size > found.reach
            if outside.any():
                beyond = np.zeros(size.shape)
                beyond[outside] = 8.0 * signed_varint_length(size[outside])
                bits = bits + beyond.sum(axis=1)
            costs[row, channel, place[row, channel]] = bits
    return costs
