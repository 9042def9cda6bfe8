"""Maps of sounds: every point has a name, a place and a sound, with and without a script."""

import base64
import re

import numpy as np
import pytest

from musiclib.audio import decode_bytes
from musiclib.errors import AudioError
from musiclib.listen import MapPoint, latent_map
from tests.listen_fixture import RATE, Page, alone, files, tone

__all__ = ["alone", "files"]
pytestmark = pytest.mark.usefixtures("alone")

LINE = {"PCA": np.column_stack([np.arange(8), np.zeros(8)])}
GENRES = ("orchestral", "folk_world", "chiptune")


def point(index=0, **changes):
    given = {
        "title": f"Piece {index}",
        "artist": f"Artist {index // 2}",
        "genre": GENRES[index % 3],
        "audio": tone(300.0 + 10 * index),
        "sample_rate": RATE,
        "x": float(index % 4),
        "y": float(index // 4),
    }
    return MapPoint(**(given | changes))


def points(count=8, **changes):
    return [point(index, **changes) for index in range(count)]


def shown(some=None, **options):
    given = {"caption": "Pieces", "name": "map", "colour_by": ("genre", "artist")}
    return latent_map(points() if some is None else some, **(given | options)).html


def with_class(page, name):
    return [a for _, a in page.elements if name in a.get("class", "").split()]


def places(html):
    found = [a["transform"] for a in with_class(Page(html), "ml-point")]
    return np.array([re.findall(r"-?\d+", one) for one in found]).astype(int)


def links(page):
    return [a for a in page.all("a") if "data-ml-sound" in a]


def test_what_a_point_plays_is_the_start_of_its_sound(files):
    loud = tone(1000.0, seconds=6.0)
    page = Page(shown([point(audio=loud)], seconds=4.0))
    assert [link["href"] for link in links(page)] == ["../_static/media/chapter/map-piece-0.mp3"]
    heard, rate = decode_bytes((files / "map-piece-0.mp3").read_bytes())
    assert rate == RATE
    assert heard.size == 4 * RATE
    middle = slice(RATE, 3 * RATE)
    error = heard[middle] - loud[middle]
    assert np.abs(heard[[0, -1]]).max() < 0.01  # no click at the ends
    assert np.sqrt(np.mean(error**2)) < 0.1 * np.sqrt(np.mean(loud[middle] ** 2))


def test_a_map_leaves_its_sounds_as_they_are(files):
    sound = tone(seconds=1.0)
    before = sound.copy()
    sound.flags.writeable = False
    shown([point(audio=sound)])
    assert np.array_equal(sound, before)


def test_silence_and_odd_sounds_are_heard_too(files):
    odd = [
        point(0, audio=np.zeros(RATE, np.float32)),
        point(1, audio=tone(seconds=0.01)),
        point(2, audio=np.stack([tone(), tone()])),
        point(3, audio=tone(level=1.3)),
        point(4, audio=tone(rate=8_000), sample_rate=8_000),
        point(5, audio=tone(rate=44_100), sample_rate=44_100),
        point(6, audio=np.zeros(1, np.float32)),
    ]
    html = shown(odd, colour_by=("loudness", "genre"))
    assert len(list(files.iterdir())) == len(odd)
    assert not np.asarray(decode_bytes((files / "map-piece-0.mp3").read_bytes())[0]).any()
    assert "unknown: 3" in Page(html).text  # silence, and what is shorter than 0.4 s


def test_every_point_has_a_name_and_a_sound(files):
    page = Page(shown(points(8)))
    marks = with_class(page, "ml-point")
    assert [mark["aria-label"] for mark in marks][:2] == [
        "Piece 0, Artist 0, orchestral",
        "Piece 1, Artist 0, folk world",
    ]
    assert {mark["role"] for mark in marks} == {"img"}
    assert len(page.all("title")) == len(links(page)) == len(marks) == 8
    sources = [link["href"].rsplit("/", 1)[1] for link in links(page)]
    assert sorted(sources) == sorted(path.name for path in files.iterdir())
    assert len(set(sources)) == 8


def test_two_pieces_of_one_title_stay_two_sounds(files):
    page = Page(shown([point(0, title="x"), point(1, title="x"), point(0, title="x")]))
    sources = [link["href"] for link in links(page)]
    assert sources[0] == sources[2] != sources[1]
    assert len(list(files.iterdir())) == 2


def test_maps_of_a_page_share_files_but_no_ids(files):
    page = Page(shown() + shown())
    assert len(list(files.iterdir())) == 8
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids)) == 2
    assert [a["aria-labelledby"] for a in page.all("figure")] == ids
    groups = {a["name"] for a in page.all("input")}
    assert len(groups) == 4  # layout and colour of each


