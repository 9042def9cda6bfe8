"""The data set chapter's descriptors and scores, on music whose answers are known."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from musiclib.audio import save
from musiclib.datasets import open_dataset
from musiclib.errors import DatasetError
from musiclib.studies.dataset import (
    descriptors,
    recognition,
)
from tests.dataset_fixture import RATE, clicks, folder, made_tracks, noise, sine


class TestDescriptors:
    def test_a_tone_is_described_as_one(self) -> None:
        tone = descriptors.describe(sine(1000.0), RATE)
        assert tone["rms_db"] == pytest.approx(20 * math.log10(0.5) - 3.01, abs=0.05)
        assert tone["crest_db"] == pytest.approx(3.01, abs=0.05)
        assert tone["range_db"] == pytest.approx(0.0, abs=0.05)
        assert tone["crossings_hz"] == pytest.approx(2000.0, abs=3.0)
        assert tone["centroid_hz"] == pytest.approx(1000.0, abs=30.0)
        assert tone["rolloff_hz"] == pytest.approx(1000.0, abs=30.0)
        assert tone["bandwidth_hz"] < 1500.0

    def test_noise_is_flat_wide_and_bright(self) -> None:
        rough, tone = descriptors.describe(noise(), RATE), descriptors.describe(sine(1000.0), RATE)
        assert rough["flatness_db"] > -4.0 > tone["flatness_db"] + 30.0
        assert rough["centroid_hz"] == pytest.approx(6000.0, rel=0.05)
        assert rough["bandwidth_hz"] == pytest.approx(12_000.0, abs=30.0)
        assert rough["highs_db"] == pytest.approx(10 * math.log10(7 / 12), abs=0.2)

    def test_only_the_level_depends_on_the_gain(self) -> None:
        music = (noise(level=0.05) + sine(440.0, level=0.2)).astype(np.float32)
        plain, loud = descriptors.describe(music, RATE), descriptors.describe(2 * music, RATE)
        assert loud.pop("rms_db") - plain.pop("rms_db") == pytest.approx(20 * math.log10(2))
        assert loud == pytest.approx(plain, rel=1e-3)

    def test_clicks_have_a_pulse_and_a_tempo(self) -> None:
        beat, held = (
            descriptors.describe(clicks(120.0), RATE),
            descriptors.describe(noise(12), RATE),
        )
        assert beat["tempo_bpm"] == pytest.approx(120.0, rel=0.05)
        assert beat["pulse"] > 0.5 > held["pulse"] + 0.3
        assert beat["percussive"] > 0.3 + descriptors.describe(sine(1000.0, 12), RATE)["percussive"]
        assert beat["range_db"] >= 0.0

    @pytest.mark.parametrize("samples", [1, 100, 1024, 5000])
    def test_short_clips_lack_only_what_they_cannot_have(self, samples: int) -> None:
        values = descriptors.describe(noise()[:samples], RATE)
        missing = {key for key, value in values.items() if math.isnan(value)}
        assert missing == {"range_db", "pulse", "tempo_bpm"}

    def test_silence_has_no_descriptors(self) -> None:
        values = descriptors.describe(np.zeros(RATE, dtype=np.float32), RATE)
        assert set(values) == set(descriptors.KEYS)
        assert all(math.isnan(value) for value in values.values())

    @pytest.mark.parametrize("place", [0, 20_000, 23_999])
    def test_one_sample_of_sound_is_no_obstacle(self, place: int) -> None:
        audio = np.zeros(RATE, dtype=np.float32)
        audio[place] = 1.0
        values = descriptors.describe(audio, RATE)
        assert set(values) == set(descriptors.KEYS)
        assert math.isnan(values["centroid_hz"]) == (place == 23_999)

    def test_all_of_a_folder(self, tmp_path: Path) -> None:
        folder(tmp_path)
        save(tmp_path / "low" / "silent.wav", np.zeros(RATE, dtype=np.float32), RATE)
        save(tmp_path / "low" / "short.wav", noise(0.2), RATE)
        (tmp_path / "low" / "damaged.flac").write_bytes(
            (tmp_path / "low" / "0.flac").read_bytes()[:900] + bytes(500)
        )
        found = descriptors.describe_all(open_dataset("folder", tmp_path))
        assert found.left_out["low/silent.wav"] == "silent"
        assert "low/silent.wav" not in found.table.index
        assert math.isnan(found.table.loc["low/short.wav", "loudness_lufs"])
        assert found.table.loc["high/3.flac", "centroid_hz"] > 2000.0
        assert len(found.table) + len(found.left_out) == 19


class TestRecognition:
    def test_a_feature_that_is_the_genre_scores_one(self) -> None:
        tracks = made_tracks(("a", "b", "c"))
        features = pd.DataFrame({"x": tracks["genre"].map({"a": 0.0, "b": 1.0, "c": 2.0})})
        for model in ("forest", "linear"):
            result = recognition.recognise(features, tracks, (0, 1), model)  # type: ignore[arg-type]
            assert result.accuracy.mean == 1.0
            assert np.array_equal(result.confusion, 4.0 * np.eye(3))
            assert result.chance == pytest.approx(1 / 3)

    def test_words_serve_as_numbers_do(self) -> None:
        tracks = made_tracks()
        words = tracks[["genre"]].rename(columns={"genre": "codec"})
        assert recognition.recognise(words, tracks, (0,)).accuracy.mean == 1.0

    def test_noise_scores_chance(self) -> None:
        tracks = made_tracks(artists_each=60)
        generator = np.random.default_rng(1)
        features = pd.DataFrame(generator.standard_normal((len(tracks), 3)), tracks.index)
        features.columns = ["x", "y", "z"]
        result = recognition.recognise(features, tracks, (0,))
        assert result.accuracy.low < 0.5 < result.accuracy.high

    def test_missing_numbers_are_no_obstacle(self) -> None:
        tracks = made_tracks()
        features = pd.DataFrame({"x": tracks["genre"].eq("a") * 1.0, "y": math.nan})
        features.iloc[::5, 0] = math.nan
        assert recognition.recognise(features, tracks, (0,)).accuracy.mean > 0.6

    def test_one_genre_is_refused(self) -> None:
        tracks = made_tracks(("a",))
        features = pd.DataFrame({"x": 1.0}, index=tracks.index)
        with pytest.raises(DatasetError, match="two genres"):
            recognition.recognise(features, tracks)
        assert recognition.scored_genres(tracks) == []

    def test_small_and_unknown_genres_are_not_scored(self) -> None:
        tracks = pd.concat(
            [
                made_tracks(("a", "b", "unknown")),
                made_tracks(("small",), artists_each=3, clips_each=1),
            ]
        )
        assert recognition.scored_genres(tracks) == ["a", "b"]

    def test_every_clip_is_guessed_once_by_other_artists(self) -> None:
        tracks = made_tracks(artists_each=8)
        # Knowing the artist would be enough; without the artist, this feature says nothing.
        features = pd.DataFrame({"x": pd.factorize(tracks["artist_group"])[0] % 8 * 1.0})
        features.index = tracks.index
        hits = recognition.cross_validated_hits(features, tracks, seed=0)
        assert list(hits.index) == list(tracks.index)
        assert hits.mean() < 0.8
        few = made_tracks(artists_each=3)
        assert recognition.cross_validated_hits(features.loc[few.index], few).empty
