"""Autoencoders beside codecs by their files, with small models trained for a moment."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from musiclib.codecs import get_codec
from musiclib.codecs.latent import AutoencoderCodec
from musiclib.datasets import Clip
from musiclib.metrics import Interval
from musiclib.models import PcaConfig
from musiclib.studies.compression import figures, rates, tables
from musiclib.studies.rate_tables import summarise
from musiclib.training import fit, load, new_model
from tests.latent_fixture import RATE, checkpoints, music
from tests.training_fixture import TRAINING

__all__ = ["checkpoints", "music"]
METRICS = ("log_spectral_distance", "si_sdr")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def clip(name: str, seed: int, seconds: float = 2.0) -> Clip:
    generator = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * hertz * times) for hertz in generator.uniform(100, 2000, 5))
    audio = (0.05 * tones + 0.005 * generator.standard_normal(len(times))).astype(np.float32)
    return Clip(track_id=name, audio=audio, sample_rate=RATE, genre="x", artist="y", title=name)


CLIPS = [clip("a", 1), clip("b", 2)]


def test_each_model_is_a_system_of_its_own(checkpoints):
    codecs = [
        get_codec("downsample", factor=4),
        AutoencoderCodec(checkpoints["waveform"], step=-20),
        AutoencoderCodec(checkpoints["waveform"], step=-8),
        AutoencoderCodec(checkpoints["frequency"], step=-8),
    ]
    table = rates.measured(codecs, CLIPS, METRICS)
    assert table["codec"].unique().tolist() == ["downsample", "waveform", "frequency"]
    fine, coarse = (table[table["label"] == codec.label] for codec in codecs[1:3])
    assert fine["kbps"].mean() > coarse["kbps"].mean()
    summary = summarise(table)
    _figure, axes = figures.rate_distortion(
        summary, "si_sdr", limits={"limit": ([1.0, 9.0], [0, 9])}
    )
    labels = axes.get_figure().legends[0].get_texts()
    assert [text.get_text() for text in labels] == [
        "limit",
        "Downsampling",
        "waveform",
        "frequency",
    ]
    assert tables.best(summary, "si_sdr")["si_sdr"] == summary["si_sdr"].max()


def test_matched_files_are_never_larger_than_their_rivals(checkpoints):
    rival = get_codec("downsample", factor=4)  # 32 kbps and a header
    names = ("waveform", "frequency")
    table = rates.matched(
        {name: checkpoints[name] for name in names}, [rival], CLIPS, 20.0, METRICS
    )
    assert len(table) == 4
    assert (table["kbps"] <= 20.0).all()
    assert (table["kbps"] > 10.0).any()
    loose = rates.matched({"waveform": checkpoints["waveform"]}, [rival], CLIPS, 1e6, METRICS)
    assert (loose["kbps"] <= loose["rival_kbps"]).all()
    assert (loose["kbps"] > 20.0).all()


def test_rivals_that_were_measured_are_not_coded_again(checkpoints):
    rival = get_codec("downsample", factor=4)
    models = {"waveform": checkpoints["waveform"]}
    known = rates.measured([rival], CLIPS, METRICS)
    asked = (models, [rival], CLIPS, 20.0, METRICS)
    pd.testing.assert_frame_equal(rates.matched(*asked, known=known), rates.matched(*asked))
    known["si_sdr"] = [3.0, 4.0]
    assert rates.matched(*asked, known=known)["rival_si_sdr"].tolist() == [3.0, 4.0]
    partly = rates.matched(*asked, known=known.iloc[1:])
    assert partly["rival_si_sdr"].iloc[0] != 3.0
    assert partly["rival_si_sdr"].iloc[1] == 4.0


def test_sounds_to_compare_come_from_files(checkpoints):
    codec = AutoencoderCodec(checkpoints["waveform"], step=-20)
    plain = get_codec("downsample", factor=4)
    rows = tables.coded_sounds(CLIPS, ["A", "B"], {"model": codec, "plain": plain}, ["si_sdr"])
    assert [row.title for row in rows] == ["A", "B"]
    reference, model, _ = rows[1].sounds
    np.testing.assert_array_equal(reference.audio, CLIPS[1].audio)
    data = codec.encode(CLIPS[1].audio, RATE)
    np.testing.assert_array_equal(model.audio, codec.decode(data)[0])
    assert model.kbps == pytest.approx(8 * len(data) / CLIPS[1].seconds / 1000)
    assert model.figures["si_sdr"] > 0.0


def test_a_finer_step_costs_more_and_comes_nearer(music, tmp_path):
    config = PcaConfig(latent=48, sample_rate=RATE, n_fft=512, hop_length=128, offset=0.1)
    fit(new_model(config), music, replace(TRAINING, steps=0, segment_s=0.256), tmp_path / "pca")
    found = rates.narrow_spectrograms({"pca": load(tmp_path / "pca")}, {"pca": (-16, -4)}, CLIPS)
    assert found["step"].tolist() == [-16, -4]
    assert found["kbps"].iloc[0] > found["kbps"].iloc[1]
    assert found["rmse"].iloc[0] < found["rmse"].iloc[1]


def paired(ours: float, theirs: float) -> pd.DataFrame:
    rows = []
    for index in range(5):
        row: dict[str, float | str] = {"model": "m", "rival": "r", "kbps": 7.0, "rival_kbps": 8.0}
        for metric, sign in (("log_spectral_distance", -1), ("si_sdr", 1), ("zimtohrli_mos", 1)):
            row[metric] = 3.0 + sign * ours + 0.01 * index
            row[f"rival_{metric}"] = 3.0 + sign * theirs
        rows.append(row)
    return pd.DataFrame(rows)


def test_a_difference_counts_on_the_better_side_of_each_metric():
    all_labels = "Log-spectral distance, SI-SDR and Zimtohrli MOS"
    for ours, theirs, side in ((1.0, 0.0, "better"), (0.0, 1.0, "worse")):
        found = rates.differences(paired(ours, theirs))
        assert isinstance(found["si_sdr"].iloc[0], Interval)
        outcome = tables.outcome(found, "m", "r")
        assert outcome[side] == all_labels
        assert outcome["open"] == "none"
        marks = tables.matched_table(found).iloc[0, 3:]
        assert all(("✓" in cell) == (side == "better") for cell in marks)


def test_savings_fall_from_nominal_to_the_file(checkpoints):
    found = rates.savings({name: checkpoints[name] for name in ("waveform", "pca")}, -10, CLIPS)
    assert (found["nominal"] > found["fixed"]).all()
    assert (found["fixed"] >= found["by_channel"]).all()
    assert (found["by_channel"] > found["file"]).all()
    assert found["header"].between(0.0, 0.5).all()
    finer = rates.savings({"waveform": checkpoints["waveform"]}, -18, CLIPS)
    # Four times finer: two bits a value more, or a little less.
    assert finer["bits"].iloc[0] - found["bits"]["waveform"] == pytest.approx(2.0, abs=0.6)


def test_a_silent_clip_takes_a_header_and_nothing_more(checkpoints):
    silent = Clip(
        track_id="s", audio=np.zeros(RATE, np.float32), sample_rate=RATE, genre="x", artist="y",
        title="s",
    )  # fmt: skip
    with_silence = rates.savings({"pca": checkpoints["pca"]}, -10, [*CLIPS, silent])
    alone = rates.savings({"pca": checkpoints["pca"]}, -10, CLIPS)
    assert with_silence["file"].iloc[0] < alone["file"].iloc[0]


def test_a_coded_spectrogram_that_is_exact_has_no_error():
    import torch

    from musiclib.stft import StftConfig, stft

    audio = CLIPS[0].audio
    exact = stft(torch.from_numpy(audio), StftConfig(512, 128)).abs().numpy()
    assert rates.coded_spectrogram_rmse(audio, exact) < 1e-6
    # Nearly all magnitudes are far above the offset: a factor of e is about a neper there.
    assert 0.3 < rates.coded_spectrogram_rmse(audio, np.e * exact) <= 1.0
