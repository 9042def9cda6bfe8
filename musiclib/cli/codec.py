"""`musiclib encode`, `decode` and `info`: single files through the codecs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from musiclib.cli.files import check_output, positive, positive_int, write_atomically
from musiclib.errors import AudioFileError, BitstreamError, CodecError

SUFFIXES = {
    ".mp3": "mp3",
    ".m4a": "aac",
    ".mp4": "aac",
    ".opus": "opus",
    ".ogg": "vorbis",
    ".oga": "vorbis",
    ".wav": "downsample",
    ".mla": "autoencoder",
}
SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}
# FFmpeg lists what describes the file itself among the tags.
FORMAT_TAGS = {"major_brand", "minor_version", "compatible_brands", "language", "encoder"}
KEPT_TAGS = ("title", "artist", "album", "date", "genre")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the three commands."""
    encode = subparsers.add_parser(
        "encode",
        help="code an audio file with MP3, AAC, Opus, Vorbis, an autoencoder or by downsampling",
        description="Code an audio file. The codec is told from OUT's suffix (.mp3, .m4a, .opus, "
        ".ogg, .wav for plain downsampling, .mla for an autoencoder). Title, artist, album, date "
        "and genre are kept where the format has a place for them.",
    )
    encode.add_argument("source", metavar="IN", type=Path, help="any audio file")
    encode.add_argument("target", metavar="OUT", type=Path, help="file to write")
    encode.add_argument("--codec", choices=sorted(set(SUFFIXES.values())), help="check OUT's codec")
    rate = encode.add_mutually_exclusive_group()
    rate.add_argument("--kbps", type=positive, help="bitrate of the file, all channels together")
    rate.add_argument("--quality", type=float, help="Vorbis instead: 0 (coarse) to 1 (fine)")
    rate.add_argument("--factor", type=positive, help="downsampling instead: divide the rate by it")
    rate.add_argument("--step", type=int, help="autoencoder instead: -64 (fine) to 63 (coarse)")
    encode.add_argument("--model", help="autoencoder: name of its checkpoint, such as wideband-64")
    _add_checkpoints(encode)
    encode.add_argument(
        "--sample-rate", type=positive_int, metavar="HZ", help="resample the input first"
    )
    encode.add_argument("--mono", action="store_true", help="mix the channels down first")
    encode.add_argument("--force", action="store_true", help="replace OUT if it exists")
    encode.set_defaults(run=_encode)

    decode = subparsers.add_parser(
        "decode",
        help="decode a coded file to WAV or FLAC",
        description="Decode an MP3, AAC, Opus, Vorbis, WAV or MLA file. The encoder's delay and "
        "padding are removed as the file declares them; a damaged file is refused.",
    )
    decode.add_argument("source", metavar="IN", type=Path, help="coded file")
    decode.add_argument("target", metavar="OUT", type=Path, help=".wav or .flac file to write")
    decode.add_argument(
        "--sample-rate", type=positive_int, metavar="HZ", help="resample the output"
    )
    decode.add_argument("--bits", choices=tuple(SUBTYPES), default="16", help="default: 16")
    _add_checkpoints(decode)
    decode.add_argument("--force", action="store_true", help="replace OUT if it exists")
    decode.set_defaults(run=_decode)

    info = subparsers.add_parser(
        "info",
        help="say what an audio file is and what it costs",
        description="Show codec, rate, channels, duration, bytes and the bitrate they make.",
    )
    info.add_argument("source", metavar="FILE", type=Path)
    info.add_argument("--json", action="store_true", help="as a JSON object")
    _add_checkpoints(info)
    info.set_defaults(run=_info)


def _add_checkpoints(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoints", type=Path, metavar="FOLDER", help="autoencoders, if not the shipped ones"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {error.strerror}.") from error


def _codec_name(target: Path, asked: str | None) -> str:
    suffix = target.suffix.lower()
    told = SUFFIXES.get(suffix)
    if asked is None and told is None:
        raise CodecError(
            f"{target}: no codec has the suffix '{suffix}'. Use one of: {', '.join(SUFFIXES)}."
        )
    if asked is not None and told != asked:
        fitting = " or ".join(s for s, name in SUFFIXES.items() if name == asked)
        raise CodecError(
            f"{target}: the suffix '{suffix}' is not that of {asked}. "
            f"End the name in {fitting}, or leave --codec out."
        )
    return asked or str(told)


