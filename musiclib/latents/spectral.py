"""The usual inputs of genre recognition as sequences: log-mel spectra and MFCCs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.latents.representations import Representation
from musiclib.latents.samples import peak_gain

MEL_FLOOR = 1e-6


class Framed(Representation):
    """A representation whose rate and hop length are settings.

    Attributes:
        rate: Sampling rate in Hz.
        hop_length: Distance between frames in samples.
    """

    rate: int
    hop_length: int

    @property
    def sample_rate(self) -> int:
        """As configured."""
        return self.rate

    @property
    def hop(self) -> int:
        """As configured."""
        return self.hop_length


@dataclass(frozen=True)
class LogMel(Framed):
    """Log-mel spectrogram in nepers of power, of clips with a peak of 0.3.

    Attributes:
        bands: Number of mel bands.
        n_fft: Length of the STFT's window in samples.
        hop_length: Distance between frames in samples.
        rate: Sampling rate in Hz.
    """

    bands: int = 64
    n_fft: int = 1024
    hop_length: int = 512
    rate: int = HOUSE_RATE

    name = "log-mel"
    label = "log-mel spectrogram"

    @property
    def channels(self) -> int:
        """Mel bands."""
        return self.bands

    def settings(self) -> dict[str, Any]:
        """All attributes."""
        return {**dataclasses.asdict(self), "floor": MEL_FLOOR}

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Return `ln(mel power + 1e-6)`, `(N,)` to `(bands, L)`."""
        import librosa

        power = librosa.feature.melspectrogram(
            y=levelled(audio),
            sr=self.rate,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            n_mels=self.bands,
        )
        logs: FloatArray = np.log(power + MEL_FLOOR).astype(np.float32)
        return logs


@dataclass(frozen=True)
class Mfcc(Framed):
    """Mel-frequency cepstral coefficients as librosa computes them: 20, of windows of 2048 samples.

    These are the features of FMA's baselines (Defferrard et al., "FMA: A dataset for music
    analysis", ISMIR 2017, section 5).

    Attributes:
        coefficients: Number of coefficients.
        n_fft: Length of the STFT's window in samples.
        hop_length: Distance between frames in samples.
        rate: Sampling rate in Hz.
    """

    coefficients: int = 20
    n_fft: int = 2048
    hop_length: int = 512
    rate: int = HOUSE_RATE

    name = "mfcc"
    label = "MFCC"

    @property
    def channels(self) -> int:
        """Coefficients."""
        return self.coefficients

    def settings(self) -> dict[str, Any]:
        """All attributes."""
        return dataclasses.asdict(self)

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Return coefficients `(N,)` to `(coefficients, L)`."""
        import librosa

        found: FloatArray = librosa.feature.mfcc(
            y=levelled(audio),
            sr=self.rate,
            n_mfcc=self.coefficients,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
        ).astype(np.float32)
        return found


def levelled(audio: FloatArray) -> FloatArray:
    """Bring the peak of a clip `(N,)` to 0.3, as the autoencoders do; silence stays silent."""
    return audio * np.float32(peak_gain(audio))
