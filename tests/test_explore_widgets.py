"""Explorers as widgets: what moves when a value is set, as a front end sets it."""

import subprocess
import sys

import pytest
from bs4 import BeautifulSoup

from musiclib.errors import CodecError
from musiclib.explore import Control, Explorer, Frame, Pane, explore, sound_picture
from musiclib.explore.live import nearest
from tests.explore_fixture import RATE, tone, tones

ipywidgets = pytest.importorskip("ipywidgets")


def parts(box):
    """Controls by label, and the HTML that follows them."""
    controls = {w.description: w for w in box.children if hasattr(w, "options")}
    (row,) = (w for w in box.children if isinstance(w, ipywidgets.HBox))
    return controls, row.children[-1]


def test_numbers_slide_and_words_are_chosen() -> None:
    controls, _ = parts(explore(tones(), live=True))
    assert isinstance(controls["Pitch"], ipywidgets.SelectionSlider)
    assert isinstance(controls["Loudness"], ipywidgets.ToggleButtons)
    assert [value for _, value in controls["Pitch"].options] == [500, 750, 1000]


def test_setting_a_slider_changes_pictures_sounds_and_facts() -> None:
    calls: list = []
    box = explore(tones(calls=calls), live=True)
    controls, stage = parts(box)
    assert calls == [("loud", 1000)]
    before = BeautifulSoup(stage.value, "html.parser")
    controls["Pitch"].value = 750
    after = BeautifulSoup(stage.value, "html.parser")
    assert calls == [("loud", 1000), ("loud", 750)]
    assert "loud, 750 Hz" in after.text
    assert "1.33333 ms" in after.text
    for name in ("img", "audio"):
        assert before.find(name)["src"] != after.find(name)["src"]
        assert after.find(name)["src"].startswith("data:")


def test_a_setting_is_computed_once() -> None:
    calls: list = []
    controls, _ = parts(explore(tones(calls=calls), live=True))
    for pitch in (750, 1000, 750):
        controls["Pitch"].value = pitch
    assert len(calls) == 2


def test_a_control_offers_only_what_exists() -> None:
    controls, stage = parts(explore(tones(), live=True))
    controls["Loudness"].value = "soft"
    assert [value for _, value in controls["Pitch"].options] == [500, 750, 1000, 2000]
    controls["Pitch"].value = 2000
    controls["Loudness"].value = "loud"
    assert controls["Pitch"].value == 1000
    assert "loud, 1,000 Hz" in stage.value


def test_the_nearest_value_is_taken() -> None:
    assert nearest(100, [64, 96, 128]) == 96
    assert nearest("mp3", ["aac", "opus"]) == "aac"
    assert nearest(8, [8, 16]) == 8


def test_the_reference_stays() -> None:
    box = explore(tones(), live=True)
    (row,) = (w for w in box.children if isinstance(w, ipywidgets.HBox))
    controls, stage = parts(box)
    reference = row.children[0]
    assert reference is not stage
    before = reference.value
    controls["Pitch"].value = 500
    assert "Reference" in before
    assert reference.value == before


def test_a_control_with_one_value_is_not_shown() -> None:
    drawn = sound_picture(tone(500, 0.1), RATE, "x")
    controls = (Control("a", "A", (1,)), Control("b", "B", (1, 2)))
    explorer = Explorer("x", "X", controls, lambda **_: Frame((Pane("P", drawn),)), "")
    assert list(parts(explore(explorer, live=True))[0]) == ["B"]


@pytest.mark.parametrize("error", [CodecError("MP3 cannot <do> it"), ZeroDivisionError()])
def test_what_cannot_be_computed_is_said_in_words_and_the_next_setting_works(error) -> None:
    drawn = sound_picture(tone(500, 0.1), RATE, "x")

    def frame(n: int) -> Frame:
        if n == 2:
            raise error
        return Frame((Pane("Fine", drawn),))

    explorer = Explorer("x", "X", (Control("n", "N", (1, 2, 3), start=1),), frame, "")
    controls, stage = parts(explore(explorer, live=True))
    controls["N"].value = 2
    alert = BeautifulSoup(stage.value, "html.parser").select_one("[role=alert]")
    assert (str(error) or "ZeroDivisionError") in alert.text
    controls["N"].value = 3
    assert "Fine" in stage.value
    assert "alert" not in stage.value


def test_widgets_are_imported_only_when_they_are_made() -> None:
    code = "import sys, musiclib.explore; sys.exit('musiclib.explore.live' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
