"""What calls for another run of a chapter, and what does not."""

import shutil
from pathlib import Path

import nbformat
import pytest

from musiclib.book.layout import Book, Chapter, find_book
from musiclib.book.store import Fingerprints, Store, remember_in, sources_fingerprint
from musiclib.errors import BookError
from tests.book_fixture import write_book

CELLS = [
    "dataset = 'mini'",
    "from musiclib.stft import stft\nfrom musiclib.training import trained",
    "print(stft, trained)  # a comment",
]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(tmp_path))
    (tmp_path / "one.safetensors").write_bytes(b"weights")
    return tmp_path


def chapter(folder: Path, cells: list[str], prose: str = "Words.") -> Chapter:
    v4 = nbformat.v4
    found = [v4.new_markdown_cell(prose, id="prose"), *(v4.new_code_cell(cell) for cell in cells)]
    for number, cell in enumerate(found[1:]):
        cell.id = f"cell{number}"
    found[1].metadata["tags"] = ["parameters"]
    path = folder / "chapter.ipynb"
    nbformat.write(v4.new_notebook(cells=found), path)
    return Chapter("book/chapter", path)


def test_prose_and_comments_call_for_no_other_run(models, tmp_path):
    first = Fingerprints().of(chapter(tmp_path, CELLS))
    assert Fingerprints().of(chapter(tmp_path, CELLS, "Other words.")) == first
    cells = [*CELLS[:2], "# another\nprint(stft, trained)"]
    assert Fingerprints().of(chapter(tmp_path, cells)) == first


@pytest.mark.parametrize(
    "cells",
    [
        [*CELLS[:2], "print(stft, 1)"],
        [CELLS[0], CELLS[1].replace("stft import stft", "mdct import mdct as stft"), CELLS[2]],
        [CELLS[0], f"{CELLS[1]}\n{CELLS[2]}", ""],
    ],
    ids=["code", "import", "cells"],
)
def test_other_code_calls_for_another_run(models, tmp_path, cells):
    first = Fingerprints().of(chapter(tmp_path, CELLS))
    assert Fingerprints().of(chapter(tmp_path, cells)) != first


@pytest.fixture
def hashed(tmp_path, monkeypatch):
    """Hash a chapter whose last cell calls `f` of a small package with the given modules."""
    package = tmp_path / "musiclib"
    monkeypatch.setattr("musiclib.__file__", str(package / "__init__.py"))

    def written(use: str = "f()", where: str = "a", **modules: str) -> str:
        shutil.rmtree(package, ignore_errors=True)
        package.mkdir()
        for name, text in {"__init__": "", **modules}.items():
            (package / f"{name}.py").write_text(text)
        cells = [CELLS[0], f"from musiclib.{where} import f\nimport inspect", use]
        return Fingerprints().of(chapter(tmp_path, cells))

    return written


SHORT, COMMENTED = "def f():\n    return 1\n", "def f():\n    # why\n    return 1\n"


def test_only_the_code_that_a_chapter_names_counts(hashed):
    first = hashed(a=SHORT)
    assert hashed(a=COMMENTED, genre="def genre(): pass\n") == first
    assert hashed(a=SHORT.replace("1", "2")) != first
    assert hashed(b=SHORT, where="b") == first  # it moved


def test_a_chapter_that_shows_code_is_run_again_for_a_comment_in_it(hashed):
    show = "inspect.getsource(f)"
    assert hashed(show, a=SHORT) != hashed(show, a=COMMENTED)


def test_other_models_call_for_another_run_of_what_can_load_them(models, tmp_path):
    page = chapter(tmp_path, CELLS)
    first = Fingerprints().of(page)
    (models / "one.safetensors").touch()
    (models / "two.last.safetensors").write_bytes(b"a training on its way")
    assert Fingerprints().of(page) == first
    (models / "one.safetensors").write_bytes(b"Weights")
    second = Fingerprints().of(page)
    (models / "two.safetensors").write_bytes(b"weights")
    assert len({first, second, Fingerprints().of(page)}) == 3


