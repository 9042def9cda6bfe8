"""The scripts and the styles that come with the players."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from musiclib.listen import Row, Sound, comparison, player
from musiclib.listen.media import STATIC

ROOT = Path(__file__).parents[1]
SCRIPTS = (
    "player-deck.js",
    "player-media.js",
    "player-view.js",
    "player-stage.js",
    "blind.js",
    "player.js",
)
STYLES = ("listen.css", "stage.css", "blind.css")


def read(*names):
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_are_valid(name):
    run = subprocess.run(
        ["node", "--check", str(STATIC / name)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_every_page_loads_scripts_and_styles_in_order():
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]
    scripts = [name for name, options in settings["html_js_files"] if options == {"defer": "defer"}]
    assert [name for name in scripts if name in SCRIPTS] == list(SCRIPTS)
    assert [name for name in settings["html_css_files"] if name in STYLES] == list(STYLES)


@pytest.mark.parametrize("name", [*SCRIPTS, *STYLES])
def test_scripts_and_styles_load_nothing_from_elsewhere(name):
    text = read(name)
    assert not re.search(r"https?://|@import|url\(|\bimport\b\s*[({'\"]|\beval\(", text)
    assert len(text.splitlines()) <= 300


def test_scripts_and_styles_name_what_the_players_have():
    sound = np.zeros(100, np.float32)
    html = comparison(
        [Row("a", [Sound("Reference", sound, 24_000, figures={"x": "1"})], note="n")], "c"
    ).html
    html += player(sound, 24_000, "b", spectrogram=True).html
    made = {name for names in re.findall(r'class="([^"]*)"', html) for name in names.split()}
    scripts = read(*SCRIPTS)
    created = {
        name for names in re.findall(r'class: "([^"]*)"', scripts) for name in names.split()
    } | set(re.findall(r'classList.toggle\("(ml-[^"]*)"', scripts))
    styled = set(re.findall(r"\.(ml-[a-z-]+)", read(*STYLES)))
    assert made <= styled | created
    assert styled <= made | created
    used = {name for name in re.findall(r"\.(ml-[a-z-]+)", scripts) if name not in ("ml-fade",)}
    assert used <= made | created


def test_scripts_find_the_data_of_the_players():
    sound = Sound("Reference", np.zeros(100, np.float32), 24_000)
    html = comparison([Row("a", [sound])], "c").html
    scripts = read(*SCRIPTS)
    for name in ("seconds", "khz", "label", "rate"):
        assert f"dataset.{name}" in scripts
        assert f"data-{name}=" in html
    assert "[data-ml-group]" in scripts
    assert "data-ml-group" in html


@pytest.mark.parametrize("name", STYLES)
def test_braces_of_the_styles_match(name):
    text = read(name)
    assert text.count("{") == text.count("}") > 5
