"""What the tests say at the end about the browser."""

BROWSER_TESTS = "tests/browser/"


def browser_summary(stats) -> list[str]:
    """Lines that tell which browser tests ran, and why others did not."""

    def of_browser(kind: str) -> list:
        reports = stats.get(kind, [])
        return [r for r in reports if getattr(r, "nodeid", "").startswith(BROWSER_TESTS)]

    counts = {kind: len(of_browser(kind)) for kind in ("passed", "failed", "error")}
    reasons: dict[str, int] = {}
    for report in of_browser("skipped"):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        reasons[reason] = reasons.get(reason, 0) + 1
    if not any(counts.values()) and not reasons:
        return []
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    lines = [f"browser tests: {told}" if told else "browser tests: none ran"]
    lines += [f"browser tests not run: {count}, {reason}" for reason, count in reasons.items()]
    return lines


def pytest_terminal_summary(terminalreporter) -> None:
    for line in browser_summary(terminalreporter.stats):
        terminalreporter.write_line(line)
