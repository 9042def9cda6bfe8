"""The command `musiclib book`: exit codes, and messages that a reader can act on."""

import musiclib.book.build
from musiclib.errors import BookError
from tests.book_fixture import REPOSITORY, figure_cell, write_book, write_notebook


def test_failed_chapter_is_listed_line_by_line(tmp_path, run, monkeypatch):
    def execute(chapter, *_):
        raise BookError(f"{chapter.docname}.ipynb failed\n  | TypeError")

    monkeypatch.setattr(musiclib.book.build, "execute", execute)
    root = write_book(tmp_path / "source")
    code, _, err = run(f"book run --source {root} --only chapter")
    assert code == 2
    first, second, *_ = err.splitlines()
    assert "book/chapter.ipynb failed" in first
    assert "TypeError" in second


def test_wrong_requests_are_one_line(tmp_path, refused):
    root = write_book(tmp_path / "source")
    gone = tmp_path / "gone"
    for words, told in {
        f"build --source {root} --dataset folder --data-root {gone}": "gone",
        f"build --source {root} --only nothing": "nothing",
        "build --jobs 0": "positive whole number",
        f"check {gone}": "make book",
        f"clean-notebooks {gone}": "gone",
        f"pdf {gone} --source {REPOSITORY}": "",
    }.items():
        refused(f"book {words}", told)
    assert not list(tmp_path.rglob("*.pdf"))


def test_check_tells_good_from_bad(tmp_path, run):
    page = '<html lang="en"><head><title>A</title></head><body>{}</body></html>'
    for body, code, told in (
        ("Text", 0, "1 pages, 0 problems"),
        ('<img src="x.png" alt="x">', 1, "no such file: x.png"),
    ):
        (tmp_path / "index.html").write_text(page.format(body), encoding="utf-8")
        found, out, _ = run(f"book check {tmp_path}")
        assert found == code
        assert told in out


def test_clean_notebooks(tmp_path, run):
    path = write_notebook(tmp_path / "book" / "chapter.ipynb", figure_cell())
    clean = path.read_text(encoding="utf-8")
    path.write_text(clean.replace('"execution_count": null', '"execution_count": 3'))
    code, out, _ = run(f"book clean-notebooks {tmp_path} --check")
    assert code == 1
    assert "not in canonical form" in out
    assert run(f"book clean-notebooks {tmp_path}")[0] == 0
    assert path.read_text(encoding="utf-8") == clean
    assert run(f"book clean-notebooks {tmp_path} --check")[0] == 0
