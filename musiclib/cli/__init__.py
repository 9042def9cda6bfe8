"""The ``musiclib`` command: one module for each group of subcommands, and what they share.

Every module offers ``add_parser(subparsers)``, which adds its subcommands and gives each one
``set_defaults(run=function)``; the function takes the parsed arguments and returns the exit code.
Modules import heavy libraries inside those functions, so that ``musiclib --help`` stays fast.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from musiclib.errors import MusiclibError
from musiclib.files import replace_file

if TYPE_CHECKING:
    import pandas as pd

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


def positive_int(text: str) -> int:
    """Read a positive whole number from the command line."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """Add how a table is printed, and where it goes."""
    parser.add_argument("--format", choices=("text", "csv", "json"), default="text")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table to a file")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")


def put_table(args: argparse.Namespace, table: pd.DataFrame, text: str, digits: int) -> None:
    """Print a table as asked for, or write it to a file that appears complete or not at all.

    Args:
        args: Has the options of `add_table_options`.
        table: What CSV and JSON hold.
        text: The same for reading.
        digits: Decimal places in JSON, and in CSV below ten.
    """
    if args.format == "csv":
        form = f"%.{digits}f" if digits < 10 else None
        text = table.to_csv(index=False, lineterminator="\n", float_format=form)
    elif args.format == "json":
        text = table.to_json(orient="records", indent=2, double_precision=digits, force_ascii=False)
    text = text.rstrip("\n") + "\n"
    if args.out is None:
        sys.stdout.write(text)
    else:
        replace_file(args.out, text.encode())
        print(f"{args.out}: {len(table)} rows", file=sys.stderr)


def check_output(source: Path | None, target: Path, force: bool) -> None:
    """Refuse to write where something would be lost or nothing can be written.

    Raises:
        MusiclibError: If the target is the input, a folder, in no folder, or there already.
    """
    if source is not None and target.exists() and target.samefile(source):
        raise MusiclibError(f"{target} is the input itself. Name another output.")
    if target.is_dir():
        raise MusiclibError(f"{target} is a folder. Name a file.")
    if not target.parent.is_dir():
        raise MusiclibError(f"{target.parent} is not a folder. Create it first.")
    if target.exists() and not force:
        raise MusiclibError(f"{target} exists. Use --force to replace it.")
