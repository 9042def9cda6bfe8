"""Everything that sounds on the built site does sound, keeps its place, and stops for another."""

from pathlib import Path

import pytest

from tests.browser.conftest import find_site
from tests.browser.test_site_pages import site_pages

TOOLS = (Path(__file__).parent / "sound.js").read_text(encoding="utf-8")
SWITCH_SECONDS = 0.05


def pages_with(*marks: str) -> list[str]:
    """Pages whose source has one of these words; one that skips, where there is no site."""
    folder, _ = find_site()
    if folder is None:
        return ["no-site"]
    pages = {name: (folder / name).read_text(encoding="utf-8") for name in site_pages()}
    return [name for name, text in pages.items() if any(mark in text for mark in marks)]


@pytest.fixture
def listen(visit):
    def run(name: str, size: str = "desktop"):
        opened = visit(name, size)
        opened.page.evaluate(TOOLS)
        return opened

    return run


def test_the_site_has_players_a_map_and_explorers(site):
    assert pages_with("data-ml-group")
    assert pages_with("data-ml-map")
    assert pages_with("data-mx=")


@pytest.mark.parametrize("name", pages_with("<audio"))
def test_every_player_plays(listen, name):
    opened = listen(name)
    page = opened.page
    roots = page.locator("[data-ml-group], figure.ml-player").count()
    stages = page.locator(".ml-stage")
    assert stages.count() == roots
    faults = page.evaluate(
        """async () => {
          const parts = "[data-ml-group], .ml-player, .mx, [data-ml-map]"; // tested apart
          const faults = [];
          for (const audio of document.querySelectorAll("audio")) {
            if (!audio.closest(parts)) faults.push(...(await mlTest.tryMedia(audio)));
          }
          return faults;
        }"""
    )
    for index in range(roots):
        faults += stages.nth(index).evaluate("stage => mlTest.tryStage(stage)")
    faults += opened.problems
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", pages_with("data-ml-group"))
def test_a_row_switches_in_place_obeys_keys_and_stops_others(listen, name):
    opened = listen(name)
    page = opened.page
    stages = page.locator(".ml-stage")
    systems = stages.evaluate_all("all => all.map((one) => one.mlStage.systems.length)")
    row = stages.nth(systems.index(max(systems)))
    row.scroll_into_view_if_needed()

    row.locator("button.ml-play").click()
    playing = "stage => mlTest.until(() => stage.mlStage.playing && stage.mlStage.position > 0.05)"
    assert row.evaluate(playing)
    jumps = []
    for _ in range(2):  # from the server, then from memory
        for index in [*range(1, min(max(systems), 4)), 0]:
            if max(systems) > 1:
                jumps.append(row.evaluate("(stage, at) => mlTest.jump(stage, at)", index))
    assert all(abs(jump) < SWITCH_SECONDS for jump in jumps), jumps

    row.locator(".ml-slider").focus()
    if max(systems) > 1:
        page.keyboard.press("1")
        assert row.get_attribute("data-system") == "1"
        page.keyboard.press("0")
        assert row.get_attribute("data-system") == "0"
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

    if len(systems) > 1:
        others = [index for index in range(len(systems)) if index != systems.index(max(systems))]
        other = stages.nth(others[0])
        other.locator("button.ml-play").click()
        assert row.evaluate("stage => mlTest.until(() => !stage.mlStage.playing)")
        assert other.evaluate(playing)
        # The row that was left stays where it was.
        assert row.evaluate("stage => stage.mlStage.position") > 0.05
    assert opened.problems == []


@pytest.mark.parametrize("name", pages_with("data-ml-map"))
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_the_map_plays_on_click(listen, name, size):
    opened = listen(name, size)
    page = opened.page
    root = page.locator("[data-ml-map]").first
    points = root.locator(".ml-point")
    root.locator("svg").first.scroll_into_view_if_needed()
    box = points.nth(points.count() // 2).bounding_box()
    place = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    # The page's own list has players too, for readers without scripts.
    sound = root.locator("> audio")
    page.mouse.click(*place)
    assert sound.evaluate("audio => mlTest.until(() => audio.currentTime > 0.1 && !audio.paused)")
    assert sound.evaluate(
        "audio => { const level = mlTest.followMedia(audio);"
        " return mlTest.until(() => level() > mlTest.AUDIBLE); }"
    )
    assert root.locator(".ml-point[aria-pressed=true]").count() == 1
    page.mouse.click(*place)
    assert sound.evaluate("audio => mlTest.until(() => audio.paused)")
    assert root.locator(".ml-point[aria-pressed=true]").count() == 0
    assert opened.problems == []


@pytest.mark.parametrize("name", pages_with("data-mx="))
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_explorers_move(listen, name, size):
    opened = listen(name, size)
    page = opened.page
    explorers = page.locator(".mx[data-mx]")
    assert explorers.count() == page.locator(".mx-ready").count() > 0
    for number in range(explorers.count()):
        explorer = explorers.nth(number)
        explorer.scroll_into_view_if_needed()
        sliders = explorer.locator(".mx-controls input[type=range]:not([disabled])")
        for place in range(sliders.count()):
            slider = sliders.nth(place)
            before = explorer.locator(".mx-now .mx-setting").inner_text()
            slider.focus()
            at_end = slider.evaluate("slider => slider.value === slider.max")
            page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
            assert explorer.locator(".mx-now .mx-setting").inner_text() != before
        loaded = """explorer => mlTest.until(() =>
          [...explorer.querySelectorAll(".mx-now img")].filter((one) => one.checkVisibility())
            .every((one) => one.complete && one.naturalWidth > 0))"""
        assert explorer.evaluate(loaded)
        buttons = explorer.locator(".mx-play")
        for place in range(buttons.count()):
            buttons.nth(place).click()
            fault = explorer.evaluate("explorer => mlTest.tryExplorer(explorer)")
            assert not fault, f"{buttons.nth(place).get_attribute('aria-label')} {fault}"
        if buttons.count():
            buttons.last.click()
    assert opened.problems == []
