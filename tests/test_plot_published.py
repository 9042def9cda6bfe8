"""Figures and tables as pages show them: small PNG, dark and narrow twins, SVG, CSV."""

import hashlib
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from musiclib import plot
from musiclib.plot.dark import GROUND, INK, dark_colours, dark_theme
from musiclib.plot.published import (
    MAX_SVG_BYTES,
    NARROW_INCHES,
    figure_png,
    figure_svg,
    published_html,
    published_png,
    show_published_tables,
)
from tests.figure_fixture import RATE, book_style, tone

__all__ = ["book_style"]

pytestmark = pytest.mark.usefixtures("book_style")

WHITE, BLACK = (1.0, 1.0, 1.0, 1.0), (0.1, 0.1, 0.1, 1.0)
NAVY = (0.2, 0.133, 0.533, 1.0)


@pytest.fixture
def media(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSICLIB_MEDIA_DIR", str(tmp_path))
    return tmp_path


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def dark_pixels(figure):
    figure.canvas.draw()
    with dark_theme(figure):
        return pixels(figure_png(figure, GROUND))


def luminance(rgb):
    rgb = np.asarray(rgb)[:3]
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(rgb):
    return (luminance(rgb) + 0.05) / (luminance(np.array(GROUND) / 255) + 0.05)


def count(picture, colour, tolerance=6):
    return int((np.abs(picture - np.array(colour)).max(axis=2) <= tolerance).sum())


def test_paper_and_ink_change_places_and_only_dark_colours_are_lightened():
    orange = (0.9, 0.62, 0.0, 1.0)
    white, black, kept, navy = dark_colours([WHITE, BLACK, orange, NAVY])
    assert white[:3] * 255 == pytest.approx(GROUND, abs=1)
    assert black[:3] * 255 == pytest.approx(INK, abs=2)
    assert kept == pytest.approx(orange)
    assert contrast(NAVY) < 2
    assert contrast(navy) > 2.9
    assert navy[2] == max(navy[:3])  # still blue


def test_a_figure_gets_a_dark_ground_and_light_text_and_is_itself_again():
    figure, axes = plt.subplots(figsize=(4, 3))
    axes.plot([0, 1], [0, 1], color="#e69f00", linewidth=6)
    axes.set_title("A title")
    figure_png(figure)  # lays it out
    before = figure_png(figure)
    dark = dark_pixels(figure)
    assert count(dark, GROUND, 1) > 0.6 * dark.shape[0] * dark.shape[1]
    assert count(dark, INK, 30) > 100
    assert count(dark, (0xE6, 0x9F, 0x00)) == pytest.approx(
        count(pixels(before), (0xE6, 0x9F, 0x00)), rel=0.05
    )
    assert count(dark, (255, 255, 255)) == 0
    assert figure_png(figure) == before


def test_pictures_and_what_is_drawn_on_them_stay():
    figure, axes = plt.subplots(figsize=(3, 3))
    axes.imshow(np.full((2, 2), 0.5), cmap="Greys", vmin=0, vmax=1)
    inside = axes.text(0.5, 0.5, "inside", color="black")
    outside = axes.set_title("outside")
    figure.canvas.draw()
    with dark_theme(figure):
        assert inside.get_color() == "black"
        assert outside.get_color() != "black"
        assert luminance(outside.get_color()) > 0.5
    light, dark = pixels(figure_png(figure)), dark_pixels(figure)
    row, columns = light.shape[0] // 2, slice(light.shape[1] // 3, light.shape[1] // 2)
    assert np.abs(light[row, columns] - dark[row, columns]).max() < 8


def test_text_on_colours_and_colours_that_stand_for_numbers_stay():
    figure, axes = plt.subplots(figsize=(4, 3))
    axes.set(xlim=(0, 4), ylim=(0, 1))
    axes.bar([1], [1], color="#e69f00")
    axes.bar([3], [1], color="#ffffff")
    coloured = axes.text(1, 0.5, "a", color="black", ha="center")
    white = axes.text(3, 0.5, "b", color="black", ha="center")
    marks = axes.scatter([0, 1], [0, 1], c=[0.0, 1.0], cmap="Greys")
    figure.canvas.draw()
    before = marks.get_facecolor().copy()
    with dark_theme(figure):
        figure.canvas.draw()
        assert coloured.get_color() == "black"
        assert luminance(white.get_color()) > 0.5
        assert marks.get_facecolor() == pytest.approx(before)


def test_an_svg_of_clouds_and_pictures_is_small_and_the_same_twice():
    random = np.random.default_rng(0)
    figure, (left, right) = plt.subplots(1, 2)
    left.scatter(*random.standard_normal((2, 20_000)))
    right.pcolormesh(random.standard_normal((300, 300)))
    text = figure_svg(figure)
    assert len(text) < MAX_SVG_BYTES
    assert text.count(b"<image") >= 2
    assert b"<dc:date>" not in text
    assert not left.collections[0].get_rasterized()
    assert figure_svg(figure) == text


def letters(text: bytes) -> float:
    """Height in pixels of the page, in a column of a phone, of the letters of 10 points."""
    width = float(re.search(rb'width="([0-9.]+)pt"', text)[1])
    return 10 * 344 / width


def test_a_narrow_twin_can_be_read_on_a_phone(media):
    figure, panels = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
    for panel in panels:
        panel.plot([0, 1], [0, 1])
    panels[0].set_ylabel("Error")
    places = [panel.get_subplotspec() for panel in panels]
    name = hashlib.sha256(published_png(figure)).hexdigest()
    kinds = ("-dark.png", ".svg", "-narrow.svg", "-narrow-dark.svg")
    assert {path.name for path in (media / "figures").iterdir()} == {name + k for k in kinds}
    text = (media / "figures" / f"{name}-narrow.svg").read_bytes()
    assert letters((media / "figures" / f"{name}.svg").read_bytes()) < 7
    assert letters(text) >= 11
    dark = (media / "figures" / f"{name}-narrow-dark.svg").read_bytes()
    assert b"#ffffff" in text
    assert b"#ffffff" not in dark  # the page's own ground shows
    # Both panels are as wide as the page, one below the other, and the figure is as it was.
    corners = re.findall(rb'<g id="axes_\d">.*?<path d="M ([0-9.]+) ([0-9.]+)', text, re.DOTALL)
    (left, top), (other, below) = ([float(part) for part in corner] for corner in corners)
    assert left == pytest.approx(other, abs=30)
    assert below > top + 100
    assert tuple(figure.get_size_inches()) == (8, 3)
    assert [panel.get_subplotspec() for panel in panels] == places


def narrow_twin(figure, folder):
    """Publish a figure; gives its twin for phones."""
    name = hashlib.sha256(published_png(figure)).hexdigest()
    return (folder / "figures" / f"{name}-narrow.svg").read_bytes()


LONG = "the spectrogram autoencoder, fine-tuned, against log-mel spectrograms"


@pytest.mark.filterwarnings("error")
def test_a_figure_of_many_words_is_only_as_narrow_as_they_allow(media):
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    axes.barh([LONG, "short"], [0.1, 0.2])
    assert 5 < letters(narrow_twin(figure, media)) < 11


@pytest.mark.filterwarnings("error")
def test_on_a_phone_the_words_of_a_forest_stand_above_its_rows(media):
    table = pd.DataFrame(
        {"label": [LONG, "short"], "mean": [0.1, 0.2], "low": [0.0, 0.1], "high": [0.2, 0.3]}
    )
    figure, axes = plot.forest(table)
    usual = figure_png(figure)
    text = narrow_twin(figure, media)
    assert letters(text) >= 11
    frame = re.search(rb'<g id="axes_1">.*?<path d="M ([0-9.]+) \S+ \nL ([0-9.]+)', text, re.DOTALL)
    left, right = (float(side) for side in frame.groups())
    assert right - left > 0.9 * 72 * NARROW_INCHES
    assert [label.get_text() for label in axes.get_yticklabels()] == [LONG, "short"]
    assert figure_png(figure) == usual


def test_a_label_at_the_left_end_of_a_line_keeps_off_the_axis_of_a_narrow_twin():
    from musiclib.plot.published import _narrow

    kbps = [0.5, 1.0, 4.0, 16.0, 48.0]
    table = pd.DataFrame({"system": "autoencoder", "kbps": kbps, "mean": [36, 38, 44, 58, 95]})
    figure, axes = plot.curves(table, "kbps", log_x=True, label_at="left")
    axes.set_xlim(left=0.22)
    figure.draw_without_rendering()
    (label,) = axes.texts
    place = label.xyann
    with _narrow(figure):
        figure.draw_without_rendering()
        box, frame = label.get_window_extent(), axes.bbox
        assert box.x0 >= frame.x0 + 5
        line = axes.transData.transform(axes.lines[0].get_xydata())
        under = [y for x, y in line if box.x0 <= x <= box.x1]
        assert under
        assert max(under) < box.y0
    assert label.xyann == place


@pytest.mark.parametrize("colours", [3, 400])
def test_a_published_figure_is_small_and_its_ground_stays_white(colours):
    figure, (left, right) = plt.subplots(1, 2)
    left.axis("off")
    left.imshow(np.linspace(0.9, 0.999, colours)[None, :], cmap="gray", vmin=0, vmax=1)
    left.axhspan(0.2, 0.5, color=(252 / 255, 252 / 255, 252 / 255))
    plot.spectrogram(tone(seconds=3.0), RATE, axes=right)
    plain = io.BytesIO()
    figure.savefig(plain, format="png")
    small = figure_png(figure)
    assert len(small) < len(plain.getvalue()) / 2
    before = np.asarray(Image.open(plain).convert("RGB"), int)
    after = pixels(small)
    assert before.shape == after.shape
    assert tuple(after[0, 0]) == (255, 255, 255)
    assert np.abs(before - after).mean() < 2.0


def saved(html, media):
    name = re.search(r'data-ml-csv="([0-9a-f]+\.csv)"', html)[1]
    return (media / "tables" / name).read_text(encoding="utf-8")


def test_the_file_has_the_values_in_full_and_a_styler_is_kept_as_its_data(media):
    frame = pd.DataFrame({"error (dB)": [1 / 3, -2e-9]}, index=pd.Index(["a", "b"], name="codec"))
    back = pd.read_csv(io.StringIO(saved(published_html(frame), media)), index_col="codec")
    pd.testing.assert_frame_equal(back, frame, check_exact=True)
    html = published_html(pd.DataFrame({"n": [0.123456]}).style.format(precision=1))
    assert ">0.1<" in html
    assert "0.123456" in saved(html, media)


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
