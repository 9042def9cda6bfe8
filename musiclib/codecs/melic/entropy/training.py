"""Training of the tables: music at random gains goes through, and what was learnt stays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from musiclib.codecs.melic.entropy.baselines import StaticTables
from musiclib.codecs.melic.entropy.coder import FrameEncoder
from musiclib.codecs.melic.entropy.tables import ContextTables
from musiclib.errors import TrainingError
from musiclib.models.transform import Frames, Setting, analyse

# From about 0.6 to 30 kbps. Low rates are drawn as often as high ones, though they are fewer bits.
LOWEST_GAIN, HIGHEST_GAIN = 70, 230
# A context that was seen more often than this still follows a new piece this quickly.
TRUST = 20


@dataclass(frozen=True, eq=False)
class TrainedTables:
    """What a pass over music leaves behind.

    Attributes:
        tables: For the codec.
        static: What a code that does not adapt would be made of, to compare with.
    """

    tables: ContextTables
    static: StaticTables


def train_tables(
    segments: Iterable[npt.NDArray[np.float32]],
    seed: int = 0,
    trust: int = TRUST,
    progress: Callable[[float], None] | None = None,
    about: Mapping[str, Any] | None = None,
) -> TrainedTables:
    """Train tables on music, in one pass.

    Args:
        segments: Batches of audio at 24 kHz, `(B, N)`. Each segment is coded as a piece of its own.
        seed: Of the gains.
        trust: Largest count that a context keeps.
        progress: Called with the seconds of audio so far, after each segment.
        about: What else the record is to tell, for example of the music.

    Returns:
        Tables, rounded as they are kept in a file. The same segments give the same tables.

    Raises:
        TrainingError: There is no segment.
    """
    random = np.random.default_rng(seed)
    encoder = FrameEncoder(ContextTables.untrained())
    static = StaticTables.empty()
    fingerprint = hashlib.sha256()
    seconds, count, bits = 0.0, 0, 0.0
    for batch in segments:
        for audio in np.atleast_2d(np.asarray(batch, np.float32)):
            gain = int(random.integers(LOWEST_GAIN, HIGHEST_GAIN + 1))
            frames = analyse(audio, Setting(gain))
            encoder.forget_frames()
            bits += float(encoder.spend(frames.levels[None], frames.values[None], gain).sum())
            static.count(frames, gain)
            _update(fingerprint, frames, gain)
            seconds, count = seconds + len(audio) / 24_000, count + 1
            if progress is not None:
                progress(seconds)
    if count == 0:
        raise TrainingError("there is no audio to train the tables on")
    record = {
        **(about or {}),
        "seconds": round(seconds, 1),
        "segments": count,
        "gains": [LOWEST_GAIN, HIGHEST_GAIN],
        "seed": seed,
        "trust": trust,
        "kilobits": round(bits / 1000, 3),
        "frames_sha256": fingerprint.hexdigest(),
    }
    return TrainedTables(encoder.tables(record).rounded(trust), static)


def _update(fingerprint: hashlib._Hash, frames: Frames, gain: int) -> None:
    fingerprint.update(gain.to_bytes(2, "little"))
    fingerprint.update(frames.levels.astype("<i4").tobytes())
    fingerprint.update(frames.values.astype("<i4").tobytes())
