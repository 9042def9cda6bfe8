"""Rate-distortion tables: real bytes, aligned audio, means with intervals."""

import csv
import io
import json
import math

import numpy as np
import pandas as pd
import pytest

from musiclib import evaluate
from musiclib.audio import resample
from musiclib.codecs import get_codec
from musiclib.datasets import Clip
from musiclib.errors import AudioError, CodecError, MusiclibError
from musiclib.metrics import bootstrap_interval
from tests.codec_signals import RATE, click, music, stereo

METRICS = ["log_spectral_distance", "si_sdr", "waveform_rmse"]


def clip(audio, name="a", rate=RATE):
    return Clip(name, audio, rate, "genre", "artist", "title")


def clips(count=3):
    return [clip(music(1.0, seed=seed), f"clip{seed}") for seed in range(count)]


@pytest.fixture(scope="module")
def codecs():
    return [get_codec("opus", 12), get_codec("opus", 48), get_codec("downsample", factor=4)]


@pytest.fixture(scope="module")
def table(codecs):
    return evaluate.rate_distortion(codecs, clips(), METRICS)


def test_bytes_are_those_of_the_files(table, codecs):
    for row in table.itertuples():
        codec = next(codec for codec in codecs if codec.label == row.label)
        original = next(item for item in clips() if item.track_id == row.track_id)
        assert row.n_bytes == len(codec.encode(original.audio, RATE))
        assert row.kbps == pytest.approx(8 * row.n_bytes / row.seconds / 1000)
        assert row.seconds == 1.0


def test_rows_come_in_order_and_in_full(table, codecs):
    assert list(table["track_id"]) == [f"clip{i}" for i in range(3) for _ in codecs]
    assert list(table["label"]) == 3 * [codec.label for codec in codecs]
    assert not table[METRICS].isna().any(axis=None)
    first = ["track_id", "genre", "codec", "setting", "label", "n_bytes", "seconds", "kbps"]
    assert list(table.columns) == first + METRICS


def test_more_bits_score_better(table):
    means = table.groupby("label")[METRICS].mean()
    assert (
        means.at["Opus 48 kbps", "log_spectral_distance"]
        < means.at["Opus 12 kbps", "log_spectral_distance"]
    )
    assert means.at["Opus 48 kbps", "si_sdr"] > means.at["Opus 12 kbps", "si_sdr"]


def test_workers_change_nothing(table, codecs):
    parallel = evaluate.rate_distortion(codecs, iter(clips()), METRICS, workers=2)
    # Sums of several threads differ in their last bits.
    pd.testing.assert_frame_equal(parallel, table, rtol=1e-9, atol=0.0)


def test_clips_are_taken_one_by_one(codecs):
    taken = []

    def stream():
        for item in clips():
            taken.append(item.track_id)
            assert len(taken) <= 1 + len(seen)
            yield item

    seen = []
    original = evaluate.measure_clip

    def watch(item, *rest):
        seen.append(item.track_id)
        return original(item, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "measure_clip", watch)
        evaluate.rate_distortion(codecs[:1], stream(), METRICS[:1])
    assert seen == taken == ["clip0", "clip1", "clip2"]


def test_summary_averages_over_clips(table):
    summary = evaluate.summarise(table)
    assert list(summary["label"]) == list(dict.fromkeys(table["label"]))
    for row in summary.to_dict("records"):
        rows = table[table["label"] == row["label"]]
        interval = bootstrap_interval(rows["si_sdr"].to_numpy())
        assert row["clips"] == 3
        assert row["kbps"] == pytest.approx(rows["kbps"].mean())
        assert row["si_sdr"] == pytest.approx(rows["si_sdr"].mean())
        assert (row["si_sdr_low"], row["si_sdr_high"]) == (interval.low, interval.high)


