"""All pages as one document, and the PDF that a browser makes of it."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from musiclib.book import pdf
from musiclib.book.layout import Book, Chapter
from musiclib.errors import BookError

HEAD = '<link rel="stylesheet" href="{}_static/site.css"/>'
FIRST = """<article><section id="front"><h1>A small book<a class="headerlink">#</a></h1>
<p>See <a href="part/sound.html#tone">the tone</a>, <a href="part/sound.html">all</a> and
<a href="https://example.org/x">more</a>,
<a href="../report.json">numbers</a>.</p></section></article>"""
SECOND = """<article><section id="sound"><h1>Sound</h1><section id="tone"><h2>A tone</h2>
<figure><img alt="A line" loading="lazy" class="ml-light" src="../../_images/a.png"/>
<img alt="A line" loading="lazy" class="ml-dark" src="../../_static/b.png"/></figure>
<audio controls src="../../_static/c.flac"></audio><a href="../index.html">back</a>
<div class="ml-rerun">again</div></section></section></article>"""


@pytest.fixture
def book(tmp_path: Path) -> Book:
    names = ("book/index", "book/part/sound")
    for name, body, root in zip(names, (FIRST, SECOND), ("../", "../../"), strict=True):
        file = tmp_path / f"{name}.html"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"<html><head>{HEAD.format(root)}</head><body>{body}</body></html>")
    return Book(tmp_path, tuple(Chapter(name, Path(f"{name}.ipynb")) for name in names))


@pytest.fixture
def document(tmp_path: Path, book: Book) -> BeautifulSoup:
    return BeautifulSoup(pdf.single_page(tmp_path, book), "html.parser")


def test_every_link_within_the_document_leads_somewhere(document: BeautifulSoup) -> None:
    anchors = {tag["id"] for tag in document.select("[id]")}
    inner = [str(a["href"]) for a in document.select("a[href^='#']")]
    assert len(inner) >= 6
    assert {address[1:] for address in inner} <= anchors
    assert document.select_one('a[href="https://example.org/x"]')


def test_files_of_the_site_are_not_linked(document: BeautifulSoup) -> None:
    assert "numbers" in document.get_text()
    assert document.select('a[href*="report.json"]') == []


def test_identifiers_are_unique(document: BeautifulSoup) -> None:
    found = [tag["id"] for tag in document.select("[id]")]
    assert len(found) == len(set(found))


def test_addresses_are_seen_from_the_root(document: BeautifulSoup) -> None:
    assert [image["src"] for image in document.select("img")] == ["_images/a.png"]
    styles = [link["href"] for link in document.select("link")]
    assert styles == ["_static/site.css"]


def test_title_and_contents_come_first(document: BeautifulSoup) -> None:
    title = document.select_one(".ml-book-title h1")
    assert title is not None
    assert title.get_text() == "A small book"
    listed = [a.get_text() for a in document.select(".ml-book-contents a")]
    assert listed == ["A small book", "Sound", "A tone"]


def test_without_a_browser_the_remedy_is_named(
    tmp_path: Path, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUSICLIB_BROWSER", "no-such-browser")
    with pytest.raises(BookError, match="apt install chromium"):
        pdf.write_pdf(tmp_path, book, tmp_path / "book.pdf")
    assert not (tmp_path / "book.pdf").exists()


def test_a_browser_that_fails_leaves_nothing(
    tmp_path: Path, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("MUSICLIB_BROWSER", str(broken))
    with pytest.raises(BookError, match="no display"):
        pdf.write_pdf(tmp_path, book, tmp_path / "out.pdf")
    assert not list(tmp_path.glob("out.pdf")) + list(tmp_path.glob(".book-*"))


def test_a_browser_prints_pages_with_links_and_an_outline(tmp_path: Path, book: Book) -> None:
    try:
        pdf.find_browser()
    except BookError as error:
        pytest.skip(str(error))
    pdf.write_pdf(tmp_path, book, tmp_path / "book.pdf")
    data = (tmp_path / "book.pdf").read_bytes()
    assert data.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", data)) >= 4  # title, contents, two chapters
    assert b"/Outlines" in data
    assert b"/Link" in data
    assert str(tmp_path).encode() not in data
