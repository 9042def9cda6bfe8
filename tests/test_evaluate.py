"""The verb `evaluate`: real bytes, aligned audio, one tidy row a codec, clip and metric."""

import numpy as np
import pytest

from musiclib.audio import resample, save
from musiclib.codecs import get_codec, payload_bytes
from musiclib.datasets import Clip, measured_clips, one_clip_an_artist, open_dataset
from musiclib.errors import AudioFileError, DatasetError
from musiclib.evaluation import COLUMNS, align, evaluate
from musiclib.metrics import METRICS
from tests.codec_signals import RATE, click, music, stereo

FAST = ["log_spectral_distance", "si_sdr", "waveform_rmse"]
CODECS = ["opus:12,48", "downsample:/4"]


def clip(audio, name="a", group="group"):
    return Clip(name, audio, RATE, "genre", "artist", "title", group)


def clips(count=3):
    return [clip(music(1.0, seed=seed), f"clip{seed}", f"group{seed % 2}") for seed in range(count)]


@pytest.fixture(scope="module")
def table():
    return evaluate(CODECS, clips(), FAST)


def test_a_row_for_each_clip_codec_and_metric_in_order(table):
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 3 * 3 * 3
    assert list(dict.fromkeys(table["clip"])) == ["clip0", "clip1", "clip2"]
    assert list(table["metric"][:3]) == FAST
    assert list(dict.fromkeys(zip(table["system"], table["setting"], strict=True))) == [
        ("Opus", "12 kbps"),
        ("Opus", "48 kbps"),
        ("Downsampling", "by 4"),
    ]
    assert table.groupby("clip")["artist"].first().tolist() == ["group0", "group1", "group0"]
    assert table["value"].notna().all()
    assert (table["reason"] == "").all()


def test_bytes_and_values_are_those_of_the_codec_itself(table):
    codec, one = get_codec("opus", 12), clips()[1]
    data = codec.encode(one.audio, RATE)
    estimate = align(*codec.decode(data), one.audio, RATE)
    rows = table[(table["clip"] == "clip1") & (table["setting"] == "12 kbps")]
    assert (rows["file_bytes"] == len(data)).all()
    assert (rows["payload_bytes"] == payload_bytes(data)).all()
    assert rows["kbps"].to_numpy() == pytest.approx(8 * len(data) / 1.0 / 1000)
    for row in rows.itertuples():
        assert row.value == METRICS[row.metric](one.audio, estimate, RATE)


def test_more_bits_score_better(table):
    means = table.pivot_table("value", ["system", "setting"], "metric")
    low, high = means.loc[("Opus", "12 kbps")], means.loc[("Opus", "48 kbps")]
    assert high["log_spectral_distance"] < low["log_spectral_distance"]
    assert high["si_sdr"] > low["si_sdr"]


def test_an_excerpt_is_judged_but_the_whole_is_coded():
    """The second half is destroyed: only who hears it complains, and its bytes count for all."""

    class HalfGone:
        name, suffix, setting, label, title = "half", ".half", "", "Half", "Half"

        def encode(self, audio, _rate):
            return np.asarray(audio, np.float32).tobytes()

        def decode(self, data):
            audio = np.frombuffer(data, np.float32).copy()
            audio[len(audio) // 2 :] = 0.0
            return audio, RATE

    one = clip(music(2.0))
    whole = evaluate(HalfGone(), one, ["waveform_rmse", "si_sdr"])
    part = evaluate(HalfGone(), one, ["waveform_rmse", "si_sdr"], excerpt_s={"waveform_rmse": 1.0})
    assert part.set_index("metric").at["waveform_rmse", "value"] == 0.0
    assert part.set_index("metric").at["si_sdr", "value"] == whole["value"][1]
    assert (evaluate(HalfGone(), one, "waveform_rmse", excerpt_s=1.0)["value"] == 0.0).all()
    assert whole["value"][0] > 0.0
    assert (part["file_bytes"] == whole["file_bytes"]).all()
    assert whole["payload_bytes"].isna().all()


def test_what_is_not_defined_says_why():
    silent = clip(np.zeros(RATE, np.float32), "quiet")
    table = evaluate("opus:12", [silent, *clips(1)], ["si_sdr", "waveform_rmse"])
    first = table.iloc[0]
    assert np.isnan(first["value"])
    assert "silent" in first["reason"]
    assert table["value"].notna().tolist() == [False, True, True, True]
    assert (table["reason"] != "").tolist() == [True, False, False, False]


@pytest.mark.filterwarnings("ignore:all 1 tracks")
def test_files_and_data_sets_are_clips_too(tmp_path):
    for number in range(2):
        artist = tmp_path / f"artist{number} - song.wav"
        save(artist, music(1.5, seed=number), RATE)
    paths = sorted(tmp_path.glob("*.wav"))
    files = evaluate("opus:12", paths, "si_sdr")
    folder = evaluate("opus:12", open_dataset("folder", tmp_path), "si_sdr")
    assert list(files["clip"]) == [str(path) for path in paths]
    assert files["value"].tolist() == folder["value"].tolist()
    assert evaluate("opus:12", paths[0], "si_sdr")["value"][0] == files["value"][0]
    with pytest.raises(AudioFileError, match="nowhere"):
        evaluate("opus:12", tmp_path / "nowhere.wav", "si_sdr")


def test_the_clips_of_the_protocol_are_fixed_and_nested():
    music_of_book = open_dataset("mini")
    whole = measured_clips(music_of_book)
    slow = one_clip_an_artist(whole)
    assert set(whole.tracks["split"]) == {"test"}
    assert len(whole) == len(music_of_book.part("test"))
    assert set(slow.tracks.index) < set(whole.tracks.index)
    assert slow.tracks["artist_group"].is_unique
    assert set(slow.tracks["artist_group"]) == set(whole.tracks["artist_group"])
    assert list(measured_clips(open_dataset("mini", seed=3)).tracks.index) == list(
        whole.tracks.index
    )
    few = measured_clips(music_of_book, "smoke")
    assert len(few) < 8
    assert few.tracks["artist_group"].is_unique
    assert set(few.tracks.index) <= set(slow.tracks.index)
    without = music_of_book.select(
        track_ids=list(music_of_book.tracks.index.drop(few.tracks.index[0]))
    )
    assert set(slow.tracks.index) - set(
        one_clip_an_artist(measured_clips(without)).tracks.index
    ) <= {few.tracks.index[0]}
    with pytest.raises(DatasetError, match="profile"):
        measured_clips(music_of_book, "huge")


def test_align_brings_back_rate_and_length():
    reference = click(RATE, 7_001, 6.0)
    low = resample(reference, RATE, 16_000)
    aligned = align(low, 16_000, reference, RATE)
    assert aligned.shape == reference.shape
    assert int(np.argmax(aligned)) == 7_001
    short, longer = reference[:-500], np.concatenate([reference, np.ones(500, np.float32)])
    assert np.array_equal(align(short, RATE, reference, RATE)[:-500], short)
    assert not align(short, RATE, reference, RATE)[-500:].any()
    assert np.array_equal(align(longer, RATE, reference, RATE), reference)
    both = stereo(reference)
    assert align(both, RATE, both, RATE).shape == both.shape
