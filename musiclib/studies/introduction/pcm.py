"""Samples, rounding and lossless coding: what digital sound costs before anything is lost."""

import io
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.linalg
import scipy.signal
import soundfile

from musiclib.audio import FloatArray, validate
from musiclib.datasets import Clip
from musiclib.errors import AudioError
from musiclib.figures import quantise

Integers = npt.NDArray[np.int64]

#: Rows of the lossless table, in the order of the argument that the chapter makes.
LOSSLESS_ROWS = {
    "pcm": "16-bit PCM as it is",
    "deflate": "DEFLATE (zip), level 9",
    "samples": "entropy of the samples",
    "differences": "entropy of their first differences",
    "prediction": "entropy after linear prediction",
    "flac": "FLAC",
}


def dithered(audio: FloatArray, bits: int, seed: int = 0) -> FloatArray:
    """Round samples after adding noise, so that the error no longer follows the signal.

    The noise is triangular, two steps wide: the least that makes the mean and the power of the
    error independent of the signal (Lipshitz, Wannamaker and Vanderkooy 1992).

    Args:
        audio: Samples, shape ``(..., N)``, nominal range [-1, 1].
        bits: Bits per sample, 1 to 24.
        seed: Seed of the noise.

    Returns:
        The rounded samples, same shape.

    Raises:
        AudioError: If the audio is unusable.
    """
    sound = validate(audio)
    generator = np.random.default_rng(seed)
    noise = generator.random(sound.shape) - generator.random(sound.shape)
    return quantise((sound + noise * 2.0 ** (1 - bits)).astype(np.float32), bits)


def signal_to_noise_db(reference: FloatArray, estimate: FloatArray) -> float:
    """Power of the reference over the power of the difference, in dB.

    Args:
        reference: Samples, shape ``(N,)``.
        estimate: Samples of the same shape.

    Returns:
        The ratio in dB; infinite for equal signals.
    """
    clean = reference.astype(np.float64)
    noise = estimate.astype(np.float64) - clean
    with np.errstate(divide="ignore"):
        return float(10.0 * np.log10(np.sum(clean**2) / np.sum(noise**2)))


def quantisation_table(
    audio: FloatArray, bits: Sequence[int] = (16, 12, 8, 6, 4), sample_rate: int = 24_000
) -> pd.DataFrame:
    """Noise of rounding, measured beside the formula that predicts it.

    The formula takes the error as uniform over one step, so that its power is a twelfth of the
    step squared (Bennett 1948). For a sine at full scale this gives 6.02 b + 1.76 dB. Music is
    quieter than a sine at full scale on average, so its own power replaces the sine's.

    Args:
        audio: A piece of music, shape ``(N,)``.
        bits: Bits per sample to try.
        sample_rate: Rate of the sine in Hz; its frequency shares no period with it.

    Returns:
        One row per number of bits, columns ``bits``, ``sine_formula_db``, ``sine_measured_db``,
        ``music_formula_db``, ``music_measured_db``.
    """
    music = validate(audio)
    seconds = np.arange(10 * sample_rate) / sample_rate
    power = float(np.mean(music.astype(np.float64) ** 2))
    rows = []
    for count in bits:
        step = 2.0 ** (1 - count)
        # One step below full scale, where the highest level ends.
        sine = ((1.0 - step) * np.sin(2.0 * np.pi * 997.3 * seconds)).astype(np.float32)
        rows.append(
            {
                "bits": count,
                "sine_formula_db": 6.02 * count + 1.76,
                "sine_measured_db": signal_to_noise_db(sine, quantise(sine, count)),
                "music_formula_db": float(10.0 * np.log10(power / (step**2 / 12.0))),
                "music_measured_db": signal_to_noise_db(music, quantise(music, count)),
            }
        )
    return pd.DataFrame(rows)


def entropy_bits(symbols: npt.NDArray[np.integer]) -> float:
    """Entropy of integers from their histogram, in bits a symbol (Shannon 1948).

    A histogram of few symbols looks more orderly than their source is. The first-order correction
    of Miller (1955) adds half a natural unit for each further level that occurs, over the count.

    Args:
        symbols: Integers of any shape, at least one.

    Returns:
        Bits a symbol: the least that a code needs which treats every symbol alone.
    """
    _, counts = np.unique(symbols, return_counts=True)
    shares = counts / counts.sum()
    bias = (len(counts) - 1) / (2.0 * np.log(2.0) * counts.sum())
    return float(max(0.0, -np.sum(shares * np.log2(shares))) + bias)


