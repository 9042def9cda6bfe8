"""Figures of tables draw the table's numbers, in colours that keep their meaning."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from musiclib import figures
from musiclib.errors import MusiclibError
from tests.figure_fixture import book_style

__all__ = ["book_style"]
pytestmark = pytest.mark.usefixtures("book_style")


def summary():
    return pd.DataFrame(
        {
            "codec": ["opus", "opus", "mp3"],
            "kbps": [12.4, 6.3, 16.1],
            "si_sdr": [9.0, 3.0, 14.0],
            "si_sdr_low": [8.0, 2.5, 13.0],
            "si_sdr_high": [10.5, 4.0, 15.0],
        }
    )


def test_rate_distortion_draws_means_and_intervals_by_rising_bitrate():
    _, axes = figures.rate_distortion(summary(), "si_sdr")
    opus = axes.containers[0]
    assert opus.lines[0].get_xydata() == pytest.approx(np.array([[6.3, 3.0], [12.4, 9.0]]))
    segments = opus.lines[2][0].get_segments()
    assert [list(segment[:, 1]) for segment in segments] == [[2.5, 4.0], [8.0, 10.5]]
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "Bitrate (kbps)"
    assert "dB" in axes.get_ylabel()
    assert "better" in axes.get_ylabel()


def test_a_codec_has_one_colour_in_every_figure():
    _, axes = figures.rate_distortion(summary(), "si_sdr", codecs=["mp3"])
    assert axes.containers[0].lines[0].get_color() == figures.codec_colour("MP3 16 kbps")
    _, bars = figures.bitrate_bars(pd.Series({"MP3 16 kbps": 16.1}))
    assert mpl.colors.to_hex(bars.patches[0].get_facecolor()) == figures.codec_colour("mp3")


def test_rate_distortion_names_what_is_missing():
    with pytest.raises(MusiclibError, match="si_sdr_low"):
        figures.rate_distortion(summary().drop(columns="si_sdr_low"), "si_sdr")
    with pytest.raises(MusiclibError, match="aac"):
        figures.rate_distortion(summary(), "si_sdr", codecs=["aac"])


def test_a_grid_of_metrics_has_one_legend():
    figure, panels = figures.rate_distortion_grid(summary(), ["si_sdr", "si_sdr", "si_sdr"])
    assert len(panels) == 3
    assert len(figure.legends) == 1
    assert all(panel.get_legend() is None for panel in panels)


def test_bars_carry_their_values():
    table = pd.DataFrame({"si_sdr": [-3.0, np.inf]}, index=["shifted", "same"])
    _, (axes,) = figures.metric_bars(table, ["si_sdr"])
    assert [text.get_text() for text in axes.texts] == ["-3.00", "inf"]
    assert [bar.get_width() for bar in axes.patches] == [-3.0, 0.0]


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
