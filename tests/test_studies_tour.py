"""The front page's tour: the bytes are kept to, and the words follow the numbers."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from musiclib.datasets import open_dataset
from musiclib.studies import tour
from tests.figure_fixture import book_style  # noqa: F401


@pytest.fixture(scope="module")
def taken():
    return tour.take(open_dataset("mini"), "smoke", 0)


def shifted(taken, by):
    """The same clips by eight artists each, and the autoencoder better by a constant."""
    pairs = taken.pairs.assign(**{tour.METRIC: taken.pairs[f"rival_{tour.METRIC}"] + by})
    many = pd.concat([pairs.assign(artist=f"artist {number}") for number in range(8)])
    return dataclasses.replace(taken, pairs=many)


def test_the_autoencoder_writes_no_more_than_the_rival(taken):
    assert (taken.pairs["kbps"] <= taken.pairs["rival_kbps"]).all()


def test_the_clip_is_a_typical_one(taken):
    gains = taken.pairs[tour.METRIC] - taken.pairs[f"rival_{tour.METRIC}"]
    gains.index = taken.pairs["track_id"]
    distances = (gains - gains.median()).abs()
    assert distances[taken.clip.track_id] == pytest.approx(distances.min())


def test_three_codecs_with_the_reference_first(taken, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSICLIB_MEDIA_DIR", str(tmp_path))
    monkeypatch.setenv("MUSICLIB_MEDIA_URL", "media")
    html = tour.three_sounds(taken)._repr_html_()
    names = ("Reference", "Opus 8", "Autoencoder", "musiclib")
    places = [html.rindex(f'data-label="{name}') for name in names]
    assert places == sorted(places)
    assert len(list(tmp_path.glob("*.flac"))) == 4


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (1.0, "rates the autoencoder higher"),
        (-1.0, "rates Opus 8 kbps higher"),
        (0.0, "does not settle"),
    ],
)
def test_the_verdict_follows_the_numbers(taken, by, words):
    assert words in tour.heard(shifted(taken, by))


def test_the_picture_has_all_systems_and_the_text_its_best(taken, book_style):  # noqa: F811
    figure, axes = tour.picture(taken)
    labels = {text.get_text() for text in axes.get_legend().get_texts()}
    assert labels == {"Opus", "MP3", "Autoencoder", "musiclib"}
    plt.close(figure)
    best = taken.table[taken.table["codec"] == "autoencoder"][tour.METRIC].mean()
    assert f"{best:.2f} of 5" in tour.seen(taken) or f"and {best:.2f}." in tour.seen(taken)


def test_the_numbers_are_those_of_the_files(taken):
    numbers = tour.numbers(taken)
    assert numbers["clips"] == len(taken.pairs)
    assert numbers["kbps"] <= numbers["rival_kbps"]
    assert np.isfinite(list(numbers.values())).all()
