"""Links that run a chapter elsewhere, and the copies of chapters that install what they need."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from packaging.requirements import Requirement

from musiclib.book.layout import Book, Chapter, find_book
from musiclib.book.pages.launch import (
    CELL_ID,
    Repository,
    add_launch_links,
    binder_url,
    chapter_requirements,
    colab_url,
    first_cell,
    read_address,
    write_launch_copies,
)
from musiclib.book.pages.page import Facts, SitePage
from musiclib.cli.main import main
from musiclib.errors import BookError
from tests.book_fixture import REPOSITORY, write_book

NOTEBOOK = Chapter("book/approach/metric", Path("metric.ipynb"))
PROSE = Chapter("book/index", Path("index.md"))
PAGE = "<html><body><article><h1>Metric</h1>{box}<p>Text.</p></article></body></html>"


def links(url: str | None, chapter: Chapter = NOTEBOOK, box: str = "") -> dict[str, str]:
    page = SitePage(
        Path(f"{chapter.docname}.html"), BeautifulSoup(PAGE.format(box=box), "html.parser"), chapter
    )
    add_launch_links(page, Facts(Book(Path(), (chapter,)), Path(), repository_url=url))
    return {str(a.string): str(a["href"]) for a in page.soup.select("p.ml-launch a")}


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/someone/book",
        "https://github.com/someone/book/",
        "https://github.com/someone/book.git",
        "http://github.com/someone/book",
    ],
)
def test_github_has_binder_and_colab(url: str) -> None:
    assert links(url) == {
        "Binder": "https://mybinder.org/v2/gh/someone/book/main?labpath=book/approach/metric.ipynb",
        "Colab": "https://colab.research.google.com/github/someone/book/blob/launch/"
        "book/approach/metric.ipynb",
    }


def test_gitlab_has_binder_alone() -> None:
    assert links("https://gitlab.com/group/part/book.git") == {
        "Binder": "https://mybinder.org/v2/gl/group%2Fpart%2Fbook/main"
        "?labpath=book/approach/metric.ipynb"
    }


@pytest.mark.parametrize(
    "url", ["https://git.example.org:8443/a/book", "https://example.org/b.git"]
)
def test_another_host_has_binder_by_its_address(url: str) -> None:
    repository = read_address(url)
    assert repository is not None
    assert list(links(url)) == ["Binder"]
    address = binder_url(repository, NOTEBOOK)
    assert address.startswith("https://mybinder.org/v2/git/https%3A%2F%2F")
    assert address.endswith(".git/main?labpath=book/approach/metric.ipynb")
    assert colab_url(repository, NOTEBOOK) is None


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "git@github.com:someone/book.git",
        "ssh://git@github.com/a/b",
        "/srv/book",
        "https://github.com/",
    ],
)
def test_without_a_usable_address_there_is_no_link(url: str | None) -> None:
    assert links(url) == {}


def test_prose_has_nothing_to_run() -> None:
    assert links("https://github.com/someone/book", PROSE) == {}


def test_links_stand_in_the_box_on_running_again() -> None:
    page = BeautifulSoup(PAGE.format(box='<div class="ml-rerun"></div>'), "html.parser")
    facts = Facts(Book(Path(), ()), Path(), repository_url="https://github.com/a/b")
    add_launch_links(SitePage(Path("book/metric.html"), page, NOTEBOOK), facts)
    assert len(page.select(".ml-rerun > p.ml-launch a")) == 2
    assert len(page.select("p.ml-launch")) == 1


def test_a_menu_stands_among_the_buttons_of_the_theme() -> None:
    buttons = '<div class="article-header-buttons"><button>Download</button></div>'
    page = BeautifulSoup(PAGE.format(box=buttons), "html.parser")
    facts = Facts(Book(Path(), ()), Path(), repository_url="https://gitlab.com/a/b")
    add_launch_links(SitePage(Path("book/metric.html"), page, NOTEBOOK), facts)
    items = page.select(".article-header-buttons .dropdown-menu a")
    assert [item.get_text() for item in items] == ["Run on Binder"]
    assert page.select("p.ml-launch a")[0]["href"] == items[0]["href"]
    assert page.select(".dropdown-launch-buttons button")[0]["aria-label"]


def test_a_page_without_a_place_for_links_is_refused() -> None:
    page = SitePage(
        Path("book/metric.html"), BeautifulSoup("<p>No title.</p>", "html.parser"), NOTEBOOK
    )
    facts = Facts(Book(Path(), ()), Path(), repository_url="https://github.com/a/b")
    with pytest.raises(BookError, match="metric"):
        add_launch_links(page, facts)


def test_the_needs_of_chapters_are_those_of_the_package_without_the_sites() -> None:
    names = {Requirement(text).name for text in chapter_requirements(REPOSITORY / "pyproject.toml")}
    assert {"av", "numpy", "soxr", "zimtohrli", "constriction", "myst-nb"} <= names
    # Colab's own torch stays, and what makes the site is not needed.
    assert not {"torch", "jupyter-book", "papermill", "ipykernel"} & names


def test_a_damaged_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(BookError, match=r"pyproject\.toml"):
        chapter_requirements(tmp_path / "pyproject.toml")


def test_copies_differ_from_the_chapters_by_one_cell(tmp_path: Path) -> None:
    main(
        [
            "book",
            "launch",
            "--repository-url",
            "https://github.com/a/b",
            "--out",
            str(tmp_path),
            "--source",
            str(REPOSITORY),
        ]
    )
    chapters = find_book(REPOSITORY).select([])
    assert {p.name for p in tmp_path.rglob("*.ipynb")} == {c.source.name for c in chapters}
    for chapter in chapters:
        copy = json.loads((tmp_path / f"{chapter.docname}.ipynb").read_text(encoding="utf-8"))
        source = json.loads(chapter.source.read_text(encoding="utf-8"))
        assert copy["cells"].pop(1)["id"] == CELL_ID
        assert copy == source, chapter.docname


def test_an_address_that_nobody_can_clone_is_refused(tmp_path: Path) -> None:
    book = find_book(write_book(tmp_path / "source"))
    with pytest.raises(BookError, match="address of a repository"):
        write_launch_copies(book, "here", tmp_path / "out")


FAKE_PIP = """
import json, sys
from pathlib import Path
with Path({log!r}).open("a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder as on another machine: a repository to clone, no musiclib, and a pip that notes."""
    origin = tmp_path / "origin" / "book"
    (origin / "musiclib").mkdir(parents=True)
    (origin / "musiclib" / "__init__.py").write_text("FROM_THE_CLONE = True\n", encoding="utf-8")
    git = ["git", "-C", str(origin), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "a"], check=True)
    fake = tmp_path / "fake" / "pip"
    fake.mkdir(parents=True)
    log = str(tmp_path / "pip.log")
    (fake / "__init__.py").touch()
    (fake / "__main__.py").write_text(FAKE_PIP.format(log=log), encoding="utf-8")
    (tmp_path / "content").mkdir()
    return tmp_path


