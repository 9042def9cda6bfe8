"""What the reader hears is what was measured: true levels, names, labels; tables of players."""

import base64
import re

import numpy as np
import pytest
from PIL import Image

from musiclib.errors import AudioError
from musiclib.listen import Row, Sound, comparison, encode_flac
from tests.listen_fixture import RATE, Page, alone, decoded, files, tone

__all__ = ["alone", "files"]

pytestmark = pytest.mark.usefixtures("alone")


def one(audio, rate=RATE, title="x", **about):
    """A comparison of one sound."""
    return comparison([Row(title, [Sound("Reference", audio, rate, **about)])], "One.")


def rows(count=2):
    return [
        Row(
            f"Clip {index}",
            [
                Sound("Reference", tone(300.0 * index), RATE),
                Sound(
                    "Opus 12 kbps", tone(300.0 * index, 0.19), RATE, 12.0 + index, {"SI-SDR": 9.5}
                ),
                Sound("MP3 <8>", tone(300.0 * index, 0.18), RATE, 8.25, {"note": "a & b"}),
            ],
            note="Somebody, folk",
        )
        for index in range(1, count + 1)
    ]


@pytest.mark.parametrize("level", [0.0, 0.001, 0.2, 1.0])
def test_sounds_keep_their_true_level_and_channels(level):
    sound = np.stack([tone(level=level), tone(500.0, level / 2)])
    samples, rate = decoded(encode_flac(sound, RATE)[0])
    assert rate == RATE
    assert samples.shape == sound.shape
    # Half a step of rounding; full scale itself is one step above the largest level.
    assert np.abs(samples - sound).max() <= (0.5 if level < 1 else 1.0) / 32_768 + 1e-9


def test_clipping_is_counted_and_said():
    sound = tone()
    sound[[5, 7]] = [1.25, -1.5]
    data, clipped = encode_flac(sound, RATE)
    samples, _ = decoded(data)
    assert clipped == 2
    assert samples[[5, 7]] == pytest.approx([1.0, -1.0], abs=1e-4)
    assert "2 of 12,000 samples clipped" in one(sound).html
    assert "clipped" not in one(tone()).html


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
        one(audio, rate)


def test_a_reader_alone_gets_sounds_and_pictures_in_the_page():
    page = Page(one(tone()).html)
    (element,) = page.all("audio")
    kind, _, data = element["src"].partition(",")
    assert kind == "data:audio/flac;base64"
    samples, _ = decoded(base64.b64decode(data, validate=True))
    assert np.abs(samples - tone()).max() <= 0.5 / 32_768 + 1e-9
    assert page.all("img")[0]["src"].startswith("data:")


def test_two_sounds_of_a_page_never_share_a_file(files):
    shown = [one(tone(hertz), title="Same") for hertz in (440.0, 440.0, 500.0)]
    sources = [Page(each.html).all("audio")[0]["src"].rsplit("/", 1)[1] for each in shown]
    assert sources[0] == sources[1] == "same-reference.flac"  # the same sound is the same file
    assert sources[2] != sources[0]
    samples, _ = decoded((files / sources[2]).read_bytes())
    assert samples == pytest.approx(tone(500.0), abs=1e-4)


def test_files_are_the_same_in_every_run_and_replace_old_ones(tmp_path, monkeypatch):
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        (folder / "x-reference.flac").write_bytes(b"old")
        monkeypatch.setenv("MUSICLIB_MEDIA_DIR", str(folder))
        monkeypatch.setenv("MUSICLIB_MEDIA_URL", "u")
        one(tone())
    first, second = ((tmp_path / name / "x-reference.flac").read_bytes() for name in "ab")
    assert first == second
    assert first[:4] == b"fLaC"


