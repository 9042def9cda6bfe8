import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from musiclib.codecs import get_codec
from musiclib.metrics import METRICS, spectral_rmse
from musiclib.studies.distortions import DISTORTIONS, add_noise, lowpass
from musiclib.studies.metric import baseline, equal_pairs, figures, measures, tables

RATE = 24_000
DAMAGE = {kind.key: kind for kind in DISTORTIONS}
FAST = ("relative_rmse", "si_sdr", "log_spectral_distance")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def tone(hertz: float, seconds: float = 1.5, rate: int = RATE) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def music(seconds: float = 1.5, rate: int = RATE) -> np.ndarray:
    """Partials that fall by 6 dB an octave, with a slow beat."""
    partials = [tone(hertz, seconds, rate) / hertz for hertz in np.arange(110.0, rate / 2, 330.0)]
    beat = 1.0 + 0.5 * np.sin(2 * np.pi * 3.0 * np.arange(len(partials[0])) / rate)
    clip = np.sum(partials, axis=0) * beat
    return (0.3 * clip / np.max(np.abs(clip))).astype(np.float32)


def test_relative_rmse_of_a_copy_of_silence_and_of_a_flip():
    clip = music()
    assert measures.relative_rmse(clip, clip) == 0.0
    assert measures.relative_rmse(clip, np.zeros_like(clip)) == pytest.approx(100.0)
    assert measures.relative_rmse(clip, -clip) == pytest.approx(200.0)


def test_energy_above_a_frequency():
    clip = tone(1000.0) + tone(6000.0) / 2
    assert measures.energy_above(clip, RATE, 4000.0) == pytest.approx(0.2, abs=0.005)
    assert measures.energy_above(tone(1000.0), RATE, 4000.0) < 1e-4


def test_waveform_metrics_punish_a_delay_that_spectral_metrics_forgive():
    clips = {"a": music()}
    kinds = [DAMAGE["delay"], DAMAGE["white"]]
    table = measures.distortion_table(clips, RATE, kinds).set_index("distortion")
    assert table.loc["delay", "relative_rmse"] > 2 * table.loc["white", "relative_rmse"]
    assert table.loc["delay", "zimtohrli_mos"] > table.loc["white", "zimtohrli_mos"] + 0.3
    spectral = table["log_spectral_distance"]
    assert spectral["delay"] < spectral["white"] / 2


def test_white_noise_is_its_own_equivalent():
    clips = {"a": music(), "b": tone(440.0)}
    table = measures.distortion_table(clips, RATE, [DAMAGE["white"], DAMAGE["polarity"]], FAST)
    ladder = measures.noise_ladder(clips, RATE, (0, 10, 20, 30, 40), FAST)
    found = measures.equivalent_noise_db(table, ladder)
    np.testing.assert_allclose(found.loc[DAMAGE["white"].label], 20.0, atol=0.1)
    flipped = found.loc[DAMAGE["polarity"].label]
    assert flipped["relative_rmse"] == 0.0
    assert flipped["si_sdr"] == flipped["log_spectral_distance"] == 40.0


def test_downsampling_keeps_lows_and_loses_highs():
    low, high = tone(200.0, rate=8000), tone(3000.0, rate=8000)
    kept = baseline.downsample(low, 8000, 4)
    assert kept.shape == low.shape
    np.testing.assert_allclose(kept[500:-500], low[500:-500], atol=1e-3)
    assert np.abs(baseline.downsample(high, 8000, 4)[500:-500]).max() < 1e-3
    np.testing.assert_array_equal(baseline.downsample(high, 8000, 1), high)


def test_downsampling_by_a_factor_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match="8000 Hz cannot be divided by 3"):
        baseline.downsample(music(), 8000, 3)


def test_the_constant_of_the_book_gives_the_metric_of_the_book():
    clip = music(rate=8000)
    damaged = baseline.downsample(clip, 8000, 4)
    by_offset = baseline.spectral_rmse_by_offset(clip, damaged, (0.01, 0.1, 1.0))
    assert by_offset[1] == pytest.approx(spectral_rmse(clip, damaged, 8000), rel=1e-6)
    assert by_offset[0] > by_offset[1] > by_offset[2]


def test_the_baseline_grows_with_the_factor():
    clips = {"a": music(rate=8000), "b": music(1.0, rate=8000)}
    table = baseline.downsampling_baseline(clips, 8000, offsets=(0.1,))
    assert table["factor"].tolist() == [2, 4, 8, 16]
    assert table["mean"].is_monotonic_increasing
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()
    shown = tables.baseline_table(table)
    assert shown["auto-encoder"].tolist() == [0.803, 0.929, 1.24, 1.61]
    # The ratios that the report's own figures give.
    assert shown["its ratio"].tolist() == [1.67, 1.15, 1.04, 1.05]


