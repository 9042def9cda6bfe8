"""Audio files to arrays and back, resampling and levels.

All audio is float32, mono `(N,)` or channels first `(C, N)`, with a nominal range of [-1, 1].
"""

from musiclib.audio.files import blocks, decode_bytes, load, save
from musiclib.audio.loudness import loudness_lufs, normalise_loudness
from musiclib.audio.probing import AudioInfo, probe
from musiclib.audio.resampling import resample, resampled_length
from musiclib.audio.samples import (
    HOUSE_RATE,
    FloatArray,
    peak,
    rms_db,
    to_mono,
    validate,
)
from musiclib.audio.writing import AudioWriter

__all__ = [
    "HOUSE_RATE",
    "AudioInfo",
    "AudioWriter",
    "FloatArray",
    "blocks",
    "decode_bytes",
    "load",
    "loudness_lufs",
    "normalise_loudness",
    "peak",
    "probe",
    "resample",
    "resampled_length",
    "rms_db",
    "save",
    "to_mono",
    "validate",
]
