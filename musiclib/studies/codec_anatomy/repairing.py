"""What the network changes of a decoded spectrum, and whether that helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.audio import FloatArray
from musiclib.codecs.melic.model import Model, one_thread
from musiclib.datasets import Clip
from musiclib.mdct import mdct
from musiclib.models.transform import Spectrum, dequantise
from musiclib.studies.codec_anatomy.material import Coded, coded, heard, measured

RATES = (1.5, 3.0, 6.0)
PLAIN, RESTORED = "network-free", "restored"


@dataclass(frozen=True, eq=False)
class Repair:
    """Coefficients before and after the network, all `(T, 256)`.

    Attributes:
        true: Those of the music.
        spectrum: What was decoded.
        repaired: What the network makes of it.
    """

    true: FloatArray
    spectrum: Spectrum
    repaired: FloatArray

    @property
    def change(self) -> FloatArray:
        """What the network adds to the decoded spectrum."""
        return self.repaired - self.spectrum.plain

    @property
    def sent(self) -> npt.NDArray[np.bool_]:
        """Where a value was sent that is not zero."""
        return np.asarray(self.spectrum.values != 0)

    def change_db(self, where: npt.NDArray[np.bool_]) -> float:
        """Power of the change over that of the decoded coefficients, at some places, in dB."""
        return _ratio_db(self.change[where], self.spectrum.plain[where])

    def error_db(self, repaired: bool, where: npt.NDArray[np.bool_]) -> float:
        """Power of the error over that of the music, at some places, in dB."""
        given = self.repaired if repaired else self.spectrum.plain
        return _ratio_db((given - self.true)[where], self.true[where])

    def level_error_db(self, repaired: bool, where: npt.NDArray[np.bool_]) -> float:
        """Mean level of coefficients over that of the music's at the same places, in dB."""
        given = self.repaired if repaired else self.spectrum.plain
        return _ratio_db(given[where], self.true[where])


def repair(clip: Clip, file: Coded, model: Model) -> Repair:
    """Take the network's work on a mono file with one gain apart.

    Args:
        clip: The music.
        file: A file of it.
        model: Its model.
    """
    spectrum = dequantise(file.frames.values, file.frames.levels, file.gain)
    with one_thread():
        repaired = model.restore(spectrum, file.frames.levels)
    return Repair(mdct(clip.audio), spectrum, repaired)


@dataclass(frozen=True, eq=False)
class Versions:
    """A clip through the codec at several bitrates.

    Attributes:
        files: Opened files by bitrate.
        sounds: By bitrate, and then by `network-free` and `restored`.
        table: Columns `kbps`, `wanted`, `system` and each metric.
    """

    files: dict[float, Coded]
    sounds: dict[float, dict[str, FloatArray]]
    table: pd.DataFrame

    def value(self, wanted: float, system: str, metric: str) -> float:
        """A metric at a bitrate."""
        rows = self.table[(self.table["wanted"] == wanted) & (self.table["system"] == system)]
        return float(rows[metric].iloc[0])


def versions(clip: Clip, model: Model, rates: Sequence[float] = RATES) -> Versions:
    """Encode a clip at several bitrates, decode each file with the network and without it."""
    files, sounds, rows = {}, {}, []
    for kbps in rates:
        files[kbps] = coded(clip, kbps, model)
        sounds[kbps] = {
            PLAIN: heard(files[kbps], model, restored=False),
            RESTORED: heard(files[kbps], model, restored=True),
        }
        for system, sound in sounds[kbps].items():
            found = measured(clip.audio, sound, clip.sample_rate)
            rows.append(
                {"wanted": kbps, "kbps": files[kbps].bitrate / 1000.0, "system": system, **found}
            )
    return Versions(files, sounds, pd.DataFrame(rows))


def _ratio_db(part: npt.ArrayLike, whole: npt.ArrayLike) -> float:
    small, large = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    if not small.size:
        return float("nan")
    return float(10.0 * np.log10((np.mean(small**2) + 1e-20) / (np.mean(large**2) + 1e-20)))
