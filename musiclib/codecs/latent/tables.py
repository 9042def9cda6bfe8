"""Tables of probabilities in whole numbers, the same on every machine.

A table says how likely each whole number is when a Laplace or logistic variable is rounded. It is
computed with `decimal`, whose every operation is rounded as its standard demands, so that a file
decodes to the same numbers wherever it is decoded. Floating-point exponentials differ in
their last digit between processors, and one such digit breaks a whole stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from musiclib.models.calibration import SHAPES, STEPS_PER_OCTAVE

PRECISION_BITS = 24
TOTAL = 2**PRECISION_BITS
# Scales in units of the step, in quarter-octaves: 1/16 to 1024.
LOWEST, HIGHEST = -16, 40
LEAST_RANGE = 8
_RARE = Decimal(2) ** -17
_DIGITS = Context(prec=40, rounding=ROUND_HALF_EVEN)

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Table:
    """Probabilities of `-reach` to `reach`, and of all that lies beyond (the escape).

    Attributes:
        reach: Largest size that has a probability of its own.
        weights: Weights of `-reach, ..., reach, escape`, `(2 * reach + 2,)`, each at least 1, with
            a sum of 2^24.
        bits: Cost of the sizes `0, ..., reach` and of the escape, `(reach + 2,)`.
        model: The same for constriction.
    """

    reach: int
    weights: IntArray
    bits: npt.NDArray[np.float64]
    model: Any


@cache
def table(shape: int, index: int) -> Table:
    """Return the table of a shape (an index into `SHAPES`) and a scale of `2 ** (index / 4)`."""
    if not (0 <= shape < len(SHAPES) and LOWEST <= index <= HIGHEST):
        raise ValueError(f"there is no table {shape}, {index}")
    import constriction

    with localcontext(_DIGITS):
        sides, escape = _masses(SHAPES[shape], index)
        reach = len(sides)
        count = 2 * reach + 2
        free = TOTAL - count
        side = np.array([int(mass * free) for mass in sides], dtype=np.int64)
        rest = max(int(escape * free), TOTAL >> 18)
    centre = free - 2 * int(side.sum()) - rest
    shares = np.concatenate([side[::-1], [centre], side, [rest]])
    # Constriction gives each symbol 1 / 2^24, and shares the other weights by these numbers. They
    # add up to what there is to share, so that its arithmetic has nothing to round.
    model = constriction.stream.model.Categorical(shares.astype(np.float64), perfect=False)
    weights = shares + 1
    return Table(reach, weights, PRECISION_BITS - np.log2(weights[reach:]), model)


def _masses(shape: str, index: int) -> tuple[list[Decimal], Decimal]:
    """Probabilities of 1, 2, ... up to where nearly nothing is left, and of what lies beyond."""
    root = Decimal(2).sqrt().sqrt()
    octaves, quarters = divmod(index, STEPS_PER_OCTAVE)
    scale = Decimal(2) ** octaves * root**quarters
    fall = (-1 / scale).exp()
    power = (Decimal("-0.5") / scale).exp()
    sides: list[Decimal] = []
    beyond = _tail(shape, power)
    while len(sides) < LEAST_RANGE or beyond > _RARE:
        power *= fall
        following = _tail(shape, power)
        sides.append(beyond - following)
        beyond = following
    return sides, 2 * beyond


def _tail(shape: str, power: Decimal) -> Decimal:
    """Probability above x, from `exp(-x / scale)`, for x of at least 0."""
    return power / 2 if shape == "laplace" else power / (1 + power)


@cache
def noisy_index(index: int, quarters: int) -> int:
    """Return the scale index of a prediction error once the prediction is quantised as well.

    The frame before is known up to its rounding error, which has a variance of a twelfth of the
    squared step; `quarters / 4` of it comes on top of the error itself.

    Args:
        index: Scale index of the error in units of the step, in quarter-octaves.
        quarters: Weight of the prediction in quarters.
    """
    index = max(LOWEST - 64, min(HIGHEST, index))
    with localcontext(_DIGITS):
        half_octaves = Decimal(2).sqrt() ** index
        total = half_octaves + Decimal(quarters**2) / (16 * 24)
        found = 2 * total.ln() / Decimal(2).ln()
        return int(found.to_integral_value(ROUND_HALF_EVEN))
