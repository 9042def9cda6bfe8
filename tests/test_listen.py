"""What the reader hears is what was measured: true levels, names, labels."""

import base64
import re

import numpy as np
import pytest

from musiclib import listen
from musiclib.errors import AudioError, BookError
from musiclib.listen import MediaStore, player
from musiclib.listen.media import encode_flac, slug
from tests.listen_fixture import RATE, Page, alone, decoded, files, tone

__all__ = ["alone", "files"]
pytestmark = pytest.mark.usefixtures("alone")


@pytest.mark.parametrize("level", [0.001, 0.2, 1.0])
def test_sounds_keep_their_true_level(level):
    sound = tone(level=level)
    samples, rate = decoded(encode_flac(sound, RATE).data)
    assert rate == RATE
    assert samples.shape == sound.shape
    # Half a step of rounding; full scale itself is one step above the largest level.
    step = 1 / 32_768
    assert np.abs(samples - sound).max() <= (0.5 if level < 1 else 1.0) * step + 1e-9


def test_silence_stays_silent():
    samples, _ = decoded(encode_flac(np.zeros(4800, np.float32), RATE).data)
    assert samples.size == 4800
    assert not samples.any()
    assert "silence" in player(np.zeros(4800, np.float32), RATE, "Nothing").html


def test_channels_stay_apart():
    stereo = np.stack([tone(300.0), tone(500.0, 0.1)])
    samples, _ = decoded(encode_flac(stereo, RATE).data)
    assert np.abs(samples - stereo).max() <= 0.5 / 32_768 + 1e-9


def test_clipping_is_counted_and_said():
    sound = tone()
    sound[[5, 7]] = [1.25, -1.5]
    encoded = encode_flac(sound, RATE)
    samples, _ = decoded(encoded.data)
    assert encoded.clipped == 2
    assert samples[5] == pytest.approx(1.0, abs=1e-4)
    assert samples[7] == -1.0
    page = player(sound, RATE, "Loud")
    assert "2 of 12,000 samples clipped" in page.html
    assert "clipped" not in player(tone(), RATE, "Soft").html


@pytest.mark.parametrize(
    ("audio", "rate", "words"),
    [
        (np.zeros(0, np.float32), RATE, "no samples|empty"),
        (np.array([0.0, np.nan], np.float32), RATE, "NaN|finite"),
        (tone(level=100.0), RATE, "full scale"),
        (tone(), 2_000, "resample"),
        (tone(), 384_000, "resample"),
    ],
)
def test_unplayable_sounds_are_refused(audio, rate, words):
    with pytest.raises(AudioError, match=words):
        player(audio, rate, "Bad")


def test_a_reader_alone_gets_the_sound_in_the_page():
    element = Page(player(tone(), RATE, "A tone").html).all("audio")[0]
    kind, _, data = element["src"].partition(",")
    assert kind == "data:audio/flac;base64"
    samples, _ = decoded(base64.b64decode(data, validate=True))
    assert np.abs(samples - tone()).max() <= 0.5 / 32_768 + 1e-9
    assert len(element["src"]) < 0.7 * tone().size * 2 * 4 / 3  # well below embedded WAV


def test_the_book_gets_the_sound_as_a_file(files):
    element = Page(player(tone(), RATE, "A tone, long", kbps=12.34).html).all("audio")[0]
    assert element["src"] == "../_static/media/chapter/a-tone-long.flac"
    assert [path.name for path in files.iterdir()] == ["a-tone-long.flac"]
    samples, rate = decoded((files / "a-tone-long.flac").read_bytes())
    assert rate == RATE
    assert np.abs(samples - tone()).max() <= 0.5 / 32_768 + 1e-9


def test_files_are_the_same_in_every_run(files, tmp_path):
    player(tone(), RATE, "x")
    other = MediaStore(tmp_path / "other", "u")
    player(tone(), RATE, "x", store=other)
    assert (files / "x.flac").read_bytes() == (tmp_path / "other/x.flac").read_bytes()


def test_two_sounds_of_a_page_never_share_a_file(files):
    shown = [player(tone(hertz), RATE, "Same") for hertz in (440.0, 440.0, 500.0, 500.0)]
    sources = [Page(one.html).all("audio")[0]["src"].rsplit("/", 1)[1] for one in shown]
    assert sources[0] == sources[1] == "same.flac"  # the same sound again is the same file
    assert sources[2] == sources[3] != sources[0]
    assert {path.name for path in files.iterdir()} == set(sources)
    for source, hertz in zip(sources, (440.0, 440.0, 500.0, 500.0), strict=True):
        samples, _ = decoded((files / source).read_bytes())
        assert samples == pytest.approx(tone(hertz), abs=1e-4)


def test_a_file_of_an_earlier_run_is_replaced(files):
    files.mkdir()
    (files / "x.flac").write_bytes(b"old")
    player(tone(), RATE, "x")
    assert (files / "x.flac").read_bytes()[:4] == b"fLaC"


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    store = MediaStore(tmp_path, "u")
    (tmp_path / "x.flac").mkdir()  # a folder in the way
    with pytest.raises(OSError, match=r"x\.flac"):
        store.add("x", ".flac", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["x.flac"]


@pytest.mark.parametrize("variable", ["MUSICLIB_MEDIA_DIR", "MUSICLIB_MEDIA_URL"])
def test_half_a_setting_is_refused(monkeypatch, tmp_path, variable):
    monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(BookError, match="both"):
        player(tone(), RATE, "x")


def test_a_player_says_what_it_plays():
    page = Page(player(tone(), RATE, "A <b>tone</b>", kbps=12.34, figures={"LSD": "7 dB"}).html)
    (audio,) = page.all("audio")
    assert audio["aria-label"] == "A <b>tone</b>, 0.50 s"
    assert "controls" in audio
    assert audio["preload"] == "none"
    assert not page.all("b")
    (figure,) = page.all("figure")
    assert figure["aria-labelledby"] == page.all("figcaption")[0]["id"]
    for words in ("A <b>tone</b>", "0.50 s", "12.3 kbps", "LSD 7 dB", "RMS −17.0 dB", "peak −14.0"):
        assert words in page.text


def test_a_player_has_text_where_there_is_no_html():
    shown = player(tone(), RATE, "A tone")
    bundle = shown._repr_mimebundle_(include=None, exclude=None)
    assert bundle["text/html"] == shown._repr_html_() == shown.html
    assert bundle["text/plain"].startswith("Sound: A tone (0.50 s")
    assert "<" not in bundle["text/plain"]


def test_a_player_needs_a_label():
    with pytest.raises(AudioError, match="label"):
        player(tone(), RATE, " ")


def test_metrics_are_shown_with_their_units():
    shown = player(tone(), RATE, "x", figures={"si_sdr": -3.456})
    assert "−3.46\N{NO-BREAK SPACE}dB" in shown.html
    assert "si_sdr" not in shown.html


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Clip: Opus 12 kbps", "clip-opus-12-kbps"),
        ("Ünïcode/../x", "unicode-x"),
        ("-- a --", "a"),
    ],
)
def test_names_of_files_are_plain(text, name):
    assert slug(text) == name


def test_titles_without_latin_letters_get_names_of_their_own():
    first, second = slug("音楽"), slug("музыка")
    assert re.fullmatch(r"[a-z0-9]+", first)
    assert first != second


def test_what_chapters_use_is_exported():
    assert all(hasattr(listen, name) for name in listen.__all__)
