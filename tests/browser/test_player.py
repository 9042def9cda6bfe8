"""The stages of the players in a browser: sound, switching, position, keys."""

import numpy as np
import pytest

from musiclib.listen import Row, Sound, comparison
from tests.browser import listening
from tests.browser.conftest import ARGUMENTS, find_browser
from tests.browser.listening import (
    LEVELS,
    TONES,
    let_sound,
    level,
    pitch,
    play,
    record,
    recorded,
    stage,
    sweep,
    tone,
    value,
    wait,
)


@pytest.fixture
def tones(demo, open_page):
    return open_page(demo(listening.tones).url).page


@pytest.fixture
def calm(tones):
    """Changes are scheduled further ahead, so that a busy machine renders none of them too late."""
    tones.evaluate("window.MusiclibListen.settings.lead = 0.2")
    return tones


@pytest.fixture
def sweeps(demo, open_page):
    return open_page(demo(listening.sweeps).url).page


def tones_and_a_plain_player():
    plain = '<audio id="plain" controls aria-label="plain" src="media/third-a-tone.flac"></audio>'
    return listening.tones() + plain


def test_each_choice_is_heard_with_its_picture(tones):
    texts = [tile.inner_text() for tile in stage(tones).locator(".ml-system").all()]
    assert [("11.0" in text, "12.0" in text) for text in texts] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    assert all(image.is_visible() for image in stage(tones).locator(".ml-system img").all())
    play(tones)
    for index in (1, 2, 0):
        stage(tones).locator(".ml-system").nth(index).click()
        let_sound(tones, 0.1)
        rate = record(tones)
        let_sound(tones, 0.3)
        heard = recorded(tones)
        assert pitch(heard, rate) == pytest.approx(TONES[index], abs=8)
        assert level(heard) == pytest.approx(LEVELS[index], rel=0.02)
        assert value(tones, "s.chosen") == index
        names = ("reference", "opus-12-kbps", "mp3-8-kbps")
        assert f"first-{names[index]}." in value(tones, "s.view.image.src")


def test_one_press_on_a_tile_plays_and_another_one_stops(tones):
    tile = stage(tones).locator(".ml-system").nth(1)
    tile.click()
    wait(tones, "s.playing && s.chosen === 1 && s.position > 0.1")
    tile.click()
    wait(tones, "!s.playing && e.dataset.state === 'paused'")
    stage(tones).locator(".ml-system").nth(0).click()
    wait(tones, "s.playing && s.chosen === 0")


