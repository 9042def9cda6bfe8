"""Which music the chapter opens the codec on, and what a file of it holds."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from musiclib.audio import FloatArray
from musiclib.codecs import get_codec
from musiclib.codecs.melic.bitstream import Reader
from musiclib.codecs.melic.decoding import decode
from musiclib.codecs.melic.entropy import FrameDecoder, FrameEncoder
from musiclib.codecs.melic.entropy.coder import PARTS
from musiclib.codecs.melic.model import Model
from musiclib.datasets import Clip
from musiclib.errors import DatasetError
from musiclib.mdct import SIZE
from musiclib.metrics import METRICS
from musiclib.models.transform import Frames, Setting, analyse

CHOICE_GAIN = 150
"""Quantiser setting at which clips are compared for the choice."""
QUALITY = ("zimtohrli_mos", "log_spectral_distance", "si_sdr")


def busyness(clip: Clip, gain: int = CHOICE_GAIN) -> float:
    """Share of a clip's coefficients that a quantiser setting leaves different from zero."""
    return float(np.mean(analyse(clip.audio, Setting(gain)).values != 0))


def typical(clips: dict[str, Clip]) -> str:
    """The clip with the median share of coefficients that are not zero: neither easy nor hard.

    Args:
        clips: By track identifier, at least one. Of an even number the harder of the middle two is
            taken.

    Returns:
        Its identifier.
    """
    if not clips:
        raise DatasetError("there is no clip to choose from")
    ranked = sorted(clips, key=lambda name: (busyness(clips[name]), name))
    return ranked[len(ranked) // 2]


@dataclass(frozen=True, eq=False)
class Coded:
    """A file of the codec, opened.

    Attributes:
        kbps: Bitrate that was asked for.
        data: The file.
        seconds: Duration of the music.
        n_samples: Its samples at 24 kHz.
        gain: Quantiser setting of the first block.
        frames: Levels and values of all blocks.
        bits: What the entropy coder spent on each of its parts, in bits.
    """

    kbps: float
    data: bytes
    seconds: float
    n_samples: int
    gain: int
    frames: Frames
    bits: dict[str, float]

    @property
    def bitrate(self) -> float:
        """Bits of the file a second."""
        return 8.0 * len(self.data) / self.seconds

    def rate(self, part: str) -> float:
        """Bits a second of a part: `levels`, `zeros`, `sizes` or `signs`."""
        return self.bits[part] / self.seconds

    @property
    def overhead_rate(self) -> float:
        """Bits a second of what is neither levels nor coefficients: header, checksums, rounding."""
        return self.bitrate - sum(self.bits.values()) / self.seconds

    @property
    def frames_per_second(self) -> float:
        """MDCT frames a second of music."""
        return self.n_samples / self.seconds / SIZE


def coded(clip: Clip, kbps: float, model: Model) -> Coded:
    """Encode a clip and open the file.

    Args:
        clip: One channel at the house rate.
        kbps: Bitrate.
        model: The shipped model.

    Returns:
        What is in the file.
    """
    return opened(get_codec("melic", kbps).encode(clip.audio, clip.sample_rate), kbps, model)


def opened(data: bytes, kbps: float, model: Model) -> Coded:
    """Read all blocks of a mono file, and count what each part of them costs."""
    reader = Reader(io.BytesIO(data))
    header = reader.header
    decoder = FrameDecoder(model.tables, header.coded_channels)
    counter = FrameEncoder(model.tables, header.coded_channels)
    spent = np.zeros(len(PARTS))
    levels, values, gains = [], [], []
    for number, block in enumerate(reader):
        found = decoder.decode(block.payload, header.frames_of(number), block.gain)
        spent += counter.spend(*found, block.gain)
        levels.append(found[0][0])
        values.append(found[1][0])
        gains.append(block.gain)
    frames = Frames(np.concatenate(levels), np.concatenate(values))
    bits = dict(zip(PARTS, map(float, spent), strict=True))
    return Coded(kbps, data, header.seconds, header.n_decoded, gains[0], frames, bits)


def heard(file: Coded, model: Model, restored: bool) -> FloatArray:
    """The music of a mono file, `(N,)`, with the network or without it."""
    reader = Reader(io.BytesIO(file.data))
    audio: FloatArray = np.concatenate(list(decode(reader, model, restored)), axis=1)[0]
    return audio


def measured(
    reference: FloatArray, estimate: FloatArray, sample_rate: int, names: tuple[str, ...] = QUALITY
) -> dict[str, float]:
    """Metrics of a decoded clip by their keys."""
    return {name: METRICS[name].function(reference, estimate, sample_rate) for name in names}


def busiest_frame(frames: Frames) -> int:
    """The frame with most values that are not zero, the first of several."""
    return int(np.argmax(np.count_nonzero(frames.values, axis=1)))
