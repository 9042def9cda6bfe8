"""Figures of tables draw the table's numbers, in colours that keep their meaning."""

import numpy as np
import pytest

from musiclib import figures
from tests.figure_fixture import book_style

__all__ = ["book_style"]
pytestmark = pytest.mark.usefixtures("book_style")


def test_a_confusion_matrix_shows_shares_of_each_row_with_counts():
    _, axes = figures.confusion_matrix([[3, 1], [0, 0]], ["a_b", "c"])
    assert np.asarray(axes.collections[0].get_array()) == pytest.approx(
        np.array([[0.75, 0.25], [0.0, 0.0]])
    )
    assert [text.get_text() for text in axes.texts][:2] == ["75%\n(3)", "25%\n(1)"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a b", "c"]
    with pytest.raises(ValueError, match="do not fit"):
        figures.confusion_matrix([[1, 2]], ["a", "b"])


def test_colours_are_distinct_and_do_not_depend_on_the_order():
    genres = [*figures.GENRE_COLOURS, "polka", "hip-hop", "opera", "blues"]
    colours = figures.genre_colours(genres)
    assert len(set(colours.values())) == len(genres)
    assert colours == figures.genre_colours(reversed(genres))
    codecs = [name for name in figures.CODEC_COLOURS if name != "pcm"]  # PCM is the reference
    assert len({figures.CODEC_COLOURS[name] for name in codecs}) == len(codecs)
    assert figures.codec_colour("Downsampling 64 kbps") == figures.CODEC_COLOURS["downsample"]
    assert figures.codec_colour("Unheard of") == figures.codec_colour("Unheard of")


def test_two_settings_of_a_codec_differ_in_line_style():
    first, second, other = figures.series_styles(["Opus 6 kbps", "Opus 12 kbps", "something"])
    assert first["color"] == second["color"] != other["color"]
    assert first["linestyle"] != second["linestyle"]
