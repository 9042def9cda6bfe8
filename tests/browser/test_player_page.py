"""The players as parts of a page: without scripts, small, dark, in print, and when files fail."""

import re
from dataclasses import replace

import pytest

from musiclib.listen import comparison
from tests.browser.conftest import barriers, darken
from tests.browser.listening import TONES, clip, stage, tone, tones, value, wait


@pytest.fixture
def url(demo):
    return demo(tones).url


def test_without_scripts_every_sound_has_the_browsers_own_player(url, open_page):
    opened = open_page(url, script=False)
    page = opened.page
    assert page.locator("audio").count() == 7
    for element in page.locator("audio").all():
        assert element.is_visible()
        assert element.get_attribute("preload") == "none"
    assert page.locator("img").first.is_visible()
    assert page.get_by_role("table", name=re.compile("Tones through systems")).count() == 1
    assert page.get_by_role("cell").count() == 7
    assert page.locator(".ml-stage").count() == 0
    assert opened.problems == []


def test_with_scripts_the_stage_takes_their_place_and_loads_no_sound(url, open_page):
    opened = open_page(url)
    page = opened.page
    assert page.locator(".ml-stage").count() == 3
    assert not any(player.is_visible() for player in page.locator("audio").all())
    assert page.get_by_role("group", name="Player: First").count() == 1
    assert page.get_by_role("button", name="Play").count() == 3
    assert page.get_by_role("slider", name="Position").count() == 3
    wait(page, "s.view.image.complete && s.view.image.naturalWidth === 560")
    page.locator(".ml-stage").last.scroll_into_view_if_needed()
    wait(page, "s.view.image.complete && s.view.image.naturalWidth === 560", 2)
    media = [address for address in opened.requests if "/media/" in address]
    names = sorted(re.sub(r".*/media/|\.(png|webp)$", "", address) for address in media)
    systems = ("mp3-8-kbps", "opus-12-kbps", "reference")
    assert names == [
        *(f"{row}-{name}" for row in ("first", "second") for name in systems),
        "third-a-tone",
    ]
    page.emulate_media(media="print")  # pictures and figures of all systems
    assert not stage(page).is_visible()
    assert page.locator("td[data-label] img").nth(2).is_visible()
    assert page.locator("td[data-label] .ml-facts").nth(2).is_visible()
    assert not any(player.is_visible() for player in page.locator("audio").all())
    assert opened.problems == []


@pytest.mark.parametrize(("size", "dark"), [("desktop", True), ("phone", False)])
def test_axe_finds_nothing_serious(url, open_page, size, dark):
    page = open_page(url, size).page
    if dark:
        darken(page)
    assert barriers(page) == []
    stage(page).locator(".ml-system").nth(1).click()
    stage(page).locator(".ml-blind-open").click()
    assert barriers(page) == []
    stage(page).get_by_role("button", name="Start").click()
    stage(page).get_by_role("button", name="X is A").click()
    assert barriers(page) == []
    stage(page).get_by_role("button", name="Stop and reveal").click()
    assert barriers(page) == []


def test_a_phone_needs_no_sideways_scrolling_and_no_fine_touch(url, open_page):
    page = open_page(url, "phone").page
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) == 360
    for target in stage(page).locator("button, .ml-system, .ml-slider").all():
        box = target.bounding_box()
        assert box["height"] >= 40
        assert box["width"] >= 44
    box = stage(page).locator(".ml-slider").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 10)
    wait(page, "s.playing && s.position >= 2.95 && s.position < 5")
    stage(page).locator(".ml-blind-open").click()
    assert page.evaluate(width) == 360


def test_what_has_the_focus_can_be_seen(url, open_page):
    page = open_page(url).page
    seen = set()
    for _ in range(5):
        page.keyboard.press("Tab")
        seen.add(
            page.evaluate(
                "(() => { let e = document.activeElement;"
                " if (e.matches('input')) e = e.parentElement;"
                " const { outlineStyle, outlineWidth } = getComputedStyle(e);"
                " return `${e.classList[0]} ${outlineStyle} ${outlineWidth}`; })()"
            )
        )
    for name in ("ml-system", "ml-slider", "ml-play", "ml-button"):
        assert f"{name} solid 3px" in seen


def test_if_the_scripts_fail_all_pictures_are_there(url, open_page):
    page = open_page("about:blank").page
    page.route("**/*.js", lambda route: route.fulfill(body=""))
    page.goto(url)
    pictures = page.locator("td img")
    assert pictures.nth(0).is_visible()
    pictures.nth(2).wait_for(state="visible", timeout=20_000)


