"""Every page of the built site, in one visit each: light, still, readable, and heard.

A visit begins with an empty cache on a desk, in light and in dark, goes on with every sound of the
page, and ends in the window of a phone.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from musiclib.book.check import MAX_PAGE_BYTES, NOT_FOUND
from tests.browser.conftest import SIZES, Opened, barriers, find_site, new_page

TOOLS = (Path(__file__).parent / "sound.js").read_text(encoding="utf-8")
FORWARD = re.compile(r"<meta[^>]*http-equiv=.?refresh", re.IGNORECASE)
MOST_BYTES = 150e6  # of the whole site
MAX_REQUESTS = 200
MOST_SHIFT = 0.1  # what Core Web Vitals call good
# Set before the page's own scripts: notes how far things moved that had been drawn already.
WATCH = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
# Brings every part of the page into view, as a reader does, and tells which pictures stay away.
SCROLL = """async () => {
  const shown = (image) => image.checkVisibility() && image.getClientRects().length > 0;
  // A browser may stop drawing a page, and then no frame ever comes.
  const frame = () => new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done, 0));
    setTimeout(done, 250);
  });
  const root = document.scrollingElement;
  for (let y = 0; y < root.scrollHeight; y += innerHeight * 0.8) {
    root.scrollTo({ top: y, behavior: "instant" });
    await frame();
  }
  const images = () => [...document.images].filter(shown);
  const end = performance.now() + 20000;
  while (images().some((image) => !image.complete) && performance.now() < end) await frame();
  root.scrollTo({ top: 0, behavior: "instant" });
  return images()
    .filter((image) => !(image.complete && image.naturalWidth > 0))
    .map((image) => image.currentSrc || image.outerHTML.slice(0, 120));
}"""
# What is wider than the window, without what scrolls in a frame of its own.
OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.scrollingElement.scrollWidth <= width) return [];
  const wide = (element) => element.getBoundingClientRect().right > width + 1;
  const found = [...document.body.querySelectorAll("*")].filter(wide);
  const inner = found.filter((element) => ![...element.children].some(wide));
  return [`${document.scrollingElement.scrollWidth} px of ${width} px`].concat(
    inner.slice(0, 3).map((element) => element.outerHTML.slice(0, 100)));
}"""
# Players that are no part of anything with a test of its own.
PLAIN_PLAYERS = """async () => {
  const parts = "[data-ml-group], .mx, [data-ml-map]";
  const faults = [];
  for (const audio of document.querySelectorAll("audio")) {
    if (!audio.closest(parts)) faults.push(...(await mlTest.tryMedia(audio)));
  }
  return faults;
}"""
PICTURES_ARE_THERE = """explorer => mlTest.until(() =>
  [...explorer.querySelectorAll(".mx-now img")].filter((one) => one.checkVisibility())
    .every((one) => one.complete && one.naturalWidth > 0))"""


def site_pages() -> list[str]:
    """Addresses of all pages that are more than a forward; one that skips, without a site."""
    site, _ = find_site()
    if site is None:
        return ["no-site"]
    names = [path.relative_to(site).as_posix() for path in site.rglob("*.html")]
    return sorted(
        name
        for name in names
        if not name.startswith("_") and not FORWARD.search((site / name).read_text("utf-8")[:2000])
    )


def pages_with(mark: str) -> list[str]:
    """Pages whose source has this word; one that skips, where there is no site."""
    site, _ = find_site()
    if site is None:
        return ["no-site"]
    return [name for name in site_pages() if mark in (site / name).read_text(encoding="utf-8")]


@pytest.fixture
def first_visit(browser, site_url, not_found_url) -> Iterator[Callable[[str], Opened]]:
    """Open a page with an empty cache on a desk, and wait until nothing more arrives."""
    contexts = []

    def run(name: str) -> Opened:
        opened = new_page(browser, "desktop")
        page = opened.page
        contexts.append(page.context)
        page.add_init_script(WATCH)
        devtools = page.context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.on(
            "Network.loadingFinished",
            lambda done: opened.received.append(done["encodedDataLength"]),
        )
        address = not_found_url if name == NOT_FOUND else site_url + name
        page.goto(address, wait_until="networkidle")
        return opened

    yield run
    for context in contexts:
        context.close()


def weight(opened: Opened) -> Iterator[str]:
    """What is wrong with the load of a page, before anything is scrolled or played."""
    if (total := sum(opened.received)) >= MAX_PAGE_BYTES:
        yield f"loads {total:,} bytes"
    if (count := len(opened.received)) >= MAX_REQUESTS:
        yield f"loads {count} files"
    if (shifted := opened.page.evaluate("window.shifted")) >= MOST_SHIFT:
        yield f"moves by {shifted:.2f} while it loads"


