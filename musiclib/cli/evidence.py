"""`musiclib evidence`: measure, verify and list the tables that the book keeps."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from musiclib.cli.files import positive_int

EPILOG = """\
An experiment is a file NAME.py in the folder evidence/, which says what is measured. Its table is
NAME.csv, and NAME.json beside it tells which code, data, models and libraries took part.

A run that was killed goes on where it was: run the same command again.

example: musiclib evidence measure rivals --jobs 8
         musiclib evidence measure --scheduler tcp://head:8786
         musiclib evidence verify
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "evidence",
        help="measure the tables that the book keeps, and check them",
        description="Measure, verify or list the tables that the book keeps.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, run, told in (
        ("measure", _measure, "measure tables anew: those named, or all that are stale"),
        ("verify", _verify, "measure a tenth again and renew the digests: those named, or all "
         "that are stale"),
        ("list", _list, "say which tables there are, and why some are stale"),
    ):  # fmt: skip
        action = actions.add_parser(name, help=told, description=told[0].upper() + told[1:] + ".")
        action.add_argument("names", nargs="*", metavar="NAME", help="experiments")
        action.add_argument("--folder", metavar="FOLDER", help="default: evidence/ of the clone")
        if name != "list":
            action.add_argument(
                "--jobs", type=positive_int, default=1, metavar="N", help="processes (default: 1)"
            )
            action.add_argument(
                "--scheduler",
                metavar="ADDRESS",
                help="of a Dask scheduler, whose workers measure instead and see this folder",
            )
        action.set_defaults(run=run)


def _measure(args: argparse.Namespace) -> int:
    from musiclib.evidence import measure

    return _each(args, measure, "measured")


def _verify(args: argparse.Namespace) -> int:
    from musiclib.evidence import verify

    return _each(args, verify, "measured again, and all agree")


def _each(args: argparse.Namespace, work: Callable[..., int], done: str) -> int:
    from musiclib.evidence import names, stale

    for name in args.names or names(args.folder):
        if not args.names and not stale(name, args.folder):
            print(f"{name}: up to date", file=sys.stderr)
            continue
        rows = work(
            name, jobs=args.jobs, scheduler=args.scheduler, folder=args.folder, progress=True
        )
        print(f"{name}: {rows} rows {done}", file=sys.stderr)
    return 0


def _list(args: argparse.Namespace) -> int:
    from musiclib.evidence import names, record, stale

    found = 0
    for name in args.names or names(args.folder):
        if reasons := stale(name, args.folder):
            found = 1
            print(f"{name}: stale: {'; '.join(reasons)}")
        else:
            told = record(name, args.folder)
            print(
                f"{name}: {told['rows']} rows, measured {told['measured']['date']} in "
                f"{told['measured']['seconds'] / 60:.0f} min of processor time"
            )
    return found
