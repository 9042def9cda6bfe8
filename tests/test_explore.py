"""Explorers: their settings, the page without a kernel, and widgets."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import soundfile
from bs4 import BeautifulSoup
from matplotlib.figure import Figure
from PIL import Image

from musiclib.book.run import refusals
from musiclib.errors import AudioError, BookError, CodecError
from musiclib.explore import (
    Control,
    Explorer,
    Frame,
    Pane,
    chart_picture,
    explore,
    is_live,
    sound_picture,
)
from musiclib.explore.page import page
from musiclib.explore.widgets import nearest
from musiclib.listen import MediaStore
from tests.explore_fixture import RATE, tone, tones

ipywidgets = pytest.importorskip("ipywidgets")
DRAWN = sound_picture(tone(500, 0.1), RATE, "x")


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore(tmp_path / "media", "media")


def pixels(drawn) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(drawn.data)).convert("L")).astype(float)


def test_the_loud_part_of_a_picture_is_bright_and_lies_at_its_frequency() -> None:
    drawn = sound_picture(tone(1000, 0.5), RATE, "1 kHz")
    assert pixels(drawn).shape == (drawn.height, drawn.width)
    assert drawn.top == "4 kHz"
    # A quarter of the way up from the bottom.
    assert abs(int(pixels(drawn).mean(axis=1).argmax()) - 0.75 * drawn.height) < 4


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
    assert soup.select(".mx-axes") == []
    assert {Image.open(path).size for path in tmp_path.rglob("*.png")} == {(500, 250)}


def test_only_settings_that_exist_are_computed_each_of_them_once(store: MediaStore) -> None:
    calls: list = []
    explorer = tones(calls=calls)
    page(explorer, store)
    page(explorer, store)
    assert sorted(calls) == sorted((s["loudness"], s["pitch"]) for s in explorer.settings())
    assert ("loud", 2000) not in calls
    assert explorer.start() == {"loudness": "loud", "pitch": 1000}  # the nearest that exists


def explorer(frame, **changes) -> Explorer:
    controls = (Control("n", "N", (1, 2, 3), start=1),)
    return Explorer("x", "X", controls, frame, "", **changes)


def test_what_cannot_be_explored_is_refused(store: MediaStore) -> None:
    for values in ({"values": ()}, {"values": (1, 1)}, {"values": (1, 2), "start": 3}):
        with pytest.raises(BookError, match="Amount"):
            Control("amount", "Amount", **values)
    with pytest.raises(BookError, match="none of its settings"):
        explorer(lambda **_: Frame(), exists=lambda **_: False)
    with pytest.raises(BookError, match="same number of pictures"):
        page(explorer(lambda n: Frame((Pane("P", DRAWN),) * n)), store)
    with pytest.raises(AudioError):
        Pane("x", DRAWN, np.zeros(0, np.float32), RATE)


def test_a_page_holds_every_setting_with_files_of_true_level(
    store: MediaStore, tmp_path: Path
) -> None:
    made = tones()
    soup = BeautifulSoup(page(made, store).html, "html.parser")
    items = soup.select("details li[data-mx-at]")
    assert [item["data-mx-at"] for item in items] == ["0 0", "0 1", "0 2", "1 0", "1 1"]
    for item, setting in zip(items, made.settings(), strict=True):
        assert item.select_one(".mx-setting").text == made.text(setting)
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
    # Five tones and the reference; two panes share their picture, and loud and soft look alike.
    assert len(list((tmp_path / "media").glob("*.flac"))) == 6
    assert len(list((tmp_path / "media").glob("*.png"))) <= 6


def test_outside_the_book_style_and_script_come_along_and_sounds_are_embedded() -> None:
    shown = page(tones(seconds=0.5), MediaStore())
    assert "data:audio/flac" in shown.html
    assert shown.html.count("<script>") == shown.html.count("<style>") == 2
    assert "loud, 500 Hz: Tone Peak 0.40, Period 2 ms" in str(shown)


def test_a_build_never_gets_widgets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MUSICLIB_WIDGETS", "1")
    monkeypatch.setenv("MUSICLIB_MEDIA_DIR", str(tmp_path))
    monkeypatch.setenv("MUSICLIB_MEDIA_URL", "media")
    assert not is_live()
    bundle = explore(tones(seconds=0.5))._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    output = nbformat.from_dict({"output_type": "display_data", "data": bundle, "metadata": {}})
    cell = nbformat.v4.new_code_cell("explore()", execution_count=1, outputs=[output])
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


def test_an_opened_notebook_gets_widgets(alone: pytest.MonkeyPatch) -> None:
    assert not is_live()  # a kernel that nobody looks at
    shell = sys.modules["IPython"].get_ipython()
    shell.user_ns["__vsc_ipynb_file__"] = "x.ipynb"
    assert is_live()
    shell.user_ns.clear()
    alone.setitem(sys.modules, "google.colab", SimpleNamespace())
    assert is_live()
    alone.delitem(sys.modules, "google.colab")
    alone.setenv("JPY_SESSION_NAME", "book/introduction.ipynb")
    assert is_live()
    alone.setenv("MUSICLIB_WIDGETS", "0")
    assert not is_live()
    alone.delenv("MUSICLIB_WIDGETS")
    alone.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not is_live()  # a name left over, without a kernel


def test_a_wish_is_yes_or_no_and_needs_the_library(alone: pytest.MonkeyPatch) -> None:
    alone.setenv("MUSICLIB_WIDGETS", "1")
    assert is_live()
    alone.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(BookError, match="pip install ipywidgets"):
        is_live()
    alone.setenv("MUSICLIB_WIDGETS", "maybe")
    with pytest.raises(BookError, match="set it to 1"):
        is_live()


@pytest.fixture
def live(alone: pytest.MonkeyPatch) -> None:
    """The reader wants widgets."""
    alone.setenv("MUSICLIB_WIDGETS", "1")


def parts(box):
    """Controls by label, and the HTML that follows them."""
    controls = {w.description: w for w in box.children if hasattr(w, "options")}
    (row,) = (w for w in box.children if isinstance(w, ipywidgets.HBox))
    return controls, row.children[-1]


@pytest.mark.usefixtures("live")
def test_setting_a_slider_changes_pictures_sounds_and_facts() -> None:
    calls: list = []
    controls, stage = parts(explore(tones(calls=calls)))
    assert isinstance(controls["Pitch"], ipywidgets.SelectionSlider)
    assert isinstance(controls["Loudness"], ipywidgets.ToggleButtons)
    before = BeautifulSoup(stage.value, "html.parser")
    for pitch in (500, 1000, 500):
        controls["Pitch"].value = pitch
    after = BeautifulSoup(stage.value, "html.parser")
    assert calls == [("loud", 1000), ("loud", 500)]  # each is computed once
    assert "loud, 500 Hz" in after.text
    for name in ("img", "audio"):
        assert before.find(name)["src"] != after.find(name)["src"]
        assert after.find(name)["src"].startswith("data:")


@pytest.mark.usefixtures("live")
def test_a_control_offers_only_what_exists() -> None:
    controls, stage = parts(explore(tones()))
    assert [value for _, value in controls["Pitch"].options] == [500, 1000]
    controls["Loudness"].value = "soft"
    assert [value for _, value in controls["Pitch"].options] == [500, 1000, 2000]
    controls["Pitch"].value = 2000
    controls["Loudness"].value = "loud"
    assert controls["Pitch"].value == 1000
    assert "loud, 1,000 Hz" in stage.value
    assert nearest("mp3", ["aac", "opus"]) == "aac"


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("error", [CodecError("MP3 cannot <do> it"), ZeroDivisionError()])
def test_what_cannot_be_computed_is_said_in_words_and_the_next_setting_works(error) -> None:
    def frame(n: int) -> Frame:
        if n == 2:
            raise error
        return Frame((Pane("Fine", DRAWN),))

    controls, stage = parts(explore(explorer(frame)))
    controls["N"].value = 2
    alert = BeautifulSoup(stage.value, "html.parser").select_one("[role=alert]")
    assert (str(error) or "ZeroDivisionError") in alert.text
    controls["N"].value = 3
    assert "Fine" in stage.value
    assert "alert" not in stage.value
