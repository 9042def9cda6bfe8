"""Explorers: their settings, the page without a kernel, and when widgets are chosen."""

import io
import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from bs4 import BeautifulSoup
from matplotlib.figure import Figure
from PIL import Image

from musiclib.book.run import refusals
from musiclib.errors import AudioError, BookError
from musiclib.explore import (
    Control,
    Explorer,
    Frame,
    Pane,
    chart_picture,
    explore,
    is_live,
    picture,
    sound_picture,
    wave_picture,
)
from musiclib.explore.page import page
from musiclib.listen.media import MediaStore
from tests.explore_fixture import RATE, tone, tones

VOID = {"img", "input", "br"}


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore(tmp_path / "media", "media")


class Balance(HTMLParser):
    """Whether every element is closed, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.ids += [value for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def test_the_loud_part_of_a_picture_is_bright_and_lies_at_its_frequency() -> None:
    drawn = sound_picture(tone(1000, 0.5), RATE, "1 kHz")
    pixels = np.asarray(Image.open(io.BytesIO(drawn.data)).convert("L")).astype(float)
    assert pixels.shape == (drawn.height, drawn.width)
    assert drawn.top == "4 kHz"
    # A quarter of the way up from the bottom.
    assert abs(int(pixels.mean(axis=1).argmax()) - 0.75 * drawn.height) < 4


def test_silence_is_a_dark_picture_and_a_flat_wave() -> None:
    silent = np.zeros(RATE, np.float32)
    for drawn in (sound_picture(silent, RATE, "silence"), wave_picture(silent, RATE, "silence")):
        pixels = np.asarray(Image.open(io.BytesIO(drawn.data)).convert("L"))
        assert np.mean(pixels > 20) < 0.02


def test_few_cells_are_drawn_as_rectangles() -> None:
    cells = np.array([[0.0, -60.0], [-60.0, 0.0]])
    drawn = picture(cells, "cells", floor_db=-60.0, top_khz=1, seconds=1, width=40, height=20)
    pixels = np.asarray(Image.open(io.BytesIO(drawn.data)).convert("L"))
    assert len(np.unique(pixels)) == 2
    assert pixels[-1, 0] > pixels[0, 0]  # low frequencies at the bottom


def test_a_wave_is_as_high_as_its_loudest_part() -> None:
    audio = np.concatenate([tone(200, 0.1, 1.0), tone(200, 0.8, 1.0)])
    pixels = np.asarray(Image.open(io.BytesIO(wave_picture(audio, RATE, "x").data)).convert("L"))
    heights = (pixels > 100).sum(axis=0)
    assert heights[-200:].mean() > 6 * heights[:200].mean()


def test_a_chart_keeps_its_proportions_and_its_own_axes(store: MediaStore, tmp_path: Path) -> None:
    def frame(level: int) -> Frame:
        figure = Figure(figsize=(5, 2.5), dpi=100)
        figure.subplots().axhline(level)
        return Frame((Pane("Level", chart_picture(figure, f"A line at {level}")),))

    explorer = Explorer("levels", "Levels", (Control("level", "Level", (1, 2)),), frame, "Lines.")
    soup = BeautifulSoup(page(explorer, store).html, "html.parser")
    images = soup.select("img.mx-chart")
    assert {image["alt"] for image in images} == {"A line at 1", "A line at 2"}
    assert {(image["width"], image["height"]) for image in images} == {("500", "250")}
    assert soup.select(".mx-axes, [data-mx-follows]") == []
    assert {Image.open(path).size for path in tmp_path.rglob("*.png")} == {(500, 250)}


def test_only_settings_that_exist_are_computed_each_of_them_once(store: MediaStore) -> None:
    calls: list = []
    explorer = tones(calls=calls)
    assert calls == []
    page(explorer, store)
    page(explorer, store)
    assert sorted(calls) == sorted((s["loudness"], s["pitch"]) for s in explorer.settings())
    assert ("loud", 2000) not in calls


def test_the_start_is_the_nearest_setting_that_exists() -> None:
    assert tones().start() == {"loudness": "loud", "pitch": 1000}


def test_values_are_read_with_their_unit() -> None:
    control = Control("n", "N", (1, 2.5, 48_000), "Hz", words={1: "one"})
    assert [control.text(v) for v in control.values] == ["one", "2.5 Hz", "48,000 Hz"]


@pytest.mark.parametrize(
    "values", [{"values": ()}, {"values": (1, 1)}, {"values": (1, 2), "start": 3}]
)
def test_a_control_without_a_choice_is_refused(values: dict) -> None:
    with pytest.raises(BookError, match="Amount"):
        Control("amount", "Amount", **values)


def test_an_explorer_without_any_setting_is_refused() -> None:
    with pytest.raises(BookError, match="none of its settings"):
        Explorer(
            "x",
            "X",
            (Control("a", "A", (1, 2)),),
            lambda **_: Frame(),
            "",
            exists=lambda **_: False,
        )


def test_frames_of_different_shape_are_refused(store: MediaStore) -> None:
    drawn = sound_picture(tone(500, 0.1), RATE, "x")
    explorer = Explorer(
        "x", "X", (Control("n", "N", (1, 2)),), lambda n: Frame((Pane("P", drawn),) * n), ""
    )
    with pytest.raises(BookError, match="same number of pictures"):
        page(explorer, store)


def test_a_sound_that_is_no_sound_is_refused() -> None:
    with pytest.raises(AudioError):
        Pane("x", sound_picture(tone(500, 0.1), RATE, "x"), np.zeros(0, np.float32), RATE)


def test_a_page_holds_every_setting_with_files_of_true_level(
    store: MediaStore, tmp_path: Path
) -> None:
    explorer = tones()
    soup = BeautifulSoup(page(explorer, store).html, "html.parser")
    items = soup.select("details li[data-mx-at]")
    assert [item["data-mx-at"] for item in items] == ["0 0", "0 1", "0 2", "1 0", "1 1"]
    for item, setting in zip(items, explorer.settings(), strict=True):
        assert item.select_one(".mx-setting").text == explorer.text(setting)
        audio, rate = soundfile.read(tmp_path / item.audio["src"])
        assert rate == RATE
        expected = {"soft": 0.1, "loud": 0.4}[setting["loudness"]]
        assert np.abs(audio).max() == pytest.approx(expected, abs=0.001)
        assert item.audio["preload"] == "none"
        assert item.audio["aria-label"]
        for image in item.find_all("img"):
            assert image["alt"]
            assert image["loading"] == "lazy"
            Image.open(tmp_path / image["src"]).verify()


def test_equal_pictures_are_one_file(store: MediaStore, tmp_path: Path) -> None:
    page(tones(), store)
    # Five tones and the reference, a sound and a picture each; two panes share their picture, and
    # colours are relative, so that loud and soft look alike.
    assert len(list((tmp_path / "media").glob("*.flac"))) == 6
    assert len(list((tmp_path / "media").glob("*.png"))) <= 6


def test_a_page_shows_no_control_before_a_script_makes_it_work(store: MediaStore) -> None:
    soup = BeautifulSoup(page(tones(), store).html, "html.parser")
    assert soup.select("input, button, select") == []
    stage = soup.select_one(".mx-stage")
    assert len(stage.select("audio[controls]")) == 2
    assert "loud, 1,000 Hz" in stage.text
    specs = json.loads(soup.section["data-mx"])
    assert [(spec["label"], spec["slides"]) for spec in specs] == [
        ("Loudness", False),
        ("Pitch", True),
    ]


def test_html_is_well_formed_and_two_explorers_share_a_page(store: MediaStore) -> None:
    html = page(tones("one"), store).html + page(tones("two", seconds=1.0), store).html
    ids = Balance(html).ids
    assert len(set(ids)) == len(ids)
    assert "<one>" not in html
    soup = BeautifulSoup(html, "html.parser")
    for section in soup.find_all("section"):
        assert soup.find(id=section["aria-labelledby"]).text.startswith("Tones <")


def test_the_list_is_compact(store: MediaStore) -> None:
    html = page(tones(), store).html
    assert len(html) < 1500 * 5 + 2500


def test_outside_the_book_style_and_script_come_along_and_sounds_are_embedded() -> None:
    shown = explore(tones(seconds=0.5), MediaStore(), live=False)
    assert "data:audio/flac" in shown.html
    assert shown.html.count("<script>") == 2
    assert "<style>" in shown.html
    assert "loud, 500 Hz: Tone Peak 0.40, Period 2 ms" in str(shown)


def test_a_build_never_gets_widgets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MUSICLIB_WIDGETS", "1")
    monkeypatch.setenv("MUSICLIB_MEDIA_DIR", str(tmp_path))
    monkeypatch.setenv("MUSICLIB_MEDIA_URL", "media")
    assert not is_live()
    shown = explore(tones(seconds=0.5))
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    output = {"output_type": "display_data", "data": bundle, "metadata": {}}
    import nbformat

    cell = nbformat.v4.new_code_cell(
        "explore()", execution_count=1, outputs=[nbformat.from_dict(output)]
    )
    assert refusals(nbformat.v4.new_notebook(cells=[cell]), [str(tmp_path)]) == []


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No notebook is open."""
    for name in ("MUSICLIB_WIDGETS", "MUSICLIB_MEDIA_DIR", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    shell = SimpleNamespace(kernel=object(), user_ns={})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    return monkeypatch


def test_a_kernel_that_nobody_looks_at_gets_no_widgets(alone: pytest.MonkeyPatch) -> None:
    assert not is_live()


def test_an_opened_notebook_gets_widgets(alone: pytest.MonkeyPatch) -> None:
    alone.setenv("JPY_SESSION_NAME", "book/introduction.ipynb")
    assert is_live()
    alone.setenv("MUSICLIB_WIDGETS", "0")
    assert not is_live()


def test_colab_and_vs_code_are_known(alone: pytest.MonkeyPatch) -> None:
    alone.setitem(sys.modules, "google.colab", SimpleNamespace())
    assert is_live()
    alone.delitem(sys.modules, "google.colab")
    sys.modules["IPython"].get_ipython().user_ns["__vsc_ipynb_file__"] = "x.ipynb"
    assert is_live()


def test_a_session_name_without_a_kernel_is_no_notebook(alone: pytest.MonkeyPatch) -> None:
    alone.setenv("JPY_SESSION_NAME", "left over")
    alone.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not is_live()


def test_a_wish_is_yes_or_no(alone: pytest.MonkeyPatch) -> None:
    alone.setenv("MUSICLIB_WIDGETS", "1")
    assert is_live()
    alone.setenv("MUSICLIB_WIDGETS", "maybe")
    with pytest.raises(BookError, match="set it to 1"):
        is_live()


def test_a_wish_for_widgets_without_the_library_says_what_to_do(
    alone: pytest.MonkeyPatch,
) -> None:
    alone.setenv("MUSICLIB_WIDGETS", "1")
    alone.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(BookError, match="pip install ipywidgets"):
        is_live()