def _encode(args: argparse.Namespace) -> int:
    name = _codec_name(args.target, args.codec)
    settings = {key: getattr(args, key) for key in ("quality", "factor", "step")}
    options: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
    if args.kbps is None and not options:
        raise CodecError("Say how many bits to spend: --kbps 64, for example.")
    if (name == "autoencoder") != (args.model is not None):
        raise CodecError(
            "Say which autoencoder: --model wideband-64, for example."
            if args.model is None
            else "--model belongs to autoencoders, whose files end in .mla."
        )
    check_output(args.source, args.target, args.force)

    from musiclib.audio import load, probe
    from musiclib.codecs import FileCodec, get_codec
    from musiclib.metrics import bitrate_kbps

    if name == "autoencoder":
        from musiclib.codecs.latent import open_checkpoint

        options["checkpoint"] = open_checkpoint(args.model, args.checkpoints)
    codec = get_codec(name, args.kbps, **options)
    found = probe(args.source).tags
    audio, rate = load(args.source, args.sample_rate, mono=args.mono)
    if audio.ndim == 2 and audio.shape[0] == 1:
        audio = audio[0]
    if isinstance(codec, FileCodec):
        tags = {key: found[key] for key in KEPT_TAGS if found.get(key)}
        data = codec.encode(audio, rate, tags)
    else:
        data = codec.encode(audio, rate)
    write_atomically(args.target, data)
    seconds = audio.shape[-1] / rate
    channels = 1 if audio.ndim == 1 else audio.shape[0]
    print(
        f"{args.target}: {codec.label}, {len(data)} bytes for {seconds:.3f} s, "
        f"{bitrate_kbps(len(data), seconds):.3f} kbps, "
        f"{2 * audio.size / len(data):.1f} times smaller than 16-bit PCM "
        f"({rate} Hz, {channels} channel{'s' if channels > 1 else ''})"
    )
    return 0


def _decode(args: argparse.Namespace) -> int:
    if args.target.suffix.lower() not in (".wav", ".flac"):
        raise CodecError(f"{args.target}: decode writes .wav and .flac. Change the suffix.")
    if args.target.suffix.lower() == ".flac" and args.bits == "float":
        raise CodecError("FLAC holds no floating point. Use --bits 24, or write a .wav.")
    check_output(args.source, args.target, args.force)
    data = _read(args.source)

    import numpy as np

    from musiclib.audio import resample, save
    from musiclib.codecs import get_codec, identify

    try:
        name = identify(data)
        options = {"folder": args.checkpoints} if name == "autoencoder" else {}
        audio, rate = get_codec(name, **options).decode(data)
    except BitstreamError as error:
        raise BitstreamError(f"{args.source}: {error}") from error
    if args.sample_rate is not None:
        audio, rate = resample(audio, rate, args.sample_rate), args.sample_rate
    clipped = 0 if args.bits == "float" else int(np.count_nonzero(np.abs(audio) > 1.0))
    save(args.target, audio, rate, subtype=SUBTYPES[args.bits], clip=True)
    channels = 1 if audio.ndim == 1 else audio.shape[0]
    note = f", {clipped} samples beyond full scale clipped (--bits float keeps them)"
    print(
        f"{args.target}: {name}, {audio.shape[-1] / rate:.3f} s at {rate} Hz, "
        f"{channels} channel{'s' if channels > 1 else ''}{note if clipped else ''}"
    )
    return 0


def _info(args: argparse.Namespace) -> int:
    data = _read(args.source)

    from musiclib.codecs import identify

    try:
        latent = identify(data) == "autoencoder"
    except BitstreamError:  # another format, such as FLAC
        latent = False
    result = _latent_facts(args, data) if latent else _facts(args.source, data)
    if args.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return 0
    result["kbps"] = f"{result['kbps']:.3f}"
    result["overhead_bytes"] = f"{result['overhead_bytes']} (headers, tags and tables)"
    for key, value in result.items():
        if key != "tags":
            print(f"{key.replace('_', ' '):<16}{value}")
    for key, value in result["tags"].items():
        print(f"{'tag ' + key:<15} {value}")
    return 0


def _latent_facts(args: argparse.Namespace, data: bytes) -> dict[str, Any]:
    from musiclib.codecs.latent import describe
    from musiclib.metrics import bitrate_kbps

    try:
        found = describe(data, args.checkpoints)
    except BitstreamError as error:
        raise BitstreamError(f"{args.source}: {error}") from error
    return {
        "file": str(args.source),
        "container": "mla",
        "codec": "autoencoder",
        "model": found.model,
        "step": found.step,
        "sample_rate": found.sample_rate,
        "channels": found.channels,
        "seconds": round(found.seconds, 6),
        "bytes": len(data),
        "kbps": round(bitrate_kbps(len(data), found.seconds), 3),
        "overhead_bytes": len(data) - found.payload_bytes,
        "tags": {},
    }


def _facts(source: Path, data: bytes) -> dict[str, Any]:
    from musiclib.audio import probe
    from musiclib.codecs import get_codec, identify
    from musiclib.codecs.container import container_name, packet_bytes
    from musiclib.metrics import bitrate_kbps

    facts = probe(source)
    rate, seconds = facts.sample_rate, facts.duration_s
    try:
        # Headers round durations or count padding; decoding gives the exact length.
        audio, rate = get_codec(identify(data)).decode(data)
        seconds = audio.shape[-1] / rate
    except BitstreamError:
        # Another format such as FLAC, or a file that only a lenient player accepts.
        seconds = facts.duration_s
    return {
        "file": str(source),
        "container": container_name(data),
        "codec": facts.codec,
        "sample_rate": rate,
        "channels": facts.channels,
        "seconds": round(seconds, 6),
        "bytes": len(data),
        "kbps": round(bitrate_kbps(len(data), seconds), 3),
        "overhead_bytes": len(data) - packet_bytes(data),
        "tags": {key: value for key, value in facts.tags.items() if key not in FORMAT_TAGS},
    }
