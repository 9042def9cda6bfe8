"""Audio files to arrays: what a header says, whole files, cuts, and block by block.

FFmpeg (PyAV) reads everything but Ogg Vorbis, which libsndfile reads: FFmpeg's own Vorbis decoder
drops up to a block of samples at the ends of some files. When the preferred one cannot read a
file and the other one may know its format, that one is tried, and the log says so.
"""

from __future__ import annotations

import io
import logging
import math
import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from math import gcd
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import av
import numpy as np
import numpy.typing as npt
import soundfile

from musiclib.audio.samples import FloatArray, StreamResampler, check_rate, mix_down
from musiclib.errors import AudioError, AudioFileError

AudioSource: TypeAlias = str | PathLike[str] | bytes
T = TypeVar("T")

logger = logging.getLogger(__name__)

# Decoders overshoot full scale by some dB. 30 dB only come from damage, or from float files that
# hold integers.
LOUDEST = 32.0
CHUNK_FRAMES = 1 << 18


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
    removed where the file declares them (LAME header, Opus pre-skip, MP4 edit list). A cut equals
    the same slice of the whole file, to the sample. Damaged packets are left out with a warning in
    the log; a file of which less than half decodes is refused. Samples may exceed 1.

    Args:
        path: A path, or the bytes of a file.
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
    if not (math.isfinite(start_s) and start_s >= 0.0):
        raise AudioError(f"start_s must be 0 or more seconds, not {start_s!r}")
    if duration_s is not None and not (math.isfinite(duration_s) and duration_s > 0.0):
        raise AudioError(f"duration_s must be positive, not {duration_s!r}")
    rate = None if sample_rate is None else check_rate(sample_rate)
    source = as_source(path)
    return read_with(source, lambda reader: _read(reader, source, rate, mono, start_s, duration_s))


def blocks(
    path: AudioSource,
    sample_rate: int | None = None,
    seconds_per_block: float = 10.0,
    mono: bool = True,
) -> Iterator[FloatArray]:
    """Decode a file block by block, in memory that does not grow with its length.

    The blocks joined together equal the result of `load`.

    Args:
        path: As for `load`.
        sample_rate: As for `load`.
        seconds_per_block: Length of every block but the last, in seconds.
        mono: As for `load`.

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
        path: A path, or the bytes of a file.

    Raises:
        AudioFileError: If the file is missing, empty, unreadable, or holds no audio.
    """
    source = as_source(path)
    try:
        info = _probe_ffmpeg(source)
    except AudioFileError as error:
        try:
            info = _probe_sndfile(source)
        except AudioFileError:
            raise error from None
    else:
        if is_ogg_vorbis(source):
            # libsndfile counts Vorbis samples exactly; FFmpeg knows more tags.
            with suppress(AudioFileError):
                info = replace(_probe_sndfile(source), tags=info.tags)
    duration = info.duration_s
    if math.isnan(duration):
        duration = read_with(source, _measured_duration)
    if info.sample_rate <= 0 or info.channels <= 0 or duration <= 0.0:
        raise AudioFileError(f"{source.name} holds no samples. Fetch or export it again.")
    bitrate = 8.0 * source.n_bytes / duration / 1000.0
    return replace(info, duration_s=duration, bitrate_kbps=bitrate)


def _probe_ffmpeg(source: Source) -> AudioInfo:
    """What FFmpeg reads in the header; the duration is NaN where it has to be measured."""
    with open_container(source) as container:
        stream = audio_stream(container, source.name)
        guessed = duration_is_guessed(container, stream)
        duration = (counted_duration if guessed else declared_duration)(container, stream)
        context = stream.codec_context
        return _info(
            source,
            context.name,
            (context.sample_rate, context.channels),
            duration,
            {**container.metadata, **stream.metadata},
        )


def _probe_sndfile(source: Source) -> AudioInfo:
    try:
        with soundfile.SoundFile(source.open()) as file:
            chained = len(ogg_links(source)) > 1
            return _info(
                source,
                file.subtype.lower(),
                (file.samplerate, file.channels),
                None if chained else int(file.frames) / int(file.samplerate),
                file.copy_metadata(),
            )
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        raise _undecodable(source.name, error) from error


def _info(
    source: Source,
    codec: str,
    layout: tuple[int, int],
    duration_s: float | None,
    tags: Mapping[str, str],
) -> AudioInfo:
    return AudioInfo(
        path=source.path if source.path is not None else Path(source.name),
        codec=codec,
        sample_rate=int(layout[0]),
        channels=int(layout[1]),
        duration_s=math.nan if duration_s is None else duration_s,
        bitrate_kbps=math.nan,
        tags={key.lower(): value for key, value in tags.items()},
    )


