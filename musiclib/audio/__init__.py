"""Audio files to arrays and back, resampling and levels.

All audio is float32, mono `(N,)` or channels first `(C, N)`, with a nominal range of [-1, 1].
"""

from musiclib.audio.reading import AudioInfo, blocks, load, probe
from musiclib.audio.samples import (
    HOUSE_RATE,
    FloatArray,
    loudness_lufs,
    peak,
    resample,
    resampled_length,
    rms_db,
    to_mono,
    validate,
)
from musiclib.audio.writing import AudioWriter, save

__all__ = [
    "HOUSE_RATE",
    "AudioInfo",
    "AudioWriter",
    "FloatArray",
    "blocks",
    "load",
    "loudness_lufs",
    "peak",
    "probe",
    "resample",
    "resampled_length",
    "rms_db",
    "save",
    "to_mono",
    "validate",
]
