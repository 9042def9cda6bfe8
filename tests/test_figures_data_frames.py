"""Shown data frames: their files hold the values, their HTML names the file."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter

from musiclib.figures import with_values
from musiclib.figures.data_frames import csv_text, published_html, show_published_tables


@pytest.fixture
def media(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSICLIB_MEDIA_DIR", str(tmp_path))
    return tmp_path


def saved(html, media):
    name = re.search(r'data-ml-csv="([0-9a-f]+\.csv)"', html)[1]
    return (media / "tables" / name).read_text(encoding="utf-8")


def test_the_file_has_the_values_in_full(media):
    frame = pd.DataFrame({"error (dB)": [1 / 3, -2e-9]}, index=pd.Index(["a", "b"], name="codec"))
    back = pd.read_csv(io.StringIO(saved(published_html(frame), media)), index_col="codec")
    pd.testing.assert_frame_equal(back, frame, check_exact=True)


def test_a_rounded_table_keeps_the_values_from_before(media):
    frame = pd.DataFrame({"x": [np.pi]})
    shown = with_values(frame.round(1), frame).rename_axis("n")
    html = published_html(shown)
    assert "3.1<" in html
    assert str(np.pi) in saved(html, media)


def test_a_styler_is_kept_as_its_data(media):
    frame = pd.DataFrame({"word": ["music"], "n": [0.123456]})
    html = published_html(frame.style.format(precision=1))
    assert ">0.1<" in html
    assert "0.123456" in saved(html, media)


def test_plain_numbering_of_rows_is_left_out():
    assert csv_text(pd.DataFrame({"a": [1, 2]})) == "a\n1\n2\n"


def test_the_corner_names_the_rows():
    frame = pd.DataFrame({"a": [1]}, index=["x"]).rename_axis(columns="codec")
    assert csv_text(frame) == "codec,a\nx,1\n"


def test_the_page_gets_no_style_of_its_own(media):
    assert "<style" not in published_html(pd.DataFrame({"a": [1]}))


def test_a_notebook_outside_a_build_is_left_alone(monkeypatch):
    monkeypatch.delenv("MUSICLIB_MEDIA_DIR", raising=False)
    formatter = DisplayFormatter()
    show_published_tables(formatter)
    assert "data-ml-csv" not in formatter.format(pd.DataFrame({"a": [1]}))[0]["text/html"]


def test_a_build_shows_frames_and_stylers_with_their_files(media):
    formatter = DisplayFormatter()
    show_published_tables(formatter)
    frame = pd.DataFrame({"a": [1]})
    for shown in (frame, frame.style):
        assert saved(formatter.format(shown)[0]["text/html"], media)
