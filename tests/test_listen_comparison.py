"""Comparisons are tables of players, and nothing loads before it is wanted."""

import re

import numpy as np
import pytest
from PIL import Image

from musiclib.errors import AudioError
from musiclib.listen import Row, Sound, comparison, player
from tests.listen_fixture import RATE, Page, alone, decoded, files, tone

__all__ = ["alone", "files"]
pytestmark = pytest.mark.usefixtures("alone")


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


def test_two_clips_of_one_title_stay_two(files):
    one, other = (
        Row("Track 1", [Sound("Reference", tone(hertz), RATE)]) for hertz in (440.0, 500.0)
    )
    page = Page(comparison([one, other], "x").html)
    assert len({audio["src"] for audio in page.all("audio")}) == 2
    assert len({image["src"] for image in page.all("img")}) == 2


def test_a_comparison_has_rows_of_clips_and_columns_of_systems(files):
    page = Page(comparison(rows(), "Clips <i>compared</i>").html)
    heads = re.findall(r'scope="col">(.*?)</th>', comparison(rows(), "x").html)
    assert heads == [
        "Clip",
        "Reference",
        "Opus 12 kbps (mean 13.5 kbps)",
        "MP3 &lt;8&gt; (mean 8.2 kbps)",
    ]
    assert len(page.all("audio")) == len(page.all("img")) == len(page.all("td")) == 6
    assert [cell["data-label"] for cell in page.all("td")][:3] == [
        "Reference",
        "Opus 12 kbps",
        "MP3 <8>",
    ]
    for words in (
        "384 kbps as 16-bit PCM",
        "13.0 kbps",
        "SI-SDR 9.50",
        "note a & b",
        "Somebody, folk",
    ):
        assert words in page.text
    assert not page.all("i")


def test_nothing_of_a_comparison_loads_before_it_is_wanted(files):
    page = Page(comparison(rows(), "x").html)
    assert {audio["preload"] for audio in page.all("audio")} == {"none"}
    assert all("autoplay" not in audio for audio in page.all("audio"))
    assert {image["loading"] for image in page.all("img")} == {"lazy"}


def test_everything_in_a_comparison_has_words(files):
    page = Page(comparison(rows(), "x").html)
    labels = [audio["aria-label"] for audio in page.all("audio")]
    assert labels[1] == "Clip 1: Opus 12 kbps, 0.50 s"
    assert len(set(labels)) == 6
    alts = [image["alt"] for image in page.all("img")]
    assert alts[1] == "Spectrogram of Clip 1: Opus 12 kbps, 0 to 12 kHz"


def test_scripts_find_rates_lengths_and_frequencies(files):
    page = Page(comparison(rows(1), "x").html)
    assert [cell["data-rate"] for cell in page.all("td")] == ["384 kbps", "13.0 kbps", "8.2 kbps"]
    assert {audio["data-seconds"] for audio in page.all("audio")} == {"0.5"}
    assert {image["data-khz"] for image in page.all("img")} == {"12"}
    plain = [Row("a", [Sound("Reference", tone(), RATE), Sound("Louder", tone(), RATE)])]
    assert Page(comparison(plain, "x").html).all("td")[1]["data-rate"] == ""


def test_a_comparison_says_that_levels_are_true(files):
    assert "nothing is normalised" in Page(comparison(rows(1), "x").html).text


def test_pictures_are_large_and_light(files):
    page = Page(comparison(rows(1), "x").html)
    assert {(image["width"], image["height"]) for image in page.all("img")} == {("560", "144")}
    pictures = [path for path in files.iterdir() if path.suffix in (".png", ".webp")]
    assert len(pictures) == 3
    assert all(path.stat().st_size < 30_000 for path in pictures)


def test_a_comparison_stays_a_table_whatever_the_style(files):
    page = Page(comparison(rows(), "x").html)
    roles = {tag: {attributes.get("role") for attributes in page.all(tag)} for tag in ("tr", "td")}
    assert roles == {"tr": {"row"}, "td": {"cell"}}
    assert {head["role"] for head in page.all("th")} == {"columnheader", "rowheader"}