def prediction_residual(samples: Integers, order: int = 12, block: int = 4096) -> Integers:
    """What is left of the samples when each is predicted from those before it.

    The predictor of each block minimises the squared error over that block (autocorrelation
    method, as in FLAC; RFC 9639, section 9.2.6). Predictions are rounded, so that samples can be
    restored exactly from the residual and the coefficients.

    Args:
        samples: Integer samples, shape ``(N,)``.
        order: Number of earlier samples that a prediction uses.
        block: Samples that share one predictor.

    Returns:
        Integers, shape ``(N,)``.
    """
    residual = samples.copy()
    for start in range(0, len(samples), block):
        part = samples[start : start + block].astype(np.float64)
        if len(part) <= 2 * order:
            continue
        windowed = part * scipy.signal.windows.tukey(len(part), 0.5)
        lags = scipy.signal.correlate(windowed, windowed, method="fft")[len(part) - 1 :]
        if lags[0] <= 0:
            continue
        lags = lags[: order + 1].copy()
        lags[0] = lags[0] * (1.0 + 1e-9) + 1.0  # keeps the equations solvable for a pure tone
        weights = scipy.linalg.solve_toeplitz(lags[:-1], lags[1:])
        history = np.concatenate([samples[max(0, start - order) : start], part])
        predicted = scipy.signal.lfilter(np.concatenate([[0.0], weights]), 1.0, history)
        rounded = np.round(predicted[len(history) - len(part) :]).astype(np.int64)
        residual[start : start + block] -= rounded
    return residual


def flac_bytes(audio: FloatArray, sample_rate: int) -> bytes:
    """A FLAC file of 16-bit samples, as small as the encoder makes it.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.

    Returns:
        The file's bytes.
    """
    file = io.BytesIO()
    samples = _integers(audio).astype(np.int16)
    # libsndfile's levels run from 0 to 1; 1 is FLAC's own level 8.
    soundfile.write(
        file, samples, sample_rate, format="FLAC", subtype="PCM_16", compression_level=1.0
    )
    return file.getvalue()


def lossless_bits(audio: FloatArray, sample_rate: int) -> dict[str, float]:
    """Bits a sample that 16-bit samples cost without loss, in six ways.

    DEFLATE and FLAC are real files of real size. The entropies are bounds for codes that spend
    bits by one histogram over the clip; linear prediction includes its coefficients at 15 bits.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.

    Returns:
        Bits a sample for each key of :data:`LOSSLESS_ROWS`.

    Raises:
        AudioError: If the audio is unusable or more than one channel.
    """
    samples = validate(audio)
    if samples.ndim != 1:
        raise AudioError(f"lossless_bits takes one channel, got shape {samples.shape}")
    integers = _integers(samples)
    pcm = integers.astype("<i2")
    order, block = 12, 4096
    residual = prediction_residual(integers, order, block)
    side_bits = 15 * order * -(-len(integers) // block)
    return {
        "pcm": 16.0,
        "deflate": 8.0 * len(zlib.compress(pcm.tobytes(), 9)) / len(pcm),
        "samples": entropy_bits(integers),
        "differences": entropy_bits(np.diff(integers, prepend=0)),
        "prediction": entropy_bits(residual) + side_bits / len(integers),
        "flac": 8.0 * len(flac_bytes(samples, sample_rate)) / len(pcm),
    }


def lossless_table(clips: Iterable[Clip]) -> pd.DataFrame:
    """Bits a sample of each clip for each lossless way.

    Args:
        clips: Clips of one channel.

    Returns:
        One row per clip: ``track_id``, ``genre``, ``artist`` and the keys of :data:`LOSSLESS_ROWS`.
    """
    rows = [
        {"track_id": clip.track_id, "genre": clip.genre, "artist": clip.unit}
        | lossless_bits(clip.audio, clip.sample_rate)
        for clip in clips
    ]
    return pd.DataFrame(rows)


def _integers(audio: FloatArray) -> Integers:
    return np.round(quantise(audio, 16).astype(np.float64) * 2**15).astype(np.int64)
