"""Maps of sounds and curves that play: every point has a name, a place and a sound."""

import base64
import re

import numpy as np
import pytest

from musiclib.audio import load
from musiclib.errors import AudioError
from musiclib.listen import MapPoint, Sound, latent_map, playing_curves
from tests.listen_fixture import RATE, Page, alone, decoded, files, tone

__all__ = ["alone", "files"]

pytestmark = pytest.mark.usefixtures("alone")

LINE = {"PCA": np.column_stack([np.arange(8), np.zeros(8)])}
GENRES = ("orchestral", "folk_world", "chiptune")
STAYS = np.zeros((0, 2))
JUDGE = "two_f_mushra"


def point(index=0, **changes):
    given = {
        "title": f"Piece {index}",
        "artist": f"Artist {index // 2}",
        "genre": GENRES[index % 3],
        "audio": tone(300.0 + 10 * index),
        "sample_rate": RATE,
    }
    return MapPoint(**(given | changes))


def shown(some=None, **options):
    some = [point(index) for index in range(8)] if some is None else some
    given = {"caption": "Pieces", "name": "map", "colour_by": ("genre", "artist")}
    given["layouts"] = {"PCA": [(i % 4, i // 4) for i in range(len(some))]}
    return latent_map(some, **(given | options)).html


def with_class(page, name):
    return [a for _, a in page.elements if name in a.get("class", "").split()]


def places(html):
    found = [a["transform"] for a in with_class(Page(html), "ml-point")]
    return np.array([re.findall(r"-?\d+", one) for one in found]).astype(int)


def links(page):
    return [a["href"].rsplit("/", 1)[1] for a in page.all("a") if "data-ml-sound" in a]


def grid(page, layout="PCA"):
    (choice,) = [a for a in page.all("input") if "data-xy" in a and a["value"] == layout]
    return choice, np.array(choice["data-xy"].split(), int).reshape(-1, 2)


def test_what_a_point_plays_is_the_start_of_its_sound(files):
    loud = tone(1000.0, seconds=6.0)
    before = loud.copy()
    loud.flags.writeable = False
    assert links(Page(shown([point(audio=loud)], seconds=4.0))) == ["map-piece-0.mp3"]
    heard, rate = load((files / "map-piece-0.mp3").read_bytes())
    assert (rate, heard.size) == (RATE, 4 * RATE)
    middle = slice(RATE, 3 * RATE)
    error = heard[middle] - loud[middle]
    assert np.abs(heard[[0, -1]]).max() < 0.01  # no click at the ends
    assert np.sqrt(np.mean(error**2)) < 0.1 * np.sqrt(np.mean(loud[middle] ** 2))
    assert np.array_equal(loud, before)


def test_every_point_has_a_name_and_a_sound_and_nothing_loads(files):
    page = Page(shown())
    marks = with_class(page, "ml-point")
    assert [mark["aria-label"] for mark in marks][:2] == [
        "Piece 0, Artist 0, orchestral",
        "Piece 1, Artist 0, folk world",
    ]
    assert len(page.all("title")) == len(marks) == 8
    assert sorted(links(page)) == sorted(path.name for path in files.iterdir())
    assert len(set(links(page))) == 8
    assert not any("src" in a for _, a in page.elements)
    assert not page.all("button")  # what needs the script is hidden without it
    assert "hidden" in with_class(page, "ml-choices")[0]


def test_distances_keep_their_proportions(files):
    corners = [(0.0, 0.0), (3.0, 0.0), (3.0, 1.0), (0.0, 1.0)]
    found = places(shown([point(i) for i in range(4)], layouts={"PCA": corners}))
    width, height = found[1] - found[2]
    assert (width, height > 0) == (0, True)  # y points upwards
    assert found[1, 0] - found[0, 0] == pytest.approx(3 * height, abs=2)
    assert ((found >= 0) & (found <= (720, 504))).all()
    middle = places(shown([point(i) for i in range(2)], layouts={"PCA": [(7, -3)] * 2}))
    assert middle.tolist() == [[360, 252]] * 2


def test_paths_lie_on_the_grid_and_what_leaves_for_a_moment_does_not_take_all_room(files):
    out = [[0.0, 0.0], [0.0, 7.0]]  # upwards, as far as the points lie apart
    layouts = {**LINE, "UMAP": LINE["PCA"]}
    page = Page(shown(layouts=layouts, paths={"PCA": [out, *[STAYS] * 7]}))
    (pca, low), (umap, high) = grid(page), grid(page, "UMAP")
    assert pca["data-paths"] == "0 1000 0 0,,,,,,,"
    assert set(low[:, 1]) == {1000}  # room for the path
    assert set(high[:, 1]) == {0}
    assert "data-paths" not in umap
    rests = np.linspace((0.0, 0.0), (7.0, 0.0), 100)
    leaves = rests.copy()
    leaves[50] = (-1000.0, 0.0)
    pca, found = grid(Page(shown(layouts=LINE, paths={"PCA": [leaves, *[rests] * 7]})))
    assert found[:, 0].tolist() == [round(1000 * n / 7) for n in range(8)]
    walk = [int(n) for n in pca["data-paths"].split(",")[0].split()][::2]
    assert (walk[0], walk[50], walk[-1]) == (0, 0, 1000)


def test_the_nearest_points_are_named_and_left_to_the_script_to_draw(files):
    html = shown(nearest=[[(n + 1) % 8, (n + 2) % 8] for n in range(7)] + [[]])
    assert 'data-nearest="1 2,2 3,3 4,4 5,5 6,6 7,7 0,"' in html
    items = re.findall(r"<li>(.*?)</li>", html[html.index("<ol>") :])
    assert ["nearest: Piece 1" in items[0], "nearest" in items[7]] == [True, False]


def test_shapes_repeat_what_colours_say_and_many_genres_differ_in_one_of_them(files):
    html = shown([point(i, genre=f"genre {i:02}") for i in range(30)])
    pattern = r'class="ml-point"[^>]*color="([^"]*)"><title>[^<]*</title>(.*?)</g>'
    assert len(set(re.findall(pattern, html))) == 30
    assert len({shape for _, shape in re.findall(pattern, shown())}) == len(GENRES)


def test_a_colour_stands_for_an_artist_or_for_loudness(files):
    names = ["Unknown", "", *(f"One {i:02}" for i in range(11)), "Two", "Two"]
    some = [point(i, artist=n, audio=tone(level=0.02 * (i + 1))) for i, n in enumerate(names)]
    page = Page(shown(some, colour_by=("artist", "loudness")))
    artist, loudness = (a for a in page.all("input") if "data-of" in a)
    of, kin = ([int(n) for n in artist[key].split()] for key in ("data-of", "data-kin"))
    assert of == [1] * 13 + [0] * 2  # rare ones share a grey
    assert kin[:2] == [-1, -1]  # they are not known to be the same
    assert kin[-1] == kin[-2]
    assert len(set(kin)) == 13
    steps = [int(n) for n in loudness["data-of"].split()]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, 15)
    assert "LUFS" in page.text


def test_a_reader_alone_gets_players_and_the_scripts():
    html = shown([point(i) for i in range(3)])
    page = Page(re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL))
    audio = page.all("audio")
    assert [element["aria-label"] for element in audio] == ["Piece 0", "Piece 1", "Piece 2"]
    kind, _, data = audio[0]["src"].partition(",")
    assert kind == "data:audio/mpeg;base64"
    heard, _ = load(base64.b64decode(data, validate=True))
    assert heard.size / 16_000 == pytest.approx(0.5, abs=0.01)
    assert html.count("<script>") == curves().count("<script>") == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"some": []}, "at least one point"),
        ({"layouts": {}}, "one layout"),
        ({"some": [point(audio=np.zeros(0, np.float32))]}, "sound of 'Piece 0'"),
        ({"some": [point(audio=tone(level=100.0))]}, "full scale"),
        ({"layouts": {"PCA": np.zeros((3, 2))}}, r"'PCA' has the shape \(3, 2\)"),
        ({"layouts": {"PCA": np.full((8, 2), np.inf)}}, "finite places"),
        ({"notes": {"UMAP": "x"}}, "which are no layouts"),
        ({"paths": {"UMAP": []}}, "which are no layouts"),
        ({"paths": {"PCA": [np.eye(2)]}}, "1 paths for 8 points"),
        ({"paths": {"PCA": [np.eye(3)] * 8}}, r"path of 'Piece 0' .* \(3, 3\)"),
        ({"paths": {"PCA": [np.ones((1, 2))] * 8}}, "two steps or more"),
        ({"paths": {"PCA": [np.full((2, 2), np.nan)] * 8}}, "finite places"),
        ({"nearest": [[1]]}, "1 lists for 8 points"),
        ({"colour_by": ("mood",)}, "'mood'"),
    ],
)
def test_maps_that_cannot_be_drawn_are_refused(options, words, files):
    with pytest.raises(AudioError, match=words):
        shown(**options)
    assert not files.exists()


