"""`musiclib evaluate`: rate-distortion tables over files or a data set."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musiclib.cli.files import check_output, positive, positive_int, write_atomically
from musiclib.errors import AudioFileError, CodecError, MusiclibError

if TYPE_CHECKING:
    from musiclib.codecs import Codec
    from musiclib.datasets import Clip

DEFAULT_CODECS = ("opus:6,12,24,48", "mp3:8,16,32,64")
DEFAULT_METRICS = ("log_spectral_distance", "si_sdr", "zimtohrli_mos")
SPLITS = ("train", "validation", "test", "all")
EXIT_SKIPPED = 1

EPILOG = """\
A codec is NAME:KBPS,KBPS,... with NAME one of neural, mp3, aac, opus, vorbis, downsample, or
autoencoder/ with the name of a shipped model or the path of a checkpoint. Some take another setting
as well: downsample:/2,/8 divides the sampling rate, vorbis:q0.5 sets the quality, neural:g120 the
gain of the quantiser, and autoencoder/wideband-64:s-8 its step.

A file that cannot be read is named on standard error and left out; the table covers the others,
and the exit code is 1. It is 2, and there is no table, when nothing could be measured.

example: musiclib evaluate song.flac --codecs opus:6,12,24 mp3:16,32 --seconds 30 --format csv
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure bitrate and quality of codecs over files or a data set",
        description="Encode, decode and measure. Bitrates come from the bytes of whole files; "
        "intervals are 95 %% bootstrap intervals over clips.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="audio files, or use --dataset")
    parser.add_argument("--dataset", metavar="NAME", help="mini, fma_small, ..., folder")
    parser.add_argument("--data-root", metavar="FOLDER", help="folder of the data set")
    parser.add_argument("--split", choices=SPLITS, help="part of the data set (default: test)")
    parser.add_argument("--seed", type=int, default=0, help="of split and choice (default: 0)")
    parser.add_argument("--limit", type=positive_int, metavar="N", help="use N clips")
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="skip S seconds")
    parser.add_argument("--seconds", type=positive, metavar="S", help="use S seconds of each")
    parser.add_argument(
        "--sample-rate", type=positive_int, default=24_000, metavar="HZ", help="default: 24000"
    )
    parser.add_argument(
        "--codecs",
        nargs="+",
        default=list(DEFAULT_CODECS),
        metavar="CODEC",
        help=f"after the files; see below (default: {' '.join(DEFAULT_CODECS)})",
    )
    parser.add_argument(
        "--metrics",
        nargs="+",
        default=list(DEFAULT_METRICS),
        metavar="METRIC",
        help=f"some of log_spectral_distance, spectral_rmse, si_sdr, zimtohrli_mos, visqol_mos, "
        f"waveform_rmse (default: {' '.join(DEFAULT_METRICS)})",
    )
    parser.add_argument("--format", choices=("text", "csv", "json"), default="text")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table to a file")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.add_argument("--per-clip", action="store_true", help="a row for each clip, no means")
    parser.add_argument("--jobs", type=positive_int, default=1, metavar="N", help="processes")
    parser.set_defaults(run=_evaluate)


def parse_codecs(specs: list[str]) -> list[Codec]:
    """Read codecs such as `opus:6,12`, `downsample:/8` or `autoencoder/wideband-64:3`.

    Raises:
        CodecError: If one cannot be read, or a codec has no such setting.
    """
    from musiclib.codecs import AUTOENCODER, get_codec

    codecs: list[Codec] = []
    for spec in specs:
        name, colon, settings = spec.partition(":")
        if not colon or not settings:
            raise CodecError(
                f"{spec!r} is not a codec with settings, such as opus:6,12. Name files first."
            )
        name, _, model = name.partition("/")
        shared: dict[str, Any] = {}
        if name == AUTOENCODER:
            from musiclib.codecs.latent import open_checkpoint

            if not model:
                raise CodecError(f"{spec!r} names no model, as autoencoder/wideband-64:3 does.")
            shared["checkpoint"] = open_checkpoint(model)
        elif model:
            raise CodecError(f"{spec!r}: only an autoencoder has a model after a /.")
        for setting in settings.split(","):
            key = {"/": "factor", "q": "quality", "s": "step", "g": "gain"}.get(setting[:1], "kbps")
            try:
                text = setting if key == "kbps" else setting[1:]
                value = int(text) if key in ("step", "gain") else float(text)
            except ValueError:
                raise CodecError(
                    f"{spec!r}: {setting!r} is not a bitrate in kbps (such as 12), "
                    "a factor (/8), a quality (q0.5), a gain (g120) or a step (s-8)."
                ) from None
            codecs.append(get_codec(name, **{key: value}, **shared))
    return codecs


def _evaluate(args: argparse.Namespace) -> int:
    codecs = parse_codecs(args.codecs)
    if bool(args.files) == bool(args.dataset):
        raise MusiclibError("Name audio files or --dataset NAME, one of the two.")
    if args.files and (args.split or args.data_root):
        raise MusiclibError("--split and --data-root belong to --dataset; files have no split.")
    if args.out is not None:
        check_output(None, args.out, args.force)

    from musiclib import evaluate

    if args.files:
        files = args.files[: args.limit]
        clips, total = _file_clips(args, files), len(files)
    else:
        clips, total = _dataset_clips(args)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            table = evaluate.rate_distortion(
                codecs, clips, args.metrics, args.jobs, progress=sys.stderr.isatty(), total=total
            )
        finally:  # where every file failed, these lines say why
            problems = [str(w.message) for w in caught if w.category is UserWarning]
            for problem in dict.fromkeys(problems):
                print(f"musiclib: warning: {' '.join(problem.split())}", file=sys.stderr)
    if not args.per_clip:
        table = evaluate.summarise(table)
    render = {"text": evaluate.to_text, "csv": evaluate.to_csv, "json": evaluate.to_json}
    text = render[args.format](table).rstrip("\n") + "\n"
    if args.out is None:
        sys.stdout.write(text)
    else:
        write_atomically(args.out, text.encode())
        print(f"{args.out}: {len(table)} rows", file=sys.stderr)
    return EXIT_SKIPPED if problems else 0


def _file_clips(args: argparse.Namespace, files: list[str]) -> Iterator[Clip]:
    from musiclib.audio import load
    from musiclib.datasets import Clip

    for file in files:
        try:
            audio, rate = load(file, args.sample_rate, True, args.start, args.seconds)
        except AudioFileError as error:
            warnings.warn(f"left out {file}: {error}", stacklevel=2)
            continue
        yield Clip(file, audio, rate, "unknown", "unknown", Path(file).stem)


def _dataset_clips(args: argparse.Namespace) -> tuple[Iterator[Clip], int]:
    from musiclib.datasets import open_dataset

    dataset = open_dataset(args.dataset, args.data_root, args.seed)
    if args.split != "all":
        dataset = dataset.part(args.split or "test")
    clips = dataset.clips(args.sample_rate, args.start, args.seconds, args.limit)
    return clips, min(len(dataset.tracks), args.limit or len(dataset.tracks))
