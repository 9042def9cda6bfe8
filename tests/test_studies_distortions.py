import numpy as np
import pytest

from musiclib.studies import distortions
from musiclib.studies.distortions import DISTORTIONS, Distortion

RATE = 24_000


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def music(seconds: float = 1.5) -> np.ndarray:
    chord = sum(tone(hertz, seconds) / 3 for hertz in (220.0, 330.0, 5000.0))
    fading = np.linspace(1.0, 0.2, len(chord))
    return (chord * fading).astype(np.float32)


def level(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(audio.astype(np.float64) ** 2)))


def loudest_hertz(audio: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), 16 * len(audio)))
    return float(np.argmax(spectrum)) * RATE / (16 * len(audio))


def test_a_delay_of_whole_samples_moves_the_clip():
    clip = music()
    late = distortions.delay(clip, RATE, 24 / RATE)
    np.testing.assert_allclose(late[24:], clip[:-24], atol=1e-5)
    np.testing.assert_allclose(late[:24], 0, atol=1e-3)


def test_a_delay_of_half_a_sample_turns_a_tone_by_its_phase():
    clip = tone(3000.0)
    late = distortions.delay(clip, RATE, 0.5 / RATE)
    times = (np.arange(len(clip)) - 0.5) / RATE
    expected = 0.3 * np.sin(2 * np.pi * 3000.0 * times)
    np.testing.assert_allclose(late[500:-500], expected[500:-500], atol=2e-3)


def test_turning_the_phase_by_180_degrees_flips_the_polarity():
    clip = music()
    np.testing.assert_allclose(distortions.rotate_phase(clip, 180.0), -clip, atol=1e-6)


def test_turning_the_phase_makes_a_cosine_a_sine_and_keeps_magnitudes():
    clip = tone(1000.0)
    turned = distortions.rotate_phase(clip, 90.0)
    assert abs(float(np.dot(turned, clip))) < 1e-3 * float(np.dot(clip, clip))
    np.testing.assert_allclose(np.abs(np.fft.rfft(turned)), np.abs(np.fft.rfft(clip)), atol=0.02)


def test_playing_faster_raises_pitch_and_leaves_silence_at_the_end():
    clip = tone(1000.0)
    fast = distortions.change_speed(clip, RATE, 1.0)
    assert loudest_hertz(fast[: len(fast) // 2]) == pytest.approx(1010.0, abs=0.5)
    assert level(fast[-200:]) == 0.0


def test_a_lowpass_keeps_the_lows_and_kills_the_highs():
    assert level(distortions.lowpass(tone(1000.0), RATE, 4000.0)) == pytest.approx(
        level(tone(1000.0)), rel=1e-3
    )
    killed = distortions.lowpass(tone(8000.0), RATE, 4000.0)[2000:-2000]
    assert level(killed) < 1e-4 * level(tone(8000.0))


def test_a_lowpass_above_the_band_changes_nothing():
    clip = music()
    np.testing.assert_array_equal(distortions.lowpass(clip, RATE, 12_000.0), clip)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 25.0])
def test_noise_has_the_asked_level(snr_db):
    clip = music()
    noise = distortions.add_noise(clip, snr_db, seed=1) - clip
    assert 20 * np.log10(level(clip) / level(noise)) == pytest.approx(snr_db, abs=0.01)


def test_bark_noise_keeps_the_energy_and_loses_the_waveform():
    clip = music()
    noise = distortions.noise_bands(clip, RATE, seed=0)
    assert 20 * np.log10(level(noise) / level(clip)) == pytest.approx(0.0, abs=2.0)
    assert abs(float(np.dot(noise, clip))) < 0.3 * float(np.dot(clip, clip))


def test_bark_noise_of_silence_is_silence():
    silent = np.zeros(RATE, dtype=np.float32)
    assert not distortions.noise_bands(silent, RATE, seed=0).any()


@pytest.mark.parametrize("kind", ["random", "zero", "noise"])
def test_other_phases_lose_the_waveform_and_keep_the_pitch(kind):
    clip = tone(1000.0)
    other = distortions.replace_phase(clip, distortions.HOUSE_STFT, kind, seed=3)
    assert abs(float(np.dot(other, clip))) < 0.7 * float(np.dot(clip, clip))
    assert loudest_hertz(other) == pytest.approx(1000.0, abs=60.0)
    assert level(other) == pytest.approx(level(clip), rel=1e-3)


def test_random_phases_cancel_in_part_unless_the_level_is_kept():
    clip = music()
    raw = distortions.replace_phase(clip, distortions.HOUSE_STFT, "random", keep_level=False)
    assert -8.0 < 20 * np.log10(level(raw) / level(clip)) < -4.0


def test_other_phases_of_silence_are_silence():
    silent = np.zeros(RATE, dtype=np.float32)
    assert not distortions.replace_phase(silent, distortions.HOUSE_STFT, "random").any()


def test_there_is_one_click_a_second_at_half_the_peak():
    clip = music(2.6)
    added = distortions.clicks(clip, RATE) - clip
    assert np.flatnonzero(added).tolist() == [12_000, 36_000, 60_000]
    np.testing.assert_allclose(added[12_000], 0.5 * np.abs(clip).max(), rtol=1e-4)


@pytest.mark.parametrize("kind", DISTORTIONS, ids=lambda kind: kind.key)
def test_every_damage_keeps_the_length_changes_the_clip_and_repeats(kind: Distortion):
    clip = music()
    before = clip.copy()
    damaged = kind.apply(clip, RATE, 7)
    np.testing.assert_array_equal(clip, before)
    assert damaged.shape == clip.shape
    assert damaged.dtype == np.float32
    assert np.isfinite(damaged).all()
    assert not np.array_equal(damaged, clip)
    np.testing.assert_array_equal(damaged, kind.apply(clip, RATE, 7))


def test_keys_and_labels_of_damage_are_unique():
    assert len({kind.key for kind in DISTORTIONS}) == len(DISTORTIONS)
    assert len({kind.label for kind in DISTORTIONS}) == len(DISTORTIONS)
