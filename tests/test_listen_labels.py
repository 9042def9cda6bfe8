"""Label tests: everything is in the page, safely written, and nothing is told too early."""

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


def shown(count=6, **changes):
    given = {
        "sounds": [Sound(f"Piece {i}", tone(300.0 + 50 * i), RATE) for i in range(count)],
        "choices": CHOICES,
        "truth": [CHOICES[index % 3] for index in range(count)],
        "evidence": [EVIDENCE[index % 4] for index in range(count)],
        "artists": [f"Artist {index}" for index in range(count)],
    }
    return label_test(**(given | changes)).html


def data(html):
    (root,) = [a for _, a in Page(html).elements if "data-ml-labels" in a]
    return json.loads(root["data-ml-labels"])


def test_the_page_has_all_that_the_script_needs(files):
    html = shown(predictions=["ambient"] * 6, seed=5)
    found = data(html)
    assert found["choices"] == ["orchestral", "folk world", "ambient"]
    assert found["seed"] == 5
    tracks = sorted(found["tracks"], key=lambda track: track["title"])
    assert [track["title"] for track in tracks] == [f"Piece {index}" for index in range(6)]
    assert tracks[1] == {
        "title": "Piece 1",
        "artist": "Artist 1",
        "truth": 1,
        "evidence": "guess",
        "guessed": True,
        "prediction": 2,
    }
    assert [track["guessed"] for track in tracks[:4]] == [False, True, False, True]
    for track, element in zip(found["tracks"], Page(html).all("audio"), strict=True):
        samples, _ = decoded((files / element["src"].rsplit("/", 1)[1]).read_bytes())
        assert np.abs(samples - tone(300.0 + 50 * int(track["title"][-1]))).max() < 1e-4


def test_names_of_files_and_players_tell_nothing(files):
    audio = Page(shown()).all("audio")
    labels = [f"Track {number}, 0.50 s" for number in range(1, 7)]
    assert [element["aria-label"] for element in audio] == labels
    names = {element["src"].rsplit("/", 1)[1] for element in audio}
    assert all(re.fullmatch(r"track-[0-9a-f]{12}\.flac", name) for name in names)
    assert {element["preload"] for element in audio} == {"none"}


def test_the_order_is_that_of_the_seed_and_not_of_the_genres(files):
    first, second = shown(), shown()
    ids = re.compile(r"ml-labels-\d+")
    assert ids.sub("", first) == ids.sub("", second)
    assert data(first)["tracks"] != data(shown(seed=1))["tracks"]
    truth = [CHOICES[index // 6] for index in range(18)]
    html = shown(18, truth=truth, evidence=["tag"] * 18, artists=[""] * 18)
    order = [track["truth"] for track in data(html)["tracks"]]
    assert sorted(order) == [0] * 6 + [1] * 6 + [2] * 6
    assert order != sorted(order)


def test_without_a_script_labels_are_folded_away(files):
    html = shown(predictions=["ambient"] * 6)
    before, _, folded = html.partition("<details>")
    text = Page(before + "</div></div>").text
    assert "orchestral, folk world, ambient" in text
    assert "Piece" not in text
    assert "Artist" not in text
    assert "Piece 1, Artist 1: folk world (guess); the classifier says ambient" in folded
    assert "Piece 1: folk world (guess)</li>" in shown(artists=None)
    assert not Page(html).all("script")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": 1}, "2 to 20 sounds, not 1"),
        ({"count": 21}, "not 21: draw a sample"),
        ({"truth": ["ambient"] * 5}, "`truth` .* 5 entries for 6 sounds"),
        ({"predictions": []}, "`predictions` .* 0 entries"),
        ({"truth": ["jazz", *["ambient"] * 5]}, "'jazz'} of 'Piece 0' is not among"),
        ({"predictions": ["pop", *["ambient"] * 5]}, "'pop'} of 'Piece 0' is not among"),
    ],
)
def test_tests_that_cannot_be_taken_are_refused(changes, words, files):
    with pytest.raises(AudioError, match=words):
        shown(**changes)
    assert not files.exists()
