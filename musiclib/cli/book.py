"""The command ``musiclib book``: run, build, check and serve the book, and clean its notebooks."""

import argparse
from pathlib import Path
from typing import Any

from musiclib.errors import BookError

PROFILES = ("smoke", "mini", "retrain")


def add_parser(subparsers: Any) -> None:
    """Add ``musiclib book`` and its own subcommands."""
    parser = subparsers.add_parser("book", help="run, build, check and serve the book")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    clean = commands.add_parser("clean-notebooks", help="bring notebooks into their form for git")
    clean.add_argument("paths", nargs="*", type=Path, default=[Path("book")], metavar="PATH")
    clean.add_argument("--check", action="store_true", help="change nothing, report problems")
    clean.set_defaults(run=_clean)


def _clean(args: argparse.Namespace) -> int:
    from musiclib.book import notebooks

    found: list[Path] = []
    for path in args.paths:
        if not path.exists():
            raise BookError(f"{path}: no such file or folder.")
        found += notebooks.find(path) if path.is_dir() else [path]
    if not args.check:
        for path in notebooks.clean(found):
            print(f"cleaned {path}")
        return 0
    problems = [f"{path}: {problem}" for path in found for problem in notebooks.problems(path)]
    print("\n".join(problems) or f"{len(found)} notebooks are fine")
    return 1 if problems else 0
