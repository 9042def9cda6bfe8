"""The command `musiclib book`: exit codes, and messages that a reader can act on."""

from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell

from musiclib.cli.main import main
from tests.book_fixture import REPOSITORY, figure_cell, write_book, write_music, write_notebook


def test_failed_chapter_is_listed_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_book(tmp_path / "source")
    music = write_music(tmp_path / "music", clips=4, seconds=0.5)
    write_notebook(root / "book" / "chapter.ipynb", new_code_cell("len(5)", id="wrong"))
    command = ["book", "run", "--source", str(root), "--only", "chapter"]
    assert main([*command, "--dataset", "folder", "--data-root", str(music)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "book/chapter.ipynb failed in cell" in lines[0]
    assert "(wrong)" in lines[0]
    assert any("TypeError" in line for line in lines[1:])


def test_missing_data_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_book(tmp_path / "source")
    command = ["book", "build", "--source", str(root), "--dataset", "folder"]
    assert main([*command, "--data-root", str(tmp_path / "gone")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "gone" in error


def test_check_tells_good_from_bad(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = '<html lang="en"><head><title>A</title></head><body>{}</body></html>'
    (tmp_path / "index.html").write_text(page.format("Text"), encoding="utf-8")
    assert main(["book", "check", str(tmp_path)]) == 0
    assert "1 pages, 0 problems" in capsys.readouterr().out
    (tmp_path / "index.html").write_text(page.format('<img src="x.png" alt="x">'), encoding="utf-8")
    assert main(["book", "check", str(tmp_path)]) == 1
    assert "no such file: x.png" in capsys.readouterr().out
    assert main(["book", "check", str(tmp_path / "gone")]) == 2


def test_clean_notebooks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_notebook(tmp_path / "book" / "chapter.ipynb", figure_cell())
    clean = path.read_text(encoding="utf-8")
    path.write_text(clean.replace('"execution_count": null', '"execution_count": 3'))
    command = ["book", "clean-notebooks", str(tmp_path)]
    assert main([*command, "--check"]) == 1
    assert "not in canonical form" in capsys.readouterr().out
    assert main(command) == 0
    assert path.read_text(encoding="utf-8") == clean
    assert main([*command, "--check"]) == 0
    assert main(["book", "clean-notebooks", str(tmp_path / "gone")]) == 2


def test_printing_needs_a_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["book", "pdf", str(tmp_path / "nothing"), "--source", str(REPOSITORY)])
    said = capsys.readouterr().err
    assert status == 2
    assert "make book" in said or "chromium" in said
    assert not list(tmp_path.rglob("*.pdf"))
