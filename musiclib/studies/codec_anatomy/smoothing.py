"""What it is worth to send levels that change seldom instead of exact ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.audio import FloatArray
from musiclib.codecs.melic.entropy import FrameEncoder
from musiclib.codecs.melic.model import Model
from musiclib.datasets import Clip
from musiclib.mdct import mdct
from musiclib.models.transform import (
    EDGES,
    LARGEST_GAIN,
    Frames,
    choose_levels,
    quantise,
    synthesise,
)
from musiclib.models.transform.envelope import exact_levels
from musiclib.studies.codec_anatomy.material import measured

SMOOTHINGS = (0.0, 1.0, 4.0)
_FIRST_GAINS = (40, 110, 160, LARGEST_GAIN)
_REFINED = 2


@dataclass(frozen=True, eq=False)
class Paths:
    """Levels of one band over time.

    Attributes:
        exact: As measured, `(T,)`.
        chosen: As sent, for each smoothing, `(T,)`.
        band: Number of the band.
        low_khz: Its lower edge.
        high_khz: Its upper edge.
    """

    exact: npt.NDArray[np.float64]
    chosen: dict[float, npt.NDArray[np.int32]]
    band: int
    low_khz: float
    high_khz: float


def paths(clip: Clip, smoothings: Sequence[float] = SMOOTHINGS) -> Paths:
    """Exact and chosen levels of the band whose exact ones change most.

    Args:
        clip: One channel at the house rate.
        smoothings: What a bit is worth, in squared levels.

    Returns:
        The levels of that band. Bands that are below the lowest level most of the time don't count.
    """
    coefficients = mdct(clip.audio)
    exact = exact_levels(coefficients)
    change = np.abs(np.diff(np.clip(exact, 0.0, None), axis=0)).mean(axis=0)
    change[np.median(exact, axis=0) < 1.0] = -1.0
    band = int(np.argmax(change))
    chosen = {s: choose_levels(coefficients, s)[:, band] for s in smoothings}
    khz = clip.sample_rate / 2000.0 / EDGES[-1]
    return Paths(exact[:, band], chosen, band, EDGES[band] * khz, EDGES[band + 1] * khz)


def smoothing_table(
    clips: Iterable[Clip],
    kbps: Sequence[float],
    model: Model,
    smoothings: Sequence[float] = SMOOTHINGS,
) -> pd.DataFrame:
    """Bits and quality of clips for several smoothings at about equal total bits, network-free.

    Args:
        clips: One channel at the house rate.
        kbps: Bits a second of levels and coefficients together, in thousands.
        model: Its tables count the bits.
        smoothings: What a bit is worth.

    Returns:
        Columns `clip`, `kbps`, `smoothing`, `gain`, `levels` and `coefficients` (kbps), `changes`
        (levels that change, a second) and `zimtohrli_mos`. Where levels alone exceed the bits, the
        gain is the coarsest.
    """
    rows = []
    for clip in clips:
        encoder = FrameEncoder(model.tables)
        for smoothing in smoothings:
            curve = _curve(clip, smoothing, encoder)
            for wanted in kbps:
                budget = 1000.0 * wanted * clip.seconds
                for _ in range(_REFINED):
                    curve.at(curve.gain_for(budget))
                gain = curve.gain_for(budget)
                trial = curve.at(gain)
                decoded = synthesise(trial.frames, gain, len(clip.audio))
                moves = np.count_nonzero(np.diff(trial.frames.levels, axis=0))
                rows.append(
                    {
                        "clip": clip.track_id,
                        "kbps": wanted,
                        "smoothing": smoothing,
                        "gain": gain,
                        "levels": trial.bits[0] / clip.seconds / 1000.0,
                        "coefficients": trial.bits[1:].sum() / clip.seconds / 1000.0,
                        "changes": moves / clip.seconds,
                        **measured(clip.audio, decoded, clip.sample_rate, ("zimtohrli_mos",)),
                    }
                )
    return pd.DataFrame(rows)


@dataclass(frozen=True, eq=False)
class _Trial:
    frames: Frames
    bits: npt.NDArray[np.float64]  # of PARTS


@dataclass(frozen=True, eq=False)
class _Curve:
    """Bits of a clip over the gain, for levels that were chosen once."""

    coefficients: FloatArray
    levels: npt.NDArray[np.int32]
    encoder: FrameEncoder
    trials: dict[int, _Trial]

    def at(self, gain: int) -> _Trial:
        """Bits and frames at a gain."""
        if gain not in self.trials:
            values = quantise(self.coefficients, self.levels, gain)
            bits = self.encoder.costs(self.levels[None], values[None], gain)
            self.trials[gain] = _Trial(Frames(self.levels, values), bits)
        return self.trials[gain]

    def gain_for(self, bits: float) -> int:
        """The gain that comes near to so many bits: between those tried, on a logarithmic scale."""
        gains = sorted(self.trials)
        spent = np.log([max(self.trials[gain].bits.sum(), 1.0) for gain in gains])
        # Bits fall with the gain, and np.interp wants them to rise.
        return round(float(np.interp(np.log(bits), spent[::-1], gains[::-1])))


def _curve(clip: Clip, smoothing: float, encoder: FrameEncoder) -> _Curve:
    coefficients = mdct(clip.audio)
    curve = _Curve(coefficients, choose_levels(coefficients, smoothing), encoder, {})
    for gain in _FIRST_GAINS:
        curve.at(gain)
    return curve
