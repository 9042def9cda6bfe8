"""Lossy codecs on real clips: one clip down a ladder of bitrates, and the marks that they leave."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.signal

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.codecs import Codec, get_codec
from musiclib.datasets import Clip
from musiclib.errors import AudioError
from musiclib.evaluate import align
from musiclib.metrics import METRICS, bitrate_kbps

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rung:
    """One clip through one codec setting.

    Attributes:
        label: Codec and setting, such as "Opus 12 kbps".
        audio: Decoded and aligned samples at the clip's rate, shape ``(N,)``.
        kbps: Bitrate of the real file, headers included.
        measures: Value of each metric by its key.
    """

    label: str
    audio: FloatArray
    kbps: float
    measures: dict[str, float]


def ladder(
    clip: Clip,
    settings: Iterable[tuple[str, int]],
    metrics: Sequence[str] = ("log_spectral_distance", "zimtohrli_mos"),
) -> list[Rung]:
    """Encode one clip with several codec settings, and decode and measure each.

    Args:
        clip: One channel.
        settings: Codec names with nominal bitrates in kbps.
        metrics: Keys of :data:`musiclib.metrics.METRICS`.

    Returns:
        One rung a setting, in the given order.
    """
    rungs = []
    for name, kbps in settings:
        codec = get_codec(name, kbps)
        data = codec.encode(clip.audio, clip.sample_rate)
        aligned = align(*codec.decode(data), clip.audio, clip.sample_rate)
        measures = {
            key: METRICS[key].function(clip.audio, aligned, clip.sample_rate) for key in metrics
        }
        rungs.append(Rung(codec.label, aligned, bitrate_kbps(len(data), clip.seconds), measures))
    return rungs


def bandwidth_hz(
    reference: FloatArray, decoded: FloatArray, sample_rate: int, drop_db: float = 20.0
) -> float:
    """Highest frequency up to which a codec kept the music.

    Args:
        reference: Samples before coding, shape ``(N,)``.
        decoded: Aligned samples after it, same shape.
        sample_rate: In Hz.
        drop_db: A frequency counts as kept while the decoded mean spectrum lies less than this
            below the reference's.

    Returns:
        The frequency in Hz; 0 when nothing was kept.
    """
    frequencies, before = _mean_spectrum(reference, sample_rate)
    _, after = _mean_spectrum(decoded, sample_rate)
    # What lies 90 dB below the strongest band is silence, which any codec keeps.
    sounding = before > before.max() * 1e-9
    kept = sounding & (after > before * 10.0 ** (-drop_db / 10.0))
    return float(frequencies[kept].max(initial=0.0))


def hole_share(
    reference: FloatArray, decoded: FloatArray, sample_rate: int, drop_db: float = 20.0
) -> float:
    """Share of the audible-sized spectrogram that a codec switched off.

    Counted are bins below the decoded bandwidth whose reference lies within 60 dB of its loudest
    bin. A hole is one that the codec left more than ``drop_db`` too quiet. Holes that open and
    close from frame to frame are heard as twittering ("birdies").

    Args:
        reference: Samples before coding, shape ``(N,)``.
        decoded: Aligned samples after it, same shape.
        sample_rate: In Hz.
        drop_db: How much quieter a bin must be to count as a hole.

    Returns:
        Share between 0 and 1; 0 for a silent reference.
    """
    frequencies, before = _power(reference, sample_rate)
    _, after = _power(decoded, sample_rate)
    top = bandwidth_hz(reference, decoded, sample_rate, drop_db)
    counted = (before > before.max() * 1e-6) & (frequencies <= top)[:, None]
    if not counted.any():
        return 0.0
    return float(np.mean(after[counted] < before[counted] * 10.0 ** (-drop_db / 10.0)))


def attacks(
    sample_rate: int = HOUSE_RATE, count: int = 8, seed: int = 0
) -> tuple[FloatArray, Array]:
    """Sharp attacks out of silence, like castanets: what long transform blocks do worst.

    Args:
        sample_rate: In Hz.
        count: Number of attacks, one each 0.37 s.
        seed: Seed of the noise.

    Returns:
        Samples, shape ``(N,)``, and the index of each attack, shape ``(count,)``.
    """
    generator = np.random.default_rng(seed)
    spacing = round(0.37 * sample_rate)
    starts = spacing // 2 + spacing * np.arange(count)
    audio = np.zeros(spacing * (count + 1))
    length = round(0.05 * sample_rate)
    decay = np.exp(-np.arange(length) / (0.008 * sample_rate))
    for start in starts:
        audio[start : start + length] = 0.25 * generator.standard_normal(length) * decay
    return np.clip(audio, -1.0, 1.0).astype(np.float32), starts.astype(np.float64)


def pre_echo_db(codec: Codec, sample_rate: int = HOUSE_RATE, seed: int = 0) -> float:
    """Level of what a codec plays before an attack, relative to the attack itself.

    Compared are the mean powers from 20 to 2 ms before and from 0 to 10 ms after each attack of
    :func:`attacks`. The original is silent before.

    Args:
        codec: Codec to try.
        sample_rate: Of the test sound, in Hz.
        seed: Seed of the test sound.

    Returns:
        Level in dB; about -100 or lower is silence.
    """
    before, after = [], []
    decoded, starts = coded_attacks(codec, sample_rate, seed)
    for start in starts.astype(int):
        before.append(
            decoded[start - round(0.020 * sample_rate) : start - round(0.002 * sample_rate)]
        )
        after.append(decoded[start : start + round(0.010 * sample_rate)])
    powers = [
        float(np.mean(np.concatenate(part).astype(np.float64) ** 2)) for part in (before, after)
    ]
    if powers[1] == 0.0:
        raise AudioError(f"{codec.label} left nothing of the attacks")
    return float(10.0 * np.log10(max(powers[0] / powers[1], 1e-12)))


def coded_attacks(
    codec: Codec, sample_rate: int = HOUSE_RATE, seed: int = 0
) -> tuple[FloatArray, Array]:
    """Send :func:`attacks` through a codec.

    Args:
        codec: Codec to try.
        sample_rate: Of the test sound, in Hz.
        seed: Seed of the test sound.

    Returns:
        Decoded and aligned samples, shape ``(N,)``, and the index of each attack.
    """
    audio, starts = attacks(sample_rate, seed=seed)
    decoded, rate = codec.decode(codec.encode(audio, sample_rate))
    return align(decoded, rate, audio, sample_rate), starts


def level_change_db(codec: Codec, sample_rate: int = HOUSE_RATE) -> float:
    """How much louder or quieter a codec makes a tone.

    Args:
        codec: Codec to try.
        sample_rate: Of the tone of 1 kHz, in Hz.

    Returns:
        Level after the codec relative to the level before, in dB.
    """
    times = np.arange(3 * sample_rate) / sample_rate
    tone = (0.3 * np.sin(2.0 * np.pi * 1000.0 * times)).astype(np.float32)
    decoded = align(*codec.decode(codec.encode(tone, sample_rate)), tone, sample_rate)
    steady = slice(sample_rate, 2 * sample_rate)
    powers = [np.mean(sound[steady].astype(np.float64) ** 2) for sound in (decoded, tone)]
    return float(10.0 * np.log10(powers[0] / powers[1]))


def artefact_table(clips: Sequence[Clip], settings: Iterable[tuple[str, int]]) -> pd.DataFrame:
    """Marks of each codec setting: lost bandwidth, holes, and what comes before an attack.

    Args:
        clips: Clips of one channel.
        settings: Codec names with nominal bitrates in kbps.

    Returns:
        One row per setting, indexed by its label: means over the clips of ``bandwidth_khz`` and
        ``hole_percent``, and ``pre_echo_db`` of the synthetic attacks.
    """
    rows = []
    for name, kbps in settings:
        codec = get_codec(name, kbps)
        widths, holes = [], []
        for clip in clips:
            decoded, rate = codec.decode(codec.encode(clip.audio, clip.sample_rate))
            aligned = align(decoded, rate, clip.audio, clip.sample_rate)
            widths.append(bandwidth_hz(clip.audio, aligned, clip.sample_rate) / 1000.0)
            holes.append(100.0 * hole_share(clip.audio, aligned, clip.sample_rate))
        rows.append(
            {
                "codec": codec.label,
                "bandwidth_khz": float(np.mean(widths)),
                "hole_percent": float(np.mean(holes)),
                "pre_echo_db": pre_echo_db(codec),
            }
        )
    return pd.DataFrame(rows).set_index("codec")


def _mean_spectrum(audio: FloatArray, sample_rate: int) -> tuple[Array, Array]:
    # Welch's average over about 20 ms: bands of about 50 Hz.
    size = min(len(audio), round(0.02 * sample_rate))
    frequencies, power = scipy.signal.welch(audio.astype(np.float64), sample_rate, nperseg=size)
    return np.asarray(frequencies), np.asarray(power)


def _power(audio: FloatArray, sample_rate: int) -> tuple[Array, Array]:
    size = min(len(audio), 1024)
    frequencies, _, spectrum = scipy.signal.stft(
        audio.astype(np.float64), sample_rate, nperseg=size, noverlap=size * 3 // 4
    )
    return np.asarray(frequencies), np.asarray(np.abs(spectrum) ** 2)
