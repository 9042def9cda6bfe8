import numpy as np
import pandas as pd
import pytest
import torch

from musiclib.errors import ModelError
from musiclib.metrics import spectral_rmse
from musiclib.models import Corruption, FrequencyConfig, WaveformConfig, build_model
from musiclib.studies.autoencoders import (
    denoising,
    family,
    linear,
    quantising,
    running,
    shapes,
    spectral,
    waveforms,
)

RATE = 8_000


def music(seconds: float = 2.0, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """Notes of three partials each, with a little noise."""
    generator = np.random.default_rng(seed)
    times = np.arange(round(0.25 * rate)) / rate
    notes = []
    for _ in range(round(seconds / 0.25)):
        base = 110.0 * 2.0 ** generator.uniform(0.0, 3.0)
        partials = sum(np.sin(2 * np.pi * k * base * times) / k for k in (1, 2, 3))
        notes.append(partials * np.exp(-4.0 * times))
    clip = np.concatenate(notes)
    clip = clip + 0.01 * generator.standard_normal(len(clip))
    return (0.2 * clip / np.abs(clip).max()).astype(np.float32)


CLIPS = {"a": music(seed=1), "b": music(seed=2)}
ARTISTS = {"a": "one", "b": "another"}


@pytest.fixture(scope="module")
def models():
    """Models whose linear path holds principal components; their networks are as they start."""
    torch.manual_seed(0)
    made = {}
    for size in (256, 64, 16):
        model = build_model(FrequencyConfig(latent=size, width=8, blocks=1)).eval()
        model.prepare([torch.stack([torch.from_numpy(music(8.0, seed)) for seed in (3, 4, 5, 6)])])
        made[size] = model
    return made


@pytest.fixture(scope="module")
def waves():
    torch.manual_seed(0)
    config = WaveformConfig(sample_rate=RATE, width=16, filters=16, blocks=1)
    return {"start": build_model(config).eval()}


def test_a_perfect_copy_has_the_magnitudes_and_the_level_of_the_clip(models):
    clip = CLIPS["a"]
    seen = running.view(models[64], clip)
    again = running.sound(models[64], seen.logs, seen, iterations=64)
    assert again.shape == clip.shape
    assert np.std(again) == pytest.approx(np.std(clip), rel=0.05)
    assert spectral_rmse(clip, again, RATE) < 0.15


def test_the_error_is_that_of_the_metric_before_a_phase_is_found(models):
    clip = CLIPS["a"]
    first = running.view(models[64], clip).logs
    second = running.view(models[64], music(seed=9)).logs
    # The same gain for both, which the metric uses too.
    gain = running.view(models[64], clip).gain
    other = (music(seed=9) * running.view(models[64], music(seed=9)).gain / gain).astype(np.float32)
    assert running.error_nepers(first, second) == pytest.approx(
        spectral_rmse(clip, other, RATE), rel=1e-3
    )
    assert running.error_nepers(first, first) == 0.0


def test_normalising_and_back_changes_nothing(models):
    logs = running.view(models[64], CLIPS["a"]).logs
    again = running.nepers(models[64], running.normalised(models[64], logs))
    torch.testing.assert_close(again, logs, atol=1e-5, rtol=1e-5)


def test_levels_begin_at_zero_and_end_at_the_offset(models):
    logs = running.view(models[64], CLIPS["a"]).logs
    levels = running.levels(models[64], logs)
    assert levels.max() == 0.0
    assert -running.range_db(models[64], logs) - 1e-6 <= levels.min() < -20.0


def test_the_wrong_kind_of_model_is_refused(models, waves):
    with pytest.raises(ModelError, match="waveform model has no spectrogram"):
        running.view(waves["start"], CLIPS["a"])
    with pytest.raises(ModelError, match="frequency model gives no samples"):
        running.rebuilt_waveform(models[64], CLIPS["a"])


def test_a_narrower_bottleneck_loses_more_and_says_so(models):
    table = spectral.bottleneck_table(models, CLIPS, ARTISTS)
    errors = spectral.by_size(table)
    assert list(errors) == [256, 64, 16, 0]
    means = [errors[size].mean for size in errors]
    assert means == sorted(means)
    shown = spectral.size_table(models, table)
    assert shown["nominal kbps"].tolist() == [64.0, 16.0, 4.0, 0.0]
    assert shown["explained (%)"].is_monotonic_decreasing


def test_lost_detail_is_nothing_for_a_copy_and_all_for_the_mean(models):
    class Copy(torch.nn.Module):
        def forward(self, inputs):
            return type("Result", (), {"output": self.scale * inputs})

    rows = {}
    for scale in (1.0, 0.0):
        copy = Copy()
        copy.scale, copy.config, copy.spectrogram = (
            scale,
            models[64].config,
            models[64].spectrogram,
        )
        copy.levelled = models[64].levelled
        rows[scale] = spectral.detail_table({64: copy}, CLIPS)
    np.testing.assert_allclose(rows[1.0]["lost"], 0.0, atol=1e-9)
    np.testing.assert_allclose(rows[0.0]["lost"], 1.0, atol=1e-6)
    assert np.isnan(spectral.lost_half(rows[1.0], spectral.TIME)[64])
    # Everything is lost: the coarsest ripple is the first one.
    along = rows[0.0].query("direction == @spectral.TIME")
    assert spectral.lost_half(rows[0.0], spectral.TIME)[64] == along["ripple"].min()


def test_ripples_are_found_where_they_are(models):
    logs = running.view(models[64], CLIPS["a"]).logs
    time = torch.arange(logs.shape[1]) / (RATE / 128)
    wave = torch.sin(2 * np.pi * 6.0 * time).expand_as(logs)
    energy = spectral._ripples(wave, 1, 12)
    table = spectral.detail_table({64: models[64]}, CLIPS)
    places = table.query("direction == @spectral.TIME")["ripple"].to_numpy()
    assert places[int(np.argmax(energy))] == pytest.approx(6.0, rel=0.25)


def test_damage_is_the_same_for_every_model_and_leaves_the_clean_one_alone(models):
    logs = running.view(models[64], CLIPS["a"]).logs
    masked = denoising.corrupt(models[64], logs, Corruption("masking", 0.3), "a")
    again = denoising.corrupt(models[64], logs, Corruption("masking", 0.3), "a")
    other = denoising.corrupt(models[64], logs, Corruption("masking", 0.3), "b")
    torch.testing.assert_close(masked, again)
    assert not torch.equal(masked, other)
    changed = (masked - logs).abs() > 1e-4
    assert float(changed.float().mean()) == pytest.approx(0.3, abs=0.01)
    same = denoising.corrupt(models[64], logs, denoising.CLEAN, "a")
    torch.testing.assert_close(same, logs, atol=1e-5, rtol=1e-5)


def test_a_model_that_repairs_gains_and_one_that_spoils_loses(models):
    damages = [denoising.CLEAN, Corruption("masking", 0.3), Corruption("masking", 0.6)]
    by_name = {"wide": models[256], "narrow": models[16]}
    table = denoising.corruption_table(by_name, CLIPS, damages, ARTISTS, seed=1)
    assert len(table) == 2 * 3 * 3
    untouched = denoising.errors_of(table, denoising.CLEAN, denoising.INPUT)
    np.testing.assert_allclose(untouched, 0.0, atol=1e-5)
    lost = denoising.gain(table, denoising.CLEAN, "narrow", "wide")
    assert lost.mean < 0.0
    assert denoising.verdict(lost) == "not settled"  # by so few artists
    copies = [table.assign(artist=table["artist"] + str(number)) for number in range(8)]
    many = denoising.gain(pd.concat(copies), denoising.CLEAN, "narrow", "wide")
    assert many.mean == pytest.approx(lost.mean)
    assert denoising.verdict(many) == "worse"
    assert denoising.gain(table, damages[1], "wide", "wide").mean == 0.0
    errors = denoising.error_table(table, damages, ["wide", denoising.INPUT])
    assert list(errors) == ["clean", "masking 30 %", "masking 60 %"]
    gains = denoising.gain_table(table, damages, ["narrow"], "wide")
    assert gains.loc["narrow", "clean"].endswith("not settled")


def test_break_even_is_where_the_lines_cross():
    rows = [
        {
            "kind": kind,
            "amount": amount,
            "model": model,
            "spectral_rmse": error,
            "clip": "a",
            "artist": "a",
        }
        for kind, amount, plain, other in (
            ("none", 0.0, 0.2, 0.3),
            ("masking", 0.1, 0.3, 0.31),
            ("masking", 0.3, 0.4, 0.35),
            ("gaussian", 0.3, 0.2, 0.3),
        )
        for model, error in (("plain", plain), ("other", other))
    ]
    table = pd.DataFrame(rows)
    assert denoising.break_even(table, "masking", "other", "plain") == 0.3
    assert np.isnan(denoising.break_even(table, "gaussian", "other", "plain"))


def test_an_untrained_waveform_model_is_near_to_downsampling(waves):
    clips = {name: clip / 2 for name, clip in CLIPS.items()}
    rendered = {name: waveforms.versions(waves, audio, RATE, 8) for name, audio in clips.items()}
    table = waveforms.loss_table(
        rendered, clips, RATE, ARTISTS, ("si_sdr", "log_spectral_distance")
    )
    assert len(table) == 4
    gain = waveforms.gain_over_downsampling(table, "start", "si_sdr")
    assert abs(gain.mean) < 3.0
    labels = {"start": "our start", waveforms.DOWNSAMPLING: "down"}
    assert list(waveforms.summary_table(table, labels).index) == ["down", "our start"]
    best = waveforms.best_by_metric(table, ["start"])
    assert set(best.values()) == {"start"}


def test_the_mean_spectrum_shows_a_tone_where_it_is():
    tone = np.sin(2 * np.pi * 1000.0 * np.arange(2 * RATE) / RATE).astype(np.float32)
    level = waveforms.mean_spectrum_db([tone, tone / 10])
    assert int(np.argmax(level)) == 128
    assert level[128] > -1.0
    assert level[400] < -60.0


def test_rounding_costs_error_and_saves_bits(models):
    table = quantising.quantiser_table(models[64], CLIPS, (0.0, 0.5, 2.0, 8.0)).set_index("step")
    assert table["spectral_rmse"].is_monotonic_increasing
    assert table["bits"].iloc[1:].is_monotonic_decreasing
    assert np.isnan(table.loc[0.0, "bits"])
    np.testing.assert_allclose(table["kbps"].iloc[1:], table["bits"].iloc[1:] * 1.0, rtol=1e-6)


def test_entropy_of_known_shares():
    assert quantising.entropy_bits(np.zeros(8), 1.0) == 0.0
    assert quantising.entropy_bits(np.array([0.0, 1.0, 2.0, 3.0]), 1.0) == pytest.approx(2.0)
    assert quantising.entropy_bits(np.array([0.0, 1.0, 2.0, 3.0]), 10.0) == 0.0


def test_gradient_descent_ends_at_the_principal_components():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(400, 24, generator=generator) * torch.linspace(2.0, 0.1, 24)
    race = linear.linear_race(rows, 4, steps=400)
    assert race.error[0] > race.error[-1] >= race.principal * (1 - 1e-4)
    assert race.error[-1] == pytest.approx(race.principal, rel=0.02)
    shares = linear.unexplained(rows)
    assert shares[0] == pytest.approx(1.0)
    assert shares[-1] == pytest.approx(0.0, abs=1e-9)
    version = linear.principal_version(rows, 4)
    assert linear.share_lost(rows, version) == pytest.approx(shares[4], rel=1e-3)


def test_a_bend_is_no_plane():
    glide = linear.glide(frames=96, bins=32, low=4.0, high=28.0)
    flat = linear.share_lost(glide, linear.principal_version(glide, 1))
    bent = linear.share_lost(glide, linear.network_version(glide, 1, steps=300, seed=1))
    assert bent < flat / 2
    assert linear.share_lost(glide, glide) == 0.0


@pytest.mark.parametrize("kind", ["frequency", "waveform"])
def test_a_trace_counts_every_weight_once(kind, models, waves):
    model = models[64] if kind == "frequency" else waves["start"]
    trace = shapes.trace(model, seconds=2.032)
    assert sum(stage.parameters for stage in trace.stages) == trace.parameters
    assert trace.latent_per_second == pytest.approx(model.values_per_second, rel=0.02)
    assert trace.part("spine_in")[0].shape[0] == model.latent_channels
    assert len(trace.part("encoder")) == len(shapes.PATHS[kind]["encoder"])
    # The hooks are gone.
    assert not any(module._forward_hooks for module in model.modules())


def test_the_table_of_the_family_tells_fitted_from_learned():
    table = family.family_table(16)
    assert table.loc["PCA", "learned values"] == "0"
    assert table.loc["PCA", "layers"].startswith("16 of 513")
    assert table.loc["shallow", "learned values"] == f"{513 * 16 + 16 + 16 * 513 + 513:,}"


def test_the_same_model_gains_nothing_over_itself(models):
    first, second, gain = family.gain_db(models[64], models[64], CLIPS, ARTISTS)
    assert first == second
    assert gain.mean == 0.0
    assert family.gain_db(models[64], models[16], CLIPS, ARTISTS)[2].mean < 0.0
