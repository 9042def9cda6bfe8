"""The studies of the chapter on compression, on models and music made for them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from musiclib.metrics import Interval, spectral_rmse
from musiclib.models import FrequencyAutoencoder, FrequencyConfig, WaveformConfig, build_model
from musiclib.studies.compression import figures, report, sources, systems, tables, time_domain
from musiclib.studies.compression.limits import GaussianLimit, waveform_limit

RATE = report.REPORT_RATE
SMALL = FrequencyConfig(latent=16, group=2, n_fft=64, hop_length=16, blocks=0)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def music(seconds: float = 1.5, seed: int = 0) -> np.ndarray:
    """Noise below a moving tone: something to predict, and something not."""
    times = np.arange(round(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * (300.0 + 900.0 * times) * times)
    noise = np.random.default_rng(seed).standard_normal(len(times))
    return (0.2 * tone + 0.02 * noise).astype(np.float32)


def batches(count: int = 3) -> list[torch.Tensor]:
    return [torch.from_numpy(np.stack([music(seed=i), music(seed=i + 9)])) for i in range(count)]


def test_the_linear_model_is_where_training_starts():
    components = sources.group_components(batches(), SMALL)
    prepared = FrequencyAutoencoder(SMALL)
    prepared.prepare(batches())
    found = sources.linear_model(components, SMALL).state_dict()
    for name, value in prepared.state_dict().items():
        torch.testing.assert_close(found[name], value)


def test_more_values_are_nearer_and_all_of_them_are_exact():
    audio = music(seed=3)
    components = sources.group_components(batches(), SMALL)
    errors = []
    for latent in (1, 16, 2 * 33):
        config = FrequencyConfig(latent=latent, group=2, n_fft=64, hop_length=16, blocks=0)
        errors.append(report.spectrogram_rmse(sources.linear_model(components, config), audio))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-4


def test_sound_of_an_exact_spectrogram_is_near_and_at_its_level():
    config = FrequencyConfig(latent=2 * 257, group=2, blocks=0)
    model = FrequencyAutoencoder(config)
    with torch.no_grad():
        eye = torch.eye(config.latent).reshape(config.latent, 1, 257, 2)
        model.reduce.weight.copy_(eye)
        model.expand.weight.copy_(eye)
    audio = music(1.0)
    decoded = report.decode_without_phase(model.eval(), audio, iterations=32)
    assert decoded.shape == audio.shape
    assert spectral_rmse(audio, decoded, RATE) < 0.2
    assert np.std(decoded) == pytest.approx(np.std(audio), rel=0.1)


def test_memory_cannot_cost_bits():
    clips = [audio.tile(1, 2) for audio in batches()]
    components = sources.group_components(clips, SMALL)
    plain = GaussianLimit.of(components.variances.numpy())
    memory = sources.limit_with_memory(clips, components, SMALL, length=16)
    assert memory.count == 16 * plain.count
    assert memory.energy / 16 == pytest.approx(plain.energy, rel=0.15)
    error = 0.05 * plain.energy
    assert memory.bits_for_error(16 * error) / 16 < 1.05 * plain.bits_for_error(error)


def test_segments_too_short_for_memory_have_the_plain_limit():
    components = sources.group_components(batches(), SMALL)
    found = sources.limit_with_memory(batches(), components, SMALL, length=10_000)
    assert found.count == len(components.variances)


def test_the_ratio_of_means_and_its_interval():
    first, second = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])
    same = report.ratio_interval(first, second)
    assert (same.mean, same.low, same.high) == pytest.approx((0.5, 0.5, 0.5))
    mixed = report.ratio_interval(first, second[::-1])
    assert mixed.mean == pytest.approx(0.5)
    assert mixed.low < mixed.mean < mixed.high
    assert np.isnan(report.ratio_interval([1.0], [4.0]).low)


def measured(autoencoder: float) -> pd.DataFrame:
    rows = [
        {
            "clip": clip,
            "latent": 512 // factor,
            "factor": factor,
            "nominal_kbps": 128.0 / factor,
            "autoencoder": autoencoder * clip,
            "pca": 2.0 * autoencoder * clip,
            "downsampling": 1.0 * clip if factor > 1 else 0.0,
            "sound": 0.9 * clip,
            "sound_downsampling": 1.0 * clip,
        }
        for clip in (1, 2, 3)
        for factor in (1, 2, 4, 8, 16)
    ]
    return pd.DataFrame(rows)


def test_verdicts_on_the_reports_rates_follow_from_the_ratios():
    good, middling, bad = (report.ratios(measured(value)) for value in (0.5, 0.7, 1.2))
    assert list(good.index) == [2, 4, 8, 16]
    assert good["holds"].all()
    assert middling["holds"].tolist() == [True, False, False, False]
    assert not bad["holds"].any()
    assert good["sound_holds"].all()
    assert good["gain"].iloc[0].mean == pytest.approx(0.5)
    # The quoted ratios are the report's own.
    assert good["quoted_ratio"].round(2).tolist() == [1.67, 1.15, 1.04, 1.05]
    assert tables.report_table(good)["aim"].str.endswith("yes").all()
    _figure, axes = figures.report_ratios(measured(0.5), good)
    assert len(axes) == 2


def test_measure_puts_every_system_beside_downsampling():
    config = FrequencyConfig(latent=32, blocks=0)
    found = sources.group_components([torch.from_numpy(music(4.0)[None])], config)
    model = sources.linear_model(found, config)
    table = report.measure({"a": music(), "b": music(seed=1)}, {32: model}, {32: model}, 0.5)
    assert table["factor"].tolist() == [16, 16]
    assert table["autoencoder"].tolist() == table["pca"].tolist()
    assert (table[["autoencoder", "sound", "downsampling", "sound_downsampling"]] > 0.0).all(
        axis=None
    )


def test_a_model_of_samples_keeps_length_and_level():
    config = WaveformConfig(filters=8, width=8, blocks=0)
    audio = music()
    quiet = time_domain.rebuilt(build_model(config).eval(), 0.1 * audio)
    assert quiet.shape == audio.shape
    # Without blocks the path that starts as downsampling leads; it has no gain of its own.
    assert np.abs(quiet).max() < 0.2


def test_time_verdicts_need_both_metrics():
    def table(snr: float, distance: float) -> pd.DataFrame:
        rows = []
        for clip in range(4):
            for system, values in (("downsampling", (13.0, 21.0)), ("floats", (snr, distance))):
                rows.append(
                    {
                        "clip": clip,
                        "system": system,
                        "kbps": 48.0,
                        "si_sdr": values[0] + clip,
                        "log_spectral_distance": values[1] - clip,
                    }
                )
        return pd.DataFrame(rows)

    for snr, distance, holds in ((13.5, 14.0, True), (12.9, 14.0, False), (14.0, 16.0, False)):
        found = time_domain.verdicts(table(snr, distance))
        assert found.loc["floats", "holds"] == holds
        assert found.loc["floats", "si_sdr_difference"].mean == pytest.approx(snr - 13.0)
    assert tables.time_table(found).shape == (2, 5)


def test_bits_above_the_limit():
    audio = music(1.0)
    limit = waveform_limit(audio)
    needed = limit.bits_for_si_sdr(12.0)
    row = {"track_id": "a", "codec": "x", "label": "x 1", "seconds": 1.0, "si_sdr": 12.0}
    table = pd.DataFrame(
        [{**row, "kbps": needed / 1000 + 8.0}, {**row, "label": "y", "si_sdr": -9.0}]
    )
    found = tables.bits_above_limit(table, {"local": {"a": limit}}, RATE)
    assert found["label"].tolist() == ["x 1"]  # no phase, no comparison
    assert found["local_bits"].iloc[0] == pytest.approx(1.0)  # 8 kbps at 8 kHz


def test_spectrogram_bits_above_the_limit():
    limit = GaussianLimit.of(np.full(4, 1.0))
    memory = GaussianLimit.of(np.full(8, 1.0))
    coded = pd.DataFrame({"model": ["m"], "step": [0], "kbps": [1.0], "rmse": [0.5]})
    found = tables.spectrogram_bits_above_limit(coded, limit, memory, 100.0, 4)
    # One bit for each of 400 values a second, with and without memory.
    assert found["limit_kbps"].iloc[0] == found["memory_kbps"].iloc[0] == pytest.approx(0.4)
    assert found["bits"].iloc[0] == pytest.approx(1.5)


def test_words_for_a_page():
    assert tables.said(Interval(-1.234, -2.0, 0.5, 3), 1) == "−1.2 [−2.0,\N{NO-BREAK SPACE}0.5]"
    assert tables.listed(["opus", "mp3", "waveform-8"]) == "Opus, MP3 and waveform-8"
    assert tables.listed([]) == "none"


def test_plans_name_models_that_can_be_trained():
    from musiclib.training.recipes import RECIPES

    for profile in ("smoke", "mini"):
        plan = systems.Plan.of(profile)
        names = {f"frequency-{latent}" for latent in plan.latents} | {*plan.narrow, *plan.ladders}
        assert names <= set(RECIPES)
        assert {"wideband-64", "waveform-8"} <= set(plan.ladders)
        assert {figures.style(name)["color"] for name in plan.ladders}


def test_half_of_the_bins_are_under_water():
    _figure, axes = figures.water_filling(music(), RATE)
    spectrum, level = (np.asarray(line.get_ydata()) for line in axes.get_lines()[:2])
    assert np.mean(spectrum > level[0]) == pytest.approx(0.5, abs=0.01)
