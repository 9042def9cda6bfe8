"""The stereo clip is what its table says: stereo indeed, at the rate of a compact disc."""

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from musiclib.files import sha256_of

FOLDER = Path(__file__).parents[1] / "data" / "stereo"


def test_the_clip_is_the_one_of_the_table_and_its_channels_differ():
    (row,) = pd.read_csv(FOLDER / "tracks.csv", dtype=str).to_dict("records")
    file = FOLDER / row["file"]
    assert sha256_of(file) == row["sha256"]
    samples, rate = soundfile.read(file)
    assert (rate, samples.shape) == (44_100, (441_000, 2))
    left, right = samples.T
    assert 0 < np.std(left - right) < np.std(left + right)


def test_it_is_a_test_piece_of_the_bundled_music_under_a_licence_that_is_here():
    (row,) = pd.read_csv(FOLDER / "tracks.csv", dtype=str).to_dict("records")
    mini = FOLDER.parent / "mini"
    same = pd.read_csv(mini / "tracks.csv", dtype=str).query("path == @row['path']")
    for column in ("split", "artist", "artist_group", "title", "licence", "package", "version"):
        assert list(same[column]) == [row[column]]
    assert (mini / "LICENSES" / f"{row['licence']}.txt").is_file()
