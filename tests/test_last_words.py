"""The lines at the end of a run, which tell whether a browser was there."""

from types import SimpleNamespace

from tests.conftest import last_words


def report(name: str, reason: str | None = None) -> SimpleNamespace:
    longrepr = ("file.py", 1, f"Skipped: {reason}") if reason else None
    return SimpleNamespace(nodeid=name, longrepr=longrepr)


def test_browser_tests_are_counted() -> None:
    stats = {
        "passed": [report("tests/browser/test_a.py::a"), report("tests/test_b.py::b")],
        "failed": [report("tests/browser/test_a.py::c")],
    }
    assert last_words(stats) == ["browser tests: 1 passed, 1 failed"]


def test_what_did_not_run_is_told_once_with_its_reason() -> None:
    skipped = [report(f"tests/browser/test_a.py::{n}", "no Chromium here") for n in range(3)]
    assert last_words({"skipped": skipped}) == [
        "browser tests: none ran",
        "not run: 3, no Chromium here",
    ]


def test_without_browser_tests_nothing_is_said() -> None:
    assert last_words({"passed": [report("tests/test_b.py::b")]}) == []
