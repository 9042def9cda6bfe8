"""Label tests in a browser: silent about the labels before the end, and right in their sums."""

import numpy as np
import pytest

from musiclib.listen import Sound, label_test
from tests.browser.conftest import barriers, darken
from tests.browser.listening import play, stage, tone, tones, wait

CHOICES = ("orchestral", "folk_world", "rock_metal", "ambient")
SHOWN = ("orchestral", "folk world", "rock metal", "ambient")
COUNT = 8
TRUTH = (0, 1, 2, 3, 0, 1, 2, 0)
EVIDENCE = ("tag", "guess", "credits", "guess", "guess", "upstream", "guess", "guess")
PREDICTIONS = (0, 1, 1, 3, 2, 1, 2, 1)
SECRETS = ("Title", "Artist", "tag", "guess", "credits", "upstream", "Classifier")
WIDTH = "document.documentElement.scrollWidth"


def labels():
    """Eight tones of half a second with labels in the order of `TRUTH`."""
    return label_test(
        [Sound(f"Title {i}", tone(300.0 + 60 * i, seconds=0.5), 24_000) for i in range(COUNT)],
        CHOICES,
        [CHOICES[label] for label in TRUTH],
        EVIDENCE,
        artists=[f"Artist {i}" for i in range(COUNT)],
        predictions=[CHOICES[label] for label in PREDICTIONS],
    ).html


def labels_and_players():
    return labels() + tones()


@pytest.fixture
def opened(demo, open_page):
    return open_page(demo(labels).url)


@pytest.fixture
def page(opened):
    return opened.page


def widget(page):
    return page.locator(".ml-labels")


def button(page, name):
    return widget(page).get_by_role("button", name=name, exact=True)


def order(page):
    """Numbers of the tracks in the order in which they come."""
    titles = widget(page).evaluate("e => e.mlLabels.tracks.map(({ title }) => title)")
    return [int(title.split()[1]) for title in titles]


def sounding(page):
    """Wait until the sound goes on, and nothing else does; gives the place of its track."""
    page.wait_for_function(
        """() => {
          const { current, tracks } = document.querySelector(".ml-labels").mlLabels;
          const { audio } = current;
          const others = tracks.filter((track) => track !== current);
          return !audio.paused && audio.currentTime > 0 && others.every((one) => one.audio.paused);
        }""",
    )
    return widget(page).evaluate("e => e.mlLabels.tracks.indexOf(e.mlLabels.current)")


def silent(page):
    page.wait_for_function(
        "() => [...document.querySelectorAll('.ml-labels audio')].every((one) => one.paused)"
    )


def text(page):
    return widget(page).inner_text()


def status(page):
    return widget(page).get_by_role("status").inner_text()


def tab_to(page, name):
    while page.evaluate("document.activeElement.textContent") != name:
        page.keyboard.press("Tab")


def tables(page):
    """The cells of both tables, a list a row, with the headings."""
    cells = "e => [...e.rows].map((row) => [...row.cells].map((cell) => cell.innerText))"
    found = [table.evaluate(cells) for table in widget(page).locator("table").all()]
    return [[[" ".join(cell.split()) for cell in row] for row in table] for table in found]


def answer(page, given):
    """Label the tracks in the order in which they come; None skips."""
    widget(page).locator(".ml-labels-desk .ml-labels-count").focus()
    for label in given:
        page.keyboard.press("0" if label is None else str(label + 1))


def fraction(agree, of):
    return f"{agree} of {of} {np.floor(100 * agree / of + 0.5):.0f} %"


def test_by_keyboard_alone_from_the_first_sound_to_the_result(opened):
    page = opened.page
    tab_to(page, "Play")
    page.keyboard.press(" ")
    assert sounding(page) == 0
    for place in range(1, COUNT):
        page.keyboard.press("2")
        assert f"Track {place + 1} of {COUNT}" in text(page)
        assert status(page) == f"Folk world. Track {place + 1} of {COUNT}."
        assert sounding(page) == place
    page.keyboard.press(" ")
    silent(page)
    page.keyboard.press(" ")
    sounding(page)
    page.keyboard.press("2")
    silent(page)
    assert page.evaluate("document.activeElement.textContent").startswith("You and the book agree")
    assert "agree on 2 of 8 tracks" in status(page)
    tab_to(page, "Start again, in another order")
    page.keyboard.press("Enter")
    assert f"Track 1 of {COUNT}" in page.evaluate("document.activeElement.textContent")
    assert opened.problems == []


