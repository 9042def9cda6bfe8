"""Claims stop the book's own run where they fail, and are listed on top of any other."""

import re

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from musiclib.book.claims import Claims
from musiclib.errors import BookError

TRUE, FALSE = "Two is more than one", "One is more than <two>"


def test_a_claim_that_fails_stops_the_book() -> None:
    claims = Claims("mini", "mini", 0)
    with pytest.raises(BookError, match=re.escape(FALSE)) as raised:
        claims.check({TRUE: 2 > 1, FALSE: bool(1 > 2)})
    assert TRUE not in str(raised.value)


def test_claims_that_hold_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    claims = Claims("mini", "mini", 0)
    claims.notice()
    claims.check({TRUE: np.float64(2) > 1})
    claims.check({"Three is more than two": True})
    assert claims.failed == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "parameters", [("folder", "mini", 0), ("mini", "smoke", 0), ("mini", "mini", 7)]
)
def test_other_runs_go_on(parameters: tuple[str, str, int]) -> None:
    claims = Claims(*parameters)
    claims.check({TRUE: True, FALSE: False})
    assert claims.failed == [FALSE]


@pytest.mark.parametrize("value", [np.array([True, False]), 1, None, float("nan")])
def test_a_condition_must_be_true_or_false(value: object) -> None:
    with pytest.raises(BookError, match="neither true nor false"):
        Claims("folder", "smoke").check({TRUE: value})  # type: ignore[dict-item]


def test_not_a_number_fails_every_comparison() -> None:
    with pytest.raises(BookError, match=re.escape(TRUE)):
        Claims("mini", "mini").check({TRUE: np.float64("nan") > 1})


def executed(*sources: str) -> list[str]:
    """The HTML that each cell shows once all of them were run."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    nbformat.validate(notebook)
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    return ["".join(output.data["text/html"] for output in c.outputs) for c in notebook.cells]


def test_the_note_on_top_lists_what_is_found_below() -> None:
    first, second, third = executed(
        "from musiclib.book.claims import Claims\n"
        "claims = Claims('folder', 'smoke', 3)\nclaims.notice()",
        f"claims.check({{{TRUE!r}: True}})",
        f"claims.check({{{FALSE!r}: False}})",
    )
    assert (second, third) == ("", "")
    assert "<li>One is more than &lt;two&gt;</li>" in first
    assert TRUE not in first
    assert "folder" in first
    assert "seed 3" in first
