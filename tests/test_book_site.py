"""jupyter-book's warnings are errors, and the message shows them."""

from pathlib import Path

import pytest

from musiclib.book.layout import find_book
from musiclib.book.site import assemble, build_site
from musiclib.errors import BookError
from tests.book_fixture import write_book


@pytest.mark.slow
def test_warning_of_jupyter_book_is_an_error(tmp_path: Path) -> None:
    root = write_book(tmp_path / "source")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\n", encoding="utf-8")
    text = "# A page\n\nSee {ref}`nowhere` and {cite:t}`nobody2020`.\n"
    (root / "book" / "index.md").write_text(text, encoding="utf-8")
    assemble(find_book(root), {}, tmp_path / "work", None)
    with pytest.raises(BookError) as caught:
        build_site(tmp_path / "work", tmp_path / "jupyter-book.log")
    message = str(caught.value)
    assert "book/index.md:3: WARNING: undefined label: 'nowhere'" in message
    assert "nobody2020" in message
    assert str(tmp_path / "jupyter-book.log") in message


def test_notebook_that_was_not_run_is_not_built(tmp_path: Path) -> None:
    assemble(find_book(write_book(tmp_path / "source")), {}, tmp_path / "work", None)
    assert not list((tmp_path / "work").rglob("*.ipynb"))
    assert (tmp_path / "work" / "book" / "index.md").is_file()
