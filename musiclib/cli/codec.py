"""`musiclib encode`, `decode` and `info`: files and folders through the codecs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from musiclib.cli import Subparsers, add_command, check_output, positive, positive_int, warn
from musiclib.errors import AudioFileError, BitstreamError, CodecError, MusiclibError
from musiclib.verbs import DECODED, SUFFIXES, check_tables, codec_of, decode, encode, naming

if TYPE_CHECKING:
    from musiclib.codecs import Codec
    from musiclib.codecs.base import Coded, Progress

AUDIO_SUFFIXES = (
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".aac", ".aif", ".aiff"),
    *(".wma", ".wv", ".ape", ".tta", ".caf", ".au", ".mka", ".w64"),
)
# Which codec an option belongs to. The codecs say so too, but some only after PyTorch's seconds.
OWNERS = {
    "quality": "vorbis",
    "factor": "downsample",
    "step": "autoencoder",
    "gain": "melic",
    "restore": "melic",
}
SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}
# FFmpeg lists what describes the file itself among the tags.
FORMAT_TAGS = {"major_brand", "minor_version", "compatible_brands", "language", "encoder"}
EXIT_FAILED = 1
Work: TypeAlias = "Callable[[Path, Path, Progress], str]"
"""Turns a file into another, and says in a line what came of it."""


def add_parser(subparsers: Subparsers) -> None:
    """Add the three commands."""
    encode = add_command(
        subparsers,
        "encode",
        _encode,
        "code audio with Melic, MP3, AAC, Opus, Vorbis or an autoencoder",
        "Code an audio file, or all those of a folder. The codec is told from OUT's "
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
    encode.add_argument("--mono", action="store_true", help="mix the channels down first")

    decode = add_command(
        subparsers,
        "decode",
        _decode,
        "decode coded files to WAV, FLAC or Ogg Vorbis",
        "Decode an MLC, MP3, AAC, Opus, Vorbis, WAV or MLA file, or all those of a "
        "folder. The encoder's delay and padding are removed as the file declares them; a damaged "
        "file is refused. Tags are kept where the format has a place for them.",
    )
    decode.add_argument("source", metavar="IN", type=Path, help="coded file, or a folder")
    decode.add_argument(
        "target", metavar="OUT", type=Path, help=".wav, .flac or .ogg file, or a folder, to write"
    )
    decode.add_argument(
        "--format", choices=[s[1:] for s in DECODED], default="wav", help="of a folder's"
    )
    decode.add_argument("--bits", choices=tuple(SUBTYPES), default="16", help="default: 16")
    decode.add_argument(
        "--threads",
        type=positive_int,
        default=min(4, os.cpu_count() or 1),
        metavar="N",
        help="Melic: windows at the same time; the result is the same (default: %(default)s)",
    )

    for parser, words in ((encode, "resample the input first"), (decode, "resample the output")):
        parser.add_argument("--sample-rate", type=positive_int, metavar="HZ", help=words)
        parser.add_argument(
            "--no-restore", action="store_true", help="Melic: leave the restoring network out"
        )
        parser.add_argument("--force", action="store_true", help="replace what exists")
        parser.add_argument("--quiet", action="store_true", help="no progress, no lines for files")

    info = add_command(
        subparsers,
        "info",
        _info,
        "say what an audio file is and what it costs",
        "Show codec, rate, channels, duration, bytes and the bitrate they make.",
    )
    info.add_argument("source", metavar="FILE", type=Path)
    info.add_argument("--json", action="store_true", help="as a JSON object")

    for parser in (encode, decode, info):
        parser.add_argument(
            "--checkpoints", type=Path, metavar="FOLDER", help="models, if not the shipped ones"
        )


def _encode(args: argparse.Namespace) -> int:
    name = _codec_name(args)
    # What is no audio is refused before a codec is made.
    files = _files(args, AUDIO_SUFFIXES)
    if not args.source.is_dir():
        from musiclib.audio import probe

        probe(args.source)
    codec = _make_codec(name, args)

    def work(source: Path, target: Path, progress: Progress) -> str:
        made = encode(
            source,
            target,
            codec=codec,
            mono=args.mono,
            sample_rate=args.sample_rate,
            progress=progress,
        )
        smaller = 2 * made.n_samples * made.channels / made.n_bytes
        return (
            f"{target}: {codec.label}, {made.n_bytes} bytes for {made.seconds:.3f} s, "
            f"{made.kbps:.3f} kbps, {smaller:.1f} times smaller than 16-bit PCM ({_form(made)})"
        )

    return _run(args, files, codec.suffix, work)


def _decode(args: argparse.Namespace) -> int:
    in_folder = args.source.is_dir()
    suffix = f".{args.format}" if in_folder else args.target.suffix.lower()
    if suffix not in DECODED:
        raise CodecError(f"{args.target}: decode writes .wav, .flac and .ogg. Change the suffix.")
    if suffix == ".flac" and args.bits == "float":
        raise CodecError("FLAC holds no floating point. Use --bits 24, or write a .wav.")
    if suffix == ".ogg" and args.bits != "16":
        raise CodecError("Ogg Vorbis has no bits a sample. Leave --bits out, or write a .flac.")
    files = _files(args, tuple(s for s in SUFFIXES if s != suffix))

    def work(source: Path, target: Path, progress: Progress) -> str:
        made = decode(
            source,
            target,
            sample_rate=args.sample_rate,
            subtype=None if suffix == ".ogg" else SUBTYPES[args.bits],
            progress=progress,
            folder=args.checkpoints,
            restore=not args.no_restore,
            threads=args.threads,
        )
        line = f"{target}: {made.codec}, {made.seconds:.3f} s at {_form(made)}"
        if made.clipped:
            line += f", {made.clipped} samples beyond full scale clipped (--bits float keeps them)"
        return line

    return _run(args, files, suffix, work)


def _codec_name(args: argparse.Namespace) -> str:
    if args.source.is_dir():
        if args.codec is None:
            raise CodecError(f"{args.source} is a folder. Say which codec: --codec melic.")
        return str(args.codec)
    told = codec_of(args.target)
    if args.codec not in (None, told):
        fitting = " or ".join(s for s, name in SUFFIXES.items() if name == args.codec)
        raise CodecError(
            f"{args.target}: the suffix '{args.target.suffix.lower()}' is not that of "
            f"{args.codec}. End the name in {fitting}, or leave --codec out."
        )
    return told


def _make_codec(name: str, args: argparse.Namespace) -> Codec:
    settings = {key: getattr(args, key) for key in ("quality", "factor", "step", "gain")}
    options: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
    if args.kbps is None and not options:
        raise CodecError("Say how many bits to spend: --kbps 64, for example.")
    if name == "autoencoder" and args.model is None:
        raise CodecError("Say which autoencoder: --model wideband-64, for example.")
    if name != "autoencoder" and args.model is not None:
        raise CodecError("--model belongs to autoencoders, whose files end in .mla.")
    if args.no_restore:
        options["restore"] = False
    for option in options:
        if OWNERS[option] != name:
            flag = "no-restore" if option == "restore" else option
            raise CodecError(f"--{flag} belongs to {OWNERS[option]}, not to {name}; leave it out.")

    from musiclib.codecs import get_codec

    if name == "autoencoder":
        from musiclib.codecs.latent import bitstream, open_checkpoint

        lowest, highest = bitstream.MIN_STEP, bitstream.MAX_STEP
        if args.step is not None and not lowest <= args.step <= highest:
            raise CodecError(f"--step goes from {lowest} to {highest}, and not to {args.step}.")
        options["checkpoint"] = open_checkpoint(args.model, args.checkpoints)
    if name == "melic":
        check_tables(args.checkpoints)
        options["folder"] = args.checkpoints
    return get_codec(name, args.kbps, **options)


def _form(made: Coded) -> str:
    return f"{made.sample_rate} Hz, {made.channels} channel{'s' if made.channels > 1 else ''}"


def _run(args: argparse.Namespace, files: list[Path], suffix: str, work: Work) -> int:
    """Work on a file, or on those of a folder.

    Of a folder, what fails is named and the others go on; the exit code is then 1.
    """
    if not args.source.is_dir():
        with _bar(args.source.name, args.quiet) as progress:
            line = work(args.source, args.target, progress)
        if not args.quiet:
            print(line)
        return 0
    folder = args.target
    pairs = _targets(files, args.source, folder, suffix)
    done = skipped = failed = 0
    for number, (path, target) in enumerate(pairs.items(), 1):
        if target.exists() and not args.force:
            skipped += 1
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            check_output(path, target, args.force)
            with _bar(f"{number}/{len(pairs)} {path.name}", args.quiet) as progress:
                line = work(path, target, progress)
        except (MusiclibError, OSError) as error:
            failed += 1
            warn(error if str(path) in str(error) else f"{path}: {error}")
            continue
        done += 1
        if not args.quiet:
            print(line)
    print(f"{folder}: {done} written, {skipped} there already, {failed} failed")
    return EXIT_FAILED if failed else 0


def _files(args: argparse.Namespace, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the file to work on, or those in and below a folder, in order, hidden ones left out.

    Raises:
        MusiclibError: There is none, or what is to be written cannot be.
    """
    folder, target = args.source, args.target
    if not folder.is_dir():
        check_output(folder, target, args.force)
        return [folder]
    if target.exists() and not target.is_dir():
        raise MusiclibError(f"{target} is a file. A folder of files is coded into a folder.")
    left_out = target.absolute()
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in suffixes
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (left_out == folder.absolute() or left_out not in path.absolute().parents)
    ]
    if not found:
        raise MusiclibError(
            f"{folder} holds no files that end in {', '.join(suffixes)}. Name another folder."
        )
    return found


