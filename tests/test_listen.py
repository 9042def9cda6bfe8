"""What the reader hears is what was measured: levels, names, labels, and nothing loads unasked."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from musiclib import listen
from musiclib.errors import AudioError, BookError
from musiclib.listen import MediaStore, Row, Sound, comparison, player
from musiclib.listen.media import encode_flac, slug

RATE = 24_000
VOID = {"img", "br", "hr", "input", "source"}


def tone(hertz=440.0, level=0.2, seconds=0.5, rate=RATE):
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


class Page(HTMLParser):
    """Elements of a piece of HTML, which must be well formed."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names)
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The book's build: media become files."""
    folder = tmp_path / "media"
    monkeypatch.setenv("MUSICLIB_MEDIA_DIR", str(folder))
    monkeypatch.setenv("MUSICLIB_MEDIA_URL", "../_static/media/chapter")
    return folder


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Unless a test says otherwise, a reader runs the notebook alone."""
    monkeypatch.delenv("MUSICLIB_MEDIA_DIR", raising=False)
    monkeypatch.delenv("MUSICLIB_MEDIA_URL", raising=False)


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


def decoded(data):
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    return samples.T, rate


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


def test_two_clips_of_one_title_stay_two(files):
    one, other = (
        Row("Track 1", [Sound("Reference", tone(hertz), RATE)]) for hertz in (440.0, 500.0)
    )
    page = Page(comparison([one, other], "x").html)
    assert len({audio["src"] for audio in page.all("audio")}) == 2
    assert len({image["src"] for image in page.all("img")}) == 2


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
    assert "−3.46 dB" in shown.html
    assert "si_sdr" not in shown.html


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
