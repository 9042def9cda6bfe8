"""Label tests: everything is in the page, safely written, and nothing is told too early."""

import base64
import json
import re

import numpy as np
import pytest

from musiclib.errors import AudioError
from musiclib.listen import Sound, label_test
from tests.listen_fixture import RATE, Page, alone, decoded, files, tone

__all__ = ["alone", "files"]
pytestmark = pytest.mark.usefixtures("alone")

CHOICES = ("orchestral", "folk_world", "ambient")
EVIDENCE = ("tag", "guess", "credits", "Guess")
NASTY = "</script><script>alert(1)</script> \"quotes\" & 'more' -->"


def sounds(count=6):
    return [Sound(f"Piece {index}", tone(300.0 + 50 * index), RATE) for index in range(count)]


def shown(count=6, **changes):
    given = {
        "sounds": sounds(count),
        "choices": CHOICES,
        "truth": [CHOICES[index % 3] for index in range(count)],
        "evidence": [EVIDENCE[index % 4] for index in range(count)],
        "artists": [f"Artist {index}" for index in range(count)],
    }
    return label_test(**(given | changes))


def data(html):
    (root,) = [a for _, a in Page(html).elements if "data-ml-labels" in a]
    return json.loads(root["data-ml-labels"])


def test_the_page_has_all_that_the_script_needs(files):
    found = data(shown(predictions=["ambient"] * 6, seed=5).html)
    assert found["choices"] == ["orchestral", "folk world", "ambient"]
    assert found["seed"] == 5
    by_title = {track["title"]: track for track in found["tracks"]}
    assert sorted(by_title) == [f"Piece {index}" for index in range(6)]
    assert by_title["Piece 1"] == {
        "title": "Piece 1",
        "artist": "Artist 1",
        "truth": 1,
        "evidence": "guess",
        "guessed": True,
        "prediction": 2,
    }
    assert [by_title[f"Piece {index}"]["guessed"] for index in range(4)] == [
        False,
        True,
        False,
        True,
    ]


def test_each_track_plays_its_own_sound(files):
    html = shown().html
    audio = Page(html).all("audio")
    for track, element in zip(data(html)["tracks"], audio, strict=True):
        number = int(track["title"].split()[1])
        samples, rate = decoded((files / element["src"].rsplit("/", 1)[1]).read_bytes())
        assert rate == RATE
        assert np.abs(samples - tone(300.0 + 50 * number)).max() < 1e-4


def test_names_of_files_and_players_tell_nothing(files):
    audio = Page(shown().html).all("audio")
    assert [element["aria-label"] for element in audio] == [
        f"Track {number}, 0.50 s" for number in range(1, 7)
    ]
    names = {element["src"].rsplit("/", 1)[1] for element in audio}
    assert names == {path.name for path in files.iterdir()}
    assert all(re.fullmatch(r"track-[0-9a-f]{12}\.flac", name) for name in names)
    assert {element["preload"] for element in audio} == {"none"}


def test_names_and_order_are_the_same_in_every_run(files):
    first, second = shown().html, shown().html
    ids = re.compile(r"ml-labels-\d+")
    assert ids.sub("", first) == ids.sub("", second)
    assert data(first)["tracks"] != data(shown(seed=1).html)["tracks"]


def test_tracks_given_by_genre_do_not_come_by_genre(files):
    truth = [CHOICES[index // 6] for index in range(18)]
    artists = [""] * 18
    html = shown(18, truth=truth, evidence=["tag"] * 18, artists=artists).html
    order = [track["truth"] for track in data(html)["tracks"]]
    assert sorted(order) == [0] * 6 + [1] * 6 + [2] * 6
    assert order != sorted(order)


def test_names_are_text_whatever_they_hold(files):
    some = [Sound(NASTY, tone(300.0), RATE), Sound("Plain", tone(400.0), RATE)]
    html = label_test(
        some,
        [NASTY, "other"],
        [NASTY, "other"],
        [NASTY, "tag"],
        artists=[NASTY, ""],
        predictions=["other", NASTY],
        title=NASTY,
    ).html
    page = Page(html)  # well formed
    assert not page.all("script")
    assert page.text.count("alert(1)") >= 5
    found = data(html)
    assert found["choices"] == [NASTY, "other"]
    (track,) = [one for one in found["tracks"] if one["title"] == NASTY]
    assert (track["artist"], track["evidence"]) == (NASTY, NASTY)


def test_a_page_with_embedded_sounds_has_the_script_and_stays_whole():
    html = shown(artists=[NASTY] * 6).html
    assert html.count("<script>") == html.count("</script>") == 2
    page = Page(re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL))
    audio = page.all("audio")
    kind, _, coded = audio[0]["src"].partition(",")
    assert kind == "data:audio/flac;base64"
    samples, _ = decoded(base64.b64decode(coded, validate=True))
    assert samples.size == RATE // 2


def test_a_page_with_files_has_no_script(files):
    page = Page(shown().html)
    assert not page.all("script")
    assert not page.all("style")


def test_without_a_script_labels_are_folded_away(files):
    html = shown(predictions=["ambient"] * 6).html
    before, _, folded = html.partition("<details>")
    text = Page(before + "</div></div>").text
    assert "orchestral, folk world, ambient" in text
    assert "Piece" not in text
    assert "Artist" not in text
    (details,) = Page(html).all("details")
    assert "open" not in details
    assert "Piece 1, Artist 1: folk world (guess); the classifier says ambient" in folded


def test_artists_and_predictions_may_be_missing(files):
    html = shown(artists=None, predictions=None).html
    assert {track["artist"] for track in data(html)["tracks"]} == {""}
    assert {track["prediction"] for track in data(html)["tracks"]} == {None}
    assert "Piece 1: folk world (guess)</li>" in html


def test_tests_of_a_page_share_no_ids(files):
    page = Page(shown().html + shown().html)
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(set(ids)) == len(ids) == 2
    assert [a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a] == ids


def test_the_text_of_a_test_tells_no_label():
    text = shown(title="By ear").text
    assert text.splitlines() == [
        "Label test of 6 tracks: By ear",
        "  Choices: orchestral, folk world, ambient",
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": 1}, "2 to 20 sounds, not 1: add some"),
        ({"count": 21}, "not 21: draw a sample"),
        ({"choices": ["ambient"]}, "at least two choices"),
        ({"choices": [*CHOICES, " "]}, "blank"),
        ({"choices": [*CHOICES, "folk world"]}, r"the same: \['folk world'\]"),
        ({"truth": ["ambient"] * 5}, "`truth` of a label test has the length 5, .* 6 sounds"),
        ({"evidence": ["tag"] * 7}, "`evidence` .* 7"),
        ({"artists": ["x"]}, "`artists` .* 1"),
        ({"predictions": []}, "`predictions` .* 0"),
        (
            {"truth": ["jazz", *["ambient"] * 5]},
            "label 'jazz' of 'Piece 0' is not among",
        ),
        ({"predictions": ["pop", *["ambient"] * 5]}, "prediction 'pop' of 'Piece 0' is not among"),
        ({"evidence": ["tag", " ", *["tag"] * 4]}, "'Piece 1' has no evidence"),
    ],
)
def test_tests_that_cannot_be_taken_are_refused(changes, words, files):
    with pytest.raises(AudioError, match=words):
        shown(**changes)
    assert not files.exists()
