"""The front page's tour: the bytes are kept to, and the words follow the numbers."""

import numpy as np
import pytest

from musiclib.datasets import open_dataset
from musiclib.studies import tour
from tests.figure_fixture import book_style  # noqa: F401


@pytest.fixture(scope="module")
def taken():
    return tour.take(open_dataset("mini"), "smoke", 0)


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
    names = ("Reference", "Opus 8", "Autoencoder", "Melic")
    places = [html.rindex(f'data-label="{name}') for name in names]
    assert places == sorted(places)
    assert len(list(tmp_path.glob("*.flac"))) == 4


def test_the_numbers_are_those_of_the_files(taken):
    numbers = tour.numbers(taken)
    assert numbers["clips"] == len(taken.pairs)
    assert numbers["kbps"] <= numbers["rival_kbps"]
    assert np.isfinite(list(numbers.values())).all()