def test_what_is_remembered_is_what_would_be_made(models, tmp_path):
    remember = remember_in(tmp_path / "memory")
    page = chapter(tmp_path, CELLS)
    for change in (
        lambda: None,
        lambda: None,
        lambda: (models / "one.safetensors").write_bytes(b"other weights"),
        lambda: chapter(tmp_path, [*CELLS[:2], "print(stft)"]),
    ):
        change()
        assert Fingerprints(remember).of(page) == Fingerprints().of(page)


def test_other_rows_of_a_table_call_for_another_run_of_its_readers(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSICLIB_EVIDENCE", str(tmp_path))
    cells = [*CELLS[:1], "from musiclib import evidence\nevidence.read('mine')"]
    found = set()
    for row in ("1", "2"):
        (tmp_path / "mine.py").write_text("EXPERIMENT = 1\n")
        (tmp_path / "mine.csv").write_text(f"value\n{row}\n")
        found.add(Fingerprints().of(chapter(tmp_path, cells)))
    assert len(found) == 2
    cells[1] = "from musiclib import evidence\nname = 'mine'\nevidence.read(name)"
    with pytest.raises(BookError, match=r"evidence\.read\(name\)"):
        Fingerprints().of(chapter(tmp_path, cells))


def test_what_is_no_python_is_named_by_its_cell(models, tmp_path):
    with pytest.raises(BookError, match="cell1"):
        Fingerprints().of(chapter(tmp_path, [CELLS[0], "this is not"]))


def test_a_stored_chapter_shows_the_present_words_with_the_outputs_of_its_run(tmp_path):
    store = Store(tmp_path / "store")
    page = chapter(tmp_path, CELLS)
    ran = nbformat.read(page.source, as_version=4)
    injected = nbformat.v4.new_code_cell(
        "dataset = 'x'", metadata={"tags": ["injected-parameters"]}
    )
    ran.cells.insert(2, injected)
    for number, cell in enumerate(cell for cell in ran.cells if cell.cell_type == "code"):
        cell.execution_count = number + 1
        cell.outputs = [nbformat.v4.new_output("stream", text=f"output {number}\n")]
    with store.new_run(page) as run:
        store.keep(page, "key", run, ran, 1.0)
    assert [path.name for path in run.parent.iterdir()] == ["key"]

    again = chapter(tmp_path, [*CELLS[:2], "print(stft, trained)  # another comment"], "New words.")
    assert store.get(again, "other key", ()) is None
    stored = store.get(again, "key", ())
    assert stored is not None
    shown = nbformat.read(stored.notebook, as_version=4).cells
    assert [cell.source for cell in shown] == [
        "New words.",
        CELLS[0],
        "dataset = 'x'",
        CELLS[1],
        "print(stft, trained)  # another comment",
    ]
    assert [cell.outputs[0].text for cell in shown[1:]] == [f"output {n}\n" for n in range(4)]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return find_book(write_book(tmp_path / "source"))


def test_an_edit_makes_it_stale(book: Book) -> None:
    (book.root / "checkpoints").mkdir()
    edited = ["_config.yml", "_toc.yml", "book/index.md", "book/chapter.ipynb", "checkpoints/a.npz"]
    found = {sources_fingerprint(book)}
    for name in edited:
        with (book.root / name).open("a", encoding="utf-8") as file:
            file.write("\n")
        found.add(sources_fingerprint(book))
    assert len(found) == 1 + len(edited)


def test_what_editors_and_builds_leave_behind_does_not_count(book: Book) -> None:
    before = sources_fingerprint(book)
    for name in (".ipynb_checkpoints/chapter.ipynb", "_build/page.html", "__pycache__/a.pyc"):
        path = book.root / "book" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left behind", encoding="utf-8")
    assert sources_fingerprint(book) == before
