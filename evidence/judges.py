"""Judges: known damage and ladders of codecs, by every judge and diagnostic, on the same excerpt.

What is coded is the whole clip, one an artist; all measures hear its first ten seconds, so that
they can be compared with each other. Copies and anchors have no bitrate that means anything.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.codecs.base import Codec
from musiclib.codecs.simple import LowPass, WhiteNoise
from musiclib.datasets import EXCERPT_S
from musiclib.evaluation import TOLERANCE, evaluate
from musiclib.evidence import BUNDLED, Experiment, Item, Parameters

METRICS = (
    *("two_f_mushra", "zimtohrli_mos", "visqol_mos"),
    *("si_sdr", "spectral_rmse", "log_spectral_distance"),
)


@dataclass(frozen=True)
class Copy:
    """A change of all samples at the house rate, as a codec: its file holds the changed samples."""

    change: Callable[[FloatArray], FloatArray]
    setting: str = ""

    name = "copy"
    suffix = ".raw"
    label = "Copy"

    def encode(self, audio: npt.ArrayLike, sample_rate: int) -> bytes:  # noqa: ARG002
        """Return the changed samples as bytes."""
        return self.change(np.asarray(audio, dtype=np.float32)).astype("<f4").tobytes()

    def decode(self, data: bytes) -> tuple[FloatArray, int]:
        """Return samples `(N,)` and the house rate."""
        return np.frombuffer(data, dtype="<f4").astype(np.float32), HOUSE_RATE


def one_ms_late(audio: FloatArray) -> FloatArray:
    """Delay by a millisecond, with silence at the start."""
    shift = HOUSE_RATE // 1000
    return np.concatenate([np.zeros(shift, dtype=np.float32), audio[:-shift]])


COPIES: dict[str, tuple[Codec, ...]] = {
    "Identical copy": (Copy(lambda audio: audio),),
    "1 ms late": (Copy(one_ms_late),),
    "3 dB softer": (Copy(lambda audio: np.float32(10 ** (-3 / 20)) * audio),),
}
ANCHORS: dict[str, tuple[Codec, ...]] = {
    "Low-pass": (LowPass(cutoff_hz=3_500.0), LowPass(cutoff_hz=7_000.0)),
    "White noise": tuple(WhiteNoise(snr_db=snr) for snr in (0.0, 20.0, 40.0)),
}
CODECS: dict[str, tuple[str, ...]] = {
    "Opus": ("opus:6", "opus:12", "opus:16", "opus:24", "opus:48"),
    "MP3": ("mp3:16", "mp3:32", "mp3:64"),
    "AAC-LC (FFmpeg)": ("aac:16",),
    "Downsampling": ("downsample:16",),
    "Melic": ("melic:3", "melic:12", "melic:24"),
    "Melic without network": tuple(f"melic:{kbps},restore=false" for kbps in (3, 12, 24)),
    "Spectrogram autoencoder": ("autoencoder/rate-150:s4", "autoencoder/rate-18:s-2"),
    "Residual vector quantiser": ("autoencoder/rvq:s-6", "autoencoder/rvq:s-26"),
    "First autoencoder": ("autoencoder/wideband-64:s-6", "autoencoder/wideband-64:s-22"),
}
SYSTEMS: dict[str, tuple[str | Codec, ...]] = {**COPIES, **ANCHORS, **CODECS}
"""From the worst setting of each system to its best."""


def items(parameters: Parameters) -> list[Item]:
    """List each clip with each setting; where a chapter measures live, with the ends of ladders."""
    chosen = {
        system: range(len(ladder)) if parameters == BUNDLED else {0, len(ladder) - 1}
        for system, ladder in SYSTEMS.items()
    }
    return [
        {"clip": clip, "system": system, "place": place}
        for clip in parameters.slow_clips.tracks.index
        for system, places in chosen.items()
        for place in sorted(places)
    ]


def measure(parameters: Parameters, item: Item) -> pd.DataFrame:
    """Encode, decode and judge one clip with one setting."""
    clip = parameters.music.clip(str(item["clip"]), duration_s=parameters.seconds)
    system = str(item["system"])
    return evaluate(
        {system: SYSTEMS[system][int(item["place"])]}, clip, METRICS, excerpt_s=EXCERPT_S
    )


EXPERIMENT = Experiment(items, measure, TOLERANCE, seeded=False, digits=6)
