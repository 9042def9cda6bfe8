"""Latents by context mixing: what `musiclib.codecs.melic.entropy` does for a spectrum.

Each whole number, less its prediction from the frame before, is sent as a few yes-or-no decisions.
How likely a yes is, several views of what is known say together: the channel's expected
distribution, the same channel in the frames before, its neighbours, and how loud the frame is so
far. All of them start at the expected distribution and learn from each decision, on both sides
alike, so no table has to be trained or sent. Everything that decides is a whole number.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from musiclib.codecs.latent.tables import HIGHEST, LOWEST, IntArray, table
from musiclib.errors import BitstreamError, CodecError

if TYPE_CHECKING:
    from musiclib.codecs.melic.entropy.kernel import Mixer

MAX_CHANNELS = 512
# How much the expected distribution is trusted: the count that its contexts start with.
TRUST_CHANNEL, TRUST_SCALE = 16, 4
_CONTEXTS = 1 << 12
_SCALES = 64
_BYTES_A_VALUE = 48


def can_code(errors: IntArray) -> bool:
    """Whether there are contexts for so many channels, and codes for values so large."""
    from musiclib.codecs.melic.entropy.kernel import LARGEST_VALUE

    return len(errors) <= MAX_CHANNELS and int(np.abs(errors).max(initial=0)) < LARGEST_VALUE


def encode(errors: IntArray, shape: IntArray, index: IntArray) -> bytes:
    """Write prediction errors `(U, L)` of channels with expected tables `shape`, `index` `(U,)`.

    Raises:
        CodecError: There are more channels or larger values than it `can_code`.
    """
    from musiclib.codecs.melic.entropy.coder import new_coder
    from musiclib.codecs.melic.entropy.kernel import WRITE

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
    from musiclib.codecs.melic.entropy.coder import new_coder
    from musiclib.codecs.melic.entropy.kernel import READ

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
    from musiclib.codecs.melic.entropy.kernel import run_latents
    from musiclib.codecs.melic.entropy.tables import fixed_constants

    sizes = np.array([_mean_size(int(k), int(i)) for k, i in zip(shape, index, strict=True)])
    scale = (index - LOWEST).astype(np.int64)
    mixer = _mixer(tuple(shape.tolist()), tuple(index.tolist()))
    return bool(run_latents(errors, scale, sizes.astype(np.int64), mixer, fixed_constants(), coder))


@cache
def _conditional(shape: int, index: int) -> npt.NDArray[np.int64]:
    """Probability, of 2^22, that a size is larger than k if it is not smaller: `(16,)`.

    The last of them is for the sign, which is even.
    """
    from musiclib.codecs.melic.entropy.kernel import NODES, PROBABILITY_BITS

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
    from musiclib.codecs.melic.entropy.kernel import N_LATENT_INPUTS, NODES
    from musiclib.codecs.melic.entropy.tables import fixed_constants, new_mixer

    mixer = new_mixer((N_LATENT_INPUTS, _CONTEXTS * NODES, 2048, 16, 1536), fixed_constants())
    mixer.weights[:] = 65536 // N_LATENT_INPUTS  # views that agree are no more than one
    return mixer


def _mixer(shape: tuple[int, ...], index: tuple[int, ...]) -> Mixer:
    """Statistics that start at the expected distributions."""
    from musiclib.codecs.melic.entropy.kernel import COUNT_BITS, N_LATENT_INPUTS, NODES
    from musiclib.codecs.melic.entropy.tables import copied

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
