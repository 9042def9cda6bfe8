"""What the tests say at their end: how much ran in a browser, and what did not run and why."""

BROWSER_TESTS = "tests/browser/"
KINDS = ("passed", "failed", "error")


def last_words(stats) -> list[str]:
    """Lines for the end of a run of tests.

    Args:
        stats: Reports of tests by outcome, as pytest's terminal reporter keeps them.
    """

    def reports(kind: str) -> list:
        return [report for report in stats.get(kind, []) if hasattr(report, "nodeid")]

    def in_browser(kind: str) -> list:
        return [report for report in reports(kind) if report.nodeid.startswith(BROWSER_TESTS)]

    lines = []
    if any(in_browser(kind) for kind in (*KINDS, "skipped")):
        counts = {kind: len(in_browser(kind)) for kind in KINDS}
        told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        lines.append(f"browser tests: {told or 'none ran'}")
    reasons: dict[str, int] = {}
    for report in reports("skipped"):
        if isinstance(report.longrepr, tuple):
            reason = str(report.longrepr[2]).removeprefix("Skipped: ")
            reasons[reason] = reasons.get(reason, 0) + 1
    return lines + [f"not run: {count}, {reason}" for reason, count in reasons.items()]


def pytest_terminal_summary(terminalreporter) -> None:
    for line in last_words(terminalreporter.stats):
        terminalreporter.write_line(line)
