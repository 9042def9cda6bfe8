"""The command ``musiclib book``: run, build, check and serve the book, and clean its notebooks."""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from musiclib.cli import Command, Subparsers, add_command, add_data_options, positive_int
from musiclib.errors import BookError, needs_extra

SITE = Path("build/book")
EXIT_FAILED = 2


def add_parser(subparsers: Subparsers) -> None:
    """Add ``musiclib book`` and its own subcommands."""
    parser = subparsers.add_parser("book", help="run, build, check and serve the book")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, command: Command, words: str) -> argparse.ArgumentParser:
        return add_command(commands, name, needs_extra("book")(command), words)

    run = add("run", _run, "run the chapters that changed, build no site")
    build = add("build", _build, "run the chapters, build and check the site")
    for one in (run, build):
        add_data_options(one, dataset="mini")
        one.add_argument(
            "--only", nargs="+", default=[], metavar="CHAPTER", help="such as approach/metric"
        )
        one.add_argument(
            "--jobs", type=positive_int, default=2, help="chapters at a time (default: 2)"
        )
        one.add_argument("--force", action="store_true", help="run unchanged chapters again")
        one.add_argument(
            "--out", type=Path, help=f"folder of the site (default: {SITE} in the repository)"
        )
    build.add_argument(
        "--repository-url", metavar="URL", help="address of the repository, for the pages' links"
    )
    build.add_argument(
        "--site-url", metavar="URL", help="address of the published site, for the site map"
    )
    build.add_argument(
        "--pdf", action="store_true", help="print the book as PDF too, with a headless Chromium"
    )
    pdf = add("pdf", _pdf, "print a built site as one PDF, with a Chromium")
    check = add("check", _check, "check a built site")
    serve = add("serve", _serve, "serve a built site on this machine")
    for one in (pdf, check, serve):
        one.add_argument("site", nargs="?", type=Path, default=SITE, help=f"default: {SITE}")
    pdf.add_argument("--out", type=Path, help="file of the PDF (default: book.pdf in the site)")
    serve.add_argument("--port", type=int, default=8000, help="default: 8000; 0 takes a free one")
    launch = add("launch", _launch, "write copies of the chapters that install musiclib")
    launch.add_argument("--repository-url", metavar="URL", required=True, help="address to clone")
    launch.add_argument("--out", type=Path, required=True, help="folder for the copies")
    for one in (run, build, pdf, launch):
        one.add_argument(
            "--source",
            type=Path,
            default=Path(),
            help="the book's repository (default: this folder)",
        )
    clean = add("clean-notebooks", _clean, "bring notebooks into their form for git")
    clean.add_argument("paths", nargs="*", type=Path, default=[Path("book")], metavar="PATH")
    clean.add_argument("--check", action="store_true", help="change nothing, report problems")


def _say(line: str) -> None:
    print(f"{line}\n", end="", flush=True)  # in one piece: chapters run side by side


def _options(args: argparse.Namespace) -> Any:
    from musiclib.book.layout import find_book
    from musiclib.datasets import open_dataset

    # Refused before the build is imported.
    find_book(args.source).select(args.only)
    open_dataset(args.dataset, args.data_root, args.seed)

    from musiclib.book.build import Options

    given = {name: value for name, value in vars(args).items() if name != "run"}
    return Options(**{**given, "only": tuple(args.only)})


def _work(task: Callable[[], object]) -> int:
    """Do long work: list its problems line by line, and let SIGTERM end it as Ctrl-C does.

    Without the latter, chapters would run on after their build has ended.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        task()
    except BookError as error:
        print(f"musiclib: error: {error}", file=sys.stderr)
        return EXIT_FAILED
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _run(args: argparse.Namespace) -> int:
    options = _options(args)
    from musiclib.book.build import run_chapters

    return _work(lambda: run_chapters(options, _say))


def _build(args: argparse.Namespace) -> int:
    options = _options(args)
    from musiclib.book.build import build

    return _work(lambda: _say(f"The book is ready: {build(options, _say).as_uri()}"))


def _pdf(args: argparse.Namespace) -> int:
    from musiclib.book.layout import find_book
    from musiclib.book.pdf import NAME, write_pdf

    out = args.out or args.site / NAME
    write_pdf(args.site, find_book(args.source), out)
    _say(f"The book is printed: {out}")
    return 0


def _check(args: argparse.Namespace) -> int:
    if not args.site.is_dir():
        raise BookError(f"{args.site}: no such folder. Build the site first, with `make book`.")

    from musiclib.book.check import check_site

    report = check_site(args.site)
    for name, weight in sorted(report.weights.items(), key=lambda item: -item[1]):
        _say(f"{weight / 1e3:8.0f} kB  {name}")
    for finding in report.findings:
        _say(f"problem: {finding}")
    _say(f"{len(report.weights)} pages, {len(report.findings)} problems")
    return 1 if report.findings else 0


def _serve(args: argparse.Namespace) -> int:
    if not (args.site / "index.html").is_file():
        raise BookError(f"{args.site}: no site here. Build it first, with `make book`.")

    from musiclib.book.site import serve

    serve(args.site, args.port)
    return 0


def _launch(args: argparse.Namespace) -> int:
    from musiclib.book.layout import find_book

    book = find_book(args.source)

    from musiclib.book.site import write_launch_copies

    for path in write_launch_copies(book, args.repository_url, args.out):
        _say(f"wrote {path}")
    return 0


def _clean(args: argparse.Namespace) -> int:
    from musiclib.book import layout

    found: list[Path] = []
    for path in args.paths:
        if not path.exists():
            raise BookError(f"{path}: no such file or folder.")
        found += layout.find(path) if path.is_dir() else [path]
    if not args.check:
        for path in layout.clean(found):
            _say(f"cleaned {path}")
        return 0
    problems = [f"{path}: {problem}" for path in found for problem in layout.problems(path)]
    _say("\n".join(problems) or f"{len(found)} notebooks are fine")
    return 1 if problems else 0
