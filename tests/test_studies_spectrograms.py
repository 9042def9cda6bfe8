import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from musiclib.stft import StftConfig
from musiclib.studies.spectrograms import choice, figures, phase, representation

RATE = 24_000
HOUSE = StftConfig()


def tone(hertz: float = 1000.0, seconds: float = 1.0) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def noise(seconds: float = 1.0) -> np.ndarray:
    values = np.random.default_rng(0).standard_normal(round(seconds * RATE))
    return (0.1 * values).astype(np.float32)


def strokes(seconds: float = 1.0) -> np.ndarray:
    out = np.zeros(round(seconds * RATE), dtype=np.float32)
    out[2000::6000] = 0.9
    return out


def music(seconds: float = 1.5) -> np.ndarray:
    chord = sum(tone(hertz, seconds) / 3 for hertz in (220.0, 330.0, 5000.0))
    fading = np.linspace(1.0, 0.2, len(chord))
    return (chord * fading).astype(np.float32)


def level(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(audio.astype(np.float64) ** 2)))


def loudest_hertz(audio: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 16 * len(audio)))
    return float(np.argmax(spectrum)) * RATE / (16 * len(audio))


def test_transforms_can_be_undone_and_the_mdct_needs_one_value_a_sample():
    table = representation.round_trip_table(noise(), [StftConfig(1024, 256), StftConfig(512, 256)])
    assert (table["error_db"] < -110).all()
    assert table["values_per_sample"].tolist() == [4.0, 2.0, 1.0]


def test_window_table_has_the_figures_of_the_textbook():
    table = representation.window_table()
    # Harris (1978), table 1.
    assert table.loc["Rectangle", "highest_side_lobe_db"] == pytest.approx(-13.3, abs=0.1)
    assert table.loc["Hann", "highest_side_lobe_db"] == pytest.approx(-31.5, abs=0.1)
    assert table.loc["Hamming", "highest_side_lobe_db"] == pytest.approx(-42.7, abs=0.5)
    assert table.loc["Blackman", "highest_side_lobe_db"] == pytest.approx(-58.1, abs=0.3)
    assert table.loc["Rectangle", "noise_bandwidth_bins"] == pytest.approx(1.0)
    assert table.loc["Hann", "noise_bandwidth_bins"] == pytest.approx(1.5)
    assert table["main_lobe_bins"].tolist() == pytest.approx([2.0, 4.0, 4.0, 6.0], abs=0.1)


def test_a_window_keeps_a_loud_tone_out_of_quiet_bins():
    clip = tone(1005.0)
    assert representation.quiet_level_db([clip], "hann") < -90
    assert representation.quiet_level_db([clip], "boxcar") > -80


def test_levels_lie_between_the_floor_and_zero_for_each_clip():
    loud, soft = noise(), 0.01 * noise()
    one = representation.levels_db([loud], HOUSE)
    np.testing.assert_allclose(representation.levels_db([soft], HOUSE), one, atol=1e-3)
    assert one.max() == 0.0
    assert one.min() >= -80.0
    silent = representation.levels_db([np.zeros(RATE, np.float32)], HOUSE)
    assert set(silent) == {-80.0}


def test_long_windows_pack_tones_and_short_windows_pack_strokes():
    clips = {"tone": tone(), "strokes": strokes()}
    table = representation.compaction_table(clips, (256, 4096))
    for transform in ("STFT", "MDCT"):
        values = table[table["transform"] == transform].set_index(["clip", "window"])[
            "values_per_sample"
        ]
        assert values["tone", 4096] < values["tone", 256]
        assert values["strokes", 256] < values["strokes", 4096]


def test_pre_emphasis_raises_the_highs_by_six_decibels_an_octave():
    levels = [np.std(representation.pre_emphasis(tone(hertz))[100:]) for hertz in (1500.0, 3000.0)]
    assert 20 * np.log10(levels[1] / levels[0]) == pytest.approx(6.0, abs=0.3)
    assert representation.pre_emphasis(tone()).shape == tone().shape


def test_keeping_all_cells_keeps_the_clip_and_few_cells_keep_a_tone():
    clip = tone() + 0.01 * noise()
    assert representation.error_db(clip, representation.keep_largest(clip, HOUSE, 1.0)) < -110
    kept = representation.keep_largest(clip, HOUSE, 0.02)
    assert representation.error_db(tone(), kept) < -25


def test_error_of_silence_is_zero_db_and_of_a_copy_minus_infinity():
    assert representation.error_db(tone(), np.zeros(RATE, np.float32)) == pytest.approx(0.0)
    assert representation.error_db(tone(), tone()) == -np.inf