def test_switching_has_no_gap_and_no_click(calm):
    play(calm)
    rate = record(calm)
    for index in (1, 0, 2, 0, 1, 0):
        calm.keyboard.press(str(index))
        let_sound(calm, 0.3)
    let_sound(calm, 0.3)
    heard = recorded(calm)
    # A tone moves no faster than its slope; a click is a jump.
    steepest = max(
        level * 2 * np.pi * hertz / rate for level, hertz in zip(LEVELS, TONES, strict=True)
    )
    assert np.abs(np.diff(heard)).max() < 1.3 * steepest
    size = round(0.006 * rate)
    windows = heard[: heard.size // size * size].reshape(-1, size)
    assert min(map(level, windows)) > 0.4 * min(LEVELS)


def test_switching_while_a_change_is_under_way_has_no_click(calm):
    play(calm)
    rate = record(calm)
    let_sound(calm, 0.1)
    stage(calm).evaluate("e => { for (let i = 0; i < 40; i++) e.mlStage.choose(i % 3); }")
    for wait_ms in (3, 7, 11, 2, 5):
        stage(calm).evaluate(
            "async (e, ms) => { for (let i = 0; i < 12; i++) { e.mlStage.choose((i * 2 + 1) % 3);"
            " await new Promise((done) => setTimeout(done, ms)); } }",
            wait_ms,
        )
    let_sound(calm, 0.3)
    heard = recorded(calm)
    steepest = max(
        level * 2 * np.pi * hertz / rate for level, hertz in zip(LEVELS, TONES, strict=True)
    )
    # The gains of all three may add to the slope of the calm: their levels within 10 ms.
    assert np.abs(np.diff(heard)).max() < 1.5 * steepest + sum(LEVELS) / (0.01 * rate)


def test_switching_keeps_the_position(sweeps):
    play(sweeps)
    rate = record(sweeps)
    spans = []
    for index in (0, 1, 2, 0):
        sweeps.keyboard.press(str(index))
        let_sound(sweeps, 0.06)
        begin = value(sweeps, "window.recorded.length") * 128
        let_sound(sweeps, 0.25)
        spans.append((begin, value(sweeps, "window.recorded.length") * 128))
    heard = recorded(sweeps)
    original = sweep(1.0, rate=int(rate))
    starts = []
    for begin, end in spans:
        part = heard[begin:end].astype(float)
        size = 1 << int(np.ceil(np.log2(original.size + part.size)))
        match = np.fft.irfft(np.fft.rfft(original, size) * np.conj(np.fft.rfft(part, size)), size)
        starts.append(int(np.argmax(match[: original.size])) - begin)
    # Where the recording began, as each system tells it.
    assert max(starts) - min(starts) <= 0.001 * rate


def test_the_slider_is_moved_by_pointer_and_keys(tones):
    box = stage(tones).locator(".ml-slider").bounding_box()
    tones.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    wait(tones, "s.playing && s.position >= 2.95")  # a place that is chosen is heard
    stage(tones).locator(".ml-play").click()
    wait(tones, "!s.playing")
    tones.mouse.move(box["x"] + 2, box["y"] + 20)
    tones.mouse.down()
    tones.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20, steps=4)
    tones.mouse.up()
    wait(tones, "s.playing && s.position >= 1.45 && s.position < 3")
    stage(tones).locator(".ml-play").click()
    wait(tones, "!s.playing")
    value(tones, "s.seek(1.5)")
    slider = stage(tones).locator("[role=slider]")
    slider.focus()
    for key, seconds in (
        ("ArrowRight", 3.5),
        ("ArrowLeft", 1.5),
        ("ArrowUp", 3.5),
        ("End", 6.0),
        ("ArrowDown", 4.0),
        ("Home", 0.0),
    ):
        tones.keyboard.press(key)
        assert value(tones, "s.position") == pytest.approx(seconds, abs=0.05)
        assert float(slider.get_attribute("aria-valuenow")) == pytest.approx(seconds, abs=0.05)
    assert slider.get_attribute("aria-valuetext") == "0.0 of 6.0 seconds"
    assert slider.get_attribute("aria-valuemax") == "6.0"


def test_seeking_while_it_plays_goes_on_from_there(sweeps):
    play(sweeps)
    stage(sweeps).locator(".ml-play").press("End")
    wait(sweeps, "e.dataset.state === 'paused' && s.position === 6")
    stage(sweeps).locator(".ml-play").click()  # at the end it begins again
    wait(sweeps, "s.playing && s.position < 3")
    stage(sweeps).locator(".ml-slider").press("ArrowRight")
    assert 2 <= value(sweeps, "s.position") < 5
    assert value(sweeps, "s.playing")


def test_it_begins_again_at_the_end_or_stops_without_the_loop(tones):
    value(tones, "s.seek(5.6)")
    stage(tones).locator(".ml-play").click()
    wait(tones, "s.playing && s.position < 2")
    rate = record(tones)
    let_sound(tones, 0.3)
    heard = recorded(tones)
    assert pitch(heard, rate) == pytest.approx(TONES[0], abs=8)
    assert level(heard) == pytest.approx(LEVELS[0], rel=0.02)
    loop = stage(tones).get_by_role("button", name="Loop")
    assert loop.get_attribute("aria-pressed") == "true"
    loop.click()
    assert loop.get_attribute("aria-pressed") == "false"
    value(tones, "s.seek(5.6)")
    wait(tones, "e.dataset.state === 'paused'")
    assert value(tones, "s.position") == pytest.approx(6.0, abs=0.01)


def test_keys_play_pause_and_choose_among_radio_buttons(tones):
    stage(tones).locator(".ml-slider").focus()
    tones.keyboard.press(" ")
    wait(tones, "s.playing")
    tones.keyboard.press("2")
    assert value(tones, "s.chosen") == 2
    assert stage(tones).locator("[role=status]").inner_text() == "MP3, 8.1 kbps"
    tones.keyboard.press("0")
    assert value(tones, "s.chosen") == 0
    tones.keyboard.press("7")  # there is no such system
    assert value(tones, "s.chosen") == 0
    tones.keyboard.press(" ")
    wait(tones, "!s.playing")
    assert value(tones, "e.dataset.state") == "paused"
    radios = stage(tones).get_by_role("radiogroup", name="System").get_by_role("radio")
    assert radios.count() == 3
    radios.nth(0).focus()
    tones.keyboard.press("ArrowRight")
    assert value(tones, "s.chosen") == 1
    assert radios.nth(1).is_checked()
    wait(tones, "s.playing")
    tones.keyboard.press(" ")
    wait(tones, "!s.playing")


