"""Why the codec works on an MDCT, and why its frames have 256 coefficients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.errors import AudioError
from musiclib.mdct import frame_count, imdct, mdct, sine_window, windowed_pieces
from musiclib.models.transform import EDGES

LENGTHS = (128, 256, 512, 1024)
"""Coefficients a frame that are compared."""
NOISE_DB = -12.0
"""Level of the quantiser's noise that attacks are tried with, under the music of each band."""
# Power of what 16-bit samples round off: nothing below it is worth a coefficient's bits.
_FLOOR = 10.0**-9.8 / 12.0
_BEFORE_S, _GUARD_S, _AFTER_S = 0.02, 0.001, 0.01
_TRIALS = 8

Double = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Overlap:
    """Two neighbouring frames of a clip, and what they give together.

    Attributes:
        music: The samples, `(3 * size,)`.
        first: What the first frame gives, `(3 * size,)`, zero in the last third.
        second: What the second frame gives, zero in the first third.
        start: First of the samples in the clip.
    """

    music: FloatArray
    first: FloatArray
    second: FloatArray
    start: int

    @property
    def size(self) -> int:
        """Coefficients a frame."""
        return len(self.music) // 3

    @property
    def middle(self) -> slice:
        """Where both frames lie: here they have to add up to the music."""
        return slice(self.size, 2 * self.size)

    @property
    def alone_db(self) -> float:
        """Error of a single frame, weighted by the window again, in dB of the music."""
        part = self.middle
        fade = sine_window(self.size)[self.size :] ** 2
        return _ratio_db(self.first[part] - fade * self.music[part], self.music[part])

    @property
    def together_db(self) -> float:
        """Error of both frames added, in dB of the music."""
        part = self.middle
        total = self.first[part] + self.second[part]
        return _ratio_db(total - self.music[part], self.music[part])


def overlap(audio: FloatArray, size: int = 256) -> Overlap:
    """Take two frames around the loudest place of a clip `(N,)` apart.

    Raises:
        AudioError: The clip is shorter than three blocks of `size`.
    """
    count = frame_count(len(audio), size)
    if len(audio) < 3 * size:
        raise AudioError(f"{len(audio)} samples are too few for frames of {size}")
    # Frame t covers samples (t - 1) * size to (t + 1) * size.
    whole = len(audio) // size
    power = np.square(audio[: whole * size], dtype=np.float64).reshape(whole, size).mean(axis=1)
    t = min(max(int(np.argmax(power)), 1), count - 3, whole - 2)
    pieces = windowed_pieces(mdct(audio, size)[t : t + 2])
    start = (t - 1) * size
    silence = np.zeros(size, np.float32)
    return Overlap(
        audio[start : start + 3 * size],
        np.concatenate([pieces[0], silence]),
        np.concatenate([silence, pieces[1]]),
        start,
    )


def kept_energy_db(audio: FloatArray, size: int = 256) -> float:
    """Energy of a clip's coefficients over that of its samples, in dB."""
    coefficients = mdct(audio, size).astype(np.float64)
    return float(10.0 * np.log10(np.sum(coefficients**2) / np.sum(audio.astype(np.float64) ** 2)))


def coding_gain_db(audio: FloatArray, size: int) -> float:
    """How far the geometric mean of a clip's coefficient powers lies below the arithmetic mean.

    A coder that adapts to every coefficient saves a bit for each 6 dB of it (Jayant and Noll,
    "Digital Coding of Waveforms", 1984, chapter 12, for variances). Powers below what 16-bit
    samples round off count as that.
    """
    power = np.maximum(np.square(mdct(audio, size), dtype=np.float64), _FLOOR)
    return float(10.0 * np.log10(power.mean()) - 10.0 * np.log10(power).mean())


@dataclass(frozen=True)
class Attack:
    """A sudden rise in a clip.

    Attributes:
        sample: Where it is.
        rise_db: Level of 10 ms after it over that of 20 ms before it.
    """

    sample: int
    rise_db: float


