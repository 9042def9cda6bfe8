"""Reading through FFmpeg's libraries (PyAV)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from musiclib.audio.runs import cut_frames, unify
from musiclib.audio.samples import FloatArray
from musiclib.audio.sources import Source
from musiclib.errors import AudioFileError

logger = logging.getLogger(__name__)

CHUNK_FRAMES = 1 << 18

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
        unified = unify(self._blocks(), self.sample_rate, self.channels, self._name)
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
            raise AudioFileError(
                f"{self._name} cannot be decoded ({reason}). Check that it is an audio file."
            )
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
    """The audio stream that FFmpeg holds for the main one.

    Raises:
        AudioFileError: If there is none.
    """
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
    """Open a container for reading. Tags in odd encodings are read as far as they go.

    Raises:
        AudioFileError: If FFmpeg does not know the format or the header is damaged.
    """
    try:
        options = {"format_whitelist": FORMATS}
        if source.path is not None:
            options["protocol_whitelist"] = "file"
        container = av.open(source.open(), "r", metadata_errors="ignore", options=options)
    except (av.FFmpegError, ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioFileError(
            f"{source.name} cannot be decoded ({reason}). Check that it is an audio file."
        ) from error
    try:
        yield container
    finally:
        with suppress(av.FFmpegError):
            container.close()


@contextmanager
def open_ffmpeg(source: Source) -> Iterator[FFmpegReader]:
    """Open a file with FFmpeg.

    Raises:
        AudioFileError: If FFmpeg cannot read it.
    """
    with open_container(source) as container:
        yield FFmpegReader(container, source)