def run_cell(elsewhere: Path, tail: str = "") -> str:
    repository = Repository("example.org", "someone/book")
    cell = first_cell(repository, ["av>=15", "numpy>=2"])
    ast.parse(cell)
    cell = cell.replace(
        repr(f"{repository.url}.git"), repr((elsewhere / "origin" / "book").as_uri())
    )
    # Without site-packages musiclib is not importable, so the cell has to work.
    environment = {**os.environ, "PYTHONPATH": str(elsewhere / "fake")}
    done = subprocess.run(
        [sys.executable, "-S", "-c", cell + tail],
        cwd=elsewhere / "content",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_cell_fetches_and_installs_musiclib(elsewhere: Path) -> None:
    said = run_cell(elsewhere, "import musiclib\nprint(musiclib.FROM_THE_CLONE)\n")
    assert said.strip() == "True"
    calls = [json.loads(line) for line in (elsewhere / "pip.log").read_text("utf-8").splitlines()]
    assert calls[0] == ["install", "--quiet", "av>=15", "numpy>=2"]
    clone = str((elsewhere / "content" / "book").resolve())
    assert calls[1:] == [["install", "--quiet", "--no-deps", "--editable", clone]]


def test_the_first_cell_goes_on_after_an_interruption(elsewhere: Path) -> None:
    run_cell(elsewhere)
    run_cell(elsewhere)  # the clone is there, musiclib is not installed: pip only
    assert len((elsewhere / "pip.log").read_text("utf-8").splitlines()) == 4


def test_the_first_cell_does_nothing_where_musiclib_is(elsewhere: Path) -> None:
    run_cell(elsewhere)
    (elsewhere / "pip.log").unlink()
    again = first_cell(Repository("example.org", "someone/book"), ["av>=15"])
    run_cell(elsewhere, again)  # musiclib is importable by then
    assert len((elsewhere / "pip.log").read_text("utf-8").splitlines()) == 2


def test_binder_installs_the_lock_and_the_package() -> None:
    folder = REPOSITORY / ".binder"
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    named = [line.removeprefix("-r ") for line in lines if line.startswith("-r ")]
    assert [(folder / name).resolve() for name in named] == [REPOSITORY / "requirements.txt"]
    assert (folder / "runtime.txt").read_text(encoding="utf-8") == "python-3.11\n"
    assert "--no-deps" in (folder / "postBuild").read_text(encoding="utf-8")
    assert os.access(folder / "postBuild", os.X_OK)
    subprocess.run(["bash", "-n", str(folder / "postBuild")], check=True)
