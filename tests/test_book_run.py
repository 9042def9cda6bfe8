"""Running chapters: in which surroundings, what is kept, and what may not be published."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock
from nbformat.v4 import new_code_cell, new_notebook, new_output

import musiclib.book.build
from musiclib.book.build import Options, build, run_chapters
from musiclib.book.layout import Chapter, read
from musiclib.book.run import MAX_EMBEDDED_BYTES, publishable, refusals
from musiclib.errors import BookError
from tests.book_fixture import write_book, write_music, write_notebook

Make = Callable[..., Options]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_music(tmp_path_factory.mktemp("music"), clips=4, seconds=0.5)


@pytest.fixture
def make(tmp_path: Path, music: Path) -> Make:
    """Make a book whose chapter has the given cells."""

    def write(*sources: str, **options: Any) -> Options:
        root = write_book(tmp_path / "source")
        cells = [new_code_cell(text, id=f"cell-{n}") for n, text in enumerate(sources)]
        write_notebook(root / "book" / "chapter.ipynb", *cells)
        defaults = {"only": ("chapter",), "dataset": "folder", "data_root": str(music)}
        return Options(source=root, **{**defaults, **options})

    return write


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Chapters run without a kernel: what counts is what becomes of them. Gives who ran.

    A chapter that has a cell with `1 / 0` fails.
    """
    ran: list[str] = []

    def execute(chapter: Chapter, source: Path, *_: object) -> Any:
        ran.append(chapter.docname)
        notebook = read(source)
        if any("1 / 0" in cell.source for cell in notebook.cells):
            raise BookError(f"{chapter.docname}.ipynb failed: ZeroDivisionError")
        return notebook

    monkeypatch.setattr(musiclib.book.build, "execute", execute)
    return ran


def silent(_: str) -> None:
    pass


def printed(notebook: Any) -> str:
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return "".join("".join(output.get("text", [])) for output in outputs)


WARN = "import warnings\nwarnings.warn('quiet clip', stacklevel=1)"


