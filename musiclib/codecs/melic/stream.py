"""Files of any length through the codec, in memory that does not grow with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from musiclib.audio import HOUSE_RATE, AudioWriter, FloatArray, blocks, probe
from musiclib.codecs.base import MAX_CHANNELS, Progress
from musiclib.codecs.melic.bitstream import Header, Reader
from musiclib.codecs.melic.codec import CHUNK_S, MelicCodec, check_source_rate
from musiclib.errors import AudioFileError, BitstreamError, CodecError
from musiclib.files import whole_file


@dataclass(frozen=True)
class Written:
    """What came of a file.

    Attributes:
        header: Of the coded file.
        n_bytes: Size of the coded file.
        sample_rate: Of what was read or written as audio, in Hz.
        n_samples: Samples of a channel at that rate.
        clipped: Samples beyond full scale that were clipped when decoding.
    """

    header: Header
    n_bytes: int
    sample_rate: int
    n_samples: int
    clipped: int = 0


def encode_file(
    source: str | PathLike[str],
    target: str | PathLike[str],
    kbps: float | None = None,
    *,
    codec: MelicCodec | None = None,
    mono: bool = False,
    sample_rate: int | None = None,
    tags: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Written:
    """Code an audio file of any length.

    The bytes are those of `MelicCodec.encode` for the same samples. The file appears whole or not
    at all; one that exists is replaced.

    Args:
        source: Any audio file.
        target: `.mlc` file to write.
        kbps: Bitrate of the whole file, all channels together.
        codec: Instead: a codec with its setting.
        mono: Whether to mix the channels down first.
        sample_rate: Rate in Hz to resample to first; that of the file by default.
        tags: Tags to store; those of the source by default.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        AudioFileError: The source cannot be read.
        CodecError: It has more than two channels, or the bitrate is too low for it.
    """
    codec = _with_kbps(codec or MelicCodec(), kbps)
    found = probe(source)
    rate = sample_rate or found.sample_rate
    check_source_rate(rate)
    if found.channels > MAX_CHANNELS and not mono:
        raise CodecError(
            f"{source} has {found.channels} channels, and Melic takes one or two. Mix them down "
            "first (--mono, or mono=True)."
        )

    from musiclib.codecs.melic.encoding import encode

    def chunks() -> Iterator[FloatArray]:
        for chunk in blocks(source, rate, CHUNK_S, mono):
            yield chunk[None] if chunk.ndim == 1 else chunk

    order = codec.order(found.tags if tags is None else tags)
    model = codec.opened()
    with whole_file(Path(target)) as file:
        header = encode(chunks, rate, order, model, file, found.duration_s, progress)
        n_bytes = file.tell()
    return Written(header, n_bytes, rate, header.n_samples)


def decode_file(
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    codec: MelicCodec | None = None,
    sample_rate: int | None = None,
    subtype: str | None = None,
    progress: Progress | None = None,
) -> Written:
    """Decode a file of any length.

    The samples are those of `MelicCodec.decode`. The file appears whole or not at all; one that
    exists is replaced. It carries the tags that its format has a place for.

    Args:
        source: `.mlc` file.
        target: `.wav`, `.flac` or `.ogg` file to write.
        codec: A codec, for its model, threads and whether it restores.
        sample_rate: Rate in Hz to resample to; 24,000 by default. At the source's own rate the
            result has as many samples as the source had.
        subtype: libsndfile's name, for example `PCM_24`, `FLOAT`; 16 bit or Vorbis by default.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        AudioFileError: The source cannot be read, or the target not be written.
        BitstreamError: The source is truncated, damaged, foreign or of another model.
    """
    codec = codec or MelicCodec()
    rate = sample_rate or HOUSE_RATE
    try:
        file = Path(source).open("rb")  # noqa: SIM115
    except OSError as error:
        raise AudioFileError(f"{source} cannot be read: {error.strerror}.") from error
    with file:
        try:
            reader = Reader(file)
            reader.check()
            from musiclib.codecs.melic.analysis import resampled
            from musiclib.codecs.melic.decoding import decode

            header = reader.header
            length = header.n_samples if rate == header.sample_rate else None
            pieces = decode(reader, codec.opened(), codec.restore, codec.threads)
            sound = resampled(pieces, HOUSE_RATE, rate, length)
            with AudioWriter(target, rate, header.channels, subtype, header.tags) as writer:
                for piece in sound:
                    writer.write(piece)
                    if progress is not None:
                        progress(min(1.0, writer.n_samples / (header.seconds * rate)))
        except BitstreamError as error:
            raise BitstreamError(f"{source}: {error}") from error
    return Written(header, reader.n_bytes, rate, writer.n_samples, writer.clipped)


def _with_kbps(codec: MelicCodec, kbps: float | None) -> MelicCodec:
    return codec if kbps is None else replace(codec, kbps=kbps)
