"""`musiclib encode` and `decode`: files and folders through the codecs; `info`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from musiclib.cli import coding, facts
from musiclib.cli.batch import AUDIO_SUFFIXES, bar, run_batch
from musiclib.cli.files import check_output, check_source, positive, positive_int
from musiclib.errors import CodecError

SUFFIXES = {
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


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the three commands."""
    encode = subparsers.add_parser(
        "encode",
        help="code audio with Melic, MP3, AAC, Opus, Vorbis or an autoencoder",
        description="Code an audio file, or all those of a folder. The codec is told from OUT's "
        "suffix (.mlc for the codec of this book, .mp3, .m4a, .opus, .ogg, .wav for plain "
        "downsampling, .mla for an autoencoder); for a folder, --codec names it. Title, artist, "
        "album, date and genre are kept where the format has a place for them, and in .mlc files "
        "track, licence and comment too. Of a folder, files that are there already are left as "
        "they are, files that fail are named, and the exit code is then 1.",
    )
    encode.add_argument("source", metavar="IN", type=Path, help="any audio file, or a folder")
    encode.add_argument("target", metavar="OUT", type=Path, help="file or folder to write")
    encode.add_argument(
        "--codec", choices=sorted(set(SUFFIXES.values())), help="codec of a folder; checks a file's"
    )
    rate = encode.add_mutually_exclusive_group()
    rate.add_argument("--kbps", type=positive, help="bitrate of the file, all channels together")
    rate.add_argument("--quality", type=float, help="Vorbis instead: 0 (coarse) to 1 (fine)")
    rate.add_argument("--factor", type=positive, help="downsampling instead: divide the rate by it")
    rate.add_argument("--step", type=int, help="autoencoder instead: -64 (fine) to 63 (coarse)")
    rate.add_argument("--gain", type=int, help="Melic instead: 0 (fine) to 255 (coarse)")
    encode.add_argument("--model", help="autoencoder: name of its checkpoint, such as wideband-64")
    _add_shared(encode, "resample the input first")
    encode.add_argument("--mono", action="store_true", help="mix the channels down first")
    encode.set_defaults(run=_encode)

    decode = subparsers.add_parser(
        "decode",
        help="decode coded files to WAV, FLAC or Ogg Vorbis",
        description="Decode an MLC, MP3, AAC, Opus, Vorbis, WAV or MLA file, or all those of a "
        "folder. The encoder's delay and padding are removed as the file declares them; a damaged "
        "file is refused. Tags are kept where the format has a place for them.",
    )
    decode.add_argument("source", metavar="IN", type=Path, help="coded file, or a folder")
    decode.add_argument(
        "target", metavar="OUT", type=Path, help=".wav, .flac or .ogg file, or a folder, to write"
    )
    decode.add_argument(
        "--format", choices=[s[1:] for s in coding.DECODED], default="wav", help="of a folder's"
    )
    decode.add_argument("--bits", choices=tuple(coding.SUBTYPES), default="16", help="default: 16")
    decode.add_argument(
        "--threads",
        type=positive_int,
        default=min(4, os.cpu_count() or 1),
        metavar="N",
        help="Melic: windows at the same time; the result is the same (default: %(default)s)",
    )
    _add_shared(decode, "resample the output")
    decode.set_defaults(run=_decode)

    info = subparsers.add_parser(
        "info",
        help="say what an audio file is and what it costs",
        description="Show codec, rate, channels, duration, bytes and the bitrate they make.",
    )
    info.add_argument("source", metavar="FILE", type=Path)
    info.add_argument("--json", action="store_true", help="as a JSON object")
    _add_checkpoints(info)
    info.set_defaults(run=facts.run)


def _add_shared(parser: argparse.ArgumentParser, resampling: str) -> None:
    parser.add_argument("--sample-rate", type=positive_int, metavar="HZ", help=resampling)
    parser.add_argument(
        "--no-restore", action="store_true", help="Melic: leave the restoring network out"
    )
    _add_checkpoints(parser)
    parser.add_argument("--force", action="store_true", help="replace what exists")
    parser.add_argument("--quiet", action="store_true", help="no progress, no lines for files")


def _add_checkpoints(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--checkpoints", type=Path, metavar="FOLDER", help="models, if not the shipped ones"
    )


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
    if args.source.is_dir():
        if args.codec is None:
            raise CodecError(f"{args.source} is a folder. Say which codec: --codec melic.")
        codec = coding.make_codec(args.codec, args)
        return run_batch(
            args.source,
            args.target,
            AUDIO_SUFFIXES,
            codec.suffix,
            lambda source, target, tell: coding.encode_one(source, target, codec, args, tell),
            force=args.force,
            quiet=args.quiet,
        )
    name = _codec_name(args.target, args.codec)
    check_output(args.source, args.target, args.force)
    check_source(args.source)
    codec = coding.make_codec(name, args)
    with bar(args.source.name, args.quiet) as progress:
        line = coding.encode_one(args.source, args.target, codec, args, progress)
    if not args.quiet:
        print(line)
    return 0


def _decode(args: argparse.Namespace) -> int:
    if args.source.is_dir():
        suffix = f".{args.format}"
        coding.check_decoded(suffix, args.bits, "--format")
        return run_batch(
            args.source,
            args.target,
            tuple(s for s in SUFFIXES if s != suffix),
            suffix,
            lambda source, target, tell: coding.decode_one(source, target, args, tell),
            force=args.force,
            quiet=args.quiet,
        )
    coding.check_decoded(args.target.suffix, args.bits, args.target)
    check_output(args.source, args.target, args.force)
    with bar(args.source.name, args.quiet) as progress:
        line = coding.decode_one(args.source, args.target, args, progress)
    if not args.quiet:
        print(line)
    return 0
