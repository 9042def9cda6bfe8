"""Facts of the sound itself, measured with librosa: what a probe is judged against."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.files import code_digest
from musiclib.latents import Sequences, track_pieces
from musiclib.latents.spectral import Framed, levelled

N_FFT: Final = 2048
MEL_BANDS: Final = 64
FLOOR_DB: Final = -90.0
PITCHES: Final = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
_LEVEL, _CENTROID, _FLATNESS, _PERCUSSIVE, _ONSET = range(5)
_CHROMA = 5

TARGETS: Final = {
    "level": "Level (dB)",
    "centroid": "Spectral centroid (octaves)",
    "flatness": "Flatness (dB)",
    "percussive": "Percussive share",
    "onset": "Onset strength (dB)",
}
"""Facts of a piece that are one number each."""


@dataclass(frozen=True)
class Facts(Framed):
    """Frame by frame: level, centroid, flatness, percussive share, onset strength, chroma.

    A clip is brought to a peak of 0.3 first, as the autoencoders do. So its level is how dense it
    is, not how loud it was.

    Attributes:
        rate: Sampling rate in Hz.
        hop_length: Distance between frames in samples.
    """

    rate: int = HOUSE_RATE
    hop_length: int = 512

    name = "facts"
    label = "facts of the sound"
    channels = _CHROMA + len(PITCHES)

    def settings(self) -> dict[str, Any]:
        """All that they depend on."""
        code = code_digest(
            "studies/latent_space/truth.py", "latents/spectral.py", "latents/samples.py"
        )
        return {"rate": self.rate, "hop": self.hop_length, "facts": code}

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Measure a clip, `(N,)` to `(17, L)`."""
        import librosa

        sound = np.pad(levelled(audio), (0, max(0, N_FFT - len(audio))))
        magnitude = np.abs(librosa.stft(sound, n_fft=N_FFT, hop_length=self.hop_length))
        power = np.square(magnitude)
        frame = {"S": magnitude, "sr": self.rate}
        mel = librosa.feature.melspectrogram(S=power, sr=self.rate, n_mels=MEL_BANDS)
        # Median filters over time and frequency part clicks from held tones (Fitzgerald, 2010).
        held, clicks = librosa.decompose.hpss(np.sqrt(mel), kernel_size=(31, 17))
        energy = np.square(held).sum(axis=0) + np.square(clicks).sum(axis=0)
        rises = librosa.onset.onset_strength(
            S=librosa.power_to_db(mel), sr=self.rate, hop_length=self.hop_length
        )
        rms = librosa.feature.rms(y=sound, frame_length=N_FFT, hop_length=self.hop_length)[0]
        centroid = librosa.feature.spectral_centroid(**frame)[0]
        flatness = librosa.feature.spectral_flatness(S=magnitude)[0]
        rows = [
            np.maximum(librosa.amplitude_to_db(rms, top_db=None), FLOOR_DB),
            np.log2(np.maximum(centroid, 20.0)),
            np.maximum(librosa.power_to_db(flatness, top_db=None), FLOOR_DB),
            np.square(clicks).sum(axis=0) / np.maximum(energy, 1e-12),
            rises,
            *librosa.feature.chroma_stft(S=power, sr=self.rate, tuning=0.0),
        ]
        found: FloatArray = np.stack(rows).astype(np.float32)
        return found


def of_pieces(facts: Sequences, seconds: float) -> pd.DataFrame:
    """Means over the frames of each piece.

    Args:
        facts: Sequences of :class:`Facts`.
        seconds: Length of a piece, as for :func:`musiclib.latents.pooled`.

    Returns:
        A row a piece, in the order of the tracks: `track_id`, `start_s`, the keys of
        :data:`TARGETS` and of :data:`PITCHES`. Centroid and percussive share are weighted with the
        energy of a frame; level is that of the mean energy; chroma sums to 1.
    """
    rows = []
    for track_id in facts.tracks.index:
        for start, piece in track_pieces(facts, seconds, track_id):
            energy = 10.0 ** (piece[_LEVEL].astype(np.float64) / 10)
            weight = energy / energy.sum()
            chroma = piece[_CHROMA:] @ weight
            chroma = chroma / max(float(chroma.sum()), 1e-12)
            values = {
                "level": 10.0 * math.log10(float(energy.mean())),
                "centroid": float(piece[_CENTROID] @ weight),
                "flatness": float(piece[_FLATNESS].mean()),
                "percussive": float(piece[_PERCUSSIVE] @ weight),
                "onset": float(piece[_ONSET].mean()),
            }
            place = {"track_id": track_id, "start_s": start / facts.frame_rate}
            rows.append(place | values | dict(zip(PITCHES, chroma, strict=True)))
    return pd.DataFrame(rows)


def tempo(facts: Sequences, shortest_s: float = 5.0) -> pd.Series:
    """Tempo of each track from its onset strength, as librosa estimates it.

    Args:
        facts: Sequences of :class:`Facts`.
        shortest_s: Shorter tracks get NaN, and so do those without any onset.

    Returns:
        Beats a minute; index `track_id`.
    """
    from librosa.feature import tempo as estimate

    found = {}
    for track_id in facts.tracks.index:
        rises = facts[track_id][_ONSET]
        usable = len(rises) >= shortest_s * facts.frame_rate and float(np.ptp(rises)) > 0.0
        rate, hop = facts.representation.sample_rate, facts.representation.hop
        beats = estimate(onset_envelope=rises, sr=rate, hop_length=hop) if usable else [math.nan]
        found[track_id] = float(beats[0])
    return pd.Series(found, name="tempo_bpm", dtype=float).rename_axis("track_id")
