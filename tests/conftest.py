"""The command line as a fixture, and what the tests say at their end of what ran and what not."""

from collections import Counter
from pathlib import Path

import pytest

BROWSER_TESTS = "tests/browser/"
KINDS = ("passed", "failed", "error", "skipped")


@pytest.fixture
def run(capsys):
    """Run a line of words as `musiclib` does; its exit code, what it printed and its errors."""

    def run(words):
        from musiclib.cli.main import main  # most tests have no need of it

        code = main(words.split())
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def refused(run):
    """A line of words is refused in one line that says why, and all files stay as they are."""

    def files():
        return {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}

    def refused(words, told):
        before = files()
        code, out, err = run(words)
        assert (code, out) == (2, ""), words
        assert err.startswith("musiclib: error: "), words
        assert err.count("\n") == 1, err
        assert told in err
        assert files() == before

    return refused


def pytest_terminal_summary(terminalreporter) -> None:
    reports = {
        kind: [each for each in terminalreporter.stats.get(kind, []) if hasattr(each, "nodeid")]
        for kind in KINDS
    }
    counts = {
        kind: sum(each.nodeid.startswith(BROWSER_TESTS) for each in found)
        for kind, found in reports.items()
    }
    if any(counts.values()):
        told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        terminalreporter.write_line(f"browser tests: {told}")
    reasons = Counter(
        str(each.longrepr[2]).removeprefix("Skipped: ")
        for each in reports["skipped"]
        if isinstance(each.longrepr, tuple)
    )
    for reason, count in reasons.items():
        terminalreporter.write_line(f"not run: {count}, {reason}")