def test_nothing_tells_a_track_before_the_end_where_each_one_plays(page):
    for place in range(COUNT):
        words = text(page) + widget(page).aria_snapshot()
        assert f"Track {place + 1} of {COUNT}" in words
        assert not [secret for secret in SECRETS if f"{secret} " in words.replace("\n", " ")]
        assert widget(page).locator("[title]").count() == 0
        assert not any("Title" in one for one in widget(page).locator("audio").all_inner_texts())
        answer(page, [0])
    words = text(page)
    assert all(f"Title {i}" in words and f"Artist {i}" in words for i in range(COUNT))
    came = order(page)
    for place in (3, 0):
        button(page, f"Play Title {came[place]}, Artist {came[place]}").click()
        assert sounding(page) == place
    button(page, f"Pause Title {came[0]}, Artist {came[0]}").click()
    silent(page)


def test_what_was_given_for_which_label_is_counted(page):
    came = order(page)
    given = [0, 3, None, 1, 2, 0, 0, 3]
    answer(page, given)
    shares, counted = tables(page)
    expected = np.zeros((4, 4), int)
    for index, label in zip(came, given, strict=True):
        if label is not None:
            expected[TRUTH[index], label] += 1
    assert counted[0][1:] == list(SHOWN)
    assert [row[0] for row in counted[1:]] == list(SHOWN)
    found = [[int(cell or 0) for cell in row[1:]] for row in counted[1:]]
    assert found == expected.tolist()
    known = [(index, label) for index, label in zip(came, given, strict=True) if label is not None]
    for row, guessed in zip(shares[1:4], (None, False, True), strict=True):
        part = [(i, a) for i, a in known if guessed in (None, EVIDENCE[i] == "guess")]
        right = sum(TRUTH[i] == label for i, label in part)
        said = sum(TRUTH[i] == PREDICTIONS[i] for i, _ in part)
        assert row[1:] == [fraction(right, len(part)), fraction(said, len(part))]
    assert shares[4][1:] == ["1.8 of 7 25 %"] * 2


def test_each_track_is_listed_with_all_that_is_known_of_it(page):
    came = order(page)
    given = [TRUTH[came[0]], (TRUTH[came[1]] + 1) % 4, None, 0, 0]
    answer(page, given)
    assert button(page, "Show result").is_disabled()  # it needs one more
    answer(page, [0])
    button(page, "Show result").click()
    assert page.evaluate("document.activeElement.className") == "ml-labels-count"
    items = widget(page).locator(".ml-labels-tracks li").all()
    said = [*given, 0, "not labelled", "not labelled"]
    for index, label, item in zip(came, said, items, strict=True):
        terms, words = (item.locator(tag).all_inner_texts() for tag in ("dt", "dd"))
        facts = dict(zip(terms, words, strict=True))
        assert f"Title {index}" in item.inner_text()
        assert f"Artist {index}" in item.inner_text()
        assert facts["Book"].split("\n")[0].strip() == SHOWN[TRUTH[index]]
        assert facts["Book"].endswith(EVIDENCE[index])
        given_words = SHOWN[label] if isinstance(label, int) else label or "skipped"
        assert facts["You"].startswith(given_words)
        assert ("as the book" in facts["You"]) == (label == TRUTH[index])
        assert facts["Classifier"].startswith(SHOWN[PREDICTIONS[index]])


def test_an_answer_can_be_changed(page):
    answer(page, [])
    page.keyboard.press("ArrowLeft")  # there is nothing to go back to
    answer(page, [0, 1])
    page.keyboard.press("ArrowLeft")
    assert f"Track 2 of {COUNT}" in text(page)
    assert button(page, "Folk world").get_attribute("aria-pressed") == "true"
    page.keyboard.press("4")
    page.keyboard.press("ArrowLeft")
    button(page, "Forward").click()
    assert f"Track 3 of {COUNT}" in text(page)
    assert not button(page, "Forward").is_visible()
    page.keyboard.press("ArrowRight")  # this one has no answer yet
    assert f"Track 3 of {COUNT}" in text(page)
    assert widget(page).evaluate("e => e.mlLabels.labels.slice(0, 3)") == [0, 3, None]


def test_a_click_goes_on_and_only_what_is_played_is_loaded(opened):
    page = opened.page
    loaded = [address for address in opened.requests if address.endswith(".flac")]
    assert loaded == []
    button(page, "Play").click()
    sounding(page)
    page.wait_for_function(
        "() => document.querySelector('.ml-labels').mlLabels.tracks[1].audio.readyState > 0"
    )
    assert len({address for address in opened.requests if address.endswith(".flac")}) == 2
    button(page, "Ambient").click()
    assert sounding(page) == 1
    page.keyboard.press(" ")
    silent(page)
    assert widget(page).evaluate("e => e.mlLabels.labels[0]") == 3
    assert f"Track 2 of {COUNT}" in text(page)