def _targets(files: list[Path], source: Path, folder: Path, suffix: str) -> dict[Path, Path]:
    """Return where each file goes: the same place in another folder, with another suffix.

    Two files that differ in their suffix alone keep it, as in `song.wav.mlc`.
    """
    plain = {path: folder / path.relative_to(source).with_suffix(suffix) for path in files}
    often = Counter(plain.values())
    return {
        path: target if often[target] == 1 else target.with_name(path.name + suffix)
        for path, target in plain.items()
    }


@contextmanager
def _bar(name: str, quiet: bool) -> Iterator[Progress]:
    """Show how far one file is, on standard error if that is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f} %|{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc=name, leave=False, bar_format=form) as shown:
        yield lambda share: shown.update(share - shown.n) and None


def _info(args: argparse.Namespace) -> int:
    try:
        data = args.source.read_bytes()
    except OSError as error:
        raise AudioFileError(f"{args.source} cannot be read: {error.strerror}.") from error

    from musiclib.codecs import identify

    try:
        name = identify(data)
    except BitstreamError:  # another format, such as FLAC
        name = ""
    result: dict[str, Any] = {"file": str(args.source)}
    with naming(args.source):
        if name == "melic":
            result |= _melic_facts(data)
        elif name == "autoencoder":
            result |= _latent_facts(data, args.checkpoints)
        else:
            result |= _facts(args.source, data, name)
    if args.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return 0
    tags = result.pop("tags")
    result["kbps"] = f"{result['kbps']:.3f}"
    result["overhead_bytes"] = f"{result['overhead_bytes']} (headers, tags and tables)"
    for key, value in result.items():
        print(f"{key.replace('_', ' '):<16}{value}")
    for key, value in tags.items():
        print(f"{'tag ' + key:<15} {value}")
    return 0


def _melic_facts(data: bytes) -> dict[str, Any]:
    from musiclib.audio import HOUSE_RATE
    from musiclib.codecs.melic import describe

    found = describe(data)
    header = found.header
    return {
        "container": "mlc",
        "codec": "melic",
        "model": header.model.hex(),
        "restored": header.restored,
        "sample_rate": header.sample_rate,
        "coded_rate": HOUSE_RATE,
        "channels": header.channels,
        "coded_channels": header.coded_channels,
        **_costs(data, header.seconds, found.payload_bytes),
        "blocks": header.n_blocks,
        "gain": " to ".join(map(str, sorted(set(found.gains)))),
        "tags": dict(header.tags),
    }


def _latent_facts(data: bytes, checkpoints: Path | None) -> dict[str, Any]:
    from musiclib.codecs.latent import describe

    found = describe(data, checkpoints)
    contents, rate = found.contents, found.sample_rate
    return {
        "container": "mla",
        "codec": "autoencoder",
        "model": found.model,
        "step": contents.step,
        "sample_rate": rate,
        "channels": len(contents.levels),
        **_costs(data, contents.n_samples / rate, sum(map(len, contents.payloads))),
        "tags": {},
    }


def _facts(source: Path, data: bytes, codec: str) -> dict[str, Any]:
    from musiclib.audio import probe
    from musiclib.codecs import get_codec
    from musiclib.codecs.container import container_name, packet_bytes

    facts = probe(source)
    rate, seconds = facts.sample_rate, facts.duration_s
    if codec:
        # Headers round durations or count padding; decoding gives the exact length, but for files
        # that only a lenient player accepts.
        with suppress(BitstreamError):
            audio, rate = get_codec(codec).decode(data)
            seconds = audio.shape[-1] / rate
    return {
        "container": container_name(data),
        "codec": facts.codec,
        "sample_rate": rate,
        "channels": facts.channels,
        **_costs(data, seconds, packet_bytes(data)),
        "tags": {key: value for key, value in facts.tags.items() if key not in FORMAT_TAGS},
    }


def _costs(data: bytes, seconds: float, payload: int) -> dict[str, float]:
    return {
        "seconds": round(seconds, 6),
        "bytes": len(data),
        "kbps": round(8.0 * len(data) / seconds / 1000.0, 3),
        "overhead_bytes": len(data) - payload,
    }