def test_a_comparison_has_rows_of_clips_and_columns_of_systems(files):
    html = comparison(rows(), "Clips <i>compared</i>").html
    page = Page(html)
    assert re.findall(r'scope="col">(.*?)</th>', html) == [
        "Clip",
        "Reference",
        "Opus 12 kbps (mean 13.5 kbps)",
        "MP3 &lt;8&gt; (mean 8.2 kbps)",
    ]
    assert len(page.all("audio")) == len(page.all("img")) == len(page.all("td")) == 6
    for words in ("384 kbps as 16-bit PCM", "13.0 kbps", "SI-SDR 9.50", "note a & b"):
        assert words in page.text
    assert not page.all("i")
    # It stays a table whatever the style.
    roles = {tag: {attributes.get("role") for attributes in page.all(tag)} for tag in ("tr", "td")}
    assert roles == {"tr": {"row"}, "td": {"cell"}}


def test_nothing_loads_before_it_is_wanted_and_scripts_find_what_they_need(files):
    page = Page(comparison(rows(), "x").html)
    assert {audio["preload"] for audio in page.all("audio")} == {"none"}
    assert {image["loading"] for image in page.all("img")} == {"lazy"}
    labels = [audio["aria-label"] for audio in page.all("audio")]
    assert labels[1] == "Clip 1: Opus 12 kbps, 0.50 s"
    assert len(set(labels)) == 6
    assert page.all("img")[1]["alt"] == "Spectrogram of Clip 1: Opus 12 kbps, 0 to 12 kHz"
    sources = [element["src"] for element in (*page.all("audio"), *page.all("img"))]
    assert {source.rsplit("/", 1)[1] for source in sources} == {p.name for p in files.iterdir()}
    cells = page.all("td")[:3]
    assert [cell["data-rate"] for cell in cells] == ["384 kbps", "13.0 kbps", "8.2 kbps"]
    assert [cell["data-name"] for cell in cells] == ["Reference", "Opus", "MP3 <8>"]
    assert {audio["data-seconds"] for audio in page.all("audio")} == {"0.5"}
    assert {image["data-khz"] for image in page.all("img")} == {"12"}


def test_systems_at_other_rates_are_compared_on_one_frequency_axis(files):
    sounds = [Sound("Reference", tone(), RATE), Sound("8 kHz", tone(440.0, rate=8_000), 8_000)]
    page = Page(comparison([Row("a", sounds)], "x").html)
    assert page.all("img")[1]["alt"].endswith("0 to 12 kHz")
    cell = page.all("td")[1]
    assert (cell["data-name"], cell["data-rate"]) == ("8 kHz", "")  # no bitrate was measured
    _, rate = decoded((files / "a-8-khz.flac").read_bytes())
    assert rate == 8_000  # the sound itself keeps its rate


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (list, "at least one"),
        (lambda: [Row("a", [])], "at least one"),
        (lambda: [rows(1)[0], Row("b", rows(1)[0].sounds[:2])], "same systems"),
        (lambda: [Row("a", [rows(1)[0].sounds[0]] * 2)], "same name"),
    ],
)
def test_comparisons_that_cannot_be_read_are_refused(make, words):
    with pytest.raises(AudioError, match=words):
        comparison(make(), "x")


def test_stereo_stays_stereo_and_its_picture_is_that_of_the_mean(files):
    left, right = tone(1000.0, 0.3), tone(3000.0, 0.1)
    sounds = [
        Sound("Original", np.stack([left, right]), RATE),
        Sound("Middle", 0.5 * (left + right), RATE, kbps=16.0),
        Sound("Inverted", np.stack([left, -left]), RATE, kbps=16.0),
    ]
    assert "768 kbps as 16-bit PCM" in comparison([Row("Pair", sounds)], "Two channels.").html
    heard, _ = decoded((files / "pair-original.flac").read_bytes())
    assert heard.shape == (2, 12_000)

    def picture(name):
        (path,) = files.glob(f"pair-{name}.[wp][en][bg]*")
        assert path.stat().st_size < 30_000
        return np.asarray(Image.open(path).convert("L"), float)

    assert np.array_equal(picture("middle"), picture("original"))
    assert picture("inverted").std() == 0.0  # nothing is left of it in the mean