def test_names_are_text_whatever_they_hold(files):
    nasty = '<b onload="x">&amp;</b>"\''
    some = [point(0, title=nasty, artist=nasty, genre=nasty, split=nasty, facts={nasty: nasty})]
    page = Page(
        shown(some, caption=nasty, layouts={nasty: [[0, 0]]}, notes={nasty: nasty}, name=nasty)
    )
    assert not page.all("b")
    assert not any("onload" in a for _, a in page.elements)
    assert page.text.count(nasty) > 5
    (mark,) = with_class(page, "ml-point")
    assert mark["aria-label"] == f"{nasty}, {nasty}, {nasty}"


def test_nothing_is_fetched_before_it_is_played(files):
    page = Page(shown())
    assert not any("src" in a or tag in ("audio", "img", "script") for tag, a in page.elements)


def test_a_map_of_many_points_is_light(files):
    many = points(220, facts={"centroid (kHz)": 2.5}, split="train", audio=tone(seconds=0.1))
    layouts = {name: np.random.default_rng(0).normal(size=(220, 2)) for name in ("a", "b", "c")}
    html = shown(many, layouts=layouts, colour_by=("genre", "artist", "centroid"))
    assert len(html.encode()) < 150_000


def test_what_needs_the_script_is_hidden_without_it(files):
    page = Page(shown(layouts={"a": np.eye(8)[:, :2], "b": np.eye(8)[:, 2:4]}))
    assert not page.all("button")
    (choices,) = with_class(page, "ml-choices")
    assert "hidden" in choices
    legends = with_class(page, "ml-legend")
    assert [("hidden" in legend) for legend in legends] == [False, True]


def test_distances_keep_their_proportions(files):
    corners = [(0.0, 0.0), (3.0, 0.0), (3.0, 1.0), (0.0, 1.0)]
    html = shown([point(i, x=x, y=y) for i, (x, y) in enumerate(corners)])
    found = places(html)
    width, height = found[1] - found[2]
    assert width == 0
    assert found[1, 0] - found[0, 0] == pytest.approx(3 * height, abs=2)
    assert height > 0  # y points upwards
    assert (found >= 0).all()
    assert (found <= (720, 504)).all()


def test_a_single_place_is_the_middle(files):
    found = places(shown([point(i, x=7.0, y=-3.0) for i in range(2)]))
    assert found.tolist() == [[360, 252], [360, 252]]


def test_layouts_come_with_their_places_and_notes(files):
    one = np.column_stack([np.arange(8), np.zeros(8)])
    page = Page(shown(layouts={"PCA": one, "UMAP": one[::-1]}, notes={"UMAP": "purity 0.61"}))
    pca, umap = (a for a in page.all("input") if "data-xy" in a)
    across = [[int(n) for n in a["data-xy"].split()][::2] for a in (pca, umap)]
    assert across[0] == across[1][::-1]
    assert (across[0][0], across[0][-1]) == (0, 1000)
    assert "checked" in pca
    assert "checked" not in umap
    assert (pca["data-note"], umap["data-note"]) == ("", "purity 0.61")
    assert "PCA" in page.text