def sound(label, kbps, quality, hertz=440.0):
    return Sound(label, tone(hertz), RATE, kbps, {JUDGE: quality})


def systems():
    return {
        "Opus": [sound("Opus", 2.0 ** (n + 3), 30.0 + 20 * n, 300.0 + n) for n in range(3)],
        "Melic": [sound("Melic", 1.0 + n, 25.0 + n, 500.0 + n) for n in range(2)],
    }


def curves(given=None, **options):
    words = {"caption": "One clip.", "name": "rates", "ylabel": "Quality", **options}
    return playing_curves(systems() if given is None else given, JUDGE, **words).html


def test_dots_lie_by_rate_and_quality_and_lines_lead_through_them(files):
    html = curves({**systems(), "MP3": []}, original=Sound("Original", tone(), RATE))
    found = places(html)
    steps = np.diff(found[:3], axis=0)
    assert steps[0, 0] == pytest.approx(steps[1, 0], abs=1)  # an octave each
    assert (steps[:, 1] < 0).all()
    assert steps[0, 1] == pytest.approx(steps[1, 1], abs=1)
    lines = re.findall(r'class="ml-curve"[^>]* d="M([^"]*)"', html)
    assert [[int(n) for n in re.findall(r"\d+", one)] for one in lines] == [
        found[:3].ravel().tolist(),
        found[3:5].ravel().tolist(),
    ]
    marks = with_class(Page(html), "ml-point")
    assert marks[0]["aria-label"].startswith("Opus, 8.0 kbps, 2f-model 30.0")
    # The original is in the corner.
    assert found[-1, 0] > found[:-1, 0].max()
    assert found[-1, 1] <= found[:-1, 1].min()
    assert "384 kbps as 16-bit PCM" in marks[-1]["aria-label"]
    assert "MP3" not in html  # it has no sound


def test_a_dot_plays_its_own_samples(files):
    page = Page(curves())
    players = page.all("audio")
    sources = [a["src"].rsplit("/", 1)[1] for a in players]
    assert len(set(sources)) == 5
    assert {a["preload"] for a in players} == {"none"}
    assert sources[0] == "rates-opus-8-0-kbps.flac"
    heard, _ = decoded((files / sources[1]).read_bytes())
    assert np.abs(heard - tone(301.0)).max() <= 1 / 65_536 + 1e-7


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
        curves(given)
    assert not files.exists()
