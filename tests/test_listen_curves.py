"""Curves that play: each dot is a file, lies where its bitrate and quality are, and has a name."""

import re

import numpy as np
import pytest

from musiclib.errors import AudioError
from musiclib.listen import Sound, playing_curves
from tests.listen_fixture import RATE, Page, alone, decoded, files, tone

__all__ = ["alone", "files"]
pytestmark = pytest.mark.usefixtures("alone")

JUDGE = "two_f_mushra"


def sound(label, kbps, quality, hertz=440.0):
    return Sound(label, tone(hertz), RATE, kbps, {JUDGE: quality})


def systems():
    return {
        "Opus": [sound("Opus", 2.0 ** (n + 3), 30.0 + 20 * n, 300.0 + n) for n in range(3)],
        "Melic": [sound("Melic", 1.0 + n, 25.0 + n, 500.0 + n) for n in range(2)],
    }


def shown(given=None, **options):
    words = {"caption": "One clip.", "name": "rates", "ylabel": "Quality", **options}
    return playing_curves(systems() if given is None else given, JUDGE, **words).html


def dots(html):
    page = Page(html)
    points = [a for _, a in page.elements if a.get("class") == "ml-point"]
    return points, np.array([re.findall(r"-?\d+", a["transform"]) for a in points]).astype(int)


def test_dots_lie_by_rate_and_quality_and_lines_lead_through_them(files):
    html = shown()
    points, places = dots(html)
    steps = np.diff(places[:3], axis=0)
    assert steps[0, 0] == pytest.approx(steps[1, 0], abs=1)  # an octave each
    assert (steps[:, 1] < 0).all()
    assert steps[0, 1] == pytest.approx(steps[1, 1], abs=1)
    curves = re.findall(r'class="ml-curve"[^>]* d="M([^"]*)"', html)
    assert [[int(n) for n in re.findall(r"\d+", one)] for one in curves] == [
        places[:3].ravel().tolist(),
        places[3:].ravel().tolist(),
    ]
    assert points[0]["aria-label"].startswith("Opus, 8.0 kbps, 2f-model 30.0")


def test_a_dot_plays_its_own_samples(files):
    page = Page(shown(original=Sound("Original", tone(), RATE)))
    sources = [a["src"].rsplit("/", 1)[1] for a in page.all("audio")]
    assert len(set(sources)) == 6
    assert {a["preload"] for a in page.all("audio")} == {"none"}
    assert sources[0] == "rates-opus-8-0-kbps.flac"
    heard, rate = decoded((files / sources[1]).read_bytes())
    assert rate == RATE
    assert np.abs(heard - tone(301.0)).max() <= 1 / 65_536 + 1e-7


def test_the_original_is_in_the_corner_and_no_dot_of_a_curve(files):
    html = shown(original=Sound("Original", tone(), RATE))
    points, places = dots(html)
    assert places[-1, 0] > places[:-1, 0].max()
    assert places[-1, 1] <= places[:-1, 1].min()
    assert "384 kbps as 16-bit PCM" in points[-1]["aria-label"]
    assert html.count('class="ml-curve"') == 2


def test_a_system_without_a_sound_is_left_out(files):
    html = shown({**systems(), "MP3": []})
    assert "MP3" not in html
    assert html.count('class="ml-curve"') == 2


def test_names_are_text_whatever_they_hold(files):
    nasty = '<b onload="x">&amp;</b>"'
    given = {nasty: [sound(nasty, 8.0, 20.0)]}
    page = Page(shown(given, caption=nasty, ylabel=nasty, xlabel=nasty))
    assert not any("onload" in a for _, a in page.elements)
    assert len(dots(shown(given))[0]) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "at least one sound"),
        ({"Opus": [Sound("Opus", tone(), RATE)]}, "'Opus' needs a bitrate"),
        ({"Opus": [Sound("Opus", tone(), RATE, 8.0)]}, "figure 'two_f_mushra'"),
        ({"Opus": [sound("Opus", 8.0, np.nan)]}, "figure 'two_f_mushra'"),
    ],
)
def test_what_has_no_place_is_refused(given, words, files):
    with pytest.raises(AudioError, match=words):
        shown(given)
    assert not files.exists()


def test_a_reader_alone_gets_the_script_too():
    assert shown().count("<script>") == 2
