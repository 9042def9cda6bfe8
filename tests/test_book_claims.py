"""Claims stop the book's own run where they fail, and are listed on top of any other."""

import re

import numpy as np
import pytest

from musiclib.book.claims import Claims
from musiclib.errors import BookError
from musiclib.listen import Rendered

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


def test_the_note_on_top_lists_what_is_found_below(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, str, bool]] = []

    def display(note: Rendered, *, display_id: str, update: bool) -> None:
        shown.append((note._repr_mimebundle_()["text/html"], display_id, update))

    monkeypatch.setattr("musiclib.book.claims.display", display)
    claims = Claims("folder", "smoke", 3)
    claims.notice()
    claims.check({TRUE: True})
    claims.check({FALSE: False})
    assert [update for _, _, update in shown] == [False, True, True]
    assert len({place for _, place, _ in shown}) == 1  # all in the place of the first
    first, *_, last = (note for note, _, _ in shown)
    assert "folder" in first
    assert "seed 3" in first
    assert "<li>One is more than &lt;two&gt;</li>" in last
    assert TRUE not in last
