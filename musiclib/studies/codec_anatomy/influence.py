"""Which neighbours tell the entropy coder whether a coefficient is zero: tried, not looked up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from musiclib.codecs.melic.entropy import FrameEncoder
from musiclib.codecs.melic.model import Model
from musiclib.studies.codec_anatomy.material import Coded

FRAMES_BACK, BINS_BELOW, BINS_ABOVE = 4, 5, 3
# Places that are tried lie so far apart that they do not meet one another's changes.
_FRAME_STEP, _BIN_STEP, _FIRST_BIN, _LAST_BIN = 7, 13, 8, 200

Double = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Influence:
    """How far a neighbour moves the expectation of a zero.

    Attributes:
        nats: Mean absolute change of the logit of the probability, when the neighbour becomes 1 if
            it was 0, and 0 otherwise. `(FRAMES_BACK + 1, BINS_BELOW + 1 + BINS_ABOVE)`: frames
            back, and bins from the lowest. NaN where the coder has not been yet.
        places: How many coefficients were tried.
    """

    nats: Double
    places: int

    def strongest(self) -> tuple[int, int]:
        """Frames back and bins up of the neighbour with most influence."""
        back, column = np.unravel_index(int(np.nanargmax(self.nats)), self.nats.shape)
        return int(back), int(column) - BINS_BELOW


def influence(file: Coded, model: Model, span: slice) -> Influence:
    """Change neighbours of coefficients and see what the mixer makes of it.

    Args:
        file: An opened mono file with one gain.
        model: Its model.
        span: Frames to try it in; the coder has learned from those before.
    """
    frames = file.frames
    encoder = FrameEncoder(model.tables)
    if span.start > 0:
        before = slice(0, span.start)
        encoder.spend(frames.levels[None, before], frames.values[None, before], file.gain)
    levels, values = frames.levels[span], frames.values[span]
    rows = np.arange(FRAMES_BACK, len(values), _FRAME_STEP)
    bins = np.arange(_FIRST_BIN, _LAST_BIN, _BIN_STEP)
    places = np.ix_(rows, bins)

    def logits(changed: npt.NDArray[np.int32]) -> Double:
        spent = encoder.copy().trace(levels[None], changed[None], file.gain)[:, 0, :, 0]
        chance = np.exp2(-spent[places])
        zero = np.where(values[places] == 0, chance, 1.0 - chance)
        zero = np.clip(zero, 1e-6, 1.0 - 1e-6)
        return np.asarray(np.log(zero) - np.log1p(-zero))

    base = logits(values)
    found = np.full((FRAMES_BACK + 1, BINS_BELOW + 1 + BINS_ABOVE), np.nan)
    for back in range(FRAMES_BACK + 1):
        for column in range(found.shape[1]):
            up = column - BINS_BELOW
            if back == 0 and up >= 0:
                continue
            neighbour = np.ix_(rows - back, bins + up)
            changed = values.copy()
            changed[neighbour] = np.where(values[neighbour] == 0, 1, 0)
            found[back, column] = np.abs(logits(changed) - base).mean()
    return Influence(found, base.size)