def sharpest_attack(audio: FloatArray, sample_rate: int = HOUSE_RATE) -> Attack:
    """Find the largest rise of level in a clip, among places that are loud afterwards.

    Args:
        audio: Samples `(N,)`.
        sample_rate: In Hz.

    Returns:
        The attack. Loud is what lies at most 20 dB under the clip's loudest 10 ms.

    Raises:
        AudioError: The clip is shorter than 50 ms.
    """
    before, after = round(_BEFORE_S * sample_rate), round(_AFTER_S * sample_rate)
    guard = round(_GUARD_S * sample_rate)
    if len(audio) < before + guard + after + sample_rate // 50:
        raise AudioError(f"{len(audio)} samples are too few to hold an attack")
    total = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
    places = np.arange(before + guard, len(audio) - after)
    loud = (total[places + after] - total[places]) / after
    quiet = (total[places - guard] - total[places - guard - before]) / before
    rise = 10.0 * np.log10((loud + 1e-12) / (quiet + 1e-9))
    rise[loud < 0.01 * loud.max()] = -np.inf
    best = int(np.argmax(rise))
    return Attack(int(places[best]), float(rise[best]))


def band_edges(size: int) -> list[int]:
    """Edges of the codec's bands in frames of another length, each band at least one bin."""
    edges = [0]
    for edge in EDGES[1:]:
        edges.append(max(edges[-1] + 1, round(edge * size / EDGES[-1])))
    edges[-1] = size
    return edges


def coarse(audio: FloatArray, size: int, noise_db: float = NOISE_DB, seed: int = 0) -> FloatArray:
    """A clip with noise in its MDCT, in each band and frame so far below the music there.

    That is what a quantiser whose steps follow the envelope does, at any frame length.

    Args:
        audio: Samples `(N,)`.
        size: Coefficients a frame.
        noise_db: Level of the noise.
        seed: Of the noise.

    Returns:
        Samples `(N,)`.
    """
    coefficients = mdct(audio, size)
    edges = band_edges(size)
    widths = np.diff(edges)
    power = np.add.reduceat(np.square(coefficients, dtype=np.float64), edges[:-1], axis=1) / widths
    level = np.sqrt(np.repeat(power, widths, axis=1)) * 10.0 ** (noise_db / 20.0)
    noise = np.random.default_rng(seed).uniform(-(3.0**0.5), 3.0**0.5, coefficients.shape)
    return imdct((coefficients + level * noise).astype(np.float32), len(audio))


def pre_echo_db(audio: FloatArray, noisy: FloatArray, attack: Attack, sample_rate: int) -> float:
    """Level of the error in the 20 ms before an attack over that of the music there, in dB."""
    end = attack.sample - round(_GUARD_S * sample_rate)
    part = slice(end - round(_BEFORE_S * sample_rate), end)
    return _ratio_db(noisy[part] - audio[part], audio[part])


def length_table(
    clips: Mapping[str, FloatArray], lengths: Sequence[int] = LENGTHS, seed: int = 0
) -> pd.DataFrame:
    """Coding gain and pre-echo of clips over the length of a frame.

    Args:
        clips: Samples `(N,)` by name, at the house rate.
        lengths: Coefficients a frame.
        seed: Of the noise.

    Returns:
        Columns `clip`, `size`, `milliseconds`, `coding_gain_db`, `pre_echo_db`, `rise_db`.
    """
    rows = []
    for name, audio in clips.items():
        attack = sharpest_attack(audio)
        around = _around(audio, attack)
        moved, part = Attack(attack.sample - around.start, attack.rise_db), audio[around]
        for size in lengths:
            echoes = [
                pre_echo_db(part, coarse(part, size, seed=seed + k), moved, HOUSE_RATE)
                for k in range(_TRIALS)
            ]
            rows.append(
                {
                    "clip": name,
                    "size": size,
                    "milliseconds": 1000.0 * size / HOUSE_RATE,
                    "coding_gain_db": coding_gain_db(audio, size),
                    "pre_echo_db": float(np.mean(echoes)),
                    "rise_db": attack.rise_db,
                }
            )
    return pd.DataFrame(rows)


def _around(audio: FloatArray, attack: Attack) -> slice:
    """Part of a clip that noise before an attack can come from, on the grid of all lengths."""
    step = max(LENGTHS)
    start = max(0, attack.sample // step - 3) * step
    return slice(start, min(len(audio), attack.sample + 4 * step))


def _ratio_db(error: npt.ArrayLike, music: npt.ArrayLike) -> float:
    wrong, right = np.asarray(error, np.float64), np.asarray(music, np.float64)
    return float(10.0 * np.log10((np.mean(wrong**2) + 1e-20) / (np.mean(right**2) + 1e-20)))
