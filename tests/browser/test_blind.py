"""The blind test: fair, silent about what X is, and right in its sums."""

from math import comb

import pytest

from tests.browser.listening import (
    LEVELS,
    TONES,
    let_sound,
    level,
    pitch,
    record,
    recorded,
    stage,
    tones,
    value,
    wait,
)


@pytest.fixture
def page(demo, open_page):
    return open_page(demo(tones).url).page


def tosses(page, *bits):
    """Let chance fall as told: who is A, then what X is in each trial."""
    page.evaluate(
        "(bits) => { crypto.getRandomValues = (a) => { a[0] = bits.length ? bits.shift() : 0;"
        " return a; }; }",
        list(bits),
    )


def begin(page, trials="10", opening="Blind test"):
    stage(page).get_by_role("button", name=opening).click()
    stage(page).get_by_label("with").select_option("Opus, 12.3 kbps")
    stage(page).get_by_label("Trials").select_option(label=trials)
    stage(page).get_by_role("button", name="Start").click()
    page.wait_for_selector(".ml-letter")


def button(page, name):
    return stage(page).get_by_role("button", name=name, exact=True)


def test_a_b_and_x_are_what_they_are_said_to_be(page):
    tosses(page, 1, 0, 1)  # A is the other one; X is A, then B
    begin(page)
    stage(page).locator(".ml-play").click()
    wait(page, "s.playing && s.position > 0.1")
    for letter, index in (("B", 0), ("X", 1), ("A", 1), ("X", 1), ("B", 0)):
        button(page, letter).click()
        assert button(page, letter).get_attribute("aria-pressed") == "true"
        let_sound(page, 0.1)
        rate = record(page)
        let_sound(page, 0.2)
        heard = recorded(page)
        assert pitch(heard, rate) == pytest.approx(TONES[index], abs=10)
        assert level(heard) == pytest.approx(LEVELS[index], rel=0.03)
    button(page, "X is A").click()
    assert value(page, "s.playing && s.chosen") == 1  # the sound goes on with A
    assert button(page, "A").get_attribute("aria-pressed") == "true"
    button(page, "X").click()
    assert value(page, "s.chosen") == 0


def test_nothing_on_the_page_tells_what_x_is(page):
    begin(page)
    seen = set()
    for number in range(9):
        button(page, "X").click()
        html = stage(page).evaluate("e => e.outerHTML")
        seen.add(
            html.replace(f"Trial {number + 1} of", "Trial of").replace(
                "Leave the test", "Stop and reveal"
            )
        )
        button(page, "X is A").click()
    assert len(seen) == 1  # whatever X was
    text = stage(page).inner_text()
    assert "Opus" not in text
    assert "Reference" not in text
    assert "kHz" not in text
    assert not any(image.is_visible() for image in stage(page).locator("img").all())
    assert stage(page).get_attribute("data-system") is None


def test_both_sounds_are_there_before_the_first_trial(page):
    held = []
    page.route("**/first-reference.flac", lambda route: held.append(route))
    stage(page).get_by_role("button", name="Blind test").click()
    stage(page).get_by_role("button", name="Start").click()
    page.wait_for_function("() => document.querySelector('.ml-blind .ml-main').disabled")
    wait(page, "s.deck.tracks[2].buffer !== null")
    assert stage(page).locator(".ml-letter").count() == 0
    held[0].continue_()
    page.wait_for_selector(".ml-letter")


def test_x_is_fair(page):
    found = []
    for number in range(6):
        begin(page, "20", "Test again" if number else "Blind test")
        found += stage(page).evaluate(
            """e => Array.from({ length: 20 }, () => {
              e.querySelectorAll(".ml-letter")[2].click();
              const { chosen } = e.mlStage;
              e.querySelector(".ml-answers .ml-main").click();
              return chosen;
            })"""
        )
    # Of 120 fair tosses, fewer than 35 or more than 85 come once in two hundred thousand times.
    assert 35 <= sum(found) <= 85
    assert set(found) == {0, 1}


def test_the_score_and_what_was_which_come_at_the_end(page):
    tosses(page, 0, *[0, 1, 1, 0, 1])
    begin(page, "5")
    for answer in "ABBAA":
        assert "right" not in stage(page).inner_text()
        button(page, f"X is {answer}").click()
    panel = stage(page).locator(".ml-blind").inner_text()
    assert "4 of 5 right" in panel
    assert "A was Reference, B was Opus." in panel
    chance = (comb(5, 4) + comb(5, 5)) / 2**5
    assert f"probability {chance:.3g}" in panel
    assert "about one test in 5 " in panel
    assert "does not show that you heard a difference" in panel
    assert panel.count("you said") == 5
    assert panel.count(": wrong") == 1
    assert "4 of 5 right" in stage(page).locator("[role=status]").inner_text()


def test_probabilities_are_those_of_the_binomial(page):
    for trials in (1, 5, 10, 20):
        for right in range(trials + 1):
            expected = sum(comb(trials, k) for k in range(right, trials + 1)) / 2**trials
            found = page.evaluate(
                "([k, n]) => window.MusiclibListen.byGuessing(k, n)", [right, trials]
            )
            assert found == pytest.approx(expected, rel=1e-12)


def test_leaving_brings_the_stage_back(page):
    stage(page).locator(".ml-system").nth(2).click()
    wait(page, "s.playing")
    begin(page)
    stage(page).locator(".ml-play").click()
    wait(page, "s.playing")
    button(page, "Leave the test").click()
    wait(page, "!s.playing")
    assert stage(page).locator(".ml-blind").count() == 0
    assert value(page, "s.chosen") == 2
    assert stage(page).get_by_role("radio").nth(2).is_checked()
    assert stage(page).locator(".ml-view img").is_visible()
    assert "12.0" in stage(page).locator(".ml-systems").inner_text()
    assert stage(page).get_attribute("data-system") == "2"
    assert page.evaluate("document.activeElement.textContent") == "Blind test"


def test_keys(page):
    tosses(page, 0, 1)
    begin(page)
    for key, letter in (("b", "B"), ("x", "X"), ("A", "A")):
        page.keyboard.press(key)
        assert button(page, letter).get_attribute("aria-pressed") == "true"
        assert stage(page).locator("[role=status]").inner_text() == letter
    stage(page).locator(".ml-slider").focus()
    page.keyboard.press(" ")
    wait(page, "s.playing")
    page.keyboard.press("2")  # would be another system
    assert value(page, "s.chosen") == 0
    page.keyboard.press("End")
    wait(page, "!s.playing")


def test_a_missing_file_is_said(page):
    page.route("**/first-opus-12-kbps.flac", lambda route: route.fulfill(status=404))
    stage(page).get_by_role("button", name="Blind test").click()
    stage(page).get_by_label("with").select_option("Opus, 12.3 kbps")
    stage(page).get_by_role("button", name="Start").click()
    page.wait_for_function("() => document.querySelector('.ml-alert').textContent")
    assert "cannot be played" in stage(page).get_by_role("alert").inner_text()
    assert stage(page).get_by_role("button", name="Start").is_enabled()
