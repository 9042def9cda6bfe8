"""`musiclib genre`: the book's experiment on genre, on any data set."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from musiclib.cli.files import check_output, positive_int, write_atomically

if TYPE_CHECKING:
    import pandas as pd

PROFILES = ("smoke", "mini", "retrain")

EPILOG = """\
The tracks are dealt into folds that share no artist, and each track's genre is predicted once, by
what has heard no artist of its fold: from MFCCs, log-mel spectra, principal components, the latents
of trained and of random encoders, and the whole numbers in files of Melic. Scores are balanced
accuracies with 95 %% intervals over artists.

What is done is kept in the cache. The same command goes on after an interruption.

example: musiclib genre --dataset fma_small --data-root ~/fma --jobs 8
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "genre",
        help="recognise genre from latents, and from what others use",
        description="Predict the genre of every track, by all systems of the book.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", default="mini", metavar="NAME", help="default: mini")
    parser.add_argument("--data-root", metavar="FOLDER", help="folder of the data set")
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default="mini",
        help="mini: with the shipped autoencoders; retrain: trained on this music first; smoke: a "
        "few steps of a few systems (default: mini)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of folds and trainings (default: 0)")
    parser.add_argument("--jobs", type=positive_int, default=1, metavar="N", help="processes")
    parser.add_argument("--format", choices=("text", "csv", "json"), default="text")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table to a file")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.set_defaults(run=_genre)


def _genre(args: argparse.Namespace) -> int:
    if args.out is not None:
        check_output(None, args.out, args.force)

    from musiclib.evidence import Parameters, read

    parameters = Parameters(args.dataset, args.data_root, args.profile, args.seed)
    _ = parameters.music  # what is not there is refused before networks are loaded

    from musiclib.genre import hits, scores
    from musiclib.genre.systems import dealt

    tracks = dealt(parameters)
    table = scores(hits(read("recognition", parameters, jobs=args.jobs), tracks), tracks)
    table = table.sort_values("mean", ascending=False, ignore_index=True)
    if args.format == "text":
        text = _as_text(table, tracks)
    elif args.format == "csv":
        text = table.to_csv(index=False, float_format="%.4f")
    else:
        rows = json.loads(table.to_json(orient="records", double_precision=4))
        text = json.dumps(rows, indent=2, ensure_ascii=False)
    text = text.rstrip("\n") + "\n"
    if args.out is None:
        sys.stdout.write(text)
    else:
        write_atomically(args.out, text.encode())
        print(f"{args.out}: {len(table)} rows", file=sys.stderr)
    return 0


def _as_text(table: pd.DataFrame, tracks: pd.DataFrame) -> str:
    genres, artists = tracks["genre"].nunique(), tracks["artist_group"].nunique()
    head = (
        f"{len(tracks)} tracks of {genres} genres by {artists} artist groups in "
        f"{tracks['fold'].nunique()} folds; chance is {1 / genres:.2f}\n\n"
    )
    shown = table.drop(columns="n")
    return head + str(shown.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
