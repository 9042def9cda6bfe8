"""Arrow keys on the map of sounds, by the function of its script."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from musiclib.listen.media import STATIC

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def step(places, start, direction, allowed="() => true"):
    """Point to which an arrow key moves, found by the script's own function."""
    code = (
        f"const map = require({json.dumps(str(STATIC / 'map.js'))});"
        f"const places = {json.dumps(places)};"
        f"console.log(JSON.stringify({json.dumps(start)}.map("
        f"(from) => map.inDirection(places, from, {json.dumps(direction)}, {allowed}))))"
    )
    done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_arrows_go_to_the_nearest_point_of_their_direction():
    # Right of the first: a near one, a far one, and one that is above more than right.
    places = [[0, 0], [10, 2], [30, 0], [3, -9]]
    assert step(places, [0, 1, 2], [1, 0]) == [1, 2, -1]
    assert step(places, [0, 1, 2], [0, -1]) == [3, 3, 3]
    assert step(places, [2], [-1, 0]) == [1]


def test_a_direction_without_a_point_ahead_takes_the_least_askew():
    assert step([[0, 0], [5, 100], [5, 40]], [0], [1, 0]) == [2]
    assert step([[0, 0], [-5, 0]], [0], [1, 0]) == [-1]


def test_points_in_one_place_follow_each_other():
    places = [[5, 5]] * 3
    assert step(places, [0, 1, 2], [1, 0]) == [1, 2, -1]
    assert step(places, [0, 1, 2], [-1, 0]) == [-1, 0, 1]


def test_dimmed_points_are_passed_over():
    assert step([[0, 0], [1, 0], [2, 0]], [0], [1, 0], "(index) => index !== 1") == [2]


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
