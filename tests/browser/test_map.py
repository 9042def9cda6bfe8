"""The map of sounds in a browser: a click plays, and one sound at a time."""

import re

import numpy as np
import pytest

from musiclib.listen import MapPoint, Sound, latent_map, playing_curves
from tests.browser.conftest import barriers
from tests.browser.listening import play, stage, tone, tones, wait

PLACES = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]


def tones_of_a_map():
    return [
        MapPoint(f"Piece {number}", "Somebody", "folk", tone(300.0 + 100 * number), 24_000)
        for number in range(len(PLACES))
    ]


def map_and_players():
    """Each point's nearest ones are the next two."""
    nearest = [[(n + 1) % 4, (n + 2) % 4] for n in range(4)]
    made = latent_map(
        tones_of_a_map(),
        caption="Four tones.",
        name="map",
        layouts={"": PLACES},
        nearest=nearest,
    )
    return made.html + tones()


def walking_map():
    """In the first layout all points walk to the right and back but for the last, which stays."""
    walks = [np.add(place, [(0.0, 0.0), (1.0, 0.0), (0.0, 0.0)]) for place in PLACES[:-1]]
    layouts = {"Walks": PLACES, "Stays": PLACES}
    paths = {"Walks": [*walks, np.zeros((0, 2))]}
    return latent_map(
        tones_of_a_map(), caption="Walks.", name="map", layouts=layouts, paths=paths
    ).html


@pytest.fixture
def opened(demo, open_page):
    return open_page(demo(map_and_players).url)


def curves_that_play():
    systems = {
        name: [
            Sound(name, tone(300.0 + 100 * n), 24_000, kbps, {"two_f_mushra": 20.0 + 20 * n})
            for n, kbps in enumerate(rates)
        ]
        for name, rates in {"Opus": (8.0, 16.0, 32.0), "Melic": (1.0, 2.0)}.items()
    }
    return playing_curves(
        systems,
        "two_f_mushra",
        caption="One clip.",
        name="rates",
        ylabel="Predicted quality (0 to 100)",
        original=Sound("Original", tone(250.0), 24_000),
    ).html


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


def test_it_and_whatever_else_begins_stop_each_other(opened):
    page = opened.page
    play(page)
    point(page, 1).press("Enter")
    sounds(page)
    wait(page, "!s.playing")
    stage(page).locator(".ml-play").click()
    wait(page, "s.playing")
    silent(page)
    point(page, 1).press("Enter")
    sounds(page)
    page.evaluate(
        "document.dispatchEvent("
        "new CustomEvent('ml:start', {detail: {source: document.querySelector('h1')}}))"
    )
    silent(page)


def test_arrows_move_lines_lead_to_the_nearest_and_escape_stops(opened):
    page = opened.page
    assert links(page) == 0
    point(page, 0).focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Piece 1")
    assert links(page) == 2
    page.keyboard.press("Enter")
    sounds(page)
    page.keyboard.press("Escape")
    silent(page)
    page.keyboard.press("Enter")
    sounds(page)
    page.evaluate("document.activeElement.blur()")
    assert links(page) == 2  # while it plays
    page.locator("h1").click()
    page.locator(".ml-map audio[hidden]").evaluate("audio => audio.pause()")
    silent(page)
    assert links(page) == 0


def steps(page, places, direction):
    """For each point the one to which an arrow key moves, -1 for none."""
    return page.evaluate(
        "([places, direction]) =>"
        " places.map((_, from) => MusiclibMap.inDirection(places, from, direction))",
        [places, direction],
    )


def test_arrows_go_to_the_nearest_point_of_their_direction_and_reach_all(opened):
    page = opened.page
    # Right of the first: a near one, a far one, and one that is above more than right.
    some = [[0, 0], [10, 2], [30, 0], [3, -9]]
    assert steps(page, some, [1, 0])[:3] == [1, 2, -1]
    assert steps(page, some, [0, -1])[:3] == [3, 3, 3]
    assert steps(page, [[5, 5]] * 3, [1, 0]) == [1, 2, -1]  # in one place they follow each other
    places = np.random.default_rng(0).normal(size=(80, 2)).round(3).tolist()
    places += places[:3]
    moves = [steps(page, places, one) for one in ([1, 0], [-1, 0], [0, 1], [0, -1])]
    reached, ahead = {0}, [0]
    while ahead:
        here = ahead.pop()
        found = {move[here] for move in moves} - {-1} - reached
        reached |= found
        ahead += found
    assert reached == set(range(83))


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("made", [map_and_players, curves_that_play])
def test_nothing_keeps_readers_out(demo, open_page, size, made):
    page = open_page(demo(made).url, size).page
    assert barriers(page, ".ml-map") == []
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]
    if made is curves_that_play:
        curve = page.locator(".ml-curve").first.get_attribute("d")
        dots = page.locator(".ml-point").evaluate_all("all => all.map((e) => e.style.transform)")
        numbers = [[float(n) for n in re.findall(r"[\d.]+", text)] for text in (curve, *dots[:3])]
        assert numbers[0] == pytest.approx([*numbers[1], *numbers[2], *numbers[3]], abs=0.06)
        frame = page.locator(".ml-plot").bounding_box()
        for box in (text.bounding_box() for text in page.locator(".ml-axes text").all()):
            assert frame["x"] - 1 <= box["x"]
            assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
            assert frame["y"] - 1 <= box["y"]
            assert box["y"] + box["height"] <= frame["y"] + frame["height"] + 1


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
    page.emulate_media(reduced_motion="reduce")  # who wants no motion gets the line
    point(page, 1).press("Enter")
    sounds(page)
    assert (drawn(page), walker(page)) == (1, None)
    assert opened.problems == []


