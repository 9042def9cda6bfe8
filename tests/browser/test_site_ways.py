"""Ways through the built site: themes, search, links, no script, no network."""

import re

import pytest
from bs4 import BeautifulSoup, SoupStrainer

from musiclib.book.layout import find_book
from tests.browser.conftest import REPOSITORY, SIZES, find_site
from tests.browser.test_site_pages import TOOLS, pages_with, site_pages

CHAPTER = "book/index.html"
LAUNCH = SoupStrainer(class_="dropdown-launch-buttons")
SWITCH_SECONDS = 0.05


def wait(page, condition: str) -> None:
    page.wait_for_function(condition)


@pytest.mark.parametrize("size", SIZES)
def test_the_switch_changes_the_theme_and_is_remembered(visit, size):
    opened = visit(CHAPTER, size)
    page = opened.page
    switch = page.locator("button.theme-switch-button:visible").first
    seen = []
    for _ in range(3):
        before = page.evaluate("document.documentElement.dataset.mode")
        switch.click()
        wait(page, f"document.documentElement.dataset.mode !== {before!r}")
        seen.append(page.evaluate("document.documentElement.dataset.mode"))
    assert sorted(seen) == ["auto", "dark", "light"]
    while page.evaluate("document.documentElement.dataset.mode") != "dark":
        switch.click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(float, re.findall(r"[\d.]+", dark)[:3])) < 80
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.evaluate("localStorage.clear()")
    assert opened.problems == []


@pytest.mark.parametrize(("size", "height"), [("desktop", 900), ("phone", 844)])
def test_the_first_screen_has_tiles_that_play_on_one_click(visit, size, height):
    opened = visit(CHAPTER, size)
    page = opened.page
    page.set_viewport_size({"width": SIZES[size][0], "height": height})
    tiles = page.locator(".ml-stage").first.locator(".ml-system")
    assert tiles.count() == 4
    for tile in tiles.all():
        box = tile.bounding_box()
        assert box["y"] + box["height"] <= height
        assert tile.locator("img").is_visible()
    assert page.locator(".ml-tabs button").count() == 3
    tiles.nth(2).click()
    wait(page, "document.querySelector('.ml-stage').mlStage.playing")
    tiles.nth(3).click()
    wait(page, "(s => s.playing && s.chosen === 3)(document.querySelector('.ml-stage').mlStage)")
    tiles.nth(3).click()
    wait(page, "!document.querySelector('.ml-stage').mlStage.playing")
    assert opened.problems == []


@pytest.mark.parametrize("size", SIZES)
def test_search_leads_to_sections_that_hold_all_words(visit, size):
    opened = visit(CHAPTER, size)
    page = opened.page
    page.locator("button.search-button__button:visible").first.click()
    field = page.locator("dialog input[type=search], .search-button__search-container input").first
    field.wait_for(state="visible")
    field.fill("spectrogram window")
    field.press("Enter")
    page.wait_for_url("**/search.html*")
    page.locator("#search-results a").first.wait_for()
    assert page.locator("#search-results a").count() > 1
    page.wait_for_load_state("networkidle")  # the pages from which it shows lines
    result = page.locator("#search-results a[href*='#']").first
    assert " > " in result.inner_text()
    result.click()
    page.wait_for_url(lambda url: "search.html" not in url)
    section = page.locator(":target").inner_text().lower()
    assert "spectrogram" in section
    assert "window" in section
    assert opened.problems == []


def test_the_sidebar_leads_through_the_whole_book(visit, site_url):
    opened = visit(CHAPTER)
    page = opened.page
    links = page.locator(".bd-sidebar-primary a.reference.internal")
    wanted = set(links.evaluate_all("all => all.map((one) => one.href.split('#')[0])"))
    chapters = {site_url + name for name in site_pages() if name.startswith("book/")}
    assert chapters <= wanted
    links.nth(1).click()
    page.wait_for_url(lambda url: url != site_url + CHAPTER)
    page.locator("a.right-next").click()
    page.wait_for_load_state("load")
    page.go_back()
    assert opened.problems == []


def test_the_menu_of_a_phone_opens_and_leads_on(visit, site_url):
    opened = visit(CHAPTER, "phone")
    page = opened.page
    page.locator("button.primary-toggle:visible").first.click()
    link = page.locator("a.reference.internal:visible").nth(1)
    link.wait_for(state="visible")
    link.click()
    page.wait_for_url(lambda url: url.split("#")[0] != site_url + CHAPTER)
    page.wait_for_load_state("load")
    assert opened.problems == []


