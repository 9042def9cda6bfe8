"""The chapters in git, and that each of them runs on a reader's own music."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from musiclib.book import layout
from musiclib.book.layout import find_book
from musiclib.errors import BookError
from tests.book_fixture import REPOSITORY, figure_cell, notebook, write_music, write_notebook

CHAPTERS = {chapter.name: chapter for chapter in find_book(REPOSITORY).chapters if chapter.executed}
# Files of a reader's folder that chapters run on.
MANY = 12
FEW = [("approach/rate-distortion", 1), ("results/training", 2)]
# A new chapter finds no names and no figures of the last one, and is given its warnings anew.
FORGET = """
import sys
from matplotlib import pyplot
pyplot.close("all")
for module in list(sys.modules.values()):
    getattr(module, "__dict__", {}).get("__warningregistry__", {}).clear()
%reset -f
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run a chapter on so many files, in any folder; nothing may be left there.

    One kernel and one cache serve all chapters: imports cost more than what most of them compute,
    and they share the models that they train.
    """
    folder = tmp_path_factory.mktemp("reader")
    (launched := folder / "launched").mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MUSICLIB_")}
    environment |= {"MUSICLIB_CACHE": str(folder / "cache"), "JUPYTER_PREFER_ENV_PATH": "1"}
    manager, client = start_new_kernel(env=environment, cwd=str(launched))

    def execute(name: str, files: int) -> Any:
        music = folder / f"my music {files}"
        if not music.is_dir():
            write_music(music, files)
        parameters = {"dataset": "folder", "data_root": str(music), "profile": "smoke", "seed": 0}
        source = load_notebook_node(str(CHAPTERS[name].source))
        executed = parameterize_notebook(source, parameters)
        executed.cells.insert(0, new_code_cell(FORGET))
        runner = NotebookClient(executed, km=manager, timeout=None)
        runner.kc = client
        runner.execute()
        assert list(launched.iterdir()) == []
        return executed

    yield execute
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "files"), [*((name, MANY) for name in CHAPTERS), *FEW])
def test_chapter_runs_on_a_readers_music(name: str, files: int, run: Any) -> None:
    outputs = [output for cell in run(name, files).cells for output in cell.get("outputs", [])]
    assert outputs
    # With so few files, chapters may well warn.
    told = [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    assert told == [] or files != MANY


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapter_is_in_its_form_for_git_and_opens_with_a_question(name: str) -> None:
    source = CHAPTERS[name].source
    assert layout.problems(source) == []
    first = layout.read(source).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert "?" in first.source


def test_every_notebook_is_a_chapter() -> None:
    assert layout.find(REPOSITORY / "book") == sorted(c.source for c in CHAPTERS.values())


def save(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_cleaning_removes_what_a_run_leaves(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "chapter.ipynb", figure_cell())
    clean = path.read_bytes()
    saved = json.loads(clean)
    saved["metadata"]["papermill"] = {"duration": 3.0}
    for cell in saved["cells"]:
        cell["metadata"]["execution"] = {"start": "now"}
        if cell["cell_type"] == "code":
            cell["execution_count"] = 7
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["x"]}]
    save(path, saved)
    assert layout.problems(path) == ["is not in canonical form; run `make notebooks`"]
    assert layout.clean([path]) == [path]
    assert path.read_bytes() == clean
    assert layout.clean([path]) == []
    assert layout.problems(path) == []


def test_cells_keep_or_get_identifiers(tmp_path: Path) -> None:
    source = json.loads(write_notebook(tmp_path / "chapter.ipynb", figure_cell()).read_bytes())
    for cell in source["cells"]:
        del cell["id"]
    source["nbformat_minor"] = 4
    paths = [save(tmp_path / name, source) for name in ("one.ipynb", "two.ipynb")]
    layout.clean(paths)
    one, two = (path.read_bytes() for path in paths)
    assert one == two
    assert len({cell["id"] for cell in json.loads(one)["cells"]}) == 3


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        (None, "has 0 cells tagged `parameters`; it needs one"),
        ('dataset = "mini"\ndata_root = None\nseed = 0', "lacks `profile = 'mini'`"),
        (
            'dataset = "fma_small"\ndata_root = None\nprofile = "mini"\nseed = 0',
            "parameter dataset is 'fma_small'; the book's default is 'mini'",
        ),
    ],
)
def test_wrong_parameters_are_found(tmp_path: Path, parameters: str | None, problem: str) -> None:
    path = write_notebook(tmp_path / "chapter.ipynb")
    saved = json.loads(path.read_bytes())
    if parameters is None:
        del saved["cells"][1]
    else:
        saved["cells"][1]["source"] = parameters.splitlines(keepends=True)
    layout.clean([save(path, saved)])
    (found,) = layout.problems(path)
    assert problem in found


def test_figure_without_text_is_found(tmp_path: Path) -> None:
    cell = figure_cell()
    del cell.metadata["mystnb"]["image"]
    cell.metadata["mystnb"]["figure"]["caption"] = " "
    assert layout.problems(write_notebook(tmp_path / "chapter.ipynb", cell)) == [
        "cell 2 (figure): a figure without `mystnb.image.alt`",
        "cell 2 (figure): a figure without `mystnb.figure.caption`",
    ]


def test_damaged_notebook_is_named(tmp_path: Path) -> None:
    path = tmp_path / "chapter.ipynb"
    path.write_text(json.dumps(notebook())[:50], encoding="utf-8")
    with pytest.raises(BookError, match=r"chapter\.ipynb: not a notebook"):
        layout.canonical(path)
    with pytest.raises(BookError, match=r"gone\.ipynb: cannot read"):
        layout.canonical(tmp_path / "gone.ipynb")
