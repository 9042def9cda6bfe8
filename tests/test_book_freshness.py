"""A built site knows what it was made from."""

from pathlib import Path

import pytest

from musiclib.book.freshness import sources_fingerprint
from musiclib.book.layout import Book, find_book
from tests.book_fixture import write_book


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return find_book(write_book(tmp_path / "source"))


@pytest.mark.parametrize("name", ["_config.yml", "_toc.yml", "book/index.md", "book/chapter.ipynb"])
def test_an_edit_makes_it_stale(book: Book, name: str) -> None:
    before = sources_fingerprint(book)
    with (book.root / name).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert sources_fingerprint(book) != before


def test_a_new_and_a_renamed_file_make_it_stale(tmp_path: Path, book: Book) -> None:
    first = sources_fingerprint(book)
    (book.root / "book" / "more.md").write_text("More.", encoding="utf-8")
    second = sources_fingerprint(book)
    (book.root / "book" / "more.md").rename(book.root / "book" / "less.md")
    assert len({first, second, sources_fingerprint(book)}) == 3


def test_tables_of_an_entropy_coder_make_it_stale(book: Book) -> None:
    (book.root / "checkpoints").mkdir()
    tables = book.root / "checkpoints" / "codec-tables-static.npz"
    tables.write_bytes(b"counts")
    before = sources_fingerprint(book)
    tables.write_bytes(b"Counts")
    assert sources_fingerprint(book) != before


def test_what_editors_and_builds_leave_behind_does_not_count(book: Book) -> None:
    before = sources_fingerprint(book)
    for name in (".ipynb_checkpoints/chapter.ipynb", "_build/page.html", "__pycache__/a.pyc"):
        path = book.root / "book" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left behind", encoding="utf-8")
    assert sources_fingerprint(book) == before
