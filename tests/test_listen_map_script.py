"""The scripts and the style of the map of sounds."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from musiclib.listen import MapPoint, latent_map
from musiclib.listen.media import STATIC

ROOT = Path(__file__).parents[1]
SCRIPTS = ("map-view.js", "map.js")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def read(name):
    return (STATIC / name).read_text(encoding="utf-8")


def run(*arguments):
    return subprocess.run(["node", *arguments], capture_output=True, text=True, check=False)


def step(places, start, direction, allowed="() => true"):
    """Point to which an arrow key moves, found by the script's own function."""
    code = (
        f"const map = require({json.dumps(str(STATIC / 'map.js'))});"
        f"const places = {json.dumps(places)};"
        f"console.log(JSON.stringify({json.dumps(start)}.map("
        f"(from) => map.inDirection(places, from, {json.dumps(direction)}, {allowed}))))"
    )
    done = run("-e", code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def example(monkeypatch, tmp_path):
    monkeypatch.setenv("MUSICLIB_MEDIA_DIR", str(tmp_path))
    monkeypatch.setenv("MUSICLIB_MEDIA_URL", "media")
    sound = np.zeros(12_000, np.float32)
    some = [
        MapPoint("a", "b", "c", sound, 24_000, split=split, facts={"x": 1.0})
        for split in ("train", "validation", "test")
    ]
    layouts = {"one": np.eye(3)[:, :2], "two": np.eye(3)[:, 1:]}
    return latent_map(
        some, caption="c", name="n", layouts=layouts, colour_by=("genre", "artist", "x")
    ).html


@needs_node
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_are_valid(name):
    done = run("--check", str(STATIC / name))
    assert done.returncode == 0, done.stderr


@needs_node
def test_arrows_go_to_the_nearest_point_of_their_direction():
    # Right of the first: a near one, a far one, and one that is above more than right.
    places = [[0, 0], [10, 2], [30, 0], [3, -9]]
    assert step(places, [0, 1, 2], [1, 0]) == [1, 2, -1]
    assert step(places, [0, 1, 2], [0, -1]) == [3, 3, 3]
    assert step(places, [2], [-1, 0]) == [1]


@needs_node
def test_a_direction_without_a_point_ahead_takes_the_least_askew():
    assert step([[0, 0], [5, 100], [5, 40]], [0], [1, 0]) == [2]
    assert step([[0, 0], [-5, 0]], [0], [1, 0]) == [-1]


@needs_node
def test_points_in_one_place_follow_each_other():
    places = [[5, 5]] * 3
    assert step(places, [0, 1, 2], [1, 0]) == [1, 2, -1]
    assert step(places, [0, 1, 2], [-1, 0]) == [-1, 0, 1]


@needs_node
def test_dimmed_points_are_passed_over():
    assert step([[0, 0], [1, 0], [2, 0]], [0], [1, 0], "(index) => index !== 1") == [2]


@needs_node
def test_arrows_reach_every_point():
    places = np.random.default_rng(0).normal(size=(80, 2)).round(3).tolist()
    places += places[:3]
    moves = [step(places, list(range(83)), one) for one in ([1, 0], [-1, 0], [0, 1], [0, -1])]
    reached, ahead = {0}, [0]
    while ahead:
        here = ahead.pop()
        found = {move[here] for move in moves} - {-1} - reached
        reached |= found
        ahead += found
    assert reached == set(range(83))


def test_script_and_style_load_nothing_from_elsewhere():
    for name in (*SCRIPTS, "map.css"):
        # The names of SVG and HTML elements' kinds are no addresses.
        text = re.sub(r"http://www\.w3\.org/(2000/svg|1999/xhtml)", "", read(name))
        assert not re.search(r"https?://|@import|url\(|\bimport\b\s*[({'\"]|fetch\(", text)


def test_scripts_and_style_name_what_a_map_has(monkeypatch, tmp_path):
    html = example(monkeypatch, tmp_path)
    script = "".join(map(read, SCRIPTS))
    made = {name for names in re.findall(r'class="([^"]*)"', html) for name in names.split()}
    for names in re.findall(r'class: "([^"]*)"', script):
        made |= set(names.split())
    style = read("map.css")
    styled = set(re.findall(r"\.(ml-[a-z]+)", style))
    assert made == styled
    for name in re.findall(r'querySelector(?:All)?\("\.(ml-[a-z]+)', script):
        assert name in made
    for attribute in re.findall(r"\[(data-[a-z-]+)\]", script):
        assert attribute in html or f'"{attribute}"' in script
    for key in re.findall(r"dataset\.([a-z]+)", script):
        assert f"data-{key}=" in html


def test_every_state_that_the_style_shows_is_set():
    script = "".join(map(read, SCRIPTS))
    html_states = {"data-legend"}
    for attribute in set(re.findall(r"\[(data-[a-z-]+)", read("map.css"))) - html_states:
        assert f'"{attribute}"' in script or attribute == "data-theme"
    for variable in set(re.findall(r"var\((--ml-[a-z]+)\)", read("map.css"))):
        assert f"{variable}:" in read("map.css") or f'"{variable}"' in script


def test_the_picture_itself_listens_to_no_focus():
    # Chromium makes an SVG element that does a stop of the tab key, beside its points.
    for name in SCRIPTS:
        assert not re.search(r'(svg|root)\.addEventListener\("focus', read(name))
    assert 'plot.addEventListener("focusin"' in read("map.js")


def test_motion_is_only_for_readers_who_allow_it():
    before, _, after = read("map.css").partition("@media (prefers-reduced-motion: no-preference)")
    assert "transition" in after
    assert not re.search(r"transition|animation", before)


def test_braces_of_the_style_match():
    assert read("map.css").count("{") == read("map.css").count("}") > 20


def test_the_book_loads_the_view_before_the_map():
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"][
        "config"
    ]
    scripts = [entry[0] for entry in settings["html_js_files"]]
    assert scripts.index("map-view.js") < scripts.index("map.js")
    assert "map.css" in settings["html_css_files"]