def test_a_missing_file_is_said(url, open_page):
    opened = open_page(url)
    page = opened.page
    page.route("**/first-opus-12-kbps.flac", lambda route: route.fulfill(status=404))
    stage(page).locator(".ml-play").click()
    alert = stage(page).get_by_role("alert")
    page.wait_for_function("document.querySelector('.ml-alert').textContent")
    assert alert.inner_text() == ("Opus, 12.3 kbps cannot be played: the server answers 404.")
    wait(page, "s.playing")  # the reference plays all the same
    stage(page).locator(".ml-system").nth(1).click()
    wait(page, "!s.playing && e.dataset.state === 'paused'")  # rather than the wrong sound
    page.unroute("**/first-opus-12-kbps.flac")
    stage(page).locator(".ml-play").click()
    wait(page, "s.playing && s.chosen === 1 && !e.querySelector('.ml-alert').textContent")


def test_the_chosen_sound_plays_while_the_others_still_load(url, open_page):
    page = open_page(url).page
    held = []
    page.route("**/first-mp3-8-kbps.flac", lambda route: held.append(route))
    stage(page).locator(".ml-play").click()
    wait(page, "s.playing && s.position > 0.1")
    stage(page).locator(".ml-system").nth(2).click()
    wait(page, "e.dataset.state === 'loading' && s.position > 0.1")
    assert stage(page).locator(".ml-state").inner_text() == "Loading …"
    at = value(page, "s.position")
    held[0].continue_()
    wait(page, "s.playing && s.chosen === 2")
    assert value(page, "s.position") >= at


def test_where_files_cannot_be_fetched_audio_elements_play(url, open_page):
    page = open_page(url).page
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('blocked')); }")
    stage(page).locator(".ml-play").click()
    wait(page, "e.dataset.mode === 'media' && s.playing && s.position > 0.3")
    assert "cannot be decoded here" in stage(page).locator(".ml-state").inner_text()
    assert not stage(page).locator(".ml-blind-open").is_visible()
    before = value(page, "s.position")
    stage(page).locator(".ml-system").nth(1).click()
    wait(page, "s.playing && !s.deck.players[1].paused && s.deck.players[0].paused")
    wait(page, f"s.deck.players[1].currentTime > {before} && s.position > {before}")
    wait(page, "s.deck.players[1].volume === 1")
    stage(page).locator(".ml-slider").press("Home")
    # Paused at the very beginning it would be idle, as before its first sound.
    wait(page, "s.playing && s.position > 0 && s.position < 2")
    stage(page).locator(".ml-slider").press(" ")
    wait(page, "!s.playing && e.dataset.state === 'paused'")
    assert all(value(page, "s.deck.players.map(({paused}) => paused)"))
    stage(page, 1).locator(".ml-play").click()
    wait(page, "s.playing", 1)


def test_in_a_page_from_a_disk_everything_plays(demo, open_page):
    opened = open_page((demo(tones).folder / "index.html").as_uri())
    page = opened.page
    stage(page).locator(".ml-play").click()
    wait(page, "e.dataset.mode === 'media' && s.playing && s.position > 0.2")
    page.keyboard.press("2")
    wait(page, "s.playing && s.chosen === 2 && !s.deck.players[2].paused")
    stage(page, 2).locator(".ml-play").click()
    wait(page, "s.playing", 2)
    wait(page, "!s.playing")
    assert opened.problems == []


def test_a_file_that_no_way_plays_is_said_and_a_row_of_one_system_has_no_choices(url, open_page):
    page = open_page(url).page
    page.route("**/first-reference.flac", lambda route: route.fulfill(body="no sound at all"))
    stage(page).locator(".ml-play").click()
    wait(page, "e.querySelector('.ml-alert').textContent")
    assert "Reference, 384 kbps cannot be played" in stage(page).get_by_role("alert").inner_text()
    wait(page, "e.dataset.state === 'idle'")
    stage(page).locator(".ml-system").nth(1).click()
    wait(page, "s.playing && s.chosen === 1")
    assert stage(page, 2).locator("input, .ml-blind-open").count() == 0
    stage(page, 2).locator(".ml-play").click()
    wait(page, "s.playing && s.position > 0.1", 2)
    stage(page, 2).locator(".ml-slider").press("ArrowRight")
    assert value(page, "s.position", 2) > 2


def tabbed():
    rows = [clip(title, lambda i, level, rate: tone(TONES[i], level, rate=rate)) for title in "ab"]
    rows = [replace(row, tab=tab) for row, tab in zip(rows, ("First", "Other"), strict=True)]
    return comparison(rows, "Tabs.", tabs=True).html


def test_one_clip_at_a_time_where_there_are_tabs(demo, open_page):
    page = open_page(demo(tabbed).url).page
    tabs = page.get_by_role("group", name="Clip").get_by_role("button")
    assert [tab.inner_text() for tab in tabs.all()] == ["First", "Other"]
    assert [part.is_visible() for part in page.locator(".ml-stage").all()] == [True, False]
    stage(page).locator(".ml-system").nth(2).click()
    wait(page, "s.playing")
    tabs.nth(1).click()
    wait(page, "!s.playing")
    wait(page, "s.playing && s.chosen === 2", 1)  # the same system of the other clip
    assert [part.is_visible() for part in page.locator(".ml-stage").all()] == [False, True]
    assert tabs.nth(1).get_attribute("aria-pressed") == "true"
    assert barriers(page) == []