def test_the_nearest_offset_is_the_one_that_repeats_the_report():
    report = baseline.ORIGINAL_REPORT.query("factor > 1")
    tables_of = [
        pd.DataFrame(
            {"offset": c, "factor": report["factor"], "mean": scale * report["downsampling"]}
        )
        for c, scale in ((0.01, 2.0), (0.1, 1.05), (1.0, 0.4))
    ]
    assert baseline.nearest_offset(pd.concat(tables_of)) == 0.1


def test_match_finds_noise_of_a_given_error():
    clip = music()
    snr_db, noisy = equal_pairs.match(
        clip, RATE, "relative_rmse", 50.0, lambda snr: add_noise(clip, snr, 0), (-20.0, 80.0)
    )
    assert snr_db == pytest.approx(6.02, abs=0.01)
    assert measures.relative_rmse(clip, noisy) == pytest.approx(50.0, rel=1e-3)


def test_match_says_what_can_be_reached():
    clip = music()
    with pytest.raises(equal_pairs.OutOfReachError, match="out of reach"):
        equal_pairs.match(
            clip, RATE, "relative_rmse", 1e4, lambda snr: add_noise(clip, snr, 0), (0.0, 80.0)
        )


def test_pairs_are_equal_by_their_metric_alone():
    pairs = equal_pairs.equal_pairs(music(), RATE)
    assert [pair.metric for pair in pairs] == list(measures.CHAPTER_METRICS)
    for pair in pairs:
        first, second = (values[pair.metric] for values in pair.values)
        assert second == pytest.approx(first, rel=0.01, abs=0.02)
    delayed = pairs[0].values
    assert delayed[0]["zimtohrli_mos"] > delayed[1]["zimtohrli_mos"] + 1
    assert equal_pairs.widest_mos_gap(pairs) in pairs
    assert len(equal_pairs.pair_table(pairs)) == 2 * len(pairs)


def test_a_pair_that_cannot_be_matched_is_left_out():
    # Nothing lies above 4 kHz: the low-pass is as good as perfect, and no noise is that weak.
    deep = lowpass(tone(110.0), RATE, 300.0)
    assert "si_sdr" not in [pair.metric for pair in equal_pairs.equal_pairs(deep, RATE)]


def test_verdicts_follow_the_equivalent_noise():
    words = tables.verdicts(pd.DataFrame({"si_sdr": [60.0, 50.0, 35.0, 10.0]}, index=list("abcd")))
    assert words["SI-SDR (dB)"].tolist() == ["ignored", "ignored", "mild", "punished"]


def test_the_winner_depends_on_the_metric():
    summary = pd.DataFrame(
        {
            "label": ["Opus", "MP3"],
            "kbps": [16.0, 15.0],
            "log_spectral_distance": [6.0, 9.0],
            "spectral_rmse": [0.5, 0.4],
            "si_sdr": [13.0, 18.0],
            "zimtohrli_mos": [4.2, 3.1],
        }
    )
    assert tables.winners(summary) == {
        "log_spectral_distance": "Opus",
        "spectral_rmse": "MP3",
        "si_sdr": "MP3",
        "zimtohrli_mos": "Opus",
    }
    assert tables.contest_table(summary).index.tolist() == ["MP3", "Opus"]


def test_players_carry_the_measured_values():
    clip = music()
    shown = tables.damage_players(
        "Clip", clip, {"Softer": clip / 2}, RATE, ("relative_rmse", "si_sdr"), "A caption."
    )
    assert "Waveform RMSE <b>50.0 %</b>" in shown.html
    assert METRICS["si_sdr"].label in shown.html


def test_codec_players_carry_the_bitrate_of_the_file():
    clip = music()
    codec = get_codec("downsample", factor=4)
    shown = tables.codec_players("Clip", clip, RATE, [codec], ("si_sdr",), "A caption.")
    kbps = 8 * len(codec.encode(clip, RATE)) / 1.5 / 1000
    assert f"{kbps:.1f} kbps" in shown.html
    assert codec.label in shown.html


def test_figures_draw_what_they_are_given():
    clips = {"a": music(), "b": tone(440.0)}
    _, axes = figures.energy_by_frequency(clips, RATE)
    assert axes.get_ylabel() == "Energy above it (%)"
    narrow = {"a": music(rate=8000)}
    table = baseline.downsampling_baseline(narrow, 8000, offsets=(0.01, 0.1))
    assert figures.baseline(table)[1].shape == (2,)
    means = pd.DataFrame(
        {"si_sdr": [156.5, 20.0], "relative_rmse": [200.0, 10.0]}, index=["p", "q"]
    )
    _, axes = figures.damage_matrix(means.clip(-10, 60), means, -10, 60)
    assert [text.get_text() for text in axes.texts] == ["> 100", "200", "20.0", "10.0"]
    assert len(figures.agreement(means)[1].texts) == 4
