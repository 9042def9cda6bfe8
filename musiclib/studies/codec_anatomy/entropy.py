"""What the entropy coder knows of a coefficient before it sees it, and what that saves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.codecs.melic.entropy import ContextTables, FrameEncoder
from musiclib.codecs.melic.entropy.baselines import StaticTables, raw_bits, unmixed
from musiclib.codecs.melic.model import Model
from musiclib.studies.codec_anatomy.material import Coded

RAW, STATIC, ALONE = "raw", "static", "alone"
UNTRAINED, MIXED, AGAIN = "untrained", "mixed", "again"
WORDS: Mapping[str, str] = {
    RAW: "words of one length",
    STATIC: "one fixed table a band",
    ALONE: "one context, adapting, no mixing",
    UNTRAINED: "the mixer, knowing nothing at first",
    MIXED: "the mixer as it is shipped",
    AGAIN: "the mixer, same music a second time",
}

Double = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Guesses:
    """What the mixer expected of each value of a stretch of frames.

    Attributes:
        values: Whole numbers, `(T, 256)`.
        zero: Probability of a zero, before it was seen, `(T, 256)`.
        bits: What the value cost, `(T, 256)`.
        start: First frame.
    """

    values: npt.NDArray[np.int32]
    zero: Double
    bits: Double
    start: int

    def cut(self, start: int, stop: int, bins: int) -> Guesses:
        """Some frames of it, and the lowest bins."""
        part = slice(start, stop), slice(0, bins)
        return Guesses(self.values[part], self.zero[part], self.bits[part], self.start + start)

    def calibration(self, edges: npt.ArrayLike, least: int = 1) -> pd.DataFrame:
        """Promised and true share of zeros, for values of like promise.

        Args:
            edges: Borders of the probability of a zero.
            least: Values that a row needs.

        Returns:
            Columns `count`, `promised` and `true`.
        """
        borders = np.asarray(edges, dtype=np.float64)
        place = np.clip(
            np.searchsorted(borders, self.zero.ravel(), "right") - 1, 0, len(borders) - 2
        )
        table = pd.DataFrame(
            {"place": place, "promised": self.zero.ravel(), "true": self.values.ravel() == 0}
        ).groupby("place")
        found = table[["promised", "true"]].mean()
        found.insert(0, "count", table.size())
        return found[found["count"] >= least].reset_index(drop=True)


def guesses(file: Coded, model: Model) -> Guesses:
    """Follow the coder through all values of a file with one gain.

    Args:
        file: An opened mono file.
        model: Its model.

    Returns:
        Probability of zero and bits of each of its values.
    """
    frames = file.frames
    encoder = FrameEncoder(model.tables)
    spent = encoder.trace(frames.levels[None], frames.values[None], file.gain)[:, 0]
    chance = np.exp2(-spent[..., 0])
    zero = np.where(frames.values == 0, chance, 1.0 - chance)
    return Guesses(frames.values, zero, spent.sum(axis=-1), 0)


def length_table(file: Coded, model: Model, static: StaticTables) -> pd.DataFrame:
    """Bits of a file's numbers by several ways to code them.

    Args:
        file: An opened mono file.
        model: Its model.
        static: Tables of training music at the file's gain.

    Returns:
        Index: keys of :data:`WORDS`, in its order. Columns `bits_per_value` and `kbps`, of levels
        and coefficients together.
    """
    frames, gain = file.frames, file.gain
    numbers = frames.levels[None], frames.values[None], gain
    alone = FrameEncoder(unmixed(model.tables))
    found = {
        RAW: raw_bits(frames),
        STATIC: static.bits(frames, gain),
        ALONE: float(alone.spend(*numbers).sum()),
    }
    encoder = FrameEncoder(model.tables)
    found[MIXED] = float(encoder.spend(*numbers).sum())
    found[AGAIN] = float(encoder.spend(*numbers).sum())
    found[UNTRAINED] = float(FrameEncoder(ContextTables.untrained()).spend(*numbers).sum())
    bits = pd.Series({name: found[name] for name in WORDS})
    return pd.DataFrame(
        {
            "bits_per_value": bits / frames.values.size,
            "kbps": bits / file.seconds / 1000.0,
        }
    )


def saved(table: pd.DataFrame, name: str, against: str) -> float:
    """Bits that one way saves against another, in percent."""
    return 100.0 * (1.0 - float(table.loc[name, "kbps"]) / float(table.loc[against, "kbps"]))


def busiest_second(file: Coded, seconds: float = 1.0) -> slice:
    """The stretch of frames with most values that are not zero."""
    width = min(round(seconds * file.frames_per_second), len(file.frames.values))
    busy = np.count_nonzero(file.frames.values, axis=1)
    total = np.concatenate([[0], np.cumsum(busy)])
    start = int(np.argmax(total[width:] - total[:-width]))
    return slice(start, start + width)