def test_players_and_other_sounds_of_the_page_stop_each_other(demo, open_page):
    page = open_page(demo(tones_and_a_plain_player).url).page
    play(page, 2)
    stage(page).locator(".ml-play").click()
    wait(page, "s.playing")
    wait(page, "!s.playing && e.dataset.state === 'paused'", 2)
    page.evaluate("document.querySelector('#plain').play()")
    wait(page, "!s.playing")
    stage(page).locator(".ml-play").click()
    wait(page, "s.playing")
    assert page.evaluate("document.querySelector('#plain').paused")
    page.evaluate(
        "document.dispatchEvent("
        "new CustomEvent('ml:start', {detail: {source: document.querySelector('h1')}}))"
    )
    wait(page, "!s.playing")


def test_the_browsers_own_rules_for_autoplay_are_kept(demo, browser):
    arguments = [one for one in ARGUMENTS if "autoplay" not in one]
    url = demo(listening.tones).url
    strict = browser.browser_type.launch(executable_path=find_browser(), args=arguments)
    try:
        page = strict.new_page()
        warnings = []
        page.on("console", lambda message: warnings.append(message.text))
        page.goto(url)
        play(page)
        rate = record(page)
        let_sound(page, 0.3)
        assert pitch(recorded(page), rate) == pytest.approx(TONES[0], abs=8)
        assert warnings == []
    finally:
        strict.close()


def test_decoded_sound_of_rows_long_left_is_forgotten_and_comes_back(tones):
    tones.evaluate("window.MusiclibListen.settings.kept = 1")
    play(tones, 0)
    play(tones, 1)
    wait(tones, "!s.playing", 0)
    play(tones, 0)
    wait(tones, "!s.playing", 1)
    assert value(tones, "s.deck.tracks.every(({buffer}) => buffer === null)", 1)
    assert value(tones, "s.deck.tracks.every(({buffer}) => buffer !== null)", 0)


def test_the_sound_device_is_let_go_in_silence(tones):
    tones.evaluate("window.MusiclibListen.settings.rest = 0.2")
    play(tones)
    stage(tones).locator(".ml-play").click()
    tones.wait_for_function("window.MusiclibListen.audioContext().state === 'suspended'")
    at = value(tones, "s.position")
    stage(tones).locator(".ml-play").click()
    wait(tones, f"s.playing && s.position > {at} + 0.1")
    assert tones.evaluate("window.MusiclibListen.audioContext().state") == "running"


def stereo_and_mono():
    pair = np.stack([tone(500.0, 0.2), tone(500.0, 0.05)])
    sounds = [Sound("Stereo", pair, 24_000), Sound("Mono", pair.mean(axis=0), 24_000)]
    return comparison([Row("Pair", sounds)], "Two channels and one.").html


CHANNELS = """async (element) => {
  const { output } = element.mlStage;
  const { context } = output;
  const splitter = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
  output.connect(splitter);
  const ears = [0, 1].map((channel) => {
    const ear = new AnalyserNode(context, { fftSize: 4096 });
    splitter.connect(ear, channel);
    return ear;
  });
  const most = [0, 0];
  const end = context.currentTime + 0.5;
  while (context.currentTime < end) {
    await new Promise((done) => setTimeout(done, 20));
    ears.forEach((ear, channel) => {
      const samples = new Float32Array(4096);
      ear.getFloatTimeDomainData(samples);
      most[channel] = Math.max(most[channel], ...samples);
    });
  }
  return most;
}"""


def test_stereo_is_heard_in_both_channels_and_mono_in_the_middle(demo, open_page):
    page = open_page(demo(stereo_and_mono).url).page
    play(page)
    assert stage(page).evaluate(CHANNELS) == pytest.approx([0.2, 0.05], rel=0.05)
    stage(page).locator(".ml-system").nth(1).click()
    let_sound(page, 0.3)
    assert stage(page).evaluate(CHANNELS) == pytest.approx([0.125, 0.125], rel=0.05)
