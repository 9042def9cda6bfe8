"""How fast codecs are on this machine, all of them in one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from musiclib.audio import FloatArray
from musiclib.codecs import Codec, get_codec
from musiclib.datasets import Clip
from musiclib.errors import DatasetError
from musiclib.studies.codec.measuring import Make
from musiclib.studies.codec.tables import TITLE

_OTHERS = {"opus": 12, "mp3": 16, "aac": 16, "vorbis": 24}


def timed(neural: Make, plain: Make) -> dict[str, Codec]:
    """The codecs that are timed beside each other, at usual bitrates."""
    ours = {f"{TITLE} 12 kbps": neural(12.0), f"{TITLE} 12 kbps, no network": plain(12.0)}
    others = [get_codec(name, kbps) for name, kbps in _OTHERS.items()]
    return {**ours, **{codec.label: codec for codec in others}}


def joined(clips: Iterable[Clip], seconds: float) -> tuple[FloatArray, int]:
    """Clips one after the other, up to a length, so that codecs are timed on varied music.

    Returns:
        Samples `(N,)` and their rate in Hz.

    Raises:
        DatasetError: If there are no clips.
    """
    parts: list[FloatArray] = []
    rate = 0
    missing = 0
    for clip in clips:
        if not parts:
            rate, missing = clip.sample_rate, round(seconds * clip.sample_rate)
        parts.append(clip.audio[:missing])
        missing -= len(parts[-1])
        if missing == 0:
            break
    if not parts:
        raise DatasetError("there are no clips to time codecs with")
    return np.concatenate(parts), rate


def speeds(
    codecs: Mapping[str, Codec],
    audio: FloatArray,
    sample_rate: int,
    runs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> pd.DataFrame:
    """Time encoding and decoding, the codecs in turns.

    Every codec works once before it is timed, so that compiling and loading do not count.

    Args:
        codecs: By name.
        audio: Samples `(N,)`.
        sample_rate: In Hz.
        runs: Times that each is run; the fastest counts.
        clock: Seconds at a moment.

    Returns:
        One row for each codec: `encode`, `decode` and `both` in seconds of audio a second, and
        `kbps`.
    """
    seconds = len(audio) / sample_rate
    files = {name: codec.encode(audio, sample_rate) for name, codec in codecs.items()}
    for name, codec in codecs.items():
        codec.decode(files[name])
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in codecs}
    for _ in range(runs):
        for name, codec in codecs.items():
            start = clock()
            codec.encode(audio, sample_rate)
            middle = clock()
            codec.decode(files[name])
            taken[name].append((middle - start, clock() - middle))
    rows = {}
    for name, pairs in taken.items():
        encode, decode = (min(pair[side] for pair in pairs) for side in (0, 1))
        rows[name] = {
            "encode": seconds / encode,
            "decode": seconds / decode,
            "both": seconds / (encode + decode),
            "kbps": 8.0 * len(files[name]) / seconds / 1000.0,
        }
    return pd.DataFrame.from_dict(rows, orient="index")
