"""Explorers in a browser: controls, pictures, figures and sounds that follow them."""

import numpy as np
import pytest

from musiclib.explore import explore
from tests.browser.conftest import barriers, darken, new_page
from tests.explore_fixture import tones

MEDIA = (".png", ".flac")
DECK = "document.querySelector('.mx').mxExplorer.deck"
STATUS = "document.querySelector('.mx [role=status]').textContent"
# The level and the pitch of what an explorer lets sound.
MEASURE = f"""async () => {{
  const deck = {DECK};
  const context = deck.output.context;
  const analyser = new AnalyserNode(context, {{ fftSize: 8192, smoothingTimeConstant: 0 }});
  deck.output.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const bins = new Float32Array(analyser.frequencyBinCount);
  await new Promise((go) => setTimeout(go, 400));
  analyser.getFloatTimeDomainData(samples);
  analyser.getFloatFrequencyData(bins);
  const top = bins.indexOf(Math.max(...bins));
  return [Math.max(...samples.map(Math.abs)), (top * context.sampleRate) / analyser.fftSize];
}}"""


def explorers(names):
    return "".join(explore(tones(name)).html for name in names)


@pytest.fixture
def opened(demo, open_page):
    def run(names=("one",), **how):
        return open_page(demo(explorers, names).url, **how)

    return run


def slider(page, label="Pitch"):
    return page.get_by_role("slider", name=label).first


def play(page, label):
    page.get_by_role("button", name=f"Play: {label}").first.click()
    wait_heard(page, label)


def wait_heard(page, label):
    page.get_by_role("button", name=f"Pause: {label}").first.wait_for()
    page.wait_for_function(f"{DECK}.run && {DECK}.position > 0")


def sounding(page, number=0):
    return page.evaluate(f"document.querySelectorAll('.mx')[{number}].mxExplorer.deck.wanted")


def state(page):
    """What the pane that follows the controls shows."""
    return page.evaluate(
        """() => {
          const now = document.querySelector(".mx-now");
          return {
            setting: now.querySelector(".mx-setting").textContent,
            picture: now.querySelector("img").getAttribute("src"),
            alt: now.querySelector("img").alt,
            facts: [...now.querySelectorAll("dd")].map((each) => each.textContent),
          };
        }"""
    )


def test_a_slider_moves_picture_words_and_facts_and_says_so(opened):
    page = opened().page
    status = page.locator(".mx [role=status]")
    assert status.text_content() == ""
    before = state(page)
    assert before["setting"] == "loud, 1,000 Hz"
    assert slider(page).get_attribute("aria-valuetext") == "1,000 Hz"
    slider(page).focus()
    page.keyboard.press("ArrowLeft")
    after = state(page)
    assert after["setting"] == "loud, 500 Hz"
    assert after["picture"] != before["picture"]
    assert after["alt"] == "Spectrogram of a loud tone of 500 Hz, 0 to 4 kHz"
    assert after["facts"] == ["0.40", "2 ms"]
    assert slider(page).get_attribute("aria-valuetext") == "500 Hz"
    assert page.locator(".mx-controls output").text_content() == "500 Hz"
    page.wait_for_function("document.querySelector('.mx-now img').complete")
    page.wait_for_function(f"{STATUS}.includes('500 Hz')")
    assert "0.40" in status.text_content()


def test_a_slider_offers_what_exists_and_remembers_what_was_asked_for(opened):
    page = opened().page
    page.get_by_role("radio", name="loud").focus()
    page.keyboard.press("ArrowUp")
    assert state(page)["setting"] == "soft, 1,000 Hz"
    assert slider(page).get_attribute("max") == "2"
    slider(page).focus()
    page.keyboard.press("End")
    assert state(page)["setting"] == "soft, 2,000 Hz"
    page.get_by_role("radio", name="loud").check()
    assert state(page)["setting"] == "loud, 1,000 Hz"
    assert slider(page).get_attribute("max") == "1"
    page.get_by_role("radio", name="soft").check()
    assert state(page)["setting"] == "soft, 2,000 Hz"


def test_only_files_that_are_shown_are_loaded(demo, browser):
    found = new_page(browser, "desktop")  # one that has none of them yet
    found.page.goto(demo(explorers, ("one",)).url)
    found.page.wait_for_function(
        "[...document.querySelectorAll('.mx-stage img')].every((i) => i.complete)"
    )
    pictures = {url.rsplit("/", 1)[1] for url in found.requests if url.endswith(MEDIA)}
    assert len(pictures) == 2  # the reference and the setting at the start
    slider(found.page).fill("0")
    found.page.wait_for_function("document.querySelector('.mx-now img').complete")
    later = {url.rsplit("/", 1)[1] for url in found.requests if url.endswith(MEDIA)} - pictures
    assert len(later) == 1
    play(found.page, "Tone")
    assert len({url for url in found.requests if url.endswith(".flac")}) == 1
    assert found.problems == []
    found.page.context.close()


def test_sound_plays_at_its_level_and_the_cursor_moves(opened):
    page = opened().page
    play(page, "Tone")
    level, pitch = page.evaluate(MEASURE)
    assert level == pytest.approx(0.4, abs=0.01)
    assert pitch == pytest.approx(1000, abs=10)
    page.wait_for_function(
        "Number(document.querySelector('.mx').style.getPropertyValue('--ml-at')) > 0.1"
    )
    page.get_by_role("button", name="Pause: Tone").click()
    assert not sounding(page)
    at = page.evaluate(f"{DECK}.position")
    assert at > 0.3
    page.get_by_role("button", name="Play: Tone").click()
    page.wait_for_function(f"{DECK}.run && {DECK}.position >= {at}")
    slider(page).focus()
    for key, label in (("0", "Reference"), ("1", "Tone"), ("7", "Tone")):
        page.keyboard.press(key)
        wait_heard(page, label)