def test_paths_lie_on_the_grid_of_their_layout(files):
    line = np.column_stack([np.arange(8), np.zeros(8)])
    out = line[0] + [[0.0, 0.0], [0.0, 7.0]]  # upwards, as far as the points lie apart
    page = Page(
        shown(layouts={"PCA": line, "UMAP": line}, paths={"PCA": [out, *[np.zeros((0, 2))] * 7]})
    )
    pca, umap = (a for a in page.all("input") if "data-xy" in a)
    assert pca["data-paths"] == "0 1000 0 0,,,,,,,"
    assert [int(n) for n in pca["data-xy"].split()][1::2] == [1000] * 8  # room for the path
    assert [int(n) for n in umap["data-xy"].split()][1::2] == [0] * 8
    assert "data-paths" not in umap
    found = places(shown(layouts={"PCA": line}, paths={"PCA": [out, *[np.zeros((0, 2))] * 7]}))
    assert len(set(found[:, 1])) == 1
    assert found[0, 1] > 400  # below the room for the path


def test_a_path_that_leaves_for_a_moment_does_not_take_all_room(files):
    line = np.column_stack([np.arange(8), np.zeros(8)])
    rests = np.linspace((0.0, 0.0), (7.0, 0.0), 100)
    leaves = rests.copy()
    leaves[50] = (-1000.0, 0.0)
    page = Page(shown(layouts={"PCA": line}, paths={"PCA": [leaves, *[rests] * 7]}))
    (pca,) = (a for a in page.all("input") if "data-xy" in a)
    assert [int(n) for n in pca["data-xy"].split()][::2] == [round(1000 * n / 7) for n in range(8)]
    walk = [int(n) for n in pca["data-paths"].split(",")[0].split()][::2]
    assert (walk[0], walk[50], walk[-1]) == (0, 0, 1000)


def test_the_nearest_points_are_named_and_left_to_the_script_to_draw(files):
    html = shown(nearest=[[(n + 1) % 8, (n + 2) % 8] for n in range(7)] + [[]])
    assert 'data-nearest="1 2,2 3,3 4,4 5,5 6,6 7,7 0,"' in html
    items = re.findall(r"<li>(.*?)</li>", html[html.index("<ol>") :])
    assert ["nearest: Piece 1" in items[0], "nearest" in items[7]] == [True, False]
    assert "data-nearest" not in shown()


def test_shapes_and_fillings_repeat_what_colours_say(files):
    some = [point(i, split=("train", "test")[i % 2]) for i in range(6)]
    html = shown(some)
    drawn = re.findall(r'class="ml-point"[^>]*><title>[^<]*</title>(<path[^>]*>)', html)
    outlines = [re.search(r'd="([^"]*)"', one)[1] for one in drawn]
    assert len(set(outlines)) == len(GENRES)
    assert [outline == outlines[i % 3] for i, outline in enumerate(outlines)] == [True] * 6
    assert [('fill="none"' in one) for one in drawn] == [False, True] * 3
    assert 'aria-label="Parts of the split"' in html
    assert "Parts of the split" not in shown([point(i, split="test") for i in range(2)])


def test_a_colour_stands_for_an_artist_a_word_or_a_number(files):
    some = [
        point(i, facts={"mood": "calm" if i < 6 else "wild", "pulse (bpm)": 60.0 + 10 * i})
        for i in range(8)
    ]
    page = Page(shown(some, colour_by=("artist", "mood", "pulse", "loudness")))
    inputs = [a for a in page.all("input") if "data-of" in a]
    assert [a["value"] for a in inputs] == ["artist", "mood", "pulse", "loudness"]
    of = [[int(n) for n in a["data-of"].split()] for a in inputs]
    sizes = [len(a["data-palette"].split()) for a in inputs]
    assert of[0] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert of[1] == [0] * 6 + [1] * 2
    assert of[2] == sorted(of[2])
    assert len(set(of[2])) == 8
    assert all(max(one) < size for one, size in zip(of, sizes, strict=True))
    for words in ("calm 6", "60.0 bpm", "130.0 bpm", "pulse 70.0 bpm", "LUFS"):
        assert words in re.sub(r"\s+", " ", page.text)
    first = with_class(page, "ml-point")
    assert first[0]["color"] == first[1]["color"] != first[2]["color"]


