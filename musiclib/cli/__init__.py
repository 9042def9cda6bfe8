"""The `musiclib` command: one module for each group of subcommands, and what they share.

Every module offers `add_parser(subparsers)`, which adds its subcommands by `add_command`, each with
a function that takes the parsed arguments and returns the exit code.
Modules import heavy libraries inside those functions, so that `musiclib --help` stays fast.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from musiclib.errors import MusiclibError
from musiclib.files import replace_file

if TYPE_CHECKING:
    import pandas as pd

Command: TypeAlias = Callable[[argparse.Namespace], int]
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

# The data sets import pandas, for which a wrong argument must not wait.
DATASETS = (
    "mini",
    "killer",
    "fma_small",
    "fma_medium",
    "fma_large",
    "fma_full",
    "debian",
    "folder",
)
PROFILES = ("smoke", "mini", "retrain")


def positive(text: str) -> float:
    """Read a positive number from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0.0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def whole(text: str) -> int:
    """Read a whole number, 0 or more, from the command line."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def positive_int(text: str) -> int:
    """Read a positive whole number from the command line."""
    if whole(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def add_command(
    subparsers: Subparsers,
    name: str,
    run: Command,
    words: str,
    description: str | None = None,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    """Add a command, told in a line where all are listed, and return its parser.

    Its own help starts with a longer description, if there is one. With an epilog, the lines of
    both stay as they are.
    """
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        help=words,
        description=description or words,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter if epilog else argparse.HelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_data_options(
    parser: argparse.ArgumentParser, dataset: str | None = None, profile: bool = True
) -> None:
    """Add `--dataset`, `--data-root`, `--seed` and, where models are used, `--profile`."""
    parser.add_argument(
        "--dataset",
        choices=DATASETS,
        default=dataset,
        metavar="NAME",
        help=", ".join(DATASETS) + (f" (default: {dataset})" if dataset else ""),
    )
    parser.add_argument("--data-root", metavar="FOLDER", help="folder of the data set")
    parser.add_argument(
        "--seed", type=whole, default=0, metavar="N", help="of splits and trainings (default: 0)"
    )
    if profile:
        parser.add_argument(
            "--profile",
            choices=PROFILES,
            default="mini",
            help="mini: shipped models, or whole trainings; retrain: models trained from scratch; "
            "smoke: a few steps (default: mini)",
        )


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """Add how a table is printed, and where it goes."""
    parser.add_argument("--format", choices=("text", "csv", "json"), default="text")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table to a file")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")


def put_table(args: argparse.Namespace, table: pd.DataFrame, text: str) -> None:
    """Print a table as asked for, or write it to a file that appears complete or not at all.

    Args:
        args: Options of `add_table_options`.
        table: The table, for CSV and JSON.
        text: The same for reading.
    """
    if args.format == "csv":
        text = table.to_csv(index=False, lineterminator="\n")
    elif args.format == "json":
        text = table.to_json(orient="records", indent=2, double_precision=10, force_ascii=False)
    text = text.rstrip("\n") + "\n"
    if args.out is None:
        sys.stdout.write(text)
    else:
        replace_file(args.out, text.encode())
        print(f"{args.out}: {len(table)} rows", file=sys.stderr)


def warn(message: object) -> None:
    """Print a warning in one line on standard error."""
    print(f"musiclib: warning: {' '.join(str(message).split())}", file=sys.stderr)


def check_output(source: Path | None, target: Path | None, force: bool) -> None:
    """Refuse to write where something would be lost or nothing can be written.

    Raises:
        MusiclibError: The target is the input, a folder, in no folder, or there already.
    """
    if target is None:
        return
    if source is not None and target.exists() and target.samefile(source):
        raise MusiclibError(f"{target} is the input itself. Name another output.")
    if target.is_dir():
        raise MusiclibError(f"{target} is a folder. Name a file.")
    if not target.parent.is_dir():
        raise MusiclibError(f"{target.parent} is not a folder. Create it first.")
    if target.exists() and not force:
        raise MusiclibError(f"{target} exists. Use --force to replace it.")
