"""The whole book as one HTML document, made of the pages of a finished site.

The pages already have their numbers, references, tables and formulas. Here their articles are
put one after the other, and links between pages become links within the document.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

from musiclib.book.layout import Book, Chapter
from musiclib.book.loading import DARK_TWIN
from musiclib.errors import BookError

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
    "script, audio, video, iframe, button, input, select, "
    ".headerlink, .ml-rerun, .ml-launch, .ml-pdf"
)
_ADDRESSES = ("href", "src", "poster")
_REFERRING = ("aria-labelledby", "aria-describedby", "aria-controls", "for", "headers")


def single_page(site: Path, book: Book) -> str:
    """Join the chapters of a finished site into one document.

    Args:
        site: Folder of the site; the document belongs into this folder.
        book: The book, for the order of the chapters.

    Returns:
        An HTML document with a title page, a table of contents and all chapters, in light colours.

    Raises:
        BookError: A chapter's page is missing or has no article.
    """
    names = {f"{chapter.docname}.html": chapter for chapter in book.chapters}
    pages = {path: _parsed(site / path) for path in names}
    first = next(iter(pages.values()))
    title = _title(first)
    document = BeautifulSoup(
        '<!doctype html><html lang="en" data-theme="light" data-mode="light"><head>'
        '<meta charset="utf-8"></head><body><main class="bd-content bd-main"></main></body></html>',
        "html.parser",
    )
    head, main = document.select_one("head"), document.select_one("main")
    if head is None or main is None:  # of the text above
        raise BookError("The document has no head.")
    head.append(document.new_tag("title", string=title))
    for address in _styles(pages):
        head.append(document.new_tag("link", rel="stylesheet", href=address))
    head.append(document.new_tag("style", string=_STYLE))
    articles = [_article(path, pages[path], names) for path in names]
    main.append(_title_page(document, title, first))
    main.append(_contents(document, articles))
    for article in articles:
        main.append(article)
    return str(document)


def _parsed(path: Path) -> BeautifulSoup:
    try:
        return BeautifulSoup(path.read_bytes(), "html.parser")
    except OSError as error:
        raise BookError(
            f"{path}: {error.strerror}. Build the site first, with `make book`."
        ) from error


def _title(page: BeautifulSoup) -> str:
    heading = page.select_one("article h1")
    if heading is None:
        raise BookError("The front page of the site has no title.")
    return _words(heading)


def _words(heading: Tag) -> str:
    return " ".join(
        text.strip() for text in heading.find_all(string=True) if not _in_link(text.parent)
    ).strip()


def _in_link(tag: Tag | None) -> bool:
    return tag is not None and "headerlink" in (tag.get("class") or [])


def _styles(pages: Mapping[str, BeautifulSoup]) -> list[str]:
    """Addresses of all pages' styles as seen from the site's root, each once."""
    found = [
        _from_root(path, str(link["href"]))
        for path, page in pages.items()
        for link in page.select("link[rel=stylesheet][href]")
    ]
    return list(dict.fromkeys(found))


def _article(path: str, page: BeautifulSoup, names: Mapping[str, Chapter]) -> Tag:
    article = page.select_one("article")
    if article is None:
        raise BookError(f"{path}: the page has no article.")
    for tag in article.select(_DROPPED):
        if tag.parent is not None:
            tag.decompose()
    for tag in article.select(f"img.{DARK_TWIN}, picture > source"):
        tag.decompose()
    for tag in article.select("details"):
        tag["open"] = ""
    place = _place(path)
    for tag in [article, *article.find_all(True)]:
        _rename(tag, place)
        for key in _ADDRESSES:
            if tag.get(key):
                tag[key] = _address(path, str(tag[key]), names)
        if tag.name == "a" and not _leads_on(str(tag.get("href", "#"))):
            del tag["href"]  # a file of the site, which would become a place on this machine
        if tag.name == "img":
            # Paper has no moment of coming near: all pictures are there before it is printed.
            for key in ("loading", "decoding"):
                tag.attrs.pop(key, None)
    article["id"] = place
    article["class"] = "bd-article ml-book-chapter"
    return article.extract()


def _rename(tag: Tag, place: str) -> None:
    """Put the page's name before identifiers, so that those of two pages differ."""
    if tag.get("id"):
        tag["id"] = f"{place}--{tag['id']}"
    if tag.get("name") and tag.name == "a":
        tag["name"] = f"{place}--{tag['name']}"
    for key in _REFERRING:
        if tag.get(key):
            words = " ".join(tag.get_attribute_list(key)).split()
            tag[key] = " ".join(f"{place}--{word}" for word in words)


def _place(path: str) -> str:
    return PurePosixPath(path).with_suffix("").as_posix().replace("/", "-")


def _address(path: str, address: str, names: Mapping[str, Chapter]) -> str:
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return address
    target = _from_root(path, parts.path) if parts.path else path
    if target not in names:
        return _from_root(path, address) if parts.path else address
    return f"#{_place(target)}--{parts.fragment}" if parts.fragment else f"#{_place(target)}"


def _leads_on(address: str) -> bool:
    return address.startswith("#") or bool(urlsplit(address).scheme)


def _from_root(path: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), address))


def _title_page(document: BeautifulSoup, title: str, first: BeautifulSoup) -> Tag:
    section = document.new_tag("section")
    section["class"] = "ml-book-title"
    section.append(document.new_tag("h1", string=title))
    author = first.select_one('.component-author, meta[name="author"]')
    if author is not None:
        said = str(author.get("content") or author.get_text(" ", strip=True))
        section.append(document.new_tag("p", string=said))
    remark = "Printed from the pages of the book, without their sounds."
    section.append(document.new_tag("p", string=remark))
    return section


def _contents(document: BeautifulSoup, articles: Sequence[Tag]) -> Tag:
    section = document.new_tag("nav")
    section["class"] = "ml-book-contents"
    section.append(document.new_tag("h2", string="Contents"))
    chapters = document.new_tag("ol")
    for article in articles:
        headings = list(_headings(article))
        if not headings:
            continue
        (words, place), *parts = headings
        entry = _entry(document, words, str(article["id"]) if place is None else place)
        inner = document.new_tag("ol")
        for part, anchor in parts:
            if anchor is not None:
                inner.append(_entry(document, part, anchor))
        if inner.contents:
            entry.append(inner)
        chapters.append(entry)
    section.append(chapters)
    return section


def _headings(article: Tag) -> Iterator[tuple[str, str | None]]:
    for heading in article.select("h1, h2"):
        section = heading.find_parent("section")
        anchor = section.get("id") if section is not None else None
        yield _words(heading), None if anchor is None else str(anchor)


def _entry(document: BeautifulSoup, words: str, anchor: str) -> Tag:
    entry = document.new_tag("li")
    entry.append(document.new_tag("a", href=f"#{anchor}", string=words))
    return entry
