"""Audio files to arrays and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from musiclib.audio.decoding import Reader, decoders, read_with
from musiclib.audio.resampling import StreamResampler, plan_cut
from musiclib.audio.samples import FloatArray, check_rate, mix_down, validate
from musiclib.audio.sources import AudioSource, Source, as_source
from musiclib.audio.writing import FLOAT_SUBTYPES, AudioWriter, output_format
from musiclib.errors import AudioError, AudioFileError

# Decoders overshoot full scale by some dB. 30 dB only come from damage, or from float files that
# hold integers.
LOUDEST = 32.0


def load(
    path: AudioSource,
    sample_rate: int | None = None,
    mono: bool = True,
    start_s: float = 0.0,
    duration_s: float | None = None,
) -> tuple[FloatArray, int]:
    """Decode an audio file, or the audio stream of a video file.

    Every format that FFmpeg or libsndfile reads is accepted. The encoder's delay and padding are
    removed where the file declares them (LAME header, Opus pre-skip, MP4 edit list). A cut is
    sample-exact: it equals the same slice of the whole file, resampled or not. It ends early where
    the file ends. Damaged packets are left out with a warning in the log; a file of which less
    than half decodes is refused. Values are as the decoder gives them and may exceed 1.

    Args:
        path: A path, bytes, or an open binary file.
        sample_rate: Wanted sampling rate in Hz, by default the file's own.
        mono: Whether to mix the channels down to their mean.
        start_s: Where to start, in seconds.
        duration_s: How much to read, in seconds, by default until the end.

    Returns:
        The audio, `(N,)` if `mono` and else `(C, N)`, and its sampling rate in Hz.

    Raises:
        AudioFileError: If the file is missing, not audio, mostly damaged, without samples in the
            wanted range, or holds NaN, infinity or values beyond 32 times full scale.
        AudioError: If an argument is out of range.
    """
    _check_range(start_s, duration_s)
    rate = None if sample_rate is None else check_rate(sample_rate)
    source = as_source(path)
    return read_with(source, lambda reader: _read(reader, source, rate, mono, start_s, duration_s))


def decode_bytes(
    data: bytes,
    sample_rate: int | None = None,
    mono: bool = True,
    start_s: float = 0.0,
    duration_s: float | None = None,
) -> tuple[FloatArray, int]:
    """Decode an audio file held in memory. Arguments, result and errors are those of `load`."""
    return load(bytes(data), sample_rate, mono, start_s, duration_s)


def blocks(
    path: AudioSource,
    sample_rate: int | None = None,
    seconds_per_block: float = 10.0,
    mono: bool = True,
) -> Iterator[FloatArray]:
    """Decode a file block by block, in memory that does not grow with its length.

    The blocks joined together equal the result of `load`.

    Args:
        path: A path, bytes, or an open binary file.
        sample_rate: Wanted sampling rate in Hz, by default the file's own.
        seconds_per_block: Length of every block but the last, in seconds.
        mono: Whether to mix the channels down to their mean.

    Yields:
        Blocks `(n,)` if `mono` and else `(C, n)`.

    Raises:
        AudioFileError: As `load`. Damage in the middle shows when it is reached.
        AudioError: If an argument is out of range.
    """
    if not (math.isfinite(seconds_per_block) and seconds_per_block > 0.0):
        raise AudioError(f"seconds_per_block must be positive, not {seconds_per_block!r}")
    wanted = None if sample_rate is None else check_rate(sample_rate)
    source = as_source(path)
    # Only the first block can still fall back to the other decoder: what was yielded stays.
    started = False
    preferred, *others = decoders(source)
    try:
        with preferred(source) as reader:
            for block in _regular_blocks(reader, source, wanted, mono, seconds_per_block):
                started = True
                yield block
    except AudioFileError:
        if started or not others:
            raise
        with others[0](source) as reader:
            yield from _regular_blocks(reader, source, wanted, mono, seconds_per_block)


def save(
    path: str | PathLike[str],
    audio: npt.ArrayLike,
    sample_rate: int,
    subtype: str | None = None,
    clip: bool = False,
) -> None:
    """Write a WAV, FLAC or Ogg Vorbis file. The file appears complete or not at all.

    PCM of 16 or 24 bits is rounded with full scale at 2^15 or 2^23, so that samples read from
    such a file are written back bit for bit.

    Args:
        path: Where to write; the suffix `.wav`, `.flac` or `.ogg` decides the format.
        audio: `(N,)` or `(C, N)`.
        sample_rate: Sampling rate in Hz.
        subtype: libsndfile's name, for example `PCM_24`, `FLOAT`; 16 bit or Vorbis by default.
        clip: Whether to clip samples beyond 1 instead of refusing them.

    Raises:
        AudioError: If the audio cannot be used, exceeds 1 (unless `clip` is set or the subtype is
            floating point), or if format, subtype and rate do not go together.
        AudioFileError: If the file cannot be written.
    """
    target = Path(path)
    samples = validate(audio, f"The audio for {target}")
    _, subtype = output_format(target, subtype)
    if subtype not in FLOAT_SUBTYPES:
        samples = _within_full_scale(samples, target, clip)
    channels = np.atleast_2d(samples)
    with AudioWriter(target, sample_rate, len(channels), subtype) as writer:
        writer.write(channels)


def _check_range(start_s: float, duration_s: float | None) -> None:
    if not (math.isfinite(start_s) and start_s >= 0.0):
        raise AudioError(f"start_s must be 0 or more seconds, not {start_s!r}")
    if duration_s is not None and not (math.isfinite(duration_s) and duration_s > 0.0):
        raise AudioError(f"duration_s must be positive, not {duration_s!r}")


def _read(
    reader: Reader,
    source: Source,
    wanted: int | None,
    mono: bool,
    start_s: float,
    duration_s: float | None,
) -> tuple[FloatArray, int]:
    rate = wanted or reader.sample_rate
    cut = plan_cut(reader.sample_rate, rate, start_s, duration_s)
    parts = list(_resampled(reader, source, rate, mono, cut.first, cut.last))
    audio = np.concatenate(parts, axis=-1) if parts else np.zeros((1, 0), np.float32)
    audio = audio[:, cut.skip : None if cut.keep is None else cut.skip + cut.keep]
    if audio.shape[-1] == 0:
        where = f" from {start_s:g} s on" if start_s else ""
        raise AudioFileError(f"{source.name} holds no samples{where}. Check its duration.")
    return (audio[0] if mono else np.ascontiguousarray(audio)), rate


def _resampled(
    reader: Reader, source: Source, rate: int, mono: bool, first: int, last: int | None
) -> Iterator[FloatArray]:
    """Checked blocks `(C, n)` of the frames `[first, last)` at the wanted rate."""
    channels = 1 if mono else reader.channels
    resampler = StreamResampler(reader.sample_rate, rate, channels)
    position = first
    for chunk in reader.chunks(first, last):
        # NaN makes every comparison false, and an empty chunk holds nothing bad.
        if chunk.size and not (chunk.max() <= LOUDEST and chunk.min() >= -LOUDEST):
            bad = position + int(np.argwhere(~(np.abs(chunk) <= LOUDEST))[:, -1].min())
            raise AudioFileError(
                f"{source.name} holds NaN, infinity or values beyond {LOUDEST:g} times full scale "
                f"at {bad / reader.sample_rate:.3f} s: it is damaged or wrongly scaled. "
                "Fetch it again, or export it again from its source."
            )
        position += chunk.shape[-1]
        yield resampler.push(mix_down(chunk)[np.newaxis] if mono else chunk)
    if position > first:
        yield resampler.finish()


def _regular_blocks(
    reader: Reader, source: Source, wanted: int | None, mono: bool, seconds: float
) -> Iterator[FloatArray]:
    """Blocks of equal length out of the decoder's irregular ones."""
    rate = wanted or reader.sample_rate
    size = max(1, round(seconds * rate))
    waiting: list[FloatArray] = []
    held = 0
    for chunk in _resampled(reader, source, rate, mono, 0, None):
        waiting.append(chunk)
        held += chunk.shape[-1]
        if held >= size:
            joined = np.concatenate(waiting, axis=-1)
            for begin in range(0, held - size + 1, size):
                block = joined[:, begin : begin + size].copy()
                yield block[0] if mono else block
            rest = joined[:, held - held % size :].copy()
            waiting, held = [rest], rest.shape[-1]
    if held:
        block = np.concatenate(waiting, axis=-1)
        yield block[0] if mono else block


def _within_full_scale(samples: FloatArray, target: Path, clip: bool) -> FloatArray:
    highest = float(max(samples.max(), -samples.min()))
    if highest <= 1.0:
        return samples
    if not clip:
        raise AudioError(
            f"The audio for {target} peaks at {highest:.3f} and would clip. Scale it down, "
            "pass clip=True, or write the subtype FLOAT."
        )
    return np.clip(samples, -1.0, 1.0)
