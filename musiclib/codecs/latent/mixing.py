"""Probabilities of whole numbers: tables that both sides know, and context mixing.

A table says how likely each whole number is when a Laplace or logistic variable is rounded. It is
computed with `decimal`, whose every operation is rounded as its standard demands, so that a file
decodes to the same numbers wherever it is decoded. Floating-point exponentials differ in
their last digit between processors, and one such digit breaks a whole stream.

Context mixing does for latents what `musiclib.codecs.melic.entropy` does for a spectrum. Each whole
number, less its prediction from the frame before, is sent as a few yes-or-no decisions. How likely
a yes is, several views of what is known say together: the channel's expected distribution (its
table), the same channel in the frames before, its neighbours, and how loud the frame is so far. All
of them start at the table and learn from each decision, on both sides alike, so nothing has to be
trained or sent. Everything that decides is a whole number.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from musiclib.errors import BitstreamError, CodecError
from musiclib.models.calibration import SHAPES, STEPS_PER_OCTAVE

if TYPE_CHECKING:
    from musiclib.codecs.melic.entropy import Mixer

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


MAX_CHANNELS = 512
# How much the expected distribution is trusted: the count that its contexts start with.
TRUST_CHANNEL, TRUST_SCALE = 16, 4
_CONTEXTS = 1 << 12
_SCALES = 64
_BYTES_A_VALUE = 48


def can_code(errors: IntArray) -> bool:
    """Whether there are contexts for so many channels, and codes for values so large."""
    from musiclib.codecs.melic.entropy import LARGEST_VALUE

    return len(errors) <= MAX_CHANNELS and int(np.abs(errors).max(initial=0)) < LARGEST_VALUE


def encode(errors: IntArray, shape: IntArray, index: IntArray) -> bytes:
    """Write prediction errors `(U, L)` of channels with expected tables `shape`, `index` `(U,)`.

    Raises:
        CodecError: There are more channels or larger values than it `can_code`.
    """
    from musiclib.codecs.melic.entropy import WRITE, new_coder

    if not can_code(errors):
        raise CodecError("these latents are too many or too large to be mixed")
    coder = new_coder(WRITE, np.empty(errors.size * _BYTES_A_VALUE + 8, np.uint8))
    _run(np.ascontiguousarray(errors, np.int32), shape, index, coder)
    # One byte tells the last interval from all others: its ends differ in the first.
    end = int(coder.registers[3])
    coder.data[end] = (int(coder.registers[0]) >> 24) + 1
    return coder.data[: end + 1].tobytes()


def decode(data: bytes, shape: IntArray, index: IntArray, frames: int) -> IntArray:
    """Read what `encode` wrote, `(U, L)` with `L = frames`.

    Raises:
        BitstreamError: The bytes do not end where the frames do.
    """
    from musiclib.codecs.melic.entropy import READ, new_coder

    if len(shape) > MAX_CHANNELS:
        raise BitstreamError("This .mla file is damaged: it mixes too many channels.")
    errors = np.zeros((len(shape), frames), np.int32)
    coder = new_coder(READ, np.frombuffer(data, np.uint8).copy())
    ended = _run(errors, shape, index, coder)
    if not ended or int(coder.registers[3]) - 3 != len(data):
        raise BitstreamError(
            "This .mla file is damaged: its latents do not end where its bytes do. Fetch or encode "
            "it again."
        )
    return errors.astype(np.int64)


def _run(errors: npt.NDArray[np.int32], shape: IntArray, index: IntArray, coder: object) -> bool:
    from musiclib.codecs.melic.entropy import fixed_constants, run_latents

    sizes = np.array([_mean_size(int(k), int(i)) for k, i in zip(shape, index, strict=True)])
    scale = (index - LOWEST).astype(np.int64)
    mixer = _mixer(tuple(shape.tolist()), tuple(index.tolist()))
    return bool(run_latents(errors, scale, sizes.astype(np.int64), mixer, fixed_constants(), coder))


@cache
def _conditional(shape: int, index: int) -> npt.NDArray[np.int64]:
    """Probability, of 2^22, that a size is larger than k if it is not smaller: `(16,)`.

    The last of them is for the sign, which is even.
    """
    from musiclib.codecs.melic.entropy import NODES, PROBABILITY_BITS

    found = table(shape, index)
    sizes = found.weights[found.reach : -1].copy()
    sizes[1:] *= 2
    # All that lies above k, the escape included; whole numbers below 2^25.
    above = np.append(np.cumsum(np.append(sizes, found.weights[-1])[::-1])[::-1][1:], 0)
    here = above[: len(sizes)] + sizes
    chance = (above[: len(sizes)] << PROBABILITY_BITS) // here
    whole = np.full(NODES, 1 << (PROBABILITY_BITS - 1), np.int64)
    count = min(NODES - 1, len(chance))
    whole[:count] = chance[:count]
    whole[count : NODES - 1] = chance[count - 1]
    return np.clip(whole, 1 << 7, (1 << PROBABILITY_BITS) - (1 << 7))


@cache
def _mean_size(shape: int, index: int) -> int:
    """Mean size of a table's values in 1/16, at least 1."""
    found = table(shape, index)
    sizes = found.weights[found.reach : -1] * np.arange(found.reach + 1)
    return max(1, int(2 * 16 * sizes.sum() // found.weights.sum()))


@cache
def _blank() -> Mixer:
    from musiclib.codecs.melic.entropy import N_LATENT_INPUTS, NODES, fixed_constants, new_mixer

    mixer = new_mixer((N_LATENT_INPUTS, _CONTEXTS * NODES, 2048, 16, 1536), fixed_constants())
    mixer.weights[:] = 65536 // N_LATENT_INPUTS  # views that agree are no more than one
    return mixer


def _mixer(shape: tuple[int, ...], index: tuple[int, ...]) -> Mixer:
    """Statistics that start at the expected distributions."""
    from musiclib.codecs.melic.entropy import COUNT_BITS, N_LATENT_INPUTS, NODES, copied

    mixer = copied(_blank())
    slots = mixer.slots.reshape(N_LATENT_INPUTS, -1, NODES)
    for channel, (kind, level) in enumerate(zip(shape, index, strict=True)):
        chance = _conditional(kind, level) << COUNT_BITS
        rows = channel + 512 * np.arange(8)
        slots[0, channel, :-1] = (chance | TRUST_CHANNEL)[:-1]
        slots[5, rows, :-1] = (chance | TRUST_SCALE)[:-1]
    kinds = np.bincount(np.array(shape), minlength=2)
    usual = int(kinds.argmax())
    for level in range(LOWEST, HIGHEST + 1):
        chance = (_conditional(usual, level) << COUNT_BITS) | TRUST_SCALE
        rows = (level - LOWEST) + _SCALES * np.arange(_CONTEXTS // _SCALES)
        for view in (1, 2, 3, 4, 7):
            slots[view, rows, :-1] = chance[:-1]
    return mixer
