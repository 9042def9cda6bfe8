"""The chapters in git, and that each of them runs on a reader's own music."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from musiclib.book import layout
from musiclib.book.layout import Chapter, find_book
from musiclib.errors import BookError
from tests.book_fixture import REPOSITORY, figure_cell, notebook, write_music, write_notebook

BOOK = find_book(REPOSITORY)
CHAPTERS = [chapter for chapter in BOOK.chapters if chapter.executed]
# A new chapter finds no names and no figures of the last one, and is given its warnings anew.
FORGET = """
import sys
from matplotlib import pyplot
pyplot.close("all")
for module in list(sys.modules.values()):
    getattr(module, "__dict__", {}).get("__warningregistry__", {}).clear()
%reset -f
"""


def named(chapter: Chapter) -> str:
    return chapter.name


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_music(tmp_path_factory.mktemp("own") / "my music", clips=20, seconds=3.0)


@pytest.fixture(scope="module")
def surroundings(music: Path) -> dict[str, str]:
    """The environment of chapters: one cache, since they share the models that they train."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MUSICLIB_")}
    return {
        **inherited,
        "MUSICLIB_CACHE": str(music.parent / "cache"),
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where chapters run: any folder will do, and what they leave there would be a mistake."""
    return tmp_path_factory.mktemp("launched")


@pytest.fixture(scope="module")
def kernel(
    surroundings: dict[str, str], launched: Path
) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """One kernel for all chapters: imports cost more than what most chapters compute."""
    manager, client = start_new_kernel(env=surroundings, cwd=str(launched))
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_every_notebook_is_a_chapter() -> None:
    assert layout.find(REPOSITORY / "book") == sorted(chapter.source for chapter in CHAPTERS)
    assert CHAPTERS


@pytest.mark.parametrize("chapter", CHAPTERS, ids=named)
def test_chapter_is_in_its_form_for_git(chapter: Chapter) -> None:
    assert layout.problems(chapter.source) == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=named)
def test_chapter_opens_with_a_question(chapter: Chapter) -> None:
    first = layout.read(chapter.source).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert "?" in first.source


def parameters_for(music: Path) -> dict[str, object]:
    return {"dataset": "folder", "data_root": str(music), "profile": "smoke", "seed": 0}


def assert_shown_without_warnings(executed: Any) -> None:
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert outputs
    assert [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"] == []


def run(chapter: Chapter, music: Path, kernel: tuple[KernelManager, BlockingKernelClient]) -> Any:
    manager, client = kernel
    executed = parameterize_notebook(load_notebook_node(str(chapter.source)), parameters_for(music))
    executed.cells.insert(0, new_code_cell(FORGET))
    runner = NotebookClient(executed, km=manager, timeout=None)
    runner.kc = client
    runner.execute()
    return executed


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS[1:], ids=named)
def test_chapter_runs_on_a_readers_music(
    chapter: Chapter,
    music: Path,
    launched: Path,
    kernel: tuple[KernelManager, BlockingKernelClient],
) -> None:
    assert_shown_without_warnings(run(chapter, music, kernel))
    assert list(launched.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "clips"), [("approach/rate-distortion", 1), ("results/training", 2)]
)
def test_chapter_runs_on_one_or_two_files(
    name: str, clips: int, tmp_path: Path, kernel: tuple[KernelManager, BlockingKernelClient]
) -> None:
    (chapter,) = (chapter for chapter in CHAPTERS if chapter.name == name)
    run(chapter, write_music(tmp_path, clips), kernel)


@pytest.mark.slow
def test_the_front_page_runs_with_plain_papermill(
    music: Path, surroundings: dict[str, str], tmp_path: Path
) -> None:
    """As a reader runs a chapter, with a kernel of its own; here that of the quickest one."""
    output = tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", str(CHAPTERS[0].source), str(output)]
    for name, value in parameters_for(music).items():
        command += ["-p", name, str(value)]
    done = subprocess.run(
        [*command, "--no-progress-bar"],
        cwd=tmp_path,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert_shown_without_warnings(layout.read(output))
    assert list(tmp_path.iterdir()) == [output]


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
    path.write_text(json.dumps(saved), encoding="utf-8")
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
    texts = []
    for name in ("one.ipynb", "two.ipynb"):
        path = tmp_path / name
        path.write_text(json.dumps(source), encoding="utf-8")
        layout.clean([path])
        texts.append(path.read_bytes())
    assert texts[0] == texts[1]
    identifiers = [cell["id"] for cell in json.loads(texts[0])["cells"]]
    assert len(set(identifiers)) == len(identifiers) == 3


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ('dataset = "mini"\ndata_root = None\nseed = 0', "lacks `profile = 'mini'`"),
        (
            'dataset = "fma_small"\ndata_root = None\nprofile = "mini"\nseed = 0',
            "parameter dataset is 'fma_small'; the book's default is 'mini'",
        ),
    ],
)
def test_wrong_parameters_are_found(tmp_path: Path, parameters: str, problem: str) -> None:
    path = write_notebook(tmp_path / "chapter.ipynb")
    saved = json.loads(path.read_bytes())
    saved["cells"][1]["source"] = parameters.splitlines(keepends=True)
    path.write_text(json.dumps(saved), encoding="utf-8")
    layout.clean([path])
    (found,) = layout.problems(path)
    assert problem in found


def test_missing_parameters_are_found(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "chapter.ipynb")
    saved = json.loads(path.read_bytes())
    del saved["cells"][1]
    path.write_text(json.dumps(saved), encoding="utf-8")
    layout.clean([path])
    assert layout.problems(path) == ["has 0 cells tagged `parameters`; it needs one"]


def test_figure_without_text_is_found(tmp_path: Path) -> None:
    cell = figure_cell()
    del cell.metadata["mystnb"]["image"]
    cell.metadata["mystnb"]["figure"]["caption"] = " "
    path = write_notebook(tmp_path / "chapter.ipynb", cell)
    assert layout.problems(path) == [
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
