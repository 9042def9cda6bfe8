"""`musiclib genre`: the book's experiment on genre, on any data set."""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from musiclib.cli.files import check_output, positive_int, write_atomically

if TYPE_CHECKING:
    import pandas as pd

    from musiclib.studies.genre.experiment import Results

PROFILES = ("smoke", "mini", "retrain")

EPILOG = """\
Classifiers learn genre from the latents of trained autoencoders, from MFCCs, from log-mel spectra,
from samples and from the whole numbers in files of Melic, in five runs with different
training tracks, and are scored on test tracks by artists that none of them has heard. Scores are
balanced accuracies, means over the runs, with 95 %% intervals over artists. The best system on
latents is the one with the best validation score; the lines below the table compare it with the
others.

What a run gives is kept in the cache. The same command goes on after an interruption.

example: musiclib genre --dataset fma_small --data-root ~/fma --jobs 8
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "genre",
        help="recognise genre from latents, and from what others use",
        description="Train and score all genre classifiers of the book.",
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
        "few steps of everything (default: mini)",
    )
    parser.add_argument(
        "--per-genre", type=positive_int, metavar="N", help="use at most N tracks of each genre"
    )
    parser.add_argument("--seed", type=int, default=0, help="of split and runs (default: 0)")
    parser.add_argument("--jobs", type=positive_int, default=1, metavar="N", help="processes")
    parser.add_argument("--format", choices=("text", "csv", "json"), default="text")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table to a file")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.set_defaults(run=_genre)


def _genre(args: argparse.Namespace) -> int:
    if args.out is not None:
        check_output(None, args.out, args.force)

    from musiclib.datasets import open_dataset

    dataset = open_dataset(args.dataset, args.data_root, args.seed)
    if args.per_genre is not None:
        dataset = dataset.select(per_genre=args.per_genre, seed=args.seed)

    from musiclib.studies.genre.experiment import run_experiment

    results = run_experiment(
        dataset, args.profile, args.seed, args.jobs, progress=sys.stderr.isatty()
    )
    table = results.table()
    if args.format == "text":
        text = _as_text(table, results)
    elif args.format == "csv":
        text = table.to_csv(float_format="%.4f")
    else:
        rows = json.loads(table.reset_index().to_json(orient="records", double_precision=4))
        text = json.dumps(rows, indent=2, ensure_ascii=False)
    text = text.rstrip("\n") + "\n"
    if args.out is None:
        sys.stdout.write(text)
    else:
        write_atomically(args.out, text.encode())
        print(f"{args.out}: {len(table)} rows", file=sys.stderr)
    return 0


def _as_text(table: pd.DataFrame, results: Results) -> str:
    out = io.StringIO()
    run = results.runs[0]
    out.write(
        f"{results.dataset.name}: {len(run.genres)} genres, {len(run.test)} test tracks, "
        f"{len(results.runs)} runs, chance {1 / len(run.genres):.2f}\n\n"
    )
    shown = table.drop(columns="group").reset_index()
    out.write(shown.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    out.write(f"\n\nBest of the latents on validation tracks: {results.best_latent}\n")
    for one in results.comparisons:
        out.write(
            f"  {one.difference:+.3f} against {one.second}: {one.verdict}, p = {one.p_holm:.3f}\n"
        )
    return out.getvalue()