def test_errors_and_warnings_stop_publication_and_name_their_cells(make: Make) -> None:
    options = make(
        "x = 1", "raise ValueError('no such genre')", only=(), dataset="mini", data_root=None
    )
    write_notebook(options.source / "book" / "part" / "sound.ipynb", new_code_cell(WARN, id="w"))
    published = options.source / "build" / "book" / "index.html"
    published.parent.mkdir(parents=True)
    published.write_text("an earlier site", encoding="utf-8")
    (published.parent / "run-report.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BookError) as caught:
        build(options, silent)
    message = str(caught.value)
    assert re.search(r"(?s)book/chapter\.ipynb.*cell.*cell-1.*no such genre", message)
    assert re.search(r"(?s)book/part/sound\.ipynb.*\(w\).*standard error.*quiet clip", message)
    assert published.read_text(encoding="utf-8") == "an earlier site"
    assert not list(options.source.rglob("*.running*"))
    assert not list((options.source / "build" / "work" / "store").rglob("*.ipynb"))


def test_surroundings_of_a_chapter(
    make: Make, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its interpreter, parameters, folders and threads.

    Progress bars stay out of the page, and so do warnings about a reader's music, which are told.
    """
    foreign = tmp_path / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    argv = ["/bin/false", "{connection_file}"]
    description = {"argv": argv, "display_name": "Foreign", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(description))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    names = ["MUSICLIB_MEDIA_URL", "TQDM_DISABLE", "OMP_NUM_THREADS"]
    options = make(
        f"import sys\nprint(sys.prefix == {sys.prefix!r})",
        f"import os\nfrom pathlib import Path\nprint([os.environ[n] for n in {names}])",
        "print(Path.cwd().name, Path(os.environ['MUSICLIB_MEDIA_DIR']).is_dir())",
        "print(dataset, profile, seed, Path(data_root).name)",
        f"from tqdm import tqdm\nfor _ in tqdm(range(3)):\n    pass\n{WARN}",
        jobs=1,
        profile="smoke",
        seed=7,
    )
    said: list[str] = []
    stored = run_chapters(options, said.append).chapters["book/chapter"]
    assert any("book/chapter, cell" in line and "quiet clip" in line for line in said)
    notebook = json.loads(stored.notebook.read_text(encoding="utf-8"))
    # One chapter at a time has the whole machine.
    variables = ["../_static/media/chapter", "1", str(os.cpu_count() or 1)]
    assert printed(notebook).splitlines() == [
        "True",
        str(variables),
        "book True",
        f"folder smoke 7 {music.name}",
    ]
    assert not notebook["cells"][-1]["outputs"]
    injected = next(c for c in notebook["cells"] if "injected-parameters" in str(c["metadata"]))
    assert "remove-cell" in injected["metadata"]["tags"]
    assert str(music) not in "".join(injected["source"])


def test_unchanged_chapters_are_not_run_again(make: Make, at_once: list[str]) -> None:
    options = make("x = 1")

    def runs(changed: Options) -> int:
        run_chapters(changed, silent)
        return len(at_once)

    assert runs(options) == 1
    assert runs(options) == 1
    assert runs(replace(options, force=True)) == 2
    assert runs(replace(options, seed=1)) == 3
    with (options.source / "book" / "chapter.ipynb").open("a") as stream:
        stream.write("\n")
    assert runs(options) == 4


def test_chapters_that_succeeded_survive_the_failure_of_another(
    make: Make, at_once: list[str]
) -> None:
    options = make("1 / 0", only=())
    with pytest.raises(BookError):
        run_chapters(options, silent)
    assert sorted(at_once) == ["book/chapter", "book/part/sound"]
    write_notebook(options.source / "book" / "chapter.ipynb")
    assert run_chapters(options, silent).fresh == ("book/chapter",)
    assert len(at_once) == 3


def test_unknown_chapter_is_named(make: Make) -> None:
    with pytest.raises(BookError, match=r"nonsense.*chapter, part/sound"):
        run_chapters(make("x = 1", only=("nonsense",)), silent)


def test_site_that_fails_its_checks_is_not_published(
    make: Make, at_once: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_site(source: Path, _: Path) -> Path:
        (source / "html").mkdir()
        (source / "html" / "index.html").write_text('<html lang="en"><img src="x.png"></html>')
        search = '<html lang="en"><div class="bd-search-container"><h1>Search</h1></div></html>'
        (source / "html" / "search.html").write_text(search)
        return source / "html"

    monkeypatch.setattr(musiclib.book.build, "build_site", broken_site)
    options = make("x = 1", only=())
    with pytest.raises(BookError, match=r"(?s)alternative text.*no such file: x.png"):
        build(options, silent)
    assert not (options.source / "build" / "book").exists()


def test_folder_that_is_no_site_is_not_replaced(make: Make, tmp_path: Path) -> None:
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(BookError, match="not a site built here"):
        build(make("x = 1", out=letters), silent)
    assert (letters / "letter.txt").read_text(encoding="utf-8") == "dear"


def test_second_build_is_kept_out(make: Make) -> None:
    options = make("x = 1")
    lock = options.source / "build" / "work" / ".lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock), pytest.raises(BookError, match="Another build is at work"):
        run_chapters(options, silent)


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


def alive(process: int) -> bool:
    return psutil.pid_exists(process) and psutil.Process(process).status() != "zombie"


def test_terminated_build_leaves_nothing_running(make: Make, tmp_path: Path) -> None:
    marker = tmp_path / "kernel"
    text = "import os, pathlib, time\n"
    text += f"pathlib.Path({str(marker)!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    options = make(text)
    command = [sys.executable, "-m", "musiclib.cli.main", "book", "run", "--only", "chapter"]
    command += ["--dataset", "folder", "--data-root", str(options.data_root)]
    with subprocess.Popen(
        command, cwd=options.source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as build_process:
        wait_until(lambda: marker.is_file() and marker.read_text() != "")
        build_process.terminate()
        assert build_process.wait(60) == 130
    wait_until(lambda: not alive(int(marker.read_text())))
    left = {path.name for path in (options.source / "build" / "work").iterdir()}
    assert left <= {".lock", "ipython", "jupyter", "logs", "memory", "store"}


PRIVATE = ("/srv/somebody/book",)


def ran(*outputs: Any, source: str = "x", **metadata: Any) -> Any:
    return new_code_cell(
        source, id="the-cell", outputs=list(outputs), execution_count=1, metadata=metadata
    )


def shown(**data: Any) -> Any:
    return new_output("display_data", data={k.replace("__", "/"): v for k, v in data.items()})


def reasons(*outputs: Any) -> list[str]:
    return refusals(new_notebook(cells=[ran(*outputs)]), PRIVATE)


def test_figures_text_and_tables_pass() -> None:
    outputs = [
        new_output("stream", name="stdout", text="12.3 kbps\n"),
        shown(image__png="iVBORw0KGgo=", text__plain="<Figure>"),
        shown(text__html='<audio preload="none" src="../_static/media/x/tone.flac"></audio>'),
        shown(text__plain="/srv/somebody/bookshelf and a/srv/somebody/book.txt"),
    ]
    assert reasons(*outputs) == []


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (new_output("error", ename="ValueError", evalue="no"), "raised ValueError: no"),
        (new_output("stream", name="stderr", text="slow\n"), "wrote to standard error: slow"),
        (shown(text__html="x" * (MAX_EMBEDDED_BYTES + 1)), "1.0 MB inside the page"),
        (shown(text__html='<audio src="data:audio/wav;base64,AA=="></audio>'), "embeds sound"),
        (shown(audio__wav="AA=="), "embeds sound"),
        (shown(**{"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}), "a widget"),
        (shown(text__plain="/srv/somebody/book/data/mini"), "path of this machine"),
        (new_output("stream", name="stdout", text="in /srv/somebody/book\n"), "path of this"),
    ],
)
def test_refused_output_names_its_cell(output: Any, reason: str) -> None:
    (found,) = reasons(output)
    assert reason in found
    assert found.startswith("cell 0 (the-cell) ")


def test_published_copy_has_no_run_metadata() -> None:
    cell = ran(
        shown(image__png="AA=="),
        papermill={"start_time": "2026-01-01"},
        execution={"iopub.status.busy": "2026-01-01"},
        tags=["hide-input"],
        mystnb={"image": {"alt": "x"}},
    )
    cell.outputs[0].metadata = {"needs": "nothing", "scrapbook": {"name": "key"}}
    notebook = new_notebook(cells=[cell], metadata={"papermill": {"output_path": "/srv/x"}})
    publishable(notebook, PRIVATE)
    assert dict(notebook.metadata).keys() == {"kernelspec", "language_info"}
    assert cell.metadata == {"tags": ["hide-input"], "mystnb": {"image": {"alt": "x"}}}
    assert cell.outputs[0].metadata == {"scrapbook": {"name": "key"}}
    assert "2026" not in str(notebook)


def test_private_path_in_the_injected_cell_becomes_a_placeholder() -> None:
    source = 'seed = 1\ndata_root = "/srv/somebody/book/my music"\n'
    notebook = new_notebook(cells=[ran(source=source, tags=["injected-parameters"])])
    publishable(notebook, PRIVATE)
    assert notebook.cells[0].source == "seed = 1\ndata_root = '<your folder>'\n"
