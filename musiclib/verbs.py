"""Files through codecs and models, in a line each; `import musiclib as ml` offers these verbs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from musiclib.errors import AudioFileError, BitstreamError, CheckpointError, CodecError
from musiclib.files import replace_file

if TYPE_CHECKING:
    from musiclib.audio import FloatArray
    from musiclib.codecs import Codec
    from musiclib.codecs.base import Coded, Progress
    from musiclib.models import Model

SUFFIXES: Final = {
    ".mp3": "mp3",
    ".m4a": "aac",
    ".mp4": "aac",
    ".opus": "opus",
    ".ogg": "vorbis",
    ".oga": "vorbis",
    ".wav": "downsample",
    ".mla": "autoencoder",
    ".mlc": "melic",
}
"""Names of codecs by the suffix of their files."""
DECODED: Final = (".wav", ".flac", ".ogg")
"""Suffixes of files that decoding writes."""
LATENTS_OF: Final = "rate-18"
"""The autoencoder that travels with the package: 256 values every 85 ms of music at 24 kHz."""

_KEPT_TAGS: Final = ("title", "artist", "album", "date", "genre")
_HEAD: Final = 64


def codec(name: str, kbps: float | None = None, **options: Any) -> Codec:
    """Return a codec by name; see `musiclib.codecs.get_codec` for options.

    >>> import musiclib as ml
    >>> ml.codec("opus", kbps=12).label
    'Opus 12 kbps'
    >>> ml.codec("autoencoder/rate-18", step=0).label
    'rate-18 step 0'

    Args:
        name: `mp3`, `aac`, `opus`, `vorbis`, `melic`, or `autoencoder/MODEL` with the name of a
            model of the book or the path of a checkpoint.
        kbps: Wanted bitrate in kbps, all channels together. Decoding needs none.
        options: Options of the codec.

    Raises:
        CodecError: The name or an option is unknown, or the codec has no such bitrate.
        CheckpointError: There is no such model.
    """
    from musiclib.codecs import get_codec

    name, _, model = name.partition("/")
    if model:
        from musiclib.codecs.latent import open_checkpoint

        options["checkpoint"] = open_checkpoint(model)
    return get_codec(name, kbps, **options)


def codec_of(path: str | PathLike[str]) -> str:
    """Return the name of the codec whose files have the suffix of a path.

    Raises:
        CodecError: There is none.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise CodecError(
            f"{path}: no codec has the suffix '{suffix}'. Use one of: {', '.join(SUFFIXES)}."
        )
    return SUFFIXES[suffix]


def encode(
    source: str | PathLike[str],
    target: str | PathLike[str],
    kbps: float | None = None,
    *,
    codec: Codec | None = None,
    mono: bool = False,
    sample_rate: int | None = None,
    progress: Progress | None = None,
) -> Coded:
    """Code an audio file.

    The file appears whole or not at all, and replaces one that exists. Melic takes files of any
    length, in memory that does not grow with them. Tags are kept where the format has a place.

    >>> import musiclib as ml
    >>> coded = ml.encode("song.flac", "song.mlc", kbps=12)
    >>> coded.kbps < 12
    True

    Args:
        source: Any audio file.
        target: File to write; its suffix tells the codec (`SUFFIXES`).
        kbps: Bitrate of the whole file, all channels together.
        codec: Instead: a codec with its setting.
        mono: Whether to mix the channels down first.
        sample_rate: Rate in Hz to resample to first; that of the file by default.
        progress: Called with the share that is done, 0 to 1, by Melic.

    Raises:
        AudioFileError: The source cannot be read.
        CodecError: The codec or its bitrate is missing, or it cannot code this file so.
    """
    source, target = Path(source), Path(target)
    if codec is None:
        if kbps is None:
            raise CodecError(f"{target}: say how many bits to spend: kbps=64, for example.")
        from musiclib.codecs import get_codec

        codec = get_codec(codec_of(target), kbps)
    if codec.name == "melic":
        from musiclib.codecs.melic import MelicCodec, encode_file

        assert isinstance(codec, MelicCodec)
        return encode_file(
            source, target, codec, mono=mono, sample_rate=sample_rate, progress=progress
        )
    from musiclib.audio import load, probe
    from musiclib.codecs.base import Coded, FileCodec

    found = probe(source).tags
    audio, rate = load(source, sample_rate, mono=mono)
    if audio.ndim == 2 and audio.shape[0] == 1:
        audio = audio[0]
    if isinstance(codec, FileCodec):
        data = codec.encode(audio, rate, {key: found[key] for key in _KEPT_TAGS if found.get(key)})
    else:
        data = codec.encode(audio, rate)
    replace_file(target, data)
    channels = 1 if audio.ndim == 1 else audio.shape[0]
    return Coded(target, codec.name, len(data), rate, audio.shape[-1], channels)


