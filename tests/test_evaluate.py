"""The verb `evaluate`: real bytes, aligned audio, one tidy row a codec, clip and metric."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from musiclib.audio import FloatArray, resample, save
from musiclib.codecs import get_codec, payload_bytes
from musiclib.datasets import Clip, measured_clips, one_clip_an_artist, open_dataset
from musiclib.errors import AudioError, AudioFileError, DatasetError
from musiclib.evaluation import COLUMNS, align, evaluate
from musiclib.metrics import METRICS
from tests.codec_signals import RATE, click, music, stereo

FAST = ["log_spectral_distance", "si_sdr", "waveform_rmse"]


def clip(audio: FloatArray, name: str = "a", group: str = "group") -> Clip:
    return Clip(name, audio, RATE, "genre", "artist", "title", group)


CLIPS = [clip(music(1.0, seed=seed), f"clip{seed}", f"group{seed % 2}") for seed in range(3)]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return evaluate(["opus:12,48", "downsample:/4"], CLIPS, FAST)


def test_a_row_for_each_clip_codec_and_metric_in_order(table: pd.DataFrame) -> None:
    assert tuple(table.columns) == COLUMNS
    systems = [("Opus", "12 kbps"), ("Opus", "48 kbps"), ("Downsampling", "by 4")]
    about = table[["clip", "artist", "system", "setting", "metric"]].to_numpy().tolist()
    assert about == [
        [one.track_id, one.unit, *system, name]
        for one in CLIPS
        for system in systems
        for name in FAST
    ]
    assert table["value"].notna().all()
    assert (table["reason"] == "").all()
    assert table.pivot_table("value", "setting", "metric")["si_sdr"].idxmax() == "48 kbps"


def test_bytes_and_values_are_those_of_the_codec_itself(table: pd.DataFrame) -> None:
    codec, one = get_codec("opus", 12), CLIPS[1]
    data = codec.encode(one.audio, RATE)
    estimate = align(*codec.decode(data), one.audio, RATE)
    rows = table[(table["clip"] == "clip1") & (table["setting"] == "12 kbps")]
    assert (rows["file_bytes"] == len(data)).all()
    assert (rows["payload_bytes"] == payload_bytes(data)).all()
    assert rows["kbps"].to_numpy() == pytest.approx(8 * len(data) / 1.0 / 1000)
    for row in rows.itertuples():
        assert row.value == METRICS[row.metric](one.audio, estimate, RATE)


class HalfGone:
    """The second half is destroyed: only who hears it complains, and its bytes count for all."""

    name, suffix, setting, label, title = "half", ".half", "", "Half", "Half"

    def encode(self, audio: npt.ArrayLike, _rate: int) -> bytes:
        return np.asarray(audio, np.float32).tobytes()

    def decode(self, data: bytes) -> tuple[FloatArray, int]:
        audio = np.frombuffer(data, np.float32).copy()
        audio[len(audio) // 2 :] = 0.0
        return audio, RATE


def test_an_excerpt_is_judged_but_the_whole_is_coded() -> None:
    one, both = clip(music(2.0)), ["waveform_rmse", "si_sdr"]
    whole = evaluate(HalfGone(), one, both)
    part = evaluate(HalfGone(), one, both, excerpt_s={"waveform_rmse": 1.0})
    assert part["value"][0] == 0.0 < whole["value"][0]
    assert part["value"][1] == whole["value"][1]
    assert (evaluate(HalfGone(), one, "waveform_rmse", excerpt_s=1.0)["value"] == 0.0).all()
    assert (part["file_bytes"] == whole["file_bytes"]).all()
    assert whole["payload_bytes"].isna().all()


def test_what_is_not_defined_says_why() -> None:
    silent = clip(np.zeros(RATE, np.float32), "quiet")
    table = evaluate("opus:12", [silent, CLIPS[0]], ["si_sdr", "waveform_rmse"])
    assert table["value"].notna().tolist() == [False, True, True, True]
    assert (table["reason"] != "").tolist() == [True, False, False, False]


@pytest.mark.filterwarnings("ignore:all 1 tracks")
def test_files_and_data_sets_are_clips_too(tmp_path: Path) -> None:
    paths = [tmp_path / f"artist{number} - song.wav" for number in range(2)]
    for number, path in enumerate(paths):
        save(path, music(1.5, seed=number), RATE)
    files = evaluate("opus:12", paths, "si_sdr")
    folder = evaluate("opus:12", open_dataset("folder", tmp_path), "si_sdr")
    assert list(files["clip"]) == [str(path) for path in paths]
    assert files["value"].tolist() == folder["value"].tolist()
    with pytest.raises(AudioFileError, match="nowhere"):
        evaluate("opus:12", tmp_path / "nowhere.wav", "si_sdr")


def test_the_clips_of_the_protocol_are_fixed_and_nested() -> None:
    mini = open_dataset("mini")
    whole = measured_clips(mini)
    slow, few = one_clip_an_artist(whole), measured_clips(mini, "smoke")
    for seed in (0, 3):
        again = measured_clips(open_dataset("mini", seed=seed)).tracks
        assert again.index.equals(mini.part("test").tracks.index)
    assert slow.tracks["artist_group"].is_unique
    assert set(slow.tracks["artist_group"]) == set(whole.tracks["artist_group"])
    assert len(few) < 8
    assert set(few.tracks.index) < set(slow.tracks.index) < set(whole.tracks.index)
    # A track that is taken away moves no other.
    gone = few.tracks.index[0]
    rest = mini.select(track_ids=list(mini.tracks.index.drop(gone)))
    kept = one_clip_an_artist(measured_clips(rest)).tracks.index
    assert set(slow.tracks.index) - set(kept) == {gone}
    with pytest.raises(DatasetError, match="profile"):
        measured_clips(mini, "huge")


def test_align_brings_back_rate_and_length() -> None:
    reference = click(RATE, 7_001, 6.0)
    aligned = align(resample(reference, RATE, 16_000), 16_000, reference, RATE)
    assert aligned.shape == reference.shape
    assert int(np.argmax(aligned)) == 7_001
    short, longer = reference[:-500], np.concatenate([reference, np.ones(500, np.float32)])
    assert np.array_equal(align(short, RATE, reference, RATE), np.pad(short, (0, 500)))
    assert np.array_equal(align(longer, RATE, reference, RATE), reference)
    both = stereo(reference)
    assert align(both, RATE, both, RATE).shape == both.shape
    with pytest.raises(AudioError, match="same channels"):
        align(both, RATE, reference, RATE)
    with pytest.raises(AudioError, match="same clip"):
        align(reference[: RATE // 2], RATE, reference, RATE)