def test_orders_are_permutations_that_differ(page):
    orders = page.evaluate(
        "() => Array.from({ length: 300 }, (_, seed) => MusiclibLabels.shuffled(20, seed))"
    )
    assert all(sorted(one) == list(range(20)) for one in orders)
    assert len({tuple(one) for one in orders}) == 300
    # Wherever a track is to come, it does so about as often as any other.
    for place in (0, 10, 19):
        counts = np.bincount([one[place] for one in orders], minlength=20)
        assert counts.min() >= 4
        assert counts.max() <= 32


@pytest.mark.parametrize(("size", "dark"), [("desktop", True), ("phone", False)])
def test_nothing_keeps_readers_out(demo, open_page, size, dark):
    page = open_page(demo(labels).url, size).page
    if dark:
        darken(page)
    answer(page, [0, 1])
    faults = barriers(page, ".ml-labels")
    answer(page, [0, 1, 2, 3, 0, 1])
    assert faults + barriers(page, ".ml-labels") == []


def test_a_phone_needs_no_sideways_scrolling_and_no_fine_touch(demo, open_page):
    page = open_page(demo(labels).url, "phone").page
    page.set_viewport_size({"width": 320, "height": 800})
    answer(page, [0])
    assert page.evaluate(WIDTH) == 320
    for target in widget(page).get_by_role("button").all():
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 40
    box = button(page, "Ambient").bounding_box()
    assert box["height"] >= 44
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert f"Track 3 of {COUNT}" in text(page)
    answer(page, [1] * (COUNT - 2))
    assert page.evaluate(WIDTH) == 320
    assert widget(page).locator("table").count() == 2


def test_with_many_genres_the_table_moves_and_the_page_does_not(demo, open_page):
    def many():
        names = [f"a rather long genre {number}" for number in range(16)]
        some = [Sound(f"T {i}", tone(300.0 + 60 * i, seconds=0.2), 24_000) for i in range(2)]
        return label_test(some, names, names[:2], ["tag", "tag"]).html

    page = open_page(demo(many).url, "phone").page
    answer(page, [0, 8])
    assert page.evaluate(WIDTH) == 360
    frame = widget(page).get_by_role("region")
    assert frame.evaluate("e => e.scrollWidth > e.clientWidth && e.tabIndex === 0")


def test_without_scripts_there_are_players_and_the_labels_are_folded_away(demo, open_page):
    opened = open_page(demo(labels).url, script=False)
    page = opened.page
    players = widget(page).locator("audio")
    assert players.count() == COUNT
    assert all(player.is_visible() for player in players.all())
    assert "Title 3" not in text(page)
    widget(page).locator("summary").click()
    assert "Title 3, Artist 3: ambient (guess); the classifier says ambient" in text(page)
    assert widget(page).get_by_role("button").count() == 0
    assert opened.problems == []


def test_it_and_the_players_stop_each_other(demo, open_page):
    page = open_page(demo(labels_and_players).url).page
    play(page)
    button(page, "Play").first.click()
    sounding(page)
    wait(page, "!s.playing")
    stage(page).locator(".ml-play").click()
    wait(page, "s.playing")
    silent(page)
    assert not widget(page).evaluate("e => e.mlLabels.wanted")


def test_a_missing_file_is_said(demo, open_page):
    page = open_page("about:blank").page
    page.route("**/*.flac", lambda route: route.fulfill(status=404))
    page.goto(demo(labels).url)
    button(page, "Play").click()
    widget(page).get_by_role("alert").filter(has_text="cannot be played").wait_for()
    assert button(page, "Play").is_visible()
    answer(page, [0] * COUNT)
    index = order(page)[2]
    button(page, f"Play Title {index}, Artist {index}").click()
    item = widget(page).locator(".ml-labels-tracks li").nth(2)
    item.get_by_role("alert").filter(has_text="cannot be played").wait_for()


def test_a_notebook_alone_has_all_of_it(open_page):
    page = open_page("about:blank").page
    page.set_content(f"<!doctype html><main>{labels() * 2}</main>")
    assert page.locator(".ml-labels[data-on]").count() == 2
    page.locator(".ml-labels").first.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('audio[loop]').currentTime > 0")
    second = page.locator(".ml-labels").last
    second.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "() => { const [a, b] = document.querySelectorAll('.ml-labels');"
        " return a.mlLabels.current.audio.paused && !b.mlLabels.current.audio.paused; }"
    )
    for _ in range(COUNT):
        second.press("1")
    assert "You labelled 8 of 8 tracks" in second.inner_text()