def test_media_of_a_comparison_exist_under_stable_names(files):
    page = Page(comparison(rows(1), "x").html)
    sources = [element["src"] for element in (*page.all("audio"), *page.all("img"))]
    assert sources[:3] == [
        f"../_static/media/chapter/clip-1-{name}.flac"
        for name in ("reference", "opus-12-kbps", "mp3-8")
    ]
    names = {source.rsplit("/", 1)[1] for source in sources}
    assert names == {path.name for path in files.iterdir()}


def test_ids_are_unique_on_a_page(files):
    html = comparison(rows(), "x").html + comparison(rows(), "y").html
    html += player(tone(), RATE, "one").html + player(tone(), RATE, "one").html
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == 2 * 3 + 2
    assert len(set(ids)) == len(ids)
    references = [a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a]
    assert set(references) <= set(ids)


def test_a_comparison_alone_is_self_contained():
    page = Page(comparison(rows(1), "x").html)
    sources = [element["src"] for element in (*page.all("audio"), *page.all("img"))]
    assert all(source.startswith("data:") for source in sources)


def test_spectrograms_can_be_left_out():
    page = Page(comparison(rows(1), "x", spectrograms=False).html)
    assert not page.all("img")
    assert "Spectrograms" not in page.text


def test_systems_at_other_rates_are_compared_on_one_frequency_axis(files):
    low = Sound("8 kHz", tone(440.0, rate=8_000), 8_000)
    page = Page(comparison([Row("a", [Sound("Reference", tone(), RATE), low])], "x").html)
    assert page.all("img")[1]["alt"].endswith("0 to 12 kHz")
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


def test_a_comparison_has_text_where_there_is_no_html():
    lines = comparison(rows(1), "Two systems").text.splitlines()
    assert lines[0] == "Comparison: Two systems"
    assert lines[1].startswith("  Clip 1: Reference (0.50 s); Opus 12 kbps (0.50 s, 13.0 kbps")


def test_a_name_has_no_second_rate(files):
    page = Page(comparison(rows(1), "x").html)
    assert [cell["data-name"] for cell in page.all("td")] == ["Reference", "Opus", "MP3 <8>"]
    plain = Row("a", [Sound("Reference", tone(), RATE), Sound("Sent at 8 kbps", tone(), RATE)])
    named = Page(comparison([plain], "x").html).all("td")[1]
    assert named["data-name"] == "Sent at 8 kbps"  # of which no rate was measured


def test_how_sounds_were_made_is_said_once_on_a_page(files):
    first, second = (Page(comparison(rows(1), "x").html).text for _ in range(2))
    assert "Spectrograms" in first
    assert "Spectrograms" not in second
    assert "normalised" not in second


def test_stereo_stays_stereo_and_its_picture_is_that_of_the_mean(files):
    left, right = tone(1000.0, 0.3), tone(3000.0, 0.1)
    pair = np.stack([left, right])
    sounds = [
        Sound("Original", pair, RATE),
        Sound("Copy", 0.5 * pair, RATE, kbps=24.0),
        Sound("Low", np.stack([tone(1000.0, 0.3, rate=12_000)] * 2), 12_000, kbps=12.0),
        Sound("Middle", 0.5 * (left + right), RATE, kbps=16.0),
        Sound("Inverted", np.stack([left, -left]), RATE, kbps=16.0),
    ]
    html = comparison([Row("Pair", sounds)], "Two channels.").html
    heard, _ = decoded((files / "pair-original.flac").read_bytes())
    assert np.abs(heard - pair).max() <= 0.5 / 32_768 + 1e-9
    assert decoded((files / "pair-low.flac").read_bytes())[0].shape == (2, 6_000)
    assert decoded((files / "pair-middle.flac").read_bytes())[0].ndim == 1
    assert "768 kbps as 16-bit PCM" in html

    def picture(name):
        (path,) = files.glob(f"pair-{name}.[wp][en][bg]*")
        return np.asarray(Image.open(path).convert("L"), float)

    middle, original = picture("middle"), picture("original")
    assert np.array_equal(middle, original)
    assert picture("inverted").std() == 0.0  # nothing is left of it in the mean


def test_a_player_of_stereo_says_the_level_of_both_channels(files):
    pair = np.stack([tone(level=0.2), tone(level=0.4)])
    page = player(pair, RATE, "Pair", spectrogram=True)
    assert "peak −8.0 dB" in page.html
    assert decoded((files / "pair.flac").read_bytes())[0].shape == pair.shape
