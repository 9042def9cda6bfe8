"""`musiclib evaluate`, `evidence` and `genre`: codecs measured, tables kept, genres recognised."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from musiclib.cli import (
    Subparsers,
    add_command,
    add_data_options,
    add_table_options,
    check_output,
    positive,
    positive_int,
    put_table,
    warn,
)
from musiclib.errors import AudioFileError, MusiclibError

if TYPE_CHECKING:
    import pandas as pd

    from musiclib.datasets import Clip


DEFAULT_CODECS = ["opus:6,12,24,48", "mp3:8,16,32,64"]
DEFAULT_METRICS = ["zimtohrli_mos", "si_sdr", "log_spectral_distance"]
SPLITS = ("train", "validation", "test", "all")
EXIT_SKIPPED = 1
CODECS_EPILOG = """\
A codec is NAME:KBPS,KBPS,... with NAME one of melic, mp3, aac, opus, vorbis, downsample, he-aac
and he-aac-v2 (where the command fdkaac is), or autoencoder/ with the name of a shipped model or the
path of a checkpoint. Some take another setting as well: downsample:/2,/8 divides the sampling
rate, vorbis:q0.5 sets the quality, melic:g120 the gain of the quantiser, and
autoencoder/wideband-64:s-8 its step. Options have names: opus:12,24,application=audio.

A file that cannot be read is named on standard error and left out; the table covers the others,
and the exit code is 1. It is 2, and there is no table, when nothing could be measured.

example: musiclib evaluate song.flac --codecs opus:6,12,24 mp3:16,32 --seconds 30 --format csv
"""
EVIDENCE_EPILOG = """\
An experiment is a file NAME.py in the folder evidence/, which says what is measured. Its table is
NAME.csv, and NAME.json beside it tells which code, data, models and libraries took part.

A run that was killed goes on where it was: run the same command again.

example: musiclib evidence measure rivals --jobs 8
         musiclib evidence measure --scheduler tcp://head:8786
         musiclib evidence verify
"""
GENRE_EPILOG = """\
The tracks are dealt into folds that share no artist, and each track's genre is predicted once, by
what has heard no artist of its fold: from MFCCs, log-mel spectra, principal components, the latents
of trained and of random encoders, and the whole numbers in files of Melic. Scores are balanced
accuracies with 95 % intervals over artists.

What is done is kept in the cache. The same command goes on after an interruption.

