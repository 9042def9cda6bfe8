"""Segments: the tiling covers tracks, random draws are seeded and even."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musiclib.datasets import (
    AudioCache,
    Dataset,
    open_dataset,
    random_segments,
    read_segment,
    segments,
)
from musiclib.errors import DatasetError

RATE = 1_000
# Seconds by file; the sample value tells the track, a ramp the place.
SECONDS = {"a/0.wav": 10.0, "a/1.wav": 4.0, "b/2.wav": 2.5, "b/3.wav": 0.5}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Dataset, AudioCache]:
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    for path, seconds in SECONDS.items():
        file = tmp_path / "music" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        ramp = np.arange(round(seconds * RATE), dtype=np.int16)
        soundfile.write(file, ramp, RATE, subtype="PCM_16")
    dataset = open_dataset("folder", tmp_path / "music")
    return dataset, dataset.cache(RATE)


@pytest.mark.filterwarnings("ignore:1 of 4 tracks:UserWarning")
def test_tiling_covers_each_track_once_in_order(made):
    dataset, cache = made
    table = segments(dataset, cache, seconds=2.0)
    assert table.groupby("track_id").size().to_dict() == {"a/0.wav": 5, "a/1.wav": 2, "b/2.wav": 1}
    assert (table["length"] == 2_000).all()
    assert list(table["genre"]) == [track_id[0] for track_id in table["track_id"]]
    assert list(table["split"]) == list(dataset.tracks.loc[table["track_id"], "split"])
    pieces = [read_segment(cache, r.track_id, r.start, r.length) for r in table[:5].itertuples()]
    np.testing.assert_array_equal(np.concatenate(pieces), cache.audio("a/0.wav"))


@pytest.mark.filterwarnings("ignore:. of 4 tracks:UserWarning")
def test_hops_overlap(made):
    table = segments(*made, seconds=2.0, hop_s=0.5)
    starts = table.loc[table["track_id"] == "a/1.wav", "start"]
    assert list(starts) == [0, 500, 1_000, 1_500, 2_000]


def test_short_tracks_are_warned_of_or_padded(made):
    dataset, cache = made
    with pytest.warns(UserWarning, match="1 of 4 tracks are shorter than 2"):
        segments(dataset, cache, 2.0)
    padded = segments(dataset, cache, 2.0, short="pad")
    assert "b/3.wav" in set(padded["track_id"])
    audio = read_segment(cache, "b/3.wav", 0, 2_000)
    np.testing.assert_array_equal(audio[:500], cache.audio("b/3.wav"))
    assert not audio[500:].any()
    assert audio.shape == (2_000,)


def test_random_segments_are_what_their_labels_say(made):
    dataset, cache = made
    for batch in itertools.islice(random_segments(dataset, cache, 1.0, batch_size=8), 20):
        assert batch.audio.shape == (8, 1_000)
        assert batch.audio.dtype == np.float32
        np.testing.assert_array_equal(batch.audio[:, 0] * 32_768, batch.starts)
        for track_id, audio in zip(batch.track_ids, batch.audio, strict=True):
            assert audio[-1] * 32_768 < SECONDS[track_id] * RATE


def test_random_segments_resume_and_depend_on_the_seed(made):
    dataset, cache = made
    batches = list(itertools.islice(random_segments(dataset, cache, 1.0, seed=3), 6))
    resumed = next(random_segments(dataset, cache, 1.0, seed=3, first_batch=5))
    np.testing.assert_array_equal(resumed.audio, batches[5].audio)
    assert (batches[0].starts != batches[1].starts).any()
    other = next(random_segments(dataset, cache, 1.0, seed=4))
    assert (other.starts != batches[0].starts).any()


@pytest.mark.parametrize(("balance", "share"), [("time", 1_502 / 13_503), ("genre", 0.5)])
def test_random_segments_are_even_over_time_or_genres(made, balance, share):
    draws = random_segments(*made, 1.0, batch_size=4_000, balance=balance)
    batch = next(draws)
    short = np.mean([track_id == "b/2.wav" for track_id in batch.track_ids])
    assert short == pytest.approx(share, abs=0.03)
    places = batch.starts[[track_id == "a/0.wav" for track_id in batch.track_ids]]
    assert places.min() < 200
    assert places.max() > 8_800
    assert places.mean() == pytest.approx(4_500, rel=0.06)


def test_parts_draw_from_their_own_tracks(made):
    dataset, cache = made
    part = dataset.select(track_ids=["a/1.wav", "b/2.wav"])
    batch = next(random_segments(part, cache, 1.0, batch_size=64))
    assert set(batch.track_ids) == {"a/1.wav", "b/2.wav"}
    assert set(segments(part, cache, 1.0)["track_id"]) == {"a/1.wav", "b/2.wav"}


@pytest.mark.filterwarnings("ignore:. of 4 tracks:UserWarning")
def test_bad_lengths_are_refused(made):
    dataset, cache = made
    for call in (
        lambda: segments(dataset, cache, 0.0),
        lambda: segments(dataset, cache, 1.0, hop_s=0.0),
        lambda: segments(dataset, cache, 60.0),
        lambda: next(random_segments(dataset, cache, 60.0)),
        lambda: next(random_segments(dataset, cache, 1.0, batch_size=0)),
        lambda: next(random_segments(dataset, cache, 1.0, first_batch=-1)),
    ):
        with pytest.raises(DatasetError):
            call()
