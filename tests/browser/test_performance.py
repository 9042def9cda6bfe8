"""How heavy each page of the built site is, how soon it is read, and whether it holds still."""

import pytest

from musiclib.book.loading import NOT_FOUND
from tests.browser.conftest import new_context
from tests.browser.test_site_pages import site_pages

MOST_BYTES = 1_000_000
MOST_REQUESTS = 200
FIRST_PAINT_MS = 1000
MOST_SHIFT = 0.1  # what Core Web Vitals call good
ATTEMPTS = 3
# Set before the page's own scripts: notes how far things moved that had been drawn already.
WATCH = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
PAINTED = """performance.getEntriesByName("first-contentful-paint")[0]?.startTime"""


def load(browser, url: str) -> dict[str, float]:
    """Open a page with an empty cache and measure until nothing more arrives."""
    context = new_context(browser, "desktop")
    try:
        page = context.new_page()
        page.add_init_script(WATCH)
        devtools = context.new_cdp_session(page)
        devtools.send("Network.enable")
        sizes: list[float] = []
        devtools.on("Network.loadingFinished", lambda done: sizes.append(done["encodedDataLength"]))
        page.goto(url, wait_until="networkidle")
        page.wait_for_function(f"() => {PAINTED} !== undefined")
        return {
            "bytes": sum(sizes),
            "requests": len(sizes),
            "paint": page.evaluate(PAINTED),
            "shift": page.evaluate("window.shifted"),
        }
    finally:
        context.close()


@pytest.mark.parametrize("name", site_pages())
def test_page_is_light_quick_and_still(browser, site_url, name):
    if name == NOT_FOUND:
        pytest.skip("a server shows it at other addresses; the search page is as heavy")
    measured = load(browser, site_url + name)
    assert measured["bytes"] < MOST_BYTES
    assert measured["requests"] < MOST_REQUESTS
    assert measured["shift"] < MOST_SHIFT
    # Whatever else the machine does can only slow a page down, so its best time is its own.
    paints = [measured["paint"]]
    while min(paints) >= FIRST_PAINT_MS and len(paints) < ATTEMPTS:
        paints.append(load(browser, site_url + name)["paint"])
    assert min(paints) < FIRST_PAINT_MS, paints