def test_changing_the_setting_changes_the_sound_at_the_same_position(opened):
    page = opened().page
    slider(page, "Position").fill("0.5")
    play(page, "Tone")
    now = f"[{DECK}.position, {DECK}.output.context.currentTime]"
    before = np.array(page.evaluate(now))
    for value in ("0", "1", "0"):
        slider(page).fill(value)
    page.wait_for_function(f"{DECK}.run.chosen === {DECK}.chosen")
    level, pitch = page.evaluate(MEASURE)
    assert pitch == pytest.approx(500, abs=10)
    assert level == pytest.approx(0.4, abs=0.01)
    page.get_by_role("button", name="Play: Reference").click()
    page.wait_for_function(f"{DECK}.run.chosen === {DECK}.chosen")
    _, pitch = page.evaluate(MEASURE)
    assert pitch == pytest.approx(100, abs=10)
    at, clock = page.evaluate(now) - before
    assert (at - clock + 1.5) % 3 - 1.5 == pytest.approx(0, abs=0.1)  # it went on, or began again


def test_one_sound_at_a_time_among_explorers_and_other_players(opened):
    page = opened(("one", "two")).page
    page.evaluate(
        """() => {
          const native = new Audio("media/one-reference.flac");
          native.id = "native";
          document.body.append(native);
        }"""
    )
    first, second = page.locator(".mx").all()
    play(page, "Tone")
    second.get_by_role("button", name="Play: Tone").click()
    second.get_by_role("button", name="Pause: Tone").wait_for()
    assert [sounding(page, 0), sounding(page, 1)] == [False, True]
    assert first.get_by_role("button", name="Play: Tone").count() == 1
    page.evaluate("document.getElementById('native').play()")
    page.wait_for_function("document.getElementById('native').currentTime > 0")
    assert [sounding(page, 0), sounding(page, 1)] == [False, False]
    first.get_by_role("button", name="Play: Tone").click()
    page.wait_for_function("document.getElementById('native').paused")
    assert sounding(page, 0)
    # A player in the list of the same explorer is another player, too.
    page.evaluate("document.querySelector('.mx-list audio').play()")
    page.wait_for_function(f"!{DECK}.wanted")
    first.get_by_role("button", name="Play: Tone").click()
    assert sounding(page, 0)
    page.evaluate(
        "document.dispatchEvent(new CustomEvent('ml:start', { detail: { source: document.body } }))"
    )
    assert not sounding(page, 0)


def test_where_files_cannot_be_fetched_an_audio_element_plays(opened):
    page = opened().page
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError('no fetch')); }")
    slider(page, "Position").fill("1")
    page.get_by_role("button", name="Play: Tone").click()
    page.wait_for_function(f"{DECK}.mode === 'media' && {DECK}.player.currentTime > 1")
    for value in ("0", "1", "0"):
        slider(page).fill(value)
    page.wait_for_function(f"{DECK}.player.src.includes('loud-500') && !{DECK}.player.paused")
    page.wait_for_function(f"{DECK}.player.currentTime > 1 && {DECK}.player.readyState > 2")
    page.get_by_role("button", name="Pause: Tone").click()
    assert page.evaluate(f"{DECK}.player.paused")


def test_a_missing_sound_is_said_in_words(opened):
    page = opened().page
    page.route("**/*.flac", lambda route: route.abort())
    page.get_by_role("button", name="Play: Tone").click()
    page.wait_for_function(f"{STATUS}.includes('could not')")
    assert page.get_by_role("button", name="Play: Tone").count() == 1


def test_a_sound_repeats_until_that_is_switched_off(opened):
    page = opened().page
    slider(page, "Position").fill("2.5")
    play(page, "Tone")
    page.wait_for_function(f"{DECK}.position < 1")
    assert sounding(page)
    page.get_by_role("checkbox", name="Repeat").uncheck()
    slider(page, "Position").fill("2.5")
    # Where the machine is busy, half a second of sound is over before anyone has looked.
    page.wait_for_function(f"!{DECK}.wanted && {DECK}.position === 3")
    page.get_by_role("button", name="Play: Tone").click()
    page.wait_for_function(f"{DECK}.run && {DECK}.position < 2")


def test_without_scripts_there_is_a_list_with_plain_players(opened):
    page = opened(script=False).page
    assert page.locator("input, button").count() == 0
    assert page.locator(".mx-stage audio[controls]").count() == 2
    assert page.locator(".mx-stage .mx-setting").text_content() == "loud, 1,000 Hz"
    page.locator("summary").click()
    players = page.locator(".mx-list audio[controls]")
    assert players.count() == 5
    assert players.last.is_visible()
    assert page.locator(".mx-list img").last.is_visible()


@pytest.mark.parametrize(("size", "dark"), [("desktop", True), ("phone", False)])
def test_it_is_within_reach_of_everybody(opened, size, dark):
    found = opened(("one", "two"), size=size)
    page = found.page
    if dark:
        darken(page)
    page.locator("summary").first.click()
    page.locator(".mx-list img").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for box in page.locator(".mx-play, .mx-choice, .mx input[type=range], summary").all():
        assert box.bounding_box()["height"] >= 44
    assert barriers(page, ".mx") == []
    assert found.problems == []


def test_in_print_there_is_one_frame_and_no_control(opened):
    page = opened().page
    page.emulate_media(media="print")
    assert page.locator(".mx-now img").first.is_visible()
    assert page.locator(".mx-stage .mx-setting").is_visible()
    for selector in (".mx-controls", ".mx-transport", ".mx-list", ".mx-play"):
        assert not page.locator(selector).first.is_visible()
