"""The book on paper: the pages of a finished site in one document, printed by a headless Chromium.

The pages already have their numbers, references, tables and formulas. Their articles are put one
after the other, and links between pages become links within the document.
"""

import os
import posixpath
import shutil
import subprocess
import tempfile
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

from musiclib.book.layout import Book
from musiclib.errors import BookError
from musiclib.files import replace_file

NAME = "book.pdf"
"""Name of the file in the site."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Programs that print, in the order in which they are looked for."""
_SECONDS = 900
_ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--no-pdf-header-footer",  # page numbers come from the style
    "--generate-pdf-document-outline",
)
# Beside the style of the pages, which print.css suits to paper.
_STYLE = """
@page { @bottom-center { content: counter(page); font: 9pt sans-serif; } }
@page :first { @bottom-center { content: ""; } }
.ml-book-title { display: flex; flex-direction: column; justify-content: center;
  min-height: 235mm; text-align: center; }
.ml-book-title h1 { font-size: 32pt; line-height: 1.2; }
.ml-book-title p { font-size: 12pt; }
.ml-book-contents, article.ml-book-chapter { break-before: page; }
.ml-book-contents > ol { columns: 2; }
.ml-book-contents ol { padding-left: 1.4rem; list-style: none; } /* titles have numbers */
.ml-book-contents ol ol { font-size: 0.9em; }
.ml-book-contents li { margin: 0.1rem 0; break-inside: auto; }
.ml-book-contents a { break-after: avoid; }
"""
# What neither paper nor a document without scripts can show.
_DROPPED = (
    "script, audio, video, iframe, button, input, select, picture > source, img.ml-dark, "
    ".headerlink, .ml-rerun, .ml-pdf"
)
_REFERRING = ("aria-labelledby", "aria-describedby", "aria-controls", "for", "headers")


def find_browser() -> str:
    """The program that prints: the one in ``MUSICLIB_BROWSER``, or the first Chromium on the path.

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


def write_pdf(site: Path, book: Book, out: Path) -> None:
    """Print a finished site as one PDF: title, contents with links, outline, page numbers.

    Raises:
        BookError: There is no browser, a page is missing, or printing failed.
    """
    browser = find_browser()
    text = single_page(site, book)
    with tempfile.TemporaryDirectory(prefix="musiclib-print-") as scratch:
        document, printed = site / ".book.html", Path(scratch, NAME)
        command = [browser, *_ARGUMENTS, f"--user-data-dir={scratch}/profile"]
        command += [f"--print-to-pdf={printed}", document.resolve().as_uri()]
        try:
            document.write_text(text, encoding="utf-8")
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise BookError(f"{browser} did not print the book within {_SECONDS} s.") from error
        finally:
            document.unlink(missing_ok=True)
        if done.returncode != 0 or not printed.is_file() or not printed.stat().st_size:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-5:]
            listed = "\n".join(f"  | {line}" for line in said)
            raise BookError(f"{browser} could not print the book ({done.returncode}):\n{listed}")
        replace_file(out, printed.read_bytes())


def single_page(site: Path, book: Book) -> str:
    """Join the chapters of a finished site into one document.

    Returns:
        HTML with a title page, a table of contents and all chapters, in light colours.

    Raises:
        BookError: A chapter's page is missing or has no title.
    """
    names = [f"{chapter.docname}.html" for chapter in book.chapters]
    styles: dict[str, None] = {}
    author = ""
    articles = []
    for name in names:
        try:
            page = BeautifulSoup((site / name).read_bytes(), "html.parser")
        except OSError as error:
            raise BookError(
                f"{site / name}: {error.strerror}. Build the site first, with `make book`."
            ) from error
        for link in page.select("link[rel=stylesheet][href]"):
            styles[_from_root(name, str(link["href"]))] = None
        said = page.select_one(".component-author")
        author = author or (said.get_text(" ", strip=True) if said else "")
        articles.append(_article(name, page, names))
    contents = [_headings(article) for article in articles]
    title = escape(contents[0][0][0])
    listed = "".join(
        f"<li>{_entry(*head)}<ol>{''.join(f'<li>{_entry(*part)}</li>' for part in parts)}</ol></li>"
        for head, *parts in contents
    )
    links = "".join(f'<link rel="stylesheet" href="{address}">' for address in styles)
    return (
        '<!doctype html><html lang="en" data-theme="light" data-mode="light"><head>'
        f'<meta charset="utf-8"><title>{title}</title>{links}<style>{_STYLE}</style></head>'
        f'<body><main class="bd-content bd-main"><section class="ml-book-title"><h1>{title}</h1>'
        f"<p>{escape(author)}</p><p>Printed from the pages of the book, without their sounds.</p>"
        f'</section><nav class="ml-book-contents"><h2>Contents</h2><ol>{listed}</ol></nav>'
        f"{''.join(map(str, articles))}</main></body></html>"
    )


def _article(path: str, page: BeautifulSoup, names: list[str]) -> Tag:
    """The article of a page, suited to paper and to its place in the document."""
    article = page.select_one("article")
    if article is None or article.select_one("h1") is None:
        raise BookError(f"{path}: the page has no article with a title.")
    for tag in article.select(_DROPPED):
        tag.extract()
    place = _place(path)
    for tag in [article, *article.find_all(True)]:
        if tag.name == "details":
            tag["open"] = ""
        tag.attrs.pop("loading", None)  # all pictures are there before it is printed
        # Identifiers of two pages may be the same.
        for key in ("id", *_REFERRING):
            if tag.get(key):
                words = " ".join(tag.get_attribute_list(key)).split()
                tag[key] = " ".join(f"{place}--{word}" for word in words)
        if tag.get("src"):
            tag["src"] = _from_root(path, str(tag["src"]))
        if tag.get("href"):
            parts = urlsplit(str(tag["href"]))
            target = _from_root(path, parts.path) if parts.path else path
            if target in names and not parts.netloc:
                anchor = f"--{parts.fragment}" if parts.fragment else ""
                tag["href"] = f"#{_place(target)}{anchor}"
            elif not parts.scheme:
                del tag["href"]  # a file of the site, which would become a place on this machine
    article["id"] = place
    article["class"] = "bd-article ml-book-chapter"
    return article.extract()


def _place(path: str) -> str:
    return path.removesuffix(".html").replace("/", "-")


def _from_root(path: str, address: str) -> str:
    if urlsplit(address).scheme:
        return address
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), address))


def _headings(article: Tag) -> list[tuple[str, str]]:
    """Words and anchor of an article's title, then of its parts."""
    found = []
    for heading in article.select("h1, h2"):
        section = heading.find_parent("section", id=True) or article
        found.append((" ".join(heading.get_text(" ", strip=True).split()), str(section["id"])))
    return found


def _entry(words: str, anchor: str) -> str:
    return f'<a href="#{anchor}">{escape(words)}</a>'