def test_the_front_door_of_a_site_at_the_root_of_a_host_leads_to_the_first_page(
    serve, site, open_page
):
    """Nothing in the site depends on where it lies; all other tests see it below a folder."""
    address = serve(site, "/")
    opened = open_page(address)
    opened.page.wait_for_url(address + CHAPTER)
    opened.page.wait_for_load_state("load")
    assert opened.page.locator(".bd-article h1").count() == 1
    assert opened.problems == []


def test_a_row_switches_in_place_obeys_keys_and_stops_others(visit):
    """On the page with the most players, in the row with the most systems."""
    site, _ = find_site()
    name = max(
        pages_with("data-ml-group"), key=lambda n: (site / n).read_text("utf-8").count("<audio")
    )
    opened = visit(name)
    page = opened.page
    page.evaluate(TOOLS)
    stages = page.locator(".ml-stage")
    systems = stages.evaluate_all("all => all.map((one) => one.mlStage.systems.length)")
    most = systems.index(max(systems))
    assert max(systems) > 1
    assert len(systems) > 1
    row, other = stages.nth(most), stages.nth(1 if most == 0 else 0)
    row.scroll_into_view_if_needed()

    row.locator("button.ml-play").click()
    playing = "stage => mlTest.until(() => stage.mlStage.playing && stage.mlStage.position > 0.05)"
    assert row.evaluate(playing)
    jumps = [
        row.evaluate("(stage, at) => mlTest.jump(stage, at)", index)
        for _ in range(2)  # from the server, then from memory
        for index in [*range(1, min(max(systems), 4)), 0]
    ]
    assert all(abs(jump) < SWITCH_SECONDS for jump in jumps), jumps

    row.locator(".ml-slider").focus()
    for key in ("1", "0"):
        page.keyboard.press(key)
        assert row.get_attribute("data-system") == key
    row.evaluate("stage => mlTest.keepPlaying(stage.mlStage)")
    page.keyboard.press("Space")
    assert row.evaluate("stage => mlTest.until(() => !stage.mlStage.playing)")
    seconds = row.evaluate("stage => stage.mlStage.duration")
    there = "(stage, at) => mlTest.until(() => Math.abs(stage.mlStage.position - at) < 0.01)"
    for key, place in {"Home": 0, "ArrowRight": min(2, seconds), "ArrowLeft": 0}.items():
        page.keyboard.press(key)
        assert row.evaluate(there, place), key
    page.keyboard.press("Space")
    assert row.evaluate("stage => mlTest.until(() => stage.mlStage.position > 0.05)")

    other.locator("button.ml-play").click()
    assert row.evaluate("stage => mlTest.until(() => !stage.mlStage.playing)")
    assert other.evaluate(playing)
    assert row.evaluate("stage => stage.mlStage.position") > 0.05  # it stays where it was
    assert opened.problems == []


def test_without_scripts_every_sound_has_a_player(site_url, open_page):
    """The browser's own controls; `check_site` looks for names and files on every page."""
    opened = open_page(site_url + pages_with("data-ml-group")[0], "phone", script=False)
    told = opened.page.locator("audio").evaluate_all(
        """all => all.map((one) => one.controls
          && (one.getClientRects().length > 0 || one.closest("details:not([open])") !== null))"""
    )
    assert told
    assert all(told)
    assert opened.problems == []


def test_a_page_opens_from_a_disk(site, open_page):
    """Without any server, players are there and nothing fails."""
    name = pages_with("data-ml-group")[0]
    opened = open_page((site / name).as_uri())
    page = opened.page
    assert page.locator(".ml-stage").count() > 0
    page.locator("button.ml-play").first.click()
    wait(page, "document.querySelector('.ml-stage').mlStage.position > 0.1")
    assert opened.problems == []


def test_launch_links_are_on_every_chapter_that_runs_or_nowhere(site):
    """They come from the address that the site was built with, and are never half there."""
    found = {}
    for name in site_pages():
        text = (site / name).read_text(encoding="utf-8")
        soup = BeautifulSoup(text, "html.parser", parse_only=LAUNCH)
        links = soup.select(".dropdown-menu a")
        found[name] = [str(link["href"]) for link in links]
    chapters = [chapter for chapter in find_book(REPOSITORY).chapters if chapter.executed]
    running = {f"{chapter.docname}.html" for chapter in chapters}
    offering = {name for name, links in found.items() if links}
    assert offering in (running, set())
    for name in offering:
        assert all(link.endswith(name.replace(".html", ".ipynb")) for link in found[name])
        assert found[name][0].startswith("https://mybinder.org/v2/")