def test_rare_and_unknown_artists_share_a_grey(files):
    names = ["Unknown", "", *(f"One {i:02}" for i in range(11)), "Two", "Two"]
    page = Page(shown([point(i, artist=name) for i, name in enumerate(names)]))
    artist = next(a for a in page.all("input") if a["value"] == "artist")
    of, kin = ([int(n) for n in artist[key].split()] for key in ("data-of", "data-kin"))
    assert of == [1] * 13 + [0] * 2
    assert kin[:2] == [-1, -1]  # they are not known to be the same
    assert kin[-1] == kin[-2]
    assert len(set(kin)) == 13


def test_genres_beyond_the_shapes_differ_in_shape_or_colour(files):
    page_html = shown([point(i, genre=f"genre {i:02}") for i in range(30)])
    found = re.findall(
        r'class="ml-point"[^>]*color="([^"]*)"><title>[^<]*</title>(.*?)</g>', page_html
    )
    assert len(found) == len(set(found)) == 30


def test_a_reader_alone_gets_players_and_the_script():
    html = shown(points(3))
    page = Page(re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL))
    audio = page.all("audio")
    assert [element["aria-label"] for element in audio] == ["Piece 0", "Piece 1", "Piece 2"]
    assert {element["preload"] for element in audio} == {"none"}
    kind, _, data = audio[0]["src"].partition(",")
    assert kind == "data:audio/mpeg;base64"
    heard, _ = decode_bytes(base64.b64decode(data, validate=True))
    assert heard.size / 16_000 == pytest.approx(0.5, abs=0.01)
    assert html.count("<script>") == 2
    assert "24 kbps" in page.text


def test_the_caption_says_how_the_sounds_were_made(files):
    assert "Sounds of 0.5 s, coded as MP3 at 48 kbps" in shown()
    mixed = [point(0), point(1, audio=tone(seconds=9.0))]
    assert "Sounds of up to 4 s, coded" in shown(mixed)


def test_a_map_has_text_where_there_is_no_html(files):
    text = latent_map(points(2), caption="Pieces", name="map").text
    assert text.splitlines() == [
        "Map of 2 sounds: Pieces",
        "  Piece 0, Artist 0, orchestral",
        "  Piece 1, Artist 0, folk world",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"some": []}, "at least one point"),
        ({"some": [point(x=None)]}, "'Piece 0' has no place"),
        ({"some": [point(y=np.nan)]}, "NaN"),
        (
            {"some": [point(audio=np.zeros(0, np.float32))]},
            "sound of 'Piece 0'.*(no samples|empty)",
        ),
        ({"some": [point(audio=tone(level=100.0))]}, "full scale"),
        ({"layouts": {}}, "at least one layout"),
        ({"layouts": {"PCA": np.zeros((3, 2))}}, r"'PCA' has the shape \(3, 2\), not \(8, 2\)"),
        ({"layouts": {"PCA": np.full((8, 2), np.inf)}}, "'PCA' has places that are NaN"),
        ({"notes": {"PCA": "x"}}, "which are no layouts"),
        ({"paths": {"PCA": []}}, "paths for .'PCA'., which are no layouts"),
        ({"layouts": LINE, "paths": {"PCA": [np.eye(2)]}}, "1 paths for 8 points"),
        ({"layouts": LINE, "paths": {"PCA": [np.eye(3)] * 8}}, r"path of 'Piece 0' .* \(3, 3\)"),
        ({"layouts": LINE, "paths": {"PCA": [np.ones((1, 2))] * 8}}, "two steps or more"),
        ({"layouts": LINE, "paths": {"PCA": [np.full((2, 2), np.nan)] * 8}}, "NaN or infinite"),
        ({"nearest": [[1]]}, "each of the 8 points"),
        ({"nearest": [[8]] * 8}, "each of the 8 points"),
        ({"colour_by": ("mood",)}, "'mood' to colour by. There are: genre"),
        ({"seconds": 0.0}, "need a length"),
        ({"some": [point(i, split=f"part {i}") for i in range(4)]}, "up to 3 parts"),
    ],
)
def test_maps_that_cannot_be_drawn_are_refused(options, words, files):
    with pytest.raises(AudioError, match=words):
        shown(**options)
    assert not files.exists()
