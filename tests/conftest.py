"""What the tests say at their end: how much ran in a browser, and what did not run and why."""

from collections import Counter

BROWSER_TESTS = "tests/browser/"
KINDS = ("passed", "failed", "error", "skipped")


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
