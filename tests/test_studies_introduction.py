"""The introduction's measurements, on signals whose answers are known."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musiclib.audio import FloatArray, save
from musiclib.datasets import Clip, open_dataset
from musiclib.errors import AudioError, DatasetError
from musiclib.psychoacoustics import masked_threshold_db
from musiclib.studies.introduction import hearing, material, pcm, trade_off, transforms

RATE = 24_000


def noise(seconds: float = 1.0, level: float = 0.1, seed: int = 0) -> FloatArray:
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal(round(seconds * RATE))).astype(np.float32)


def sine(hertz: float, seconds: float = 1.0, level: float = 0.5) -> FloatArray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def clip(audio: FloatArray, genre: str = "a", track_id: str = "1") -> Clip:
    return Clip(track_id, audio, RATE, genre, "artist", "title")


def band_power(audio: FloatArray, low: float, high: float) -> float:
    spectrum = np.abs(np.fft.rfft(audio.astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(len(audio), 1 / RATE)
    return float(spectrum[(hertz >= low) & (hertz < high)].sum())


class TestPcm:
    def test_rounding_noise_follows_the_formula(self) -> None:
        table = pcm.quantisation_table(noise(2.0), (16, 8), RATE)
        assert np.allclose(table.sine_measured_db, table.sine_formula_db, atol=0.2)
        assert np.allclose(table.music_measured_db, table.music_formula_db, atol=0.2)

    def test_dither_makes_the_error_independent_of_the_signal(self) -> None:
        # A sine below half a step: plain rounding loses it, dither keeps it under the noise.
        quiet = sine(400.0, seconds=4.0, level=0.4 * 2.0**-7)
        kept = pcm.dithered(quiet, 8, seed=1)
        assert np.dot(kept, quiet) / np.dot(quiet, quiet) == pytest.approx(1.0, abs=0.1)

    def test_dither_costs_as_much_noise_as_theory_says(self) -> None:
        music = noise(4.0)
        step = 2.0**-7
        error = pcm.dithered(music, 8) - music
        assert np.mean(error**2.0) == pytest.approx(3 * step**2 / 12, rel=0.02)

    def test_equal_signals_have_no_noise(self) -> None:
        assert pcm.signal_to_noise_db(noise(), noise()) == np.inf

    @pytest.mark.parametrize("size", [1, 2, 256])
    def test_entropy_of_equally_likely_symbols(self, size: int) -> None:
        assert pcm.entropy_bits(np.tile(np.arange(size), 500)) == pytest.approx(
            np.log2(size), abs=0.01
        )

    def test_a_tone_is_predicted(self) -> None:
        samples = np.round(sine(500.0) * 2**15).astype(np.int64)
        residual = pcm.prediction_residual(samples)
        assert residual.shape == samples.shape
        assert np.mean(residual**2.0) < 1e-3 * np.mean(samples**2.0)

    def test_white_noise_cannot_be_predicted(self) -> None:
        samples = np.round(noise(4.0) * 2**15).astype(np.int64)
        residual = pcm.prediction_residual(samples)
        assert np.std(residual) == pytest.approx(np.std(samples), rel=0.02)

    def test_a_tone_costs_less_than_noise_without_loss(self) -> None:
        tone = pcm.lossless_bits(sine(440.0), RATE)
        hiss = pcm.lossless_bits(noise(8.0, level=0.01), RATE)
        assert tone["flac"] < 0.5 * hiss["flac"]
        gaussian = np.log2(0.01 * 2**15 * np.sqrt(2 * np.pi * np.e))
        assert hiss["samples"] == pytest.approx(gaussian, abs=0.02)
        assert gaussian < hiss["flac"] < gaussian + 0.3
        assert set(tone) == set(pcm.LOSSLESS_ROWS)

    def test_silence_costs_nearly_nothing(self) -> None:
        bits = pcm.lossless_bits(np.zeros(RATE, np.float32), RATE)
        assert bits["samples"] == bits["differences"] == 0.0
        assert bits["flac"] < 0.2

    def test_flac_is_a_real_file_of_the_same_samples(self) -> None:
        audio = noise(0.5)
        data = pcm.flac_bytes(audio, RATE)
        decoded, rate = soundfile.read(io.BytesIO(data), dtype="int16")
        assert rate == RATE
        assert np.array_equal(decoded, np.round(audio.astype(np.float64) * 2**15))
        assert pcm.lossless_bits(audio, RATE)["flac"] == 8 * len(data) / len(audio)

    def test_stereo_is_refused(self) -> None:
        with pytest.raises(AudioError, match="one channel"):
            pcm.lossless_bits(np.zeros((2, 100), np.float32), RATE)

    def test_table_has_a_row_for_each_clip(self) -> None:
        table = pcm.lossless_table([clip(noise(0.2)), clip(sine(300.0, 0.2), track_id="2")])
        assert list(table.track_id) == ["1", "2"]


class TestTransforms:
    @pytest.mark.parametrize("hop", [64, 256])
    @pytest.mark.parametrize("length", [1, 1000, 4096])
    def test_mdct_gives_the_signal_back(self, hop: int, length: int) -> None:
        audio = noise()[:length]
        restored = transforms.imdct(transforms.mdct(audio, hop), length)
        assert np.allclose(restored, audio, atol=1e-6)

    def test_mdct_keeps_the_energy(self) -> None:
        audio = noise()
        assert np.sum(transforms.mdct(audio, 256) ** 2) == pytest.approx(
            np.sum(audio**2.0), rel=1e-5
        )

    def test_mdct_puts_a_tone_where_its_frequency_is(self) -> None:
        hop = 256
        energy = np.sum(transforms.mdct(sine(3000.0), hop) ** 2, axis=0)
        assert abs(int(np.argmax(energy)) - 3000.0 / (RATE / 2) * hop) <= 1

    @pytest.mark.parametrize("hop", [0, 7, -2])
    def test_mdct_refuses_a_bad_hop(self, hop: int) -> None:
        with pytest.raises(AudioError, match="even hop"):
            transforms.mdct(noise(), hop)

    def test_share_counts_the_fewest_numbers(self) -> None:
        assert transforms.share_for_energy([0, 0, 0, 5]) == 0.25
        assert transforms.share_for_energy([1, 1, 1, 1], 0.5) == 0.5
        assert transforms.share_for_energy(np.zeros(4)) == 0.0

    def test_a_transform_compacts_tones_and_not_noise(self) -> None:
        table = transforms.energy_compaction(
            [clip(sine(700.0)), clip(noise(), track_id="2")], (256,)
        )
        share = table.set_index(["track_id", "hop"])["share"]
        assert share["1", 256] < 0.1 * share["1", 0]
        assert share["2", 256] == pytest.approx(share["2", 0], rel=0.05)


class TestTradeOff:
    def test_long_windows_part_tones_and_short_windows_part_clicks(self) -> None:
        table = trade_off.resolution_table((256, 4096)).set_index("window")
        assert table.tone_dip_db[4096] > 20 > 1 > table.tone_dip_db[256]
        assert table.click_dip_db[256] > 20 > 1 > table.click_dip_db[4096]

    def test_smear_times_length_is_constant(self) -> None:
        table = trade_off.resolution_table((256, 1024))
        assert np.allclose(table.window_ms * table.lobe_hz, 4000.0)

    def test_a_quarter_hop_sees_every_moment_alike(self) -> None:
        table = trade_off.hop_table(1024, (1, 2, 4)).set_index("hop")
        assert table.swing_db[1024] == np.inf
        assert table.swing_db[512] == pytest.approx(3.01, abs=0.01)
        assert table.swing_db[256] == pytest.approx(0.0, abs=1e-9)
        assert table.values_per_sample[256] == 4.0

    def test_hop_must_divide_the_window(self) -> None:
        with pytest.raises(AudioError, match="1024"):
            trade_off.hop_table(1024, (3,))


class TestHearing:
    def test_noise_hides_beside_the_tone_and_not_far_from_it(self) -> None:
        shown = hearing.masking_demonstration(margin_db=3.0)
        near, far = masked_threshold_db([1000.0, 4000.0], [(shown.tone_hz, shown.tone_db)])
        assert shown.noise_db == pytest.approx(near - 3.0)
        assert shown.noise_db > far + 20

    def test_levels_of_the_sounds_are_the_stated_ones(self) -> None:
        shown = hearing.masking_demonstration()
        inside = slice(RATE // 2, -RATE // 2)
        full_scale_rms = np.sqrt(0.5)
        for label, level in (
            ("tone alone", shown.tone_db),
            ("noise beside, without the tone", shown.noise_db),
        ):
            rms = np.sqrt(np.mean(shown.sounds[label][inside].astype(float) ** 2))
            measured = hearing.FULL_SCALE_DB_SPL + 20 * np.log10(rms / full_scale_rms)
            assert measured == pytest.approx(level, abs=0.7)

    def test_both_noises_have_one_level_and_their_own_band(self) -> None:
        shown = hearing.masking_demonstration()
        tone = shown.sounds["tone alone"]
        powers = []
        for label, (low, high) in zip(
            ("tone and noise beside it", "tone and noise far from it"), shown.bands_hz, strict=True
        ):
            added = shown.sounds[label] - tone
            powers.append(np.sum(added**2.0))
            assert band_power(added, low - 10, high + 10) > 0.98 * band_power(added, 0, RATE)
        assert powers[0] == pytest.approx(powers[1], rel=0.1)

    def test_a_band_above_half_the_rate_is_refused(self) -> None:
        with pytest.raises(AudioError, match="do not fit"):
            hearing.masking_demonstration(far_hz=11_900.0)

    @pytest.mark.parametrize("shaped", [True, False])
    @pytest.mark.parametrize("seconds", [0.02, 1.0])
    def test_noise_has_the_asked_power(self, shaped: bool, seconds: float) -> None:
        audio = sine(500.0, seconds, 0.2)
        noisy = hearing.add_noise(audio, RATE, 20.0, shaped=shaped)
        assert pcm.signal_to_noise_db(audio, noisy) == pytest.approx(20.0, abs=0.1)

    def test_shaped_noise_follows_the_music_in_time_and_frequency(self) -> None:
        audio = np.concatenate([sine(500.0), np.zeros(RATE, np.float32)])
        added = hearing.add_noise(audio, RATE, 15.0, shaped=True) - audio
        assert np.sum(added[:RATE] ** 2.0) > 100 * np.sum(added[RATE + 2048 :] ** 2.0)
        assert band_power(added, 300, 900) > 10 * band_power(added, 6000, 12000)

    def test_silence_is_refused(self) -> None:
        with pytest.raises(AudioError, match="silence"):
            hearing.add_noise(np.zeros(100, np.float32), RATE, 10.0, shaped=False)


class TestMaterial:
    def test_excerpt_is_the_middle(self) -> None:
        ramp = np.linspace(0, 1, 4 * RATE, dtype=np.float32)
        part = material.excerpt(clip(ramp), 2.0)
        assert part.seconds == 2.0
        assert part.audio[RATE] == pytest.approx(0.5, abs=1e-3)
        assert material.excerpt(clip(ramp), 10.0).seconds == 4.0

    def test_noise_is_brighter_than_a_low_tone(self) -> None:
        assert material.brightness(clip(noise())) == pytest.approx(2.0, abs=0.1)
        assert material.brightness(clip(sine(100.0))) < 0.01
        assert material.brightness(clip(np.zeros(10, np.float32))) == 0.0

    def test_bright_clips_take_every_genre_first(self) -> None:
        clips = [
            clip(noise(0.1), "a", "1"),
            clip(sine(5000.0, 0.1), "a", "2"),
            clip(sine(100.0, 0.1), "b", "3"),
        ]
        chosen = [c.track_id for c in material.bright_clips(clips, 2)]
        assert len(chosen) == 2
        assert "3" in chosen
        assert len(material.bright_clips(clips, 9)) == 3

    def test_chosen_clip_is_the_named_track_if_there_is_one(self, tmp_path: Path) -> None:
        for name, hertz in (("low", 200.0), ("high", 4000.0), ("mid", 900.0), ("top", 6000.0)):
            save(tmp_path / f"{name}.wav", sine(hertz), RATE)
        dataset = open_dataset("folder", tmp_path)
        others = [clip(noise(0.1))]
        found = material.chosen_clip(dataset, "high.wav", others, 0.5)
        assert found.seconds == 0.5
        assert band_power(found.audio, 3900, 4100) > 0.9 * band_power(found.audio, 0, RATE)
        assert material.chosen_clip(dataset, "absent", others, 0.5) is others[0]

    def test_silent_clips_are_left_out_and_silence_alone_is_refused(self, tmp_path: Path) -> None:
        for index in range(8):
            save(tmp_path / f"silent{index}.wav", np.zeros(RATE, np.float32), RATE)
        with pytest.raises(DatasetError, match="no test clip has sound"):
            material.excerpts(open_dataset("folder", tmp_path), 4, 0.5)
        for index in range(8):
            save(tmp_path / f"silent{index}.wav", sine(300.0), RATE)
        clips = material.excerpts(open_dataset("folder", tmp_path), 4, 0.5)
        assert clips
        assert all(part.seconds == 0.5 for part in clips)
