"""Audio files to arrays: what a header says, whole files, cuts, and block by block."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import soundfile

from musiclib.audio.decoding import (
    AudioSource,
    Reader,
    Source,
    as_source,
    audio_stream,
    counted_duration,
    declared_duration,
    decoders,
    duration_is_guessed,
    is_ogg_vorbis,
    ogg_links,
    open_container,
    read_with,
)
from musiclib.audio.samples import FloatArray, StreamResampler, check_rate, mix_down, plan_cut
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

    >>> import musiclib as ml
    >>> audio, rate = ml.load("song.flac")
    >>> len(audio) / rate
    5.0

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


@dataclass(frozen=True)
class AudioInfo:
    """An audio file as its header describes it.

    Attributes:
        path: Where it is; `Path("audio in memory")` for bytes.
        codec: FFmpeg's name of the codec, for example `mp3float`, `flac`, `vorbis`, `pcm_s16le`.
        sample_rate: Sampling rate in Hz.
        channels: Number of channels.
        duration_s: Duration in seconds, to a packet where the header does not state it.
        bitrate_kbps: Size of the whole file (tags and pictures included) over its duration.
        tags: Tags by lower-case name. Characters that no encoding explains are left out.
    """

    path: Path
    codec: str
    sample_rate: int
    channels: int
    duration_s: float
    bitrate_kbps: float
    tags: dict[str, str] = field(default_factory=dict)


def probe(path: AudioSource) -> AudioInfo:
    """Read a file's header, and count its packets where that does not state the duration.

    Args:
        path: A path, bytes, or an open binary file.

    Raises:
        AudioFileError: If the file is missing, empty, unreadable, or holds no audio.
    """
    source = as_source(path)
    try:
        header = _probe_ffmpeg(source)
    except AudioFileError as error:
        try:
            header = _probe_sndfile(source)
        except AudioFileError:
            raise error from None
    else:
        if is_ogg_vorbis(source):
            # libsndfile counts Vorbis samples exactly; FFmpeg knows more tags.
            with suppress(AudioFileError):
                header = replace(_probe_sndfile(source), tags=header.tags)
    duration = _measured_duration(source) if header.duration_s is None else header.duration_s
    if header.sample_rate <= 0 or header.channels <= 0 or duration <= 0.0:
        raise AudioFileError(f"{source.name} holds no samples. Fetch or export it again.")
    return AudioInfo(
        path=source.path if source.path is not None else Path(source.name),
        codec=header.codec,
        sample_rate=header.sample_rate,
        channels=header.channels,
        duration_s=duration,
        bitrate_kbps=8.0 * source.n_bytes / duration / 1000.0,
        tags=header.tags,
    )


@dataclass(frozen=True)
class _Header:
    codec: str
    sample_rate: int
    channels: int
    duration_s: float | None
    tags: dict[str, str]


def _probe_ffmpeg(source: Source) -> _Header:
    with open_container(source) as container:
        stream = audio_stream(container, source.name)
        read_duration = counted_duration
        if not duration_is_guessed(container, stream):
            read_duration = declared_duration
        context = stream.codec_context
        tags = {**container.metadata, **stream.metadata}
        return _Header(
            codec=context.name,
            sample_rate=int(context.sample_rate),
            channels=int(context.channels),
            duration_s=read_duration(container, stream),
            tags={key.lower(): value for key, value in tags.items()},
        )


def _probe_sndfile(source: Source) -> _Header:
    try:
        with soundfile.SoundFile(source.open()) as file:
            chained = len(ogg_links(source)) > 1
            return _Header(
                codec=str(file.subtype).lower(),
                sample_rate=int(file.samplerate),
                channels=int(file.channels),
                duration_s=None if chained else int(file.frames) / int(file.samplerate),
                tags={key.lower(): value for key, value in file.copy_metadata().items()},
            )
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        raise AudioFileError(
            f"{source.name} cannot be decoded ({error}). Check that it is an audio file."
        ) from error


def _measured_duration(source: Source) -> float:
    def seconds(reader: Reader) -> float:
        return float(sum(chunk.shape[-1] for chunk in reader.chunks(0, None)) / reader.sample_rate)

    return read_with(source, seconds)
