"""One file through a codec, as `musiclib encode` and `decode` do it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musiclib.cli.files import write_atomically
from musiclib.errors import AudioFileError, BitstreamError, CodecError

if TYPE_CHECKING:
    from musiclib.codecs import Codec

SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}
DECODED = (".wav", ".flac", ".ogg")
KEPT_TAGS = ("title", "artist", "album", "date", "genre")
HEAD = 64

Progress = Callable[[float], None]


def make_codec(name: str, args: argparse.Namespace) -> Codec:
    """Return the codec that the options of `encode` ask for.

    Raises:
        CodecError: If they do not go together.
    """
    settings = {key: getattr(args, key) for key in ("quality", "factor", "step", "gain")}
    options: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
    if args.kbps is None and not options:
        raise CodecError("Say how many bits to spend: --kbps 64, for example.")
    if (name == "autoencoder") != (args.model is not None):
        raise CodecError(
            "Say which autoencoder: --model wideband-64, for example."
            if args.model is None
            else "--model belongs to autoencoders, whose files end in .mla."
        )
    if args.no_restore:
        options["restore"] = False

    from musiclib.codecs import get_codec

    if name == "autoencoder":
        from musiclib.codecs.latent import open_checkpoint

        options["checkpoint"] = open_checkpoint(args.model, args.checkpoints)
    if name == "melic":
        options["folder"] = args.checkpoints
    return get_codec(name, args.kbps, **options)


def encode_one(
    source: Path, target: Path, codec: Codec, args: argparse.Namespace, progress: Progress
) -> str:
    """Code a file, and say in a line what came of it."""
    from musiclib.metrics import bitrate_kbps

    if codec.name == "melic":
        from musiclib.codecs.melic import MelicCodec, encode_file

        assert isinstance(codec, MelicCodec)
        written = encode_file(
            source,
            target,
            codec=codec,
            mono=args.mono,
            sample_rate=args.sample_rate,
            progress=progress,
        )
        n_bytes, rate, n_samples = written.n_bytes, written.sample_rate, written.n_samples
        channels = written.header.channels
    else:
        data, rate, n_samples, channels = _encoded(source, codec, args)
        write_atomically(target, data)
        n_bytes = len(data)
    seconds = n_samples / rate
    return (
        f"{target}: {codec.label}, {n_bytes} bytes for {seconds:.3f} s, "
        f"{bitrate_kbps(n_bytes, seconds):.3f} kbps, "
        f"{2 * n_samples * channels / n_bytes:.1f} times smaller than 16-bit PCM "
        f"({rate} Hz, {channels} channel{'s' if channels > 1 else ''})"
    )


def _encoded(source: Path, codec: Codec, args: argparse.Namespace) -> tuple[bytes, int, int, int]:
    from musiclib.audio import load, probe
    from musiclib.codecs import FileCodec

    found = probe(source).tags
    audio, rate = load(source, args.sample_rate, mono=args.mono)
    if audio.ndim == 2 and audio.shape[0] == 1:
        audio = audio[0]
    if isinstance(codec, FileCodec):
        tags = {key: found[key] for key in KEPT_TAGS if found.get(key)}
        data = codec.encode(audio, rate, tags)
    else:
        data = codec.encode(audio, rate)
    return data, rate, audio.shape[-1], 1 if audio.ndim == 1 else audio.shape[0]


def check_decoded(suffix: str, bits: str, what: object) -> None:
    """Refuse formats that decoding does not write.

    Raises:
        CodecError: The suffix is another, or the format has no such samples.
    """
    if suffix.lower() not in DECODED:
        raise CodecError(f"{what}: decode writes .wav, .flac and .ogg. Change the suffix.")
    if suffix.lower() == ".flac" and bits == "float":
        raise CodecError("FLAC holds no floating point. Use --bits 24, or write a .wav.")
    if suffix.lower() == ".ogg" and bits != "16":
        raise CodecError("Ogg Vorbis has no bits a sample. Leave --bits out, or write a .flac.")


def decode_one(source: Path, target: Path, args: argparse.Namespace, progress: Progress) -> str:
    """Decode a file, and say in a line what came of it."""
    from musiclib.codecs import identify

    subtype = None if target.suffix.lower() == ".ogg" else SUBTYPES[args.bits]
    try:
        with source.open("rb") as file:
            name = identify(file.read(HEAD))
    except OSError as error:
        raise AudioFileError(f"{source} cannot be read: {error.strerror}.") from error
    except BitstreamError as error:
        raise BitstreamError(f"{source}: {error}") from error
    if name == "melic":
        from musiclib.codecs.melic import MelicCodec, decode_file

        codec = MelicCodec(
            restore=not args.no_restore, threads=args.threads, folder=args.checkpoints
        )
        written = decode_file(
            source,
            target,
            codec=codec,
            sample_rate=args.sample_rate,
            subtype=subtype,
            progress=progress,
        )
        rate, channels, clipped = written.sample_rate, written.header.channels, written.clipped
        n_samples = written.n_samples
    else:
        rate, channels, n_samples, clipped = _decoded(source, target, name, args, subtype)
    note = f", {clipped} samples beyond full scale clipped (--bits float keeps them)"
    return (
        f"{target}: {name}, {n_samples / rate:.3f} s at {rate} Hz, "
        f"{channels} channel{'s' if channels > 1 else ''}{note if clipped else ''}"
    )


def _decoded(
    source: Path, target: Path, name: str, args: argparse.Namespace, subtype: str | None
) -> tuple[int, int, int, int]:
    import numpy as np

    from musiclib.audio import AudioWriter, probe, resample
    from musiclib.codecs import get_codec

    options = {"folder": args.checkpoints} if name == "autoencoder" else {}
    try:
        audio, rate = get_codec(name, **options).decode(source.read_bytes())
    except BitstreamError as error:
        raise BitstreamError(f"{source}: {error}") from error
    if args.sample_rate is not None:
        audio, rate = resample(audio, rate, args.sample_rate), args.sample_rate
    found = {} if name == "autoencoder" else probe(source).tags
    tags = {key: found[key] for key in KEPT_TAGS if found.get(key)}
    pair = np.atleast_2d(audio)
    with AudioWriter(target, rate, len(pair), subtype, tags) as writer:
        writer.write(pair)
    return rate, len(pair), writer.n_samples, writer.clipped