def _undecodable(name: str, reason: object) -> AudioFileError:
    return AudioFileError(f"{name} cannot be decoded ({reason}). Check that it is an audio file.")


def _measured_duration(reader: Reader) -> float:
    return float(sum(chunk.shape[-1] for chunk in reader.chunks(0, None)) / reader.sample_rate)


# soxr's VHQ filter reaches about 130 periods of the lower rate to each side (down to 1e-8).
FILTER_REACH = 256


@dataclass(frozen=True)
class Cut:
    """Which source frames to read, and which resampled ones to keep, for one exact cut.

    Source frames `[first, last)` include a margin for the resampling filter and start on a frame
    where both sampling grids meet; of the result, `skip` samples are dropped and at most `keep`
    are kept. `None` means until the end. So a cut equals the same slice of the whole file.
    """

    first: int
    last: int | None
    skip: int
    keep: int | None


def plan_cut(from_rate: int, to_rate: int, start_s: float, duration_s: float | None) -> Cut:
    """Plan the cut of `duration_s` seconds from `start_s`, rounded to samples of `to_rate`."""
    begin = round(start_s * to_rate)
    keep = None if duration_s is None else max(1, round(duration_s * to_rate))
    if from_rate == to_rate:
        return Cut(begin, None if keep is None else begin + keep, 0, keep)
    divisor = gcd(from_rate, to_rate)
    unit_in, unit_out = from_rate // divisor, to_rate // divisor
    margin = -(-FILTER_REACH * from_rate // min(from_rate, to_rate))
    units = max(0, begin * from_rate // to_rate - margin) // unit_in
    last = None if keep is None else -(-(begin + keep) * from_rate // to_rate) + margin
    return Cut(units * unit_in, last, begin - units * unit_out, keep)


@dataclass(frozen=True)
class Source:
    """Encoded audio that can be opened more than once: a file, or bytes in memory."""

    name: str
    path: Path | None  # absolute
    data: bytes | None
    n_bytes: int

    def open(self) -> str | io.BytesIO:
        """What a decoder opens: an absolute path, or a fresh in-memory file.

        The path is absolute because FFmpeg reads `take 1: intro.mp3` as a network protocol.
        """
        if self.path is not None:
            return str(self.path)
        assert self.data is not None
        return io.BytesIO(self.data)

    def part(self, begin: int, end: int) -> bytes:
        """The bytes `[begin, end)`."""
        if self.data is not None:
            return self.data[begin:end]
        assert self.path is not None
        with self.path.open("rb") as file:
            file.seek(begin)
            return file.read(end - begin)


def as_source(source: AudioSource) -> Source:
    """Check that a source exists, can be read and is not empty."""
    if isinstance(source, bytes):
        result = Source("audio in memory", None, source, len(source))
    else:
        result = _file_source(Path(source))
    if result.n_bytes == 0:
        raise AudioFileError(f"{result.name} is an empty file (0 bytes). Fetch or export it again.")
    return result


def _file_source(path: Path) -> Source:
    name = str(path)
    try:
        if path.is_dir():
            raise AudioFileError(f"{name} is a folder, not an audio file. Name a file in it.")
        n_bytes = path.stat().st_size
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise AudioFileError(f"{name} does not exist. Check the path.") from None
    except (OSError, ValueError) as error:
        raise AudioFileError(f"{name} cannot be read ({error}). Check its permissions.") from error
    return Source(name, path.absolute(), None, n_bytes)


VORBIS_HEADER = b"\x01vorbis"
BEGINS_STREAM = 2
PAGE_HEADER = 27
SNDFILE_MAGIC = frozenset({b"OggS", b"RIFF", b"RIFX", b"RF64", b"fLaC", b"FORM", b"caff", b".snd"})
# Formats without an index: FFmpeg guesses their duration from the bitrate of the first packets.
GUESSED_DURATION = frozenset({"aac", "ac3", "eac3", "dts", "truehd", "mpeg", "mpegts", "amr"})
# A playlist names further files and addresses, and FFmpeg would wait for them; raw formats are
# recognised by their suffix alone. So only formats that hold audio themselves are opened.
FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,matroska,mlp,mmf,"
    "mov,mp3,mpc,mpc8,mpeg,mpegts,mxf,nut,ogg,oma,rm,shn,sox,tak,truehd,tta,voc,w64,wav,webm,wsd,"
    "wtv,wv,xwma"
)
LONGEST_S = 100 * 24 * 3600.0


class FFmpegReader:
    """One audio stream of an open container as blocks of samples."""

    def __init__(self, container: av.container.InputContainer, source: Source) -> None:
        self._container = container
        self._name = source.name
        self._stream = audio_stream(container, source.name)
        context = self._stream.codec_context
        # One thread a file: corpora are decoded by one process a core.
        context.thread_count = 1
        self.sample_rate = int(context.sample_rate)
        self.channels = int(context.channels)
        if self.sample_rate <= 0 or self.channels <= 0:
            raise AudioFileError(
                f"{source.name} does not state its sampling rate or channels. Convert it again."
            )

    def chunks(self, first: int, last: int | None) -> Iterator[FloatArray]:
        """Yield the frames `[first, last)` in order as `(C, n)` arrays, sample-exact.

        Everything from the start is decoded, since seeking in most formats is not exact.
        """
        limit = self._edit_list_end()
        stop = limit if last is None else last if limit is None else min(last, limit)
        unified = to_common_format(self._blocks(), self.sample_rate, self.channels, self._name)
        return cut_frames(unified, first, stop)

    def _edit_list_end(self) -> int | None:
        """Length in frames that an MP4 edit list declares, to leave out the encoder's padding.

        A fragmented file may declare its first fragment only, so a length that is further off than
        priming and padding can explain is not believed.
        """
        seconds = declared_duration(self._container, self._stream)
        if "mp4" not in self._container.format.name or seconds is None:
            return None
        end = round(seconds * self.sample_rate)
        if abs(round(1000.0 * seconds) * self.sample_rate / 1000.0 - end) < 1.0:
            # Most writers count in milliseconds. Half of one more may hold true samples.
            end += self.sample_rate // 2000
        frame_size = self._stream.codec_context.frame_size
        excess = self._stream.frames * frame_size - end
        return end if 0 <= excess <= 8 * frame_size else None

    def _blocks(self) -> Iterator[tuple[FloatArray, int]]:
        """Decoded frames gathered into blocks of one format: `(C, n)` float32 and their rate."""
        waiting: list[npt.NDArray[Any]] = []
        size = 0
        kind: tuple[str, int, int] | None = None
        for frame in self._frames():
            new = (frame.format.name, frame.sample_rate, len(frame.layout.channels))
            if waiting and (new != kind or size >= CHUNK_FRAMES):
                assert kind is not None
                yield to_float(waiting, kind[0], kind[2]), kind[1]
                waiting, size = [], 0
            kind = new
            waiting.append(frame.to_ndarray())
            size += frame.samples
        if waiting:
            assert kind is not None
            yield to_float(waiting, kind[0], kind[2]), kind[1]

    def _frames(self) -> Iterator[av.AudioFrame]:
        """Decode packet by packet. Damaged packets are left out, and counted."""
        good = damaged = samples = 0
        reason = ""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                damaged, reason, packet = damaged + 1, error.strerror or str(error), None
            if packet is None:
                break
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                if packet.size:
                    damaged, reason = damaged + 1, error.strerror or str(error)
                continue
            good += 1
            for frame in frames:
                if frame.samples:
                    samples += frame.samples
                    yield frame
        self._judge(samples, good, damaged, reason)

    def _judge(self, samples: int, good: int, damaged: int, reason: str) -> None:
        """After the last packet: refuse a file of which most is lost, mention smaller damage."""
        if samples == 0 and damaged == 0:
            raise AudioFileError(f"{self._name} holds no samples. Fetch or export it again.")
        if samples == 0:
            raise _undecodable(self._name, reason)
        seconds = samples / self.sample_rate
        declared = declared_duration(self._container, self._stream)
        mostly_lost = damaged > good or (
            declared is not None
            and not duration_is_guessed(self._container, self._stream)
            and declared - seconds > max(0.5 * declared, 0.1)
        )
        if mostly_lost:
            length = "" if declared is None else f" of {declared:.1f} s"
            raise AudioFileError(
                f"{self._name} is damaged: only {seconds:.1f} s{length} can be decoded. "
                "Fetch it again."
            )
        if damaged:
            logger.warning("%s: left out %d damaged packets (%s).", self._name, damaged, reason)


def audio_stream(container: av.container.InputContainer, name: str) -> av.AudioStream:
    """The audio stream that FFmpeg holds for the main one."""
    stream = container.streams.best("audio")
    if not isinstance(stream, av.AudioStream):
        raise AudioFileError(f"{name} holds no audio stream. Name an audio file.")
    return stream


def declared_duration(
    container: av.container.InputContainer, stream: av.AudioStream
) -> float | None:
    """Duration in seconds as the header states or FFmpeg estimates it, None if neither does."""
    seconds = None
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        seconds = container.duration / 1e6
    return seconds if seconds is not None and 0.0 < seconds < LONGEST_S else None


def duration_is_guessed(container: av.container.InputContainer, stream: av.AudioStream) -> bool:
    """Whether FFmpeg only extrapolated the duration from the bitrate of the first packets."""
    names = set(container.format.name.split(","))
    # Only an MP3 with a Xing or LAME header has a start time: the delay it declares.
    return bool(names & GUESSED_DURATION) or ("mp3" in names and not stream.start_time)


def counted_duration(
    container: av.container.InputContainer, stream: av.AudioStream
) -> float | None:
    """Duration in seconds by adding up the packets, without decoding them."""
    units = 0
    # A damaged end ends the count.
    with suppress(av.FFmpegError):
        for packet in container.demux(stream):
            units += packet.duration or 0
    return float(units * stream.time_base) if units and stream.time_base is not None else None


def to_float(blocks: list[npt.NDArray[Any]], sample_format: str, channels: int) -> FloatArray:
    """Join FFmpeg's arrays of one sample format to float32 `(C, n)` with full scale at 1."""
    joined = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=-1)
    if not sample_format.endswith("p"):
        joined = joined.reshape(-1, channels).T
    if joined.dtype == np.uint8:
        return (joined.astype(np.float32) - np.float32(128.0)) / np.float32(128.0)
    if np.issubdtype(joined.dtype, np.integer):
        full_scale = np.float32(2.0 ** (8 * joined.dtype.itemsize - 1))
        scaled: FloatArray = joined.astype(np.float32) / full_scale
        return scaled
    with np.errstate(over="ignore"):
        return joined.astype(np.float32, copy=False)


@contextmanager
def open_container(source: Source) -> Iterator[av.container.InputContainer]:
    """Open a container for reading. Tags in odd encodings are read as far as they go."""
    try:
        options = {"format_whitelist": FORMATS}
        if source.path is not None:
            options["protocol_whitelist"] = "file"
        container = av.open(source.open(), "r", metadata_errors="ignore", options=options)
    except (av.FFmpegError, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _undecodable(source.name, reason) from error
    try:
        yield container
    finally:
        with suppress(av.FFmpegError):
            container.close()


@contextmanager
def open_ffmpeg(source: Source) -> Iterator[FFmpegReader]:
    """Open a file with FFmpeg."""
    with open_container(source) as container:
        yield FFmpegReader(container, source)


class SndfileReader:
    """An open `soundfile.SoundFile` as blocks of samples."""

    def __init__(self, file: soundfile.SoundFile, source: Source) -> None:
        self._file = file
        self._source = source
        self.sample_rate = int(file.samplerate)
        self.channels = int(file.channels)

    def chunks(self, first: int, last: int | None) -> Iterator[FloatArray]:
        """Yield the frames `[first, last)` in order as `(C, n)` arrays, sample-exact."""
        links = ogg_links(self._source)
        if len(links) < 2:
            yield from _sndfile_blocks(self._file, self._source.name, first, last)
            return
        blocks = self._linked_blocks(links)
        unified = to_common_format(blocks, self.sample_rate, self.channels, self._source.name)
        yield from cut_frames(unified, first, last)

    def _linked_blocks(self, links: list[tuple[int, int]]) -> Iterator[tuple[FloatArray, int]]:
        """Blocks of all links of a chain. libsndfile itself stops after the first one."""
        for begin, end in links:
            data = self._source.part(begin, end)
            name = f"{self._source.name} (the part from byte {begin} on)"
            with open_sndfile(Source(name, None, data, len(data))) as link:
                for chunk in _sndfile_blocks(link._file, name, 0, None):
                    yield chunk, link.sample_rate


def _sndfile_blocks(
    file: soundfile.SoundFile, name: str, first: int, last: int | None
) -> Iterator[FloatArray]:
    declared = int(file.frames)
    stop = declared if last is None else min(last, declared)
    position = min(first, stop)
    try:
        if position:
            file.seek(position)
        while position < stop:
            size = min(CHUNK_FRAMES, stop - position)
            block = file.read(size, dtype="float32", always_2d=True)
            if not len(block):
                break
            position += len(block)
            yield np.ascontiguousarray(block.T)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioFileError(f"{name} is damaged ({error}). Fetch it again.") from error
    if position < stop and 2 * position < declared:
        raise AudioFileError(
            f"{name} is damaged: only {position} of {declared} samples can be decoded. "
            "Fetch it again."
        )


def ogg_links(source: Source) -> list[tuple[int, int]]:
    """Byte ranges of the links of a chained Ogg Vorbis file (RFC 3533, section 4).

    Chains are several files one after the other, as recordings of internet radio are. The list is
    empty for everything else.
    """
    if source.data is not None:
        return _links(source.data)
    assert source.path is not None
    with (
        source.path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        return _links(data)


def _links(data: bytes | mmap.mmap) -> list[tuple[int, int]]:
    first = data.find(VORBIS_HEADER)
    if data[:4] != b"OggS" or first < 0 or data.find(VORBIS_HEADER, first + 1) < 0:
        return []
    starts: list[int] = []
    offset, among_first_pages = 0, False
    while 0 <= offset < len(data) - PAGE_HEADER:
        if data[offset : offset + 4] != b"OggS":
            offset = data.find(b"OggS", offset)
            continue
        begins = bool(data[offset + 5] & BEGINS_STREAM)
        # Streams that run side by side all begin before any of them goes on.
        if begins and not among_first_pages:
            starts.append(offset)
        among_first_pages = begins
        n_segments = data[offset + 26]
        table = data[offset + PAGE_HEADER : offset + PAGE_HEADER + n_segments]
        offset += PAGE_HEADER + n_segments + sum(table)
    return list(zip(starts, [*starts[1:], len(data)], strict=True))


Reader: TypeAlias = FFmpegReader | SndfileReader


@contextmanager
def open_sndfile(source: Source) -> Iterator[SndfileReader]:
    """Open a file with libsndfile."""
    try:
        file = soundfile.SoundFile(source.open())
    except (soundfile.SoundFileError, RuntimeError, TypeError, OSError) as error:
        raise _undecodable(source.name, error) from error
    with file:
        yield SndfileReader(file, source)


def to_common_format(
    blocks: Iterator[tuple[FloatArray, int]], sample_rate: int, channels: int, name: str
) -> Iterator[FloatArray]:
    """Bring blocks of changing format to one rate and channel count.

    A run of equal format is resampled as a whole. Mono is repeated for more channels, and more
    channels are mixed down for mono.

    One layout of several channels after another is refused.
    """
    resampler: StreamResampler | None = None
    run: tuple[int, int] | None = None
    for block, rate in blocks:
        if (rate, len(block)) != run:
            if resampler is not None:
                yield resampler.finish()
            run = (rate, len(block))
            resampler = StreamResampler(rate, sample_rate, channels)
        assert resampler is not None
        yield resampler.push(_with_channels(block, channels, name))
    if resampler is not None:
        yield resampler.finish()


def _with_channels(block: FloatArray, channels: int, name: str) -> FloatArray:
    if len(block) == channels:
        return block
    if channels == 1:
        return mix_down(block)[np.newaxis]
    if len(block) == 1:
        return np.repeat(block, channels, axis=0)
    raise AudioFileError(
        f"{name} changes from {channels} to {len(block)} channels on its way. "
        "Convert it to one layout first."
    )


def cut_frames(chunks: Iterator[FloatArray], first: int, stop: int | None) -> Iterator[FloatArray]:
    """Yield the frames `[first, stop)` of a sequence of blocks `(C, n)`."""
    position = 0
    for chunk in chunks:
        size = int(chunk.shape[-1])
        begin = max(first - position, 0)
        end = size if stop is None else min(size, stop - position)
        position += size
        if begin < end:
            yield chunk[:, begin:end]
        if stop is not None and position >= stop:
            return


def is_ogg_vorbis(source: Source) -> bool:
    """Whether the first Ogg page starts a Vorbis stream."""
    head = source.part(0, 64)
    return head.startswith(b"OggS") and VORBIS_HEADER in head


def decoders(source: Source) -> list[Callable[[Source], AbstractContextManager[Reader]]]:
    """Decoders that may read the file, the preferred one first.

    libsndfile is left out where it would take anything for MPEG audio.
    """
    if is_ogg_vorbis(source):
        return [open_sndfile, open_ffmpeg]
    if source.part(0, 4) in SNDFILE_MAGIC:
        return [open_ffmpeg, open_sndfile]
    return [open_ffmpeg]


def read_with(source: Source, action: Callable[[Reader], T]) -> T:
    """Run `action` on the open file, with the second decoder where the first one fails."""
    preferred, *others = decoders(source)
    try:
        with preferred(source) as reader:
            return action(reader)
    except AudioFileError as error:
        for other in others:
            with suppress(AudioFileError), other(source) as reader:
                result = action(reader)
                logger.warning("%s Read with the second decoder instead.", error)
                return result
        raise
