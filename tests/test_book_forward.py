"""The page that only leads on to the first one."""

from pathlib import Path

from bs4 import BeautifulSoup

from musiclib.book.layout import Book
from musiclib.book.pages.finish import STEPS
from musiclib.book.pages.page import Facts, SitePage


def test_a_forward_names_the_icon_and_other_pages_stay(tmp_path: Path) -> None:
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "favicon.svg").write_text("<svg/>", encoding="utf-8")
    facts = Facts(Book(Path(), ()), tmp_path)
    for html, links in (
        ('<meta http-equiv="Refresh" content="0; url=book/index.html"/>', ["_static/favicon.svg"]),
        ("<p>A page.</p>", []),
    ):
        page = SitePage(Path("index.html"), BeautifulSoup(html, "html.parser"), None)
        STEPS[0](page, facts)
        assert [link["href"] for link in page.soup.select("link[rel=icon]")] == links