def test_a_silent_clip_is_named_and_left_out_of_the_means(codecs):
    silent = clip(np.zeros(RATE, np.float32), "quiet")
    with pytest.warns(UserWarning, match=r"quiet, Opus 12 kbps: no si_sdr"):
        table = evaluate.rate_distortion(codecs[:1], [silent, *clips(2)], ["si_sdr"])
    assert table["si_sdr"].isna().tolist() == [True, False, False]
    summary = evaluate.summarise(table)
    assert summary.at[0, "si_sdr"] == pytest.approx(table["si_sdr"].dropna().mean())
    with pytest.warns(UserWarning, match="quiet"):
        alone = evaluate.summarise(evaluate.rate_distortion(codecs[:1], [silent], ["si_sdr"]))
    assert math.isnan(alone.at[0, "si_sdr"])
    assert "-" in evaluate.to_text(alone)
    assert json.loads(evaluate.to_json(alone))[0]["si_sdr"] is None


def test_align_brings_back_rate_and_length():
    reference = click(RATE, 7_001, 6.0)
    low = resample(reference, RATE, 16_000)
    aligned = evaluate.align(low, 16_000, reference, RATE)
    assert aligned.shape == reference.shape
    assert int(np.argmax(aligned)) == 7_001
    short, longer = reference[:-500], np.concatenate([reference, np.ones(500, np.float32)])
    assert np.array_equal(evaluate.align(short, RATE, reference, RATE)[:-500], short)
    assert not evaluate.align(short, RATE, reference, RATE)[-500:].any()
    assert np.array_equal(evaluate.align(longer, RATE, reference, RATE), reference)
    both = stereo(reference)
    assert evaluate.align(both, RATE, both, RATE).shape == both.shape


def test_align_searches_nothing():
    reference = music(1.0)
    late = np.concatenate([np.zeros(100, np.float32), reference])
    assert not np.array_equal(evaluate.align(late, RATE, reference, RATE), reference)


def test_what_does_not_belong_together_is_refused(codecs, table):
    reference = music(1.0)
    with pytest.raises(AudioError, match="not the same clip"):
        evaluate.align(reference[: RATE // 2], RATE, reference, RATE)
    with pytest.raises(AudioError, match="channels"):
        evaluate.align(stereo(reference), RATE, reference, RATE)
    with pytest.raises(MusiclibError, match="log_spectral_distance"):
        evaluate.rate_distortion(codecs, clips(), ["loudness"])
    with pytest.raises(MusiclibError, match="no codecs"):
        evaluate.rate_distortion([], clips(), METRICS)
    with pytest.raises(MusiclibError, match="no clips"):
        evaluate.rate_distortion(codecs, [], METRICS)
    with pytest.raises(CodecError, match="384 kbps"):
        evaluate.rate_distortion([get_codec("downsample", 500)], clips(), METRICS)
    with pytest.raises(MusiclibError, match="empty"):
        evaluate.summarise(table.iloc[:0])


def test_formats_say_the_same(table):
    summary = evaluate.summarise(table)
    rows = list(csv.DictReader(io.StringIO(evaluate.to_csv(summary))))
    objects = json.loads(evaluate.to_json(summary))
    text = evaluate.to_text(summary)
    assert len(rows) == len(objects) == 3 == len(text.splitlines()) - 1
    for row, item, line in zip(rows, objects, text.splitlines()[1:], strict=True):
        assert float(row["si_sdr"]) == pytest.approx(item["si_sdr"], abs=1e-9)
        assert f"{item['kbps']:.2f}" in line
        assert f"{item['si_sdr']:.2f} [" in line
    per_clip = evaluate.to_text(table).splitlines()
    assert len(per_clip) == 1 + len(table)
    assert per_clip[1].split()[0] == "clip0"


def test_a_progress_bar_only_on_request(codecs, capsys):
    evaluate.rate_distortion(codecs[:1], clips(1), METRICS[:1])
    assert capsys.readouterr() == ("", "")
    evaluate.rate_distortion(codecs[:1], clips(1), METRICS[:1], progress=True, total=1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "clip" in captured.err
