"""The map of sounds in a browser: a click plays, and one sound at a time."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from musiclib.listen import MapPoint, latent_map
from tests.browser.listening import play, stage, tone, tones, wait

PLACES = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]


def map_and_players(store):
    points = [
        MapPoint(
            f"Piece {number}",
            "Somebody",
            "folk",
            tone(300.0 + 100 * number),
            24_000,
            split=("train", "test")[number % 2],
            x=x,
            y=y,
        )
        for number, (x, y) in enumerate(PLACES)
    ]
    return latent_map(points, caption="Four tones.", name="map", store=store).html + tones(store)


@pytest.fixture
def opened(demo, open_page):
    return open_page(demo(map_and_players).url)


def point(page, number):
    return page.get_by_role("button", name=f"Piece {number}, Somebody, folk")


def sounds(page):
    """Wait until the map's sound goes on."""
    page.wait_for_function(
        "() => { const a = document.querySelector('.ml-map audio[hidden], .ml-map > audio');"
        " return !a.paused && a.currentTime > 0.05; }",
        timeout=30_000,
    )


def silent(page):
    page.wait_for_function(
        "() => !document.querySelector('.ml-map').hasAttribute('data-playing')"
        " && document.querySelector('.ml-map > audio').paused",
        timeout=30_000,
    )


def test_a_click_plays_a_point_and_another_click_stops_it(opened):
    page = opened.page
    box = point(page, 2).bounding_box()
    where = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.click(*where)
    sounds(page)
    assert point(page, 2).get_attribute("aria-pressed") == "true"
    assert page.evaluate("document.querySelector('.ml-map > audio').src").endswith("piece-2.mp3")
    page.mouse.click(*where)
    silent(page)
    assert point(page, 2).get_attribute("aria-pressed") == "false"
    assert opened.problems == []


def test_what_the_map_plays_is_heard(opened):
    page = opened.page
    point(page, 0).press("Enter")
    sounds(page)
    level = page.evaluate(
        """async () => {
          const audio = document.querySelector(".ml-map > audio");
          const context = new AudioContext();
          const analyser = new AnalyserNode(context, { fftSize: 8192 });
          context.createMediaElementSource(audio).connect(analyser);
          analyser.connect(context.destination);
          await context.resume();
          let most = 0;
          const end = performance.now() + 10000;
          while (performance.now() < end && most < 0.19) {
            await new Promise((done) => setTimeout(done, 50));
            const samples = new Float32Array(8192);
            analyser.getFloatTimeDomainData(samples);
            most = Math.max(most, ...samples);
          }
          return most;
        }"""
    )
    assert level == pytest.approx(0.2, rel=0.1)


def test_the_map_and_the_players_stop_each_other(opened):
    page = opened.page
    play(page)
    point(page, 1).press("Enter")
    sounds(page)
    wait(page, "!s.playing")
    stage(page).locator(".ml-play").click()
    wait(page, "s.playing")
    silent(page)


def test_it_stops_for_whatever_else_begins(opened):
    page = opened.page
    point(page, 1).press("Enter")
    sounds(page)
    page.evaluate(
        "document.dispatchEvent("
        "new CustomEvent('ml:start', {detail: {source: document.querySelector('h1')}}))"
    )
    silent(page)


def test_arrows_move_and_escape_stops(opened):
    page = opened.page
    point(page, 0).focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Piece 1")
    page.keyboard.press("Enter")
    sounds(page)
    page.keyboard.press("Escape")
    silent(page)


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_axe_finds_nothing_serious(demo, open_page, size):
    page = open_page(demo(map_and_players).url, size).page
    found = Axe().run(page, ".ml-map").response["violations"]
    assert [fault["id"] for fault in found if fault["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
