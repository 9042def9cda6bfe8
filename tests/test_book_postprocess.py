"""From an executed notebook to its published copy, and what is refused on the way."""

from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from musiclib.book.postprocess import MAX_EMBEDDED_BYTES, publishable, refusals

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


def test_cell_that_was_not_run_is_refused() -> None:
    cells = [new_code_cell("x = 1", id="forgotten"), new_code_cell("", id="empty")]
    assert refusals(new_notebook(cells=cells), ()) == ["cell 0 (forgotten) was not run"]


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


@pytest.mark.parametrize("tag", ["parameters", "injected-parameters"])
def test_cells_of_parameters_are_hidden(tag: str) -> None:
    cells = [ran(tags=[tag]), ran(tags=["other"])]
    cells[1].id = "other-cell"
    notebook = new_notebook(cells=cells)
    publishable(notebook, PRIVATE)
    assert notebook.cells[0].metadata["tags"] == [tag, "remove-cell"]
    assert notebook.cells[1].metadata["tags"] == ["other"]


def test_private_path_in_the_injected_cell_becomes_a_placeholder() -> None:
    source = 'seed = 1\ndata_root = "/srv/somebody/book/my music"\n'
    notebook = new_notebook(cells=[ran(source=source, tags=["injected-parameters"])])
    publishable(notebook, PRIVATE)
    assert notebook.cells[0].source == "seed = 1\ndata_root = '<your folder>'\n"
