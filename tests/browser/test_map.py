"""The map of sounds in a browser: a click plays, and one sound at a time."""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from musiclib.listen import MapPoint, latent_map
from tests.browser.listening import play, stage, tone, tones, wait

PLACES = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]


def tones_of_a_map():
    return [
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


def map_and_players(store):
    made = latent_map(tones_of_a_map(), caption="Four tones.", name="map", store=store)
    return made.html + tones(store)


def walking_map(store):
    """In the first layout all points walk to the right and back but for the last, which stays."""
    walks = [np.add(place, [(0.0, 0.0), (1.0, 0.0), (0.0, 0.0)]) for place in PLACES[:-1]]
    layouts = {"Walks": PLACES, "Stays": PLACES}
    paths = {"Walks": [*walks, np.zeros((0, 2))]}
    return latent_map(
        tones_of_a_map(), caption="Walks.", name="map", layouts=layouts, paths=paths, store=store
    ).html


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


def walker(page):
    """Where the walking point is, in pixels of the window; nothing where none is shown."""
    return page.evaluate(
        """() => {
          const walker = document.querySelector(".ml-walker");
          if (getComputedStyle(walker).display === "none") return null;
          const { x, y, width, height } = walker.getBoundingClientRect();
          return [x + width / 2, y + height / 2];
        }"""
    )


def centre(page, number):
    box = point(page, number).bounding_box()
    return [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]


def drawn(page):
    return page.evaluate(
        "document.querySelector('.ml-path').getAttribute('d').split('M').length - 1"
    )


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_point_walks_along_its_path_in_step_with_its_sound(demo, open_page, size):
    opened = open_page(demo(walking_map).url, size)
    page = opened.page
    assert (drawn(page), walker(page)) == (0, None)
    point(page, 0).press("Enter")
    sounds(page)
    assert drawn(page) == 1
    audio = "document.querySelector('.ml-map > audio')"
    start, turning = centre(page, 0), centre(page, 1)
    for share in (0.5, 0.25):
        wanted = start[0] + (turning[0] - start[0]) * (1 - abs(1 - 2 * share))
        page.evaluate(f"{audio}.playbackRate = 0.0625")  # nearly still
        page.evaluate(f"{audio}.currentTime = {share} * {audio}.duration")
        page.wait_for_function(
            "([x, y]) => { const b = document.querySelector('.ml-walker').getBoundingClientRect();"
            " return Math.hypot(b.x + b.width / 2 - x, b.y + b.height / 2 - y) < 12; }",
            arg=[wanted, start[1]],
            timeout=30_000,
        )
    assert opened.problems == []


def test_what_stays_does_not_walk(demo, open_page):
    page = open_page(demo(walking_map).url).page
    point(page, 3).press("Enter")
    sounds(page)
    assert (drawn(page), walker(page)) == (0, None)
    point(page, 0).press("Enter")
    sounds(page)
    page.wait_for_function(
        "() => !document.querySelector('.ml-walker').hasAttribute('data-none')", timeout=30_000
    )
    page.get_by_label("Stays").check()
    page.wait_for_function(
        "() => document.querySelector('.ml-walker').hasAttribute('data-none')", timeout=30_000
    )
    assert drawn(page) == 0


def test_a_path_is_drawn_for_the_focus_and_gone_after_the_sound(demo, open_page):
    page = open_page(demo(walking_map).url).page
    point(page, 0).focus()
    page.keyboard.press("ArrowRight")
    assert (drawn(page), walker(page)) == (1, None)
    page.keyboard.press("Enter")
    sounds(page)
    page.keyboard.press("Escape")
    silent(page)
    assert walker(page) is None


def test_who_wants_no_motion_gets_the_line(demo, open_page):
    page = open_page(demo(walking_map).url).page
    page.emulate_media(reduced_motion="reduce")
    point(page, 0).press("Enter")
    sounds(page)
    assert (drawn(page), walker(page)) == (1, None)


def test_without_a_script_a_map_of_paths_is_the_picture(demo, open_page):
    page = open_page(demo(walking_map).url, script=False).page
    assert page.locator(".ml-point").count() == len(PLACES)
    assert page.locator(".ml-path").count() == 0
    page.locator(".ml-listing summary").click()
    assert page.get_by_role("link", name="Piece 0").is_visible()