def decode(
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    sample_rate: int | None = None,
    subtype: str | None = None,
    progress: Progress | None = None,
    folder: str | Path | None = None,
    **options: Any,
) -> Coded:
    """Decode a file of any codec to WAV, FLAC or Ogg Vorbis.

    Delay and padding are removed as the file declares them. The file appears whole or not at all,
    and replaces one that exists.

    >>> import musiclib as ml
    >>> _ = ml.encode("song.flac", "song.opus", kbps=12)
    >>> ml.decode("song.opus", "song.wav").seconds
    5.0

    Args:
        source: A coded file; its first bytes tell the codec.
        target: `.wav`, `.flac` or `.ogg` file to write.
        sample_rate: Rate in Hz to resample to; that of the codec by default.
        subtype: libsndfile's name, for example `PCM_24`, `FLOAT`; 16 bit or Vorbis by default.
        progress: Called with the share that is done, 0 to 1, by Melic.
        folder: Folder of models, if not the shipped ones.
        options: Options of Melic, such as `restore=False`.

    Raises:
        AudioFileError: The source cannot be read, or the target not be written.
        BitstreamError: The source is truncated, damaged, foreign or of another model.
    """
    from musiclib.codecs import get_codec, identify

    source, target = Path(source), Path(target)
    if target.suffix.lower() not in DECODED:
        raise CodecError(f"{target}: decoding writes {', '.join(DECODED)}. Change the suffix.")
    try:
        with source.open("rb") as file, naming(source):
            name = identify(file.read(_HEAD))
    except OSError as error:
        raise AudioFileError(f"{source} cannot be read: {error.strerror}.") from error
    n_bytes = source.stat().st_size
    if name == "melic":
        from musiclib.codecs.melic import MelicCodec, decode_file

        check_tables(folder)
        return decode_file(
            source,
            target,
            codec=MelicCodec(folder=folder, **options),
            sample_rate=sample_rate,
            subtype=subtype,
            progress=progress,
        )

    import numpy as np

    from musiclib.audio import AudioWriter, probe, resample
    from musiclib.codecs.base import Coded

    with naming(source):
        data = source.read_bytes()
        models: dict[str, Any] = {}
        if name == "autoencoder":
            from musiclib.codecs.latent import describe

            describe(data, folder)  # refuses what is damaged before PyTorch is imported
            models = {"folder": folder}
        audio, rate = get_codec(name, **models).decode(data)
    if sample_rate is not None:
        audio, rate = resample(audio, rate, sample_rate), sample_rate
    found = {} if name == "autoencoder" else probe(source).tags
    tags = {key: found[key] for key in _KEPT_TAGS if found.get(key)}
    pair = np.atleast_2d(audio)
    with AudioWriter(target, rate, len(pair), subtype, tags) as writer:
        writer.write(pair)
    return Coded(target, name, n_bytes, rate, writer.n_samples, len(pair), writer.clipped)


def check_tables(folder: str | Path | None) -> None:
    """Refuse a folder without Melic's tables before PyTorch, which takes seconds, is imported.

    Raises:
        CheckpointError: The tables are missing.
    """
    from musiclib.training.paths import TABLES

    if folder is not None and not Path(folder, TABLES).is_file():
        raise CheckpointError(
            f"{folder} has no {TABLES}, and Melic cannot work without its tables. Name the folder "
            "of a training, or none for the models that come with musiclib."
        )


@contextmanager
def naming(source: Path) -> Iterator[None]:
    """Let an error about bytes name the file that holds them."""
    try:
        yield
    except BitstreamError as error:
        raise BitstreamError(f"{source}: {error}") from error


def load_model(model: str) -> Model:
    """Return a trained model, on the CPU and in evaluation mode.

    >>> import musiclib as ml
    >>> ml.load_model("rate-18").config.sample_rate
    24000

    Args:
        model: Name of a model of the book, such as `rate-18`, or the path of a checkpoint.

    Raises:
        CheckpointError: There is none of this name, or it is damaged.
    """
    from musiclib.codecs.latent import open_checkpoint

    return open_checkpoint(model).build_any()


def latents(
    source: str | PathLike[str] | FloatArray,
    model: str = LATENTS_OF,
    *,
    sample_rate: int | None = None,
) -> FloatArray:
    """Return what an autoencoder keeps of a song.

    >>> import musiclib as ml
    >>> ml.latents("song.flac").shape
    (256, 59)

    Args:
        source: An audio file, which is mixed down to mono, or mono audio `(N,)`.
        model: Name of an autoencoder of the book, or the path of a checkpoint.
        sample_rate: Rate of the audio in Hz, where it is no file.

    Returns:
        Latents `(C, L)`: `C` values every `hop` samples, at the rate of the model.

    Raises:
        AudioFileError: The file cannot be read.
        CheckpointError: There is no such model.
    """
    from musiclib.audio import load, resample
    from musiclib.codecs.latent import open_checkpoint
    from musiclib.features import AutoencoderLatents

    encoder = AutoencoderLatents(open_checkpoint(model))
    if isinstance(source, str | PathLike):
        audio, _ = load(source, encoder.sample_rate, mono=True)
    elif sample_rate is None:
        raise CodecError("Say the rate of the audio: sample_rate=44100, for example.")
    else:
        audio = resample(source, sample_rate, encoder.sample_rate)
    return encoder(audio.reshape(-1))
