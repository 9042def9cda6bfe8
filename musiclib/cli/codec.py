"""`musiclib encode`, `decode` and `info`: files and folders through the codecs."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musiclib.cli import check_output, positive, positive_int
from musiclib.errors import AudioFileError, BitstreamError, CodecError, MusiclibError
from musiclib.verbs import DECODED, SUFFIXES, codec_of, decode, encode, naming

if TYPE_CHECKING:
    from musiclib.codecs import Codec
    from musiclib.codecs.base import Coded, Progress

    Work = Callable[[Path, Path, Progress], str]

AUDIO_SUFFIXES = (
    *(".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".aac", ".aif", ".aiff"),
    *(".wma", ".wv", ".ape", ".tta", ".caf", ".au", ".mka", ".w64"),
)
SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}
# FFmpeg lists what describes the file itself among the tags.
FORMAT_TAGS = {"major_brand", "minor_version", "compatible_brands", "language", "encoder"}
EXIT_FAILED = 1


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
    info.set_defaults(run=_info)


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


def _encode(args: argparse.Namespace) -> int:
    if args.source.is_dir():
        if args.codec is None:
            raise CodecError(f"{args.source} is a folder. Say which codec: --codec melic.")
        codec = make_codec(args.codec, args)
        return run_batch(
            args,
            AUDIO_SUFFIXES,
            codec.suffix,
            lambda source, target, tell: encode_one(source, target, codec, args, tell),
        )
    name = _codec_name(args.target, args.codec)
    check_output(args.source, args.target, args.force)
    from musiclib.audio import probe

    probe(args.source)  # what is no audio is refused before a codec is made
    codec = make_codec(name, args)
    with bar(args.source.name, args.quiet) as progress:
        line = encode_one(args.source, args.target, codec, args, progress)
    if not args.quiet:
        print(line)
    return 0


def _decode(args: argparse.Namespace) -> int:
    if args.source.is_dir():
        suffix = f".{args.format}"
        check_decoded(suffix, args.bits, "--format")
        return run_batch(
            args,
            tuple(s for s in SUFFIXES if s != suffix),
            suffix,
            lambda source, target, tell: decode_one(source, target, args, tell),
        )
    check_decoded(args.target.suffix, args.bits, args.target)
    check_output(args.source, args.target, args.force)
    with bar(args.source.name, args.quiet) as progress:
        line = decode_one(args.source, args.target, args, progress)
    if not args.quiet:
        print(line)
    return 0


def _codec_name(target: Path, asked: str | None) -> str:
    told = codec_of(target)
    if asked is not None and told != asked:
        fitting = " or ".join(s for s, name in SUFFIXES.items() if name == asked)
        raise CodecError(
            f"{target}: the suffix '{target.suffix.lower()}' is not that of {asked}. "
            f"End the name in {fitting}, or leave --codec out."
        )
    return told


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
    made = encode(
        source,
        target,
        codec=codec,
        mono=args.mono,
        sample_rate=args.sample_rate,
        progress=progress,
    )
    return (
        f"{target}: {codec.label}, {made.n_bytes} bytes for {made.seconds:.3f} s, "
        f"{made.kbps:.3f} kbps, "
        f"{2 * made.n_samples * made.channels / made.n_bytes:.1f} times smaller than 16-bit PCM "
        f"({_format(made)})"
    )


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
    made = decode(
        source,
        target,
        sample_rate=args.sample_rate,
        subtype=None if target.suffix.lower() == ".ogg" else SUBTYPES[args.bits],
        progress=progress,
        folder=args.checkpoints,
        restore=not args.no_restore,
        threads=args.threads,
    )
    note = f", {made.clipped} samples beyond full scale clipped (--bits float keeps them)"
    told = f"{target}: {made.codec}, {made.seconds:.3f} s at {_format(made)}"
    return f"{told}{note if made.clipped else ''}"


def _format(made: Coded) -> str:
    return f"{made.sample_rate} Hz, {made.channels} channel{'s' if made.channels > 1 else ''}"


def run_batch(args: argparse.Namespace, suffixes: tuple[str, ...], suffix: str, work: Work) -> int:
    """Work on all files of a folder; what fails is named, and the others go on.

    Args:
        args: Has `source` and `target`, the folders to read and to write, `force` and `quiet`.
        suffixes: Suffixes of files to work on.
        suffix: Suffix of the results.
        work: Turns a file into another, which it moves into place when it is whole.

    Returns:
        0 when all went well, 1 when files failed.
    """
    folder = args.target
    if folder.exists() and not folder.is_dir():
        raise MusiclibError(f"{folder} is a file. A folder of files is coded into a folder.")
    files = files_of(args.source, suffixes, folder)
    pairs = targets(files, args.source, folder, suffix)
    done = skipped = failed = 0
    for number, (path, target) in enumerate(pairs.items(), 1):
        if target.exists() and not args.force:
            skipped += 1
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            check_output(path, target, args.force)
            with bar(f"{number}/{len(pairs)} {path.name}", args.quiet) as progress:
                line = work(path, target, progress)
        except (MusiclibError, OSError) as error:
            failed += 1
            told = " ".join(str(error).split())
            named = told if str(path) in told else f"{path}: {told}"
            print(f"musiclib: warning: {named}", file=sys.stderr)
            continue
        done += 1
        if not args.quiet:
            print(line)
    print(f"{folder}: {done} written, {skipped} there already, {failed} failed")
    return EXIT_FAILED if failed else 0


def files_of(folder: Path, suffixes: tuple[str, ...], but: Path) -> list[Path]:
    """Return the files of a folder and those below it, in order, hidden ones left out.

    Args:
        folder: Where to look.
        suffixes: Suffixes of the files, in lower case.
        but: Folder to leave out.

    Raises:
        MusiclibError: There are none.
    """
    inside = but.absolute()
    found = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in suffixes and path.is_file() and not hidden:
            if inside != folder.absolute() and inside in path.absolute().parents:
                continue
            found.append(path)
    if not found:
        raise MusiclibError(
            f"{folder} holds no files that end in {', '.join(suffixes)}. Name another folder."
        )
    return found


def targets(files: list[Path], source: Path, folder: Path, suffix: str) -> dict[Path, Path]:
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
def bar(name: str, quiet: bool) -> Iterator[Progress]:
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
        data: bytes = args.source.read_bytes()
    except OSError as error:
        raise AudioFileError(f"{args.source} cannot be read: {error.strerror}.") from error

    from musiclib.codecs import identify

    try:
        name = identify(data)
    except BitstreamError:  # another format, such as FLAC
        name = ""
    if name == "melic":
        result = _melic_facts(args.source, data)
    elif name == "autoencoder":
        result = _latent_facts(args.source, data, args.checkpoints)
    else:
        result = _facts(args.source, data)
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


def _melic_facts(source: Path, data: bytes) -> dict[str, Any]:
    from musiclib.audio import HOUSE_RATE
    from musiclib.codecs.melic import describe

    with naming(source):
        found = describe(data)
    header = found.header
    return {
        "file": str(source),
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


def _latent_facts(source: Path, data: bytes, checkpoints: Path | None) -> dict[str, Any]:
    from musiclib.codecs.latent import describe

    with naming(source):
        checkpoint, found = describe(data, checkpoints)
    rate = checkpoint.model_config.sample_rate
    return {
        "file": str(source),
        "container": "mla",
        "codec": "autoencoder",
        "model": checkpoint.path.stem,
        "step": found.step,
        "sample_rate": rate,
        "channels": len(found.levels),
        **_costs(data, found.n_samples / rate, sum(map(len, found.payloads))),
        "tags": {},
    }


def _facts(source: Path, data: bytes) -> dict[str, Any]:
    from musiclib.audio import probe
    from musiclib.codecs import get_codec, identify
    from musiclib.codecs.container import container_name, packet_bytes

    facts = probe(source)
    rate, seconds = facts.sample_rate, facts.duration_s
    try:
        # Headers round durations or count padding; decoding gives the exact length.
        audio, rate = get_codec(identify(data)).decode(data)
        seconds = audio.shape[-1] / rate
    except BitstreamError:
        pass  # another format such as FLAC, or a file that only a lenient player accepts
    return {
        "file": str(source),
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