def test_without_a_script_there_are_a_picture_and_a_list(demo, open_page):
    page = open_page(demo(walking_map).url, script=False).page
    assert page.locator(".ml-point").count() == len(PLACES)
    assert page.locator(".ml-path").count() == 0
    page.locator(".ml-listing summary").click()
    assert page.get_by_role("link", name="Piece 0").is_visible()
    page.goto(demo(curves_that_play).url)
    assert page.locator(".ml-curve").count() == 2
    page.locator(".ml-listing summary").click()
    assert page.locator(".ml-listing audio").first.is_visible()


def links(page):
    drawn = page.locator(".ml-links").get_attribute("d") or ""
    return drawn.count("M")


def rest(page, where):
    """Move the mouse to a place in two steps, as a hand does."""
    page.mouse.move(where[0] + 3, where[1])
    page.mouse.move(*where)


def test_a_mouse_that_rests_plays_until_it_leaves(demo, open_page):
    opened = open_page(demo(map_and_players).url)
    page = opened.page
    where = centre(page, 2)
    rest(page, where)
    page.wait_for_timeout(500)
    silent(page)  # nothing was pressed yet
    page.mouse.move(5, 5)
    page.locator("h1").click()
    rest(page, where)
    sounds(page)
    page.mouse.move(where[0] + 60, where[1] - 60)
    silent(page)
    rest(page, where)
    sounds(page)
    page.mouse.click(*where)  # now it stays
    page.mouse.move(where[0] + 60, where[1] - 60)
    page.wait_for_timeout(300)
    sounds(page)
    rest(page, centre(page, 1))
    page.wait_for_timeout(300)
    assert point(page, 2).get_attribute("aria-pressed") == "true"
    page.mouse.click(*where)
    silent(page)
    page.wait_for_timeout(300)
    silent(page)  # a press that stops is not undone by the mouse that still rests there
    assert opened.problems == []


def test_a_mouse_that_only_passes_or_is_not_to_play_does_not(demo, open_page):
    page = open_page(demo(map_and_players).url).page
    page.locator("h1").click()
    rest(page, centre(page, 2))
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    silent(page)
    page.get_by_label("Play what the mouse rests on").uncheck()
    rest(page, centre(page, 2))
    page.wait_for_timeout(400)
    silent(page)
    page.get_by_label("Play what the mouse rests on").check()
    play(page)  # a player: what is heard is not interrupted
    rest(page, centre(page, 2))
    page.wait_for_timeout(400)
    silent(page)
    wait(page, "s.playing")


def dot(page, name):
    return page.locator(f'.ml-point[aria-label^="{name}"]')


def test_a_dot_plays_its_file_and_the_next_one_goes_on_from_there(demo, open_page):
    opened = open_page(demo(curves_that_play).url)
    page = opened.page
    assert not any(address.endswith(".flac") for address in opened.requests)
    dot(page, "Opus, 16.0").press("Enter")
    sounds(page)
    line = page.locator(".ml-line").inner_text()
    assert "Opus, 16.0 kbps" in line
    assert "2f-model 40.0" in line
    audio = page.locator(".ml-map audio[hidden]")
    assert audio.evaluate("a => a.src").endswith("rates-opus-16-0-kbps.flac")
    audio.evaluate("a => { a.currentTime = 3; }")
    dot(page, "Melic, 2.0").press("Enter")
    sounds(page)
    assert audio.evaluate("a => a.src").endswith("rates-melic-2-0-kbps.flac")
    assert 2.9 < audio.evaluate("a => a.currentTime") < 5
    dot(page, "Melic, 2.0").press("Enter")
    silent(page)
    assert opened.problems == []
