"""The script and the style that come with the players."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from musiclib.listen import Row, Sound, comparison, player

STATIC = Path(__file__).parents[1] / "book" / "_static"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_script_is_valid():
    run = subprocess.run(
        ["node", "--check", str(STATIC / "player.js")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_script_and_style_load_nothing_from_elsewhere():
    for name in ("player.js", "listen.css"):
        text = (STATIC / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|@import|url\(|\bimport\b\s*[({'\"]|fetch\(", text)


def test_script_and_style_name_what_the_players_have():
    sound = np.zeros(100, np.float32)
    html = comparison(
        [Row("a", [Sound("Reference", sound, 24_000, figures={"x": "1"})], note="n")], "c"
    ).html
    html += player(sound, 24_000, "b", spectrogram=True).html
    made = {name for names in re.findall(r'class="([^"]*)"', html) for name in names.split()}
    script = (STATIC / "player.js").read_text(encoding="utf-8")
    made |= set(re.findall(r"ml-(?:key|hidden|hint)\b", script))
    style = (STATIC / "listen.css").read_text(encoding="utf-8")
    assert made == set(re.findall(r"\.(ml-[a-z]+)", style))
    for attribute in re.findall(r"\[(data-[a-z-]+)\]", script):
        assert attribute in html


def test_braces_of_the_style_match():
    text = (STATIC / "listen.css").read_text(encoding="utf-8")
    assert text.count("{") == text.count("}") > 20