def in_theme(page, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(
        """theme => document.documentElement.dataset.theme === theme
          && document.getAnimations().every((each) => each.playState !== "running")""",
        arg=theme,
    )


def silences(page) -> Iterator[str]:
    """Players that do not play: every system of every stage, and every plain player."""
    stages = page.locator(".ml-stage")
    if stages.count() != (roots := page.locator("[data-ml-group]").count()):
        yield f"{stages.count()} stages for {roots} players"
    yield from page.evaluate(PLAIN_PLAYERS)
    for index in range(stages.count()):
        yield from stages.nth(index).evaluate("stage => mlTest.tryStage(stage)")


def silent_maps(page) -> Iterator[str]:
    """Maps of sounds whose points do not play at a click, or do not stop at another."""
    for root in page.locator("[data-ml-map]").all():
        # Solutions of exercises are folded.
        root.evaluate("map => map.closest('details')?.setAttribute('open', '')")
        points = root.locator(".ml-point")
        root.locator("svg").first.scroll_into_view_if_needed()
        box = points.nth(points.count() // 2).bounding_box()
        place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        sound = root.locator("> audio")  # the page's own list has players too
        page.mouse.click(*place)
        playing = "audio => mlTest.until(() => audio.currentTime > 0.1 && !audio.paused)"
        heard = (
            "audio => { const level = mlTest.followMedia(audio);"
            " return mlTest.until(() => level() > mlTest.AUDIBLE); }"
        )
        if not (sound.evaluate(playing) and sound.evaluate(heard)):
            yield "the map is silent"
        if root.locator(".ml-point[aria-pressed=true]").count() != 1:
            yield "the map does not show which point plays"
        page.mouse.click(*place)
        if not sound.evaluate("audio => mlTest.until(() => audio.paused)"):
            yield "the map does not stop"


def stuck_explorers(page) -> Iterator[str]:
    """Explorers whose words, pictures or sounds do not follow their controls."""
    if page.locator(".mx[data-mx]").count() != page.locator(".mx-ready").count():
        yield "an explorer has no controls"
    for explorer in page.locator(".mx-ready").all():
        explorer.scroll_into_view_if_needed()
        for slider in explorer.locator(".mx-controls input[type=range]:not([disabled])").all():
            before = explorer.locator(".mx-now .mx-setting").inner_text()
            slider.focus()
            at_end = slider.evaluate("slider => slider.value === slider.max")
            page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
            if explorer.locator(".mx-now .mx-setting").inner_text() == before:
                yield f"a slider does not move what is shown: {before}"
        if not explorer.evaluate(PICTURES_ARE_THERE):
            yield "an explorer's picture does not come"
        buttons = explorer.locator(".mx-play").all()
        for button in buttons:
            button.click()
            if fault := explorer.evaluate("explorer => mlTest.tryExplorer(explorer)"):
                yield f"{button.get_attribute('aria-label')} {fault}"
        if buttons:
            buttons[-1].click()


def on_a_phone(page) -> Iterator[str]:
    """What is wrong in a small window."""
    width, height = SIZES["phone"]
    page.set_viewport_size({"width": width, "height": height})
    page.reload(wait_until="load")  # scripts look at the window's size when a page opens
    yield from (f"phone: no picture {source}" for source in page.evaluate(SCROLL))
    yield from (f"phone: too wide: {part}" for part in page.evaluate(OVERFLOW))
    # Contrast takes most of the time, and depends on the theme alone.
    rest = barriers(page, rules={"color-contrast": {"enabled": False}})
    yield from (f"phone: {fault}" for fault in rest)


@pytest.mark.parametrize("name", site_pages())
def test_page(first_visit, name):
    opened = first_visit(name)
    page = opened.page
    faults = [] if name == NOT_FOUND else list(weight(opened))
    assert page.title()
    faults += [f"no picture {source}" for source in page.evaluate(SCROLL)]
    for theme in ("light", "dark"):
        in_theme(page, theme)
        faults += [f"{theme}: {fault}" for fault in barriers(page, runOnly=["color-contrast"])]
    faults += [f"too wide: {part}" for part in page.evaluate(OVERFLOW)]
    faults += barriers(page, rules={"color-contrast": {"enabled": False}})
    page.evaluate(TOOLS)
    for sounding in (silences, silent_maps, stuck_explorers):
        faults += sounding(page)
    faults += on_a_phone(page)
    faults = opened.problems + faults
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("mark", ["data-ml-map", "data-mx="])
def test_maps_and_explorers_work_on_a_phone_too(visit, mark):
    """The one that comes first: what differs on a phone is their layout, not their sounds."""
    opened = visit(pages_with(mark)[0], "phone")
    opened.page.evaluate(TOOLS)
    faults = [*silent_maps(opened.page), *stuck_explorers(opened.page), *opened.problems]
    assert not faults, "\n".join(faults)


def test_the_whole_site_stays_small(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MOST_BYTES
