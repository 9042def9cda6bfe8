"""The book on paper: one document of all pages, printed to PDF by a headless Chromium."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from musiclib.book.layout import Book
from musiclib.book.pages.page import Facts, SitePage
from musiclib.book.single_page import single_page
from musiclib.errors import BookError
from musiclib.files import replace_file

NAME = "book.pdf"
"""Name of the file in the site."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Programs that print, in the order in which they are looked for."""
_SECONDS = 900
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-pdf-header-footer",  # page numbers come from the style
    "--generate-pdf-document-outline",
)


def find_browser() -> str:
    """The program that prints.

    Returns:
        The program named by ``MUSICLIB_BROWSER``, or the first Chromium on the path.

    Raises:
        BookError: There is none.
    """
    named = os.environ.get("MUSICLIB_BROWSER")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise BookError(
            f"No browser to print with ({named or ', '.join(BROWSERS)}). Install Chromium "
            "(on Debian: apt install chromium), or name one in MUSICLIB_BROWSER."
        )
    return found


def link_pdf(page: SitePage, facts: Facts) -> None:
    """Link the PDF below the contents of every page, and at the end of the front page.

    Args:
        page: The page.
        facts: The site; without a PDF the page stays as it is.
    """
    if facts.pdf is None or page.chapter is None:
        return
    places = [page.soup.select_one("nav.bd-links")]
    if page.chapter == facts.book.chapters[0]:
        places.append(page.soup.select_one("article section") or page.soup.select_one("article"))
    for place in places:
        if place is not None:
            line = page.soup.new_tag("p")
            line["class"] = "ml-pdf"
            link = page.soup.new_tag("a", href=f"{page.root}{facts.pdf}")
            link.string = "The whole book as PDF"
            line.append(link)
            place.append(line)


def write_pdf(site: Path, book: Book, out: Path) -> None:
    """Print a finished site as one PDF: title, contents with links, outline, page numbers.

    Args:
        site: Folder of the site.
        book: The book, for the order of the chapters.
        out: File to write; it appears whole or not at all.

    Raises:
        BookError: There is no browser, a page is missing, or printing failed.
    """
    browser = find_browser()
    text = single_page(site, book)
    handle, name = tempfile.mkstemp(dir=site, prefix=".book-", suffix=".html")
    document = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        with tempfile.TemporaryDirectory(prefix="musiclib-print-") as scratch:
            printed = Path(scratch, NAME)
            _print(browser, document, printed, Path(scratch, "profile"))
            replace_file(out, printed.read_bytes())
    finally:
        document.unlink(missing_ok=True)


def _print(browser: str, document: Path, printed: Path, profile: Path) -> None:
    command = [browser, *_ARGUMENTS, f"--user-data-dir={profile}", f"--print-to-pdf={printed}"]
    try:
        done = subprocess.run(
            [*command, document.resolve().as_uri()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise BookError(f"{browser} did not print the book within {_SECONDS} s.") from error
    if done.returncode != 0 or not printed.is_file() or not printed.stat().st_size:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-5:]
        listed = "\n".join(f"  | {line}" for line in said)
        raise BookError(f"{browser} could not print the book ({done.returncode}):\n{listed}")
