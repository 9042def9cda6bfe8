"""What a file of Melic holds, as a sequence: nothing in it has been decoded to sound."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.codecs.melic import MelicCodec, Model
from musiclib.codecs.melic.analysis import blocks
from musiclib.latents.representations import Representation
from musiclib.latents.spectral import levelled
from musiclib.mdct import SIZE
from musiclib.models.transform import EDGES, N_BANDS, Frames, Setting, smoothing_of_gain


@dataclass(frozen=True)
class CodedFrames(Representation):
    """The whole numbers of an `.mlc` file, band by band, of clips with a peak of 0.3.

    A frame has the level of each of the 20 bands, in steps of 3 dB, and for each band the
    logarithm of how large its quantised coefficients are. The quantiser's step follows the levels,
    so the second twenty tell how far the energy of a band stands out in single coefficients: much
    for a tone, little for noise.

    Attributes:
        gain: Size of the quantiser's steps, 0 (finest) to 255, the same for all clips.
    """

    gain: int

    @property
    def name(self) -> str:  # type: ignore[override]
        """The codec and its gain."""
        return f"coded-gain{self.gain}"

    @property
    def label(self) -> str:  # type: ignore[override]
        """The codec and its gain."""
        return f"Melic, gain {self.gain}"

    @property
    def sample_rate(self) -> int:
        """Rate of the codec in Hz."""
        return HOUSE_RATE

    @property
    def hop(self) -> int:
        """Samples between frames."""
        return SIZE

    @property
    def channels(self) -> int:
        """Two values for each band."""
        return 2 * N_BANDS

    def settings(self) -> dict[str, Any]:
        """All that the codec is told."""
        return dataclasses.asdict(Setting(self.gain))

    def file(self, audio: FloatArray, model: Model | None = None) -> bytes:
        """Return the `.mlc` file of a clip `(N,)`, which holds what `frames` returns.

        Args:
            audio: The clip; its peak is brought to 0.3.
            model: Tables of the entropy coder; by default the shipped ones.
        """
        codec = MelicCodec(gain=self.gain, restore=False, model=model)
        return codec.encode(levelled(audio), HOUSE_RATE)

    def frames(self, audio: FloatArray) -> Frames:
        """Return the whole numbers that the file of a clip `(N,)` holds.

        They are chosen in blocks, as the codec does it. The entropy coder loses nothing, so there
        is no need to write the file and read it.
        """
        setting, levels, values = Setting(self.gain), [], []
        for block in blocks([levelled(audio)[None]]):
            levels.append(block.levels(smoothing_of_gain(setting.gain))[0])
            values.append(block.values(levels[-1][None], setting.gain, setting.dead_zone)[0])
        return Frames(np.concatenate(levels), np.concatenate(values))

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Return levels and sizes of a clip, `(N,)` to `(40, L)`."""
        return band_values(self.frames(audio))


def band_values(frames: Frames) -> FloatArray:
    """Return the levels of bands, and `ln(1 + mean size of the values)` of each, `(40, T)`.

    Args:
        frames: Levels `(T, 20)` and values `(T, 256)`.
    """
    sizes = np.add.reduceat(np.abs(frames.values), EDGES[:-1], axis=1) / np.diff(EDGES)
    both = np.concatenate([frames.levels, np.log1p(sizes)], axis=1)
    return np.ascontiguousarray(both.T, np.float32)