example: musiclib genre --dataset fma_small --data-root ~/fma --jobs 8
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the three commands."""
    evaluate = add_command(
        subparsers,
        "evaluate",
        _evaluate,
        "measure bitrate and quality of codecs over files or a data set",
        "Encode, decode and measure. Bitrates come from the bytes of whole files. Clips are\n"
        "averaged by artist, and 95 % intervals are over artists; fewer than eight artists have\n"
        "none.",
        CODECS_EPILOG,
    )
    evaluate.add_argument("files", nargs="*", metavar="FILE", help="audio files, or use --dataset")
    add_data_options(evaluate, profile=False)
    evaluate.add_argument("--split", choices=SPLITS, help="part of the data set (default: test)")
    evaluate.add_argument("--limit", type=positive_int, metavar="N", help="use N clips")
    evaluate.add_argument("--start", type=float, default=0.0, metavar="S", help="skip S seconds")
    evaluate.add_argument("--seconds", type=positive, metavar="S", help="use S seconds of each")
    evaluate.add_argument(
        "--sample-rate", type=positive_int, default=24_000, metavar="HZ", help="default: 24000"
    )
    evaluate.add_argument(
        "--codecs",
        nargs="+",
        default=DEFAULT_CODECS,
        metavar="CODEC",
        help=f"after the files; see below (default: {' '.join(DEFAULT_CODECS)})",
    )
    evaluate.add_argument(
        "--metrics",
        nargs="+",
        default=DEFAULT_METRICS,
        metavar="METRIC",
        help=f"a wrong name lists them all (default: {' '.join(DEFAULT_METRICS)})",
    )
    add_table_options(evaluate)
    evaluate.add_argument(
        "--per-clip", action="store_true", help="a row for each clip and metric, no means"
    )

    evidence = subparsers.add_parser(
        "evidence",
        help="measure the tables that the book keeps, and check them",
        description="Measure, verify or list the tables that the book keeps.",
        epilog=EVIDENCE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = evidence.add_subparsers(title="actions", metavar="ACTION", required=True)
    words = "Say which tables there are, and why some are stale."
    listing = add_command(actions, "list", _list, words)
    words = "Measure tables: those named, or all that are stale."
    measure = add_command(actions, "measure", partial(_work, again=False), words)
    words = "Measure a tenth again, and renew the digests if all agrees."
    verify = add_command(actions, "verify", partial(_work, again=True), words)
    for action in (listing, measure, verify):
        action.add_argument("names", nargs="*", metavar="NAME", help="experiments (default: all)")
        action.add_argument("--folder", metavar="FOLDER", help="default: evidence/ of the clone")
    for action in (measure, verify):
        action.add_argument(
            "--scheduler",
            metavar="ADDRESS",
            help="of a Dask scheduler, whose workers measure instead and see this folder",
        )

    genre = add_command(
        subparsers,
        "genre",
        _genre,
        "recognise genre from latents, and from what others use",
        "Predict the genre of every track, by all systems of the book.",
        GENRE_EPILOG,
    )
    add_data_options(genre, dataset="mini")
    add_table_options(genre)

    for parser in (evaluate, measure, verify, genre):
        parser.add_argument(
            "--jobs", type=positive_int, default=1, metavar="N", help="processes (default: 1)"
        )


def _evaluate(args: argparse.Namespace) -> int:
    if bool(args.files) == bool(args.dataset):
        raise MusiclibError("Name audio files or --dataset NAME, one of the two.")
    if args.files and (args.split or args.data_root):
        raise MusiclibError("--split and --data-root belong to --dataset; files have no split.")
    check_output(None, args.out, args.force)
    from musiclib.codecs import parse_codecs

    codecs = parse_codecs(args.codecs)
    from musiclib.evaluation import evaluate

    problems: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            table = evaluate(
                codecs,
                _file_clips(args) if args.files else _dataset_clips(args),
                args.metrics,
                workers=args.jobs,
                progress=sys.stderr.isatty(),
            )
            for row in table[table["reason"] != ""].itertuples():
                problems.append(f"{row.clip}, {row.system}: no {row.metric}: {row.reason}")
        finally:  # where every file failed, these lines say why
            problems += [str(w.message) for w in caught if w.category is UserWarning]
            for problem in dict.fromkeys(problems):
                warn(problem)
    if not args.per_clip:
        table = _averaged(table)
    put_table(args, table, _as_text(table))
    return EXIT_SKIPPED if problems else 0


def _averaged(table: pd.DataFrame) -> pd.DataFrame:
    """Average over artists: a row for each system, setting and metric, with the mean bitrate."""
    from musiclib.stats import mean

    keys = ["system", "setting"]
    kbps = table.drop_duplicates([*keys, "clip"]).groupby(keys)["kbps"].mean().reset_index()
    found = mean(table, [*keys, "metric"]).merge(kbps, on=keys, how="left")
    found.insert(2, "kbps", found.pop("kbps"))
    return found


def _as_text(table: pd.DataFrame) -> str:
    """Set a tidy table with a column a metric, for reading."""
    from musiclib.metrics import METRICS
    from musiclib.stats import Interval

    averaged = "mean" in table
    keys = ["system", "setting", "kbps"] if averaged else ["clip", "genre", "system", "setting"]
    shown = table.assign(kbps=table["kbps"].map("{:.2f}".format))
    if averaged:
        columns = (table[name] for name in ("mean", "low", "high", "n"))
        shown["cell"] = [f"{Interval(*one):.2f}" for one in zip(*columns, strict=True)]
        shown = shown.assign(value=table["mean"])
    else:
        keys += ["file_bytes", "kbps"]
        shown["cell"] = table["value"].map("{:.2f}".format)
    shown["cell"] = shown["cell"].where(shown["value"].notna(), "-")
    shown["metric"] = [METRICS[name].axis_label for name in table["metric"]]
    wide = shown.pivot_table("cell", keys, "metric", aggfunc="first", sort=False)
    text: str = wide.reset_index().rename_axis(columns=None).to_string(index=False)
    return text


def _file_clips(args: argparse.Namespace) -> Iterator[Clip]:
    from musiclib.evaluation import read_clip

    for file in args.files[: args.limit]:
        try:
            yield read_clip(file, args.sample_rate, args.start, args.seconds)
        except AudioFileError as error:
            warnings.warn(f"left out {file}: {error}", stacklevel=2)


def _dataset_clips(args: argparse.Namespace) -> Iterator[Clip]:
    from musiclib.datasets import open_dataset

    dataset = open_dataset(args.dataset, args.data_root, args.seed)
    if args.split != "all":
        dataset = dataset.part(args.split or "test")
    return dataset.clips(args.sample_rate, args.start, args.seconds, args.limit)


def _experiments(args: argparse.Namespace) -> list[str]:
    from musiclib.evidence import names

    found: list[str] = args.names or names(args.folder)
    if not found:
        raise MusiclibError(f"{args.folder} declares no experiments. Name another --folder.")
    return found


def _work(args: argparse.Namespace, again: bool) -> int:
    from musiclib.evidence import measure, stale, verify

    work, done = (verify, "measured again, and all agree") if again else (measure, "measured")
    for name in _experiments(args):
        if not args.names and not stale(name, args.folder):
            print(f"{name}: up to date", file=sys.stderr)
            continue
        rows = work(
            name, jobs=args.jobs, scheduler=args.scheduler, folder=args.folder, progress=True
        )
        print(f"{name}: {rows} rows {done}", file=sys.stderr)
    return 0


def _list(args: argparse.Namespace) -> int:
    from musiclib.evidence import record, stale

    found = 0
    for name in _experiments(args):
        if reasons := stale(name, args.folder):
            found = 1
            print(f"{name}: stale: {'; '.join(reasons)}")
            continue
        told = record(name, args.folder)
        minutes = told["measured"]["seconds"] / 60
        print(
            f"{name}: {told['rows']} rows, measured {told['measured']['date']} in {minutes:.0f} "
            "min of processor time"
        )
    return found


def _genre(args: argparse.Namespace) -> int:
    check_output(None, args.out, args.force)

    from musiclib.evidence import Parameters, read

    parameters = Parameters(args.dataset, args.data_root, args.profile, args.seed)
    _ = parameters.music  # what is not there is refused before networks are loaded

    from musiclib.genre import hits, scores
    from musiclib.genre.systems import tracks_with_folds

    tracks = tracks_with_folds(parameters)
    table = scores(hits(read("recognition", parameters, jobs=args.jobs), tracks), tracks)
    table = table.sort_values("mean", ascending=False, ignore_index=True).round(4)
    genres = tracks["genre"].nunique()
    text = (
        f"{len(tracks)} tracks of {genres} genres by {tracks['artist_group'].nunique()} artist "
        f"groups in {tracks['fold'].nunique()} folds; chance is {1 / genres:.2f}\n\n"
        + table.drop(columns="n").round(3).to_string(index=False)
    )
    put_table(args, table, text)
    return 0
