"""The whole book in one call: run, assemble, build, check, publish."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from musiclib.book.check import FIRST_PAGE, check_site
from musiclib.book.layout import Book, Chapter, find_book
from musiclib.book.pages import Site, finish, run_record
from musiclib.book.pdf import NAME as PDF_NAME
from musiclib.book.pdf import find_browser, write_pdf
from musiclib.book.run import Workspace, execute, prepare
from musiclib.book.site import assemble, build_site, copy_sources
from musiclib.book.store import (
    MEDIA,
    REPORT,
    SOURCES_KEY,
    Fingerprints,
    Store,
    Stored,
    chapter_key,
    data_fingerprint,
    remember_in,
    sources_fingerprint,
)
from musiclib.errors import BookError
from musiclib.files import replace_file, replace_folder

LONGEST = (
    "book/results/genre",
    "book/results/codec",
    "book/results/compression",
    "book/results/latent-space",
    "book/approach/autoencoders",
)
"""Chapters that run longest, the longest first."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What to build, from what, and where.

    Attributes:
        source: A folder of the book's repository.
        out: Folder of the published site; `None` takes `build/book` in the repository.
        dataset: Name of the data set.
        data_root: Its folder, when the name alone does not tell.
        profile: `smoke`, `mini` or `retrain`.
        seed: Seed that chapters start from.
        only: Chapters to run again; all others must be in the store. Empty for all.
        jobs: Chapters that run at the same time.
        force: Run chapters again even when nothing changed.
        repository_url: Address for the pages' links to the repository, or None.
        site_url: Address where the site will be published, or None.
        pdf: Whether to print the book as PDF too; that takes a browser.
    """

    source: Path = field(default_factory=Path.cwd)
    out: Path | None = None
    dataset: str = "mini"
    data_root: str | None = None
    profile: str = "mini"
    seed: int = 0
    only: tuple[str, ...] = ()
    jobs: int = 2
    force: bool = False
    repository_url: str | None = None
    site_url: str | None = None
    pdf: bool = False

    @property
    def parameters(self) -> dict[str, object]:
        """Values that papermill injects into every chapter."""
        root = str(Path(self.data_root).resolve()) if self.data_root else None
        return {
            "dataset": self.dataset,
            "data_root": root,
            "profile": self.profile,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class Executed:
    """Chapters after a run.

    Attributes:
        chapters: All stored chapters by docname.
        fresh: Docnames of those that were run now; the others came from the store.
        data: Fingerprint of the data set.
    """

    chapters: dict[str, Stored]
    fresh: tuple[str, ...]
    data: str


def run_chapters(options: Options, say: Say) -> Executed:
    """Run the chapters that changed; keep them in the store.

    All chapters are tried, and all failures are reported together.

    Raises:
        BookError: Chapters failed; none of these is kept.
        DatasetError: The data set is missing or damaged.
    """
    book = find_book(options.source)
    with _workspace(book) as work:
        return _run_chapters(book, work, options, say)


def build(options: Options, say: Say) -> Path:
    """Run the chapters, build the site, check it and publish it.

    Returns:
        The front page of the published site.

    Raises:
        BookError: A chapter, the site or a check failed; an earlier site stays as it was.
        DatasetError: The data set is missing or damaged.
    """
    book = find_book(options.source)
    out = (options.out or book.root / "build" / "book").resolve()
    if out.exists() and any(out.iterdir()) and not (out / REPORT).is_file():
        raise BookError(
            f"{out} has files that are not a site built here, and the site would replace them. "
            "Choose another folder with --out, or empty it."
        )
    if options.pdf:
        find_browser()  # rather now than after the chapters have run
    with _workspace(book) as work:
        sources = sources_fingerprint(book)  # before the work, in which they may be edited
        executed = _run_chapters(book, work, options, say)
        chapters = executed.chapters
        remember = remember_in(work / "memory")
        if lacking := [c.name for c in book.select([]) if c.docname not in chapters]:
            raise BookError(
                f"These chapters were not run with these settings yet: {', '.join(lacking)}. "
                "Build once without --only."
            )
        repository = options.repository_url
        assemble(book, chapters, work / "site", repository, options.site_url)
        say("building the site")
        html = build_site(work / "site", work / "logs" / "jupyter-book.log")
        record = run_record(book, options.parameters, chapters, executed.fresh, executed.data)
        site = Site(book, html, chapters, record, repository, PDF_NAME if options.pdf else None)
        finish(site, remember)
        _write(html / REPORT, record)  # a page links to it
        if options.pdf:
            say("printing the book")
            write_pdf(html, book, html / PDF_NAME)
        say("checking the site")
        report = check_site(html, remember=remember)
        if report.findings:
            listed = "\n".join(f"  - {finding}" for finding in report.findings)
            raise BookError(f"The built site has problems:\n{listed}\nNothing was published.")
        record |= {"page_bytes": report.weights, SOURCES_KEY: sources}
        _write(html / REPORT, record)
        replace_folder(html, out)
    say(f"first page: {report.weights[FIRST_PAGE] / 1e3:.0f} kB before any sound is played")
    return out / FIRST_PAGE


def _run_chapters(book: Book, work: Path, options: Options, say: Say) -> Executed:
    selected = {chapter.docname for chapter in book.select(list(options.only))}
    data = data_fingerprint(options.dataset, options.data_root, options.seed)
    code = Fingerprints(remember_in(work / "memory"))
    private = _private_paths(book, options)
    store = Store(work / "store")
    chapters = book.select([])
    parameters = options.parameters
    keys = {c: chapter_key(c, parameters, code.of(c), data, private) for c in chapters}
    done: dict[str, Stored] = {}
    for chapter in chapters:
        chosen = chapter.docname in selected
        stored = None if options.force and chosen else store.get(chapter, keys[chapter], private)
        if stored:
            done[chapter.docname] = stored
            if chosen:
                say(f"unchanged {chapter.docname}")
    waiting = [c for c in chapters if c.docname in selected and c.docname not in done]
    if not waiting:
        return Executed(done, (), data)
    waiting.sort(key=_begun_first)
    jobs = min(options.jobs, len(waiting))
    say(f"{len(waiting)} chapters to run, {jobs} at a time")
    workspace = Workspace(work, max(1, (os.cpu_count() or 1) // jobs), private)
    prepare(work)
    # A reader's own files may be damaged or few. The bundled ones may not give a warning.
    notify = None if options.dataset == "mini" else lambda text: say(f"warning   {text}")
    failures: list[str] = []

    def run(chapter: Chapter, sources: Path) -> Stored:
        say(f"running   {chapter.docname}")
        started = time.perf_counter()
        source = sources / f"{chapter.docname}.ipynb"
        with store.new_run(chapter) as place:
            notebook = execute(chapter, source, place / MEDIA, parameters, workspace, notify)
            seconds = time.perf_counter() - started
            return store.keep(chapter, keys[chapter], place, notebook, seconds)

    with (
        tempfile.TemporaryDirectory(dir=work, prefix=".run-", ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(jobs) as pool,
    ):
        sources = Path(folder)
        copy_sources(book, sources)
        futures = {pool.submit(run, chapter, sources): chapter for chapter in waiting}
        try:
            for future in as_completed(futures):
                name = futures[future].docname
                try:
                    done[name] = future.result()
                    say(f"ran       {name} in {done[name].seconds:.0f} s")
                except BookError as error:
                    failures.append(str(error))
                    say(f"failed    {name}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            workspace.stop()
            raise
    if failures:
        raise BookError("\n".join(failures) + "\nNothing was published.")
    return Executed(done, tuple(chapter.docname for chapter in waiting), data)


def _begun_first(chapter: Chapter) -> tuple[int, int]:
    """Put the chapters that run longest first, so that the others fill the time."""
    known = LONGEST.index(chapter.docname) if chapter.docname in LONGEST else len(LONGEST)
    return known, -chapter.source.stat().st_size  # a chapter's length tells the rest, roughly


def _write(path: Path, record: dict[str, Any]) -> None:
    replace_file(path, (json.dumps(record, indent=2) + "\n").encode())


def _private_paths(book: Book, options: Options) -> tuple[str, ...]:
    candidates = [book.root, Path.home(), Path(tempfile.gettempdir())]
    if options.data_root:
        candidates.insert(0, Path(options.data_root).resolve())
    return tuple(dict.fromkeys(str(path) for path in candidates if path != Path(path.anchor)))


@contextmanager
def _workspace(book: Book) -> Iterator[Path]:
    """The folder of a build; a second build is kept out of it."""
    work = book.root / "build" / "work"
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / ".lock", timeout=0):
            # What a build left that could not clean up, as after a loss of power.
            for folder in (*work.glob(".run-*"), *work.glob(".site-*")):
                shutil.rmtree(folder, ignore_errors=True)
            yield work
    except Timeout as error:
        raise BookError(f"Another build is at work in {work}. Wait until it is done.") from error
