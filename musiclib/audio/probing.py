"""What a file's header says."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import soundfile

from musiclib.audio.decoding import Reader, is_ogg_vorbis, read_with
from musiclib.audio.ffmpeg import (
    audio_stream,
    counted_duration,
    declared_duration,
    duration_is_guessed,
    open_container,
)
from musiclib.audio.sndfile import ogg_links
from musiclib.audio.sources import AudioSource, Source, as_source
from musiclib.errors import AudioFileError


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
