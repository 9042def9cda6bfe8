"""Every page of the built site, on a desk and on a phone, in light and in dark."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import SIZES, find_site

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
MOST_REQUESTS = 200
MOST_BYTES = 150e6
FORWARD = re.compile(r"<meta[^>]*http-equiv=.?refresh", re.IGNORECASE)
GRAVE = ("serious", "critical")


def site_pages() -> list[str]:
    """Addresses of all pages that are more than a forward; one that skips, without a site."""
    site, _ = find_site()
    if site is None:
        return ["no-site"]
    names = []
    for path in site.rglob("*.html"):
        name = path.relative_to(site).as_posix()
        forwards = FORWARD.search(path.read_text(encoding="utf-8")[:2000])
        if not name.startswith("_") and not forwards:
            names.append(name)
    return sorted(names)


def barriers(page, **options) -> list[str]:
    """What axe-core finds that keeps readers out."""
    options["resultTypes"] = ["violations"]
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{fault['impact']} fault {fault['id']}: {node['html'][:160]} at {node['target']}: "
        + " ".join(node["failureSummary"].split())
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"][:3]
    ]


def in_theme(page, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(
        """theme => document.documentElement.dataset.theme === theme
          && document.getAnimations().every((each) => each.playState !== "running")""",
        arg=theme,
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", site_pages())
def test_page(visit, name, size):
    # One theme is there from the start, and the other comes while the page is open.
    themes = ("light", "dark") if size == "desktop" else ("dark", "light")
    opened = visit(name, size, dark=themes[0] == "dark")
    page = opened.page
    assert page.title()
    assert len(opened.requests) < MOST_REQUESTS
    faults = []
    for theme in themes:
        in_theme(page, theme)
        faults += [f"{theme}: no picture {source}" for source in page.evaluate(SCROLL)]
        faults += [f"{theme}: too wide: {part}" for part in page.evaluate(OVERFLOW)]
        # Contrast takes most of the time. It depends on the theme and on nothing else; the rest
        # depends on the size and on nothing else.
        if size == "desktop":
            faults += [f"{theme}: {fault}" for fault in barriers(page, runOnly=["color-contrast"])]
    faults += barriers(page, rules={"color-contrast": {"enabled": False}})
    faults = opened.problems + faults
    assert not faults, "\n".join(faults)


def test_the_whole_site_stays_small(site):
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < MOST_BYTES