def test_more_iterations_come_closer_and_momentum_helps():
    variants = {"plain": 0.0, "fast": 0.99}
    clip = tone() * np.linspace(1, 0, RATE, dtype=np.float32) + 0.2 * strokes()
    table, sounds = phase.griffin_lim_curve(clip, HOUSE, (1, 8, 64), variants, seed=0)
    curve = table.set_index(["method", "iterations"])["spectral_convergence_db"]
    for label in variants:
        assert curve[label, 1] > curve[label, 8] > curve[label, 64]
    assert curve["fast", 64] < curve["plain", 64]
    assert sounds["fast", 64].shape == clip.shape
    again = phase.griffin_lim_curve(clip, HOUSE, (1,), variants, seed=0)[1]
    np.testing.assert_array_equal(again["plain", 1], sounds["plain", 1])


def test_spectral_convergence_of_a_copy_and_of_silence():
    magnitude = np.abs(representation.spectrum_of(tone(), HOUSE))
    assert phase.spectral_convergence_db(magnitude, tone(), HOUSE) == -np.inf
    silent = np.zeros(RATE, np.float32)
    assert phase.spectral_convergence_db(magnitude, silent, HOUSE) == pytest.approx(0.0)


def test_flipping_the_polarity_keeps_every_magnitude():
    table = phase.compare(tone(), {"flipped": -tone()}, RATE, HOUSE)
    assert table.loc["flipped", "log_spectral_distance"] == pytest.approx(0.0, abs=1e-3)
    assert table.loc["flipped", "zimtohrli_mos"] > 4.9


def test_other_phases_keep_magnitudes_better_than_waveforms():
    sounds = phase.phase_variants(noise() + tone(), HOUSE, seed=0)
    assert list(sounds) == list(phase.PHASE_LABELS.values())
    table = phase.compare(noise() + tone(), sounds, RATE, HOUSE)
    assert (table["si_sdr"] < 0).all()
    assert (table["spectral_convergence_db"] < 0).all()
    assert table.loc["Phases of white noise", "spectral_convergence_db"] < -4


@pytest.mark.parametrize("kind", ["random", "zero", "noise"])
def test_other_phases_lose_the_waveform_and_keep_the_pitch(kind):
    clip = tone(1000.0)
    other = phase.replace_phase(clip, HOUSE, kind, seed=3)
    assert abs(float(np.dot(other, clip))) < 0.7 * float(np.dot(clip, clip))
    assert loudest_hertz(other) == pytest.approx(1000.0, abs=60.0)
    assert level(other) == pytest.approx(level(clip), rel=1e-3)


def test_random_phases_cancel_in_part_unless_the_level_is_kept():
    clip = music()
    raw = phase.replace_phase(clip, HOUSE, "random", keep_level=False)
    assert -8.0 < 20 * np.log10(level(raw) / level(clip)) < -4.0


def test_other_phases_of_silence_are_silence():
    silent = np.zeros(RATE, dtype=np.float32)
    assert not phase.replace_phase(silent, HOUSE, "random").any()


def test_more_mel_bands_lose_less():
    clip = (tone(3000.0) + tone(3300.0)) / 2 + 0.05 * noise()
    table = phase.mel_table({"a": clip}, RATE, HOUSE, (20, 80, 256), iterations=4)
    assert table.index.tolist() == [20, 80, 256, 513]
    assert table["own_lsd"].is_monotonic_decreasing
    assert table.loc[513, "own_lsd"] < 0.01
    assert table.loc[20, "found_mos"] < table.loc[513, "own_mos"]


def test_a_mel_bank_as_fine_as_the_bins_keeps_a_low_tone_in_place():
    magnitude = phase.mel_magnitudes(tone(300.0), RATE, HOUSE, 80)
    assert abs(np.argmax(magnitude[:, 20]) * RATE / 1024 - 300.0) < 50.0
    assert (magnitude >= 0).all()


def test_tones_and_strokes_are_told_apart_and_noise_is_neither():
    clips = {"noise": noise(), "tone": tone(), "strokes": strokes()}
    table = choice.describe(clips, RATE)
    assert table.loc["tone", "tones"] > 0.9
    assert table.loc["strokes", "strokes"] > 0.9
    assert (table.loc["noise"] < 0.35).all()
    assert table["tones"].idxmax() == "tone"
    assert table["strokes"].idxmax() == "strokes"


def test_window_trials_have_a_row_for_each_clip_and_window():
    table = phase.window_trials({"tone": tone()}, RATE, (512, 1024), iterations=2)
    assert table["window"].tolist() == [512, 1024]
    assert table["kept_mos"].between(1, 5).all()
    assert (table["kept_si_sdr"] > 10).all()


def test_windows_are_drawn_with_means_and_intervals():
    values = np.random.default_rng(0).uniform(2.0, 4.0, (2, 9))
    rows = [
        {"clip": str(clip), "window": window, "kept_mos": value, "rebuilt_mos": value - 1.0}
        for window, part in zip((512, 1024), values, strict=True)
        for clip, value in enumerate(part)
    ]
    figure, axes = figures.window_choice(pd.DataFrame(rows))
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), values.mean(axis=1))
    low, high = axes[0].collections[0].get_segments()[0][:, 1]
    assert low < values[0].mean() < high
    plt.close(figure)
