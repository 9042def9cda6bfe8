"""What the theme leaves out is there for readers with a screen reader or a keyboard."""

from pathlib import Path

from bs4 import BeautifulSoup

from musiclib.book.layout import Book
from musiclib.book.pages.accessible import mend_theme
from musiclib.book.pages.page import Facts, SitePage


def mended(body: str) -> BeautifulSoup:
    soup = BeautifulSoup(body, "html.parser")
    mend_theme(SitePage(Path("index.html"), soup, None), Facts(Book(Path(), ()), Path()))
    return soup


def test_sidebar_is_a_landmark_with_a_name() -> None:
    sidebar = mended('<div id="pst-primary-sidebar">x</div>').div
    assert sidebar is not None
    assert (sidebar["role"], sidebar["aria-label"]) == ("complementary", "Book")


def test_entries_of_the_bibliography_have_no_role_that_nothing_understands() -> None:
    entry = '<div class="citation-list" role="list"><div role="doc-biblioentry">x</div></div>'
    assert mended(entry).select("[role]") == []


def test_icons_are_not_read_aloud() -> None:
    soup = mended('<i class="fa-solid fa-sun" title="Light"></i><i class="x">word</i>')
    icon, word = soup.select("i")
    assert icon["aria-hidden"] == "true"
    assert not icon.has_attr("title")
    assert not word.has_attr("aria-hidden")
