"""The chapter on the latent space: facts of sounds that are known, and tables of a small folder."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from musiclib.audio import save
from musiclib.datasets import open_dataset
from musiclib.datasets.cache import CACHE_VARIABLE
from musiclib.errors import DatasetError
from musiclib.latents import sequences
from musiclib.studies.latent_space import (
    layout,
    material,
    paths,
    probing,
    report,
    truth,
    units,
)
from tests import signals
from tests.dataset_fixture import clicks, noise, sine

RATE = 24_000


pytestmark = pytest.mark.filterwarnings("ignore:all 1 tracks are by one artist")


def folder(root, sounds):
    for name, audio in sounds.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        save(root / name, audio, RATE)
    return open_dataset("folder", root)


@pytest.fixture(scope="module", autouse=True)
def cached(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def found(tmp_path_factory, cached) -> material.Material:
    """Two genres, high and low, of twelve pieces each, and three that are of no use."""
    sounds = {}
    for number in range(12):
        music = 0.2 * signals.music(7 * RATE, RATE, number)
        level = 0.02 * (1 + number % 4)
        sounds[f"low/{number}.flac"] = music + sine(110 + 5 * number, 7.0)
        sounds[f"high/{number}.flac"] = 0.2 * music + noise(7.0, level, number)
    sounds["low/silent.flac"] = np.zeros(3 * RATE, np.float32)
    sounds["low/short.flac"] = sine(200, 0.5)
    sounds["high/faint.flac"] = 1e-4 * sine(200, 3.0)
    return material.material(folder(tmp_path_factory.mktemp("music"), sounds), "smoke")


class TestFacts:
    def measure(self, tmp_path, audio):
        return sequences(truth.Facts(), folder(tmp_path, {"a.flac": audio}))

    def test_a_tone_has_its_pitch_class_and_centroid(self, tmp_path):
        facts = truth.of_pieces(self.measure(tmp_path, sine(440.0, 6.0)), 3.0)
        assert len(facts) == 2
        assert (facts[list(truth.PITCHES)].idxmax(axis=1) == "A").all()
        assert 2 ** facts["centroid"].iloc[0] == pytest.approx(440, rel=0.05)
        assert facts["percussive"].max() < 0.1
        np.testing.assert_allclose(facts[list(truth.PITCHES)].sum(axis=1), 1.0, rtol=1e-5)

    def test_level_is_that_at_a_peak_of_0_3(self, tmp_path):
        facts = truth.of_pieces(self.measure(tmp_path, sine(1000.0, 4.0, 0.01)), 3.0)
        # A sine of that peak has an RMS of 0.3 / sqrt 2.
        assert facts["level"].iloc[0] == pytest.approx(20 * np.log10(0.3 / 2**0.5), abs=0.3)

    def test_clicks_are_percussive_and_have_a_tempo(self, tmp_path):
        facts = self.measure(tmp_path, clicks(120.0))
        assert truth.of_pieces(facts, 3.0)["percussive"].min() > 0.5
        assert truth.tempo(facts).iloc[0] == pytest.approx(120.0, rel=0.03)

    def test_short_sounds_have_no_tempo(self, tmp_path):
        facts = self.measure(tmp_path, clicks(120.0, 2.0))
        assert np.isnan(truth.tempo(facts).iloc[0])


class TestMaterial:
    def test_tracks_of_no_use_are_left_out_and_counted(self, found):
        assert len(found.tracks) == 24
        assert found.left_out == 3
        assert found.genres == ["high", "low"]

    def test_spaces_agree_in_their_tracks_and_are_finite(self, found):
        for space in found.spaces.values():
            assert len(space.tracks) == 24
            assert np.isfinite(space.tracks).all()
            np.testing.assert_allclose(space.tracks[found.training].mean(axis=0), 0.0, atol=1e-6)

    def test_too_little_music_is_refused(self, tmp_path):
        with pytest.raises(DatasetError, match="add music"):
            material.material(folder(tmp_path, {"a/1.flac": sine(300), "a/2.flac": sine(400)}))

    def test_loudness_of_the_source_where_it_is_known(self, found):
        loud = material.loudness(found)
        assert loud["heard_db"].notna().all()
        assert loud["source_lufs"].isna().all()


class TestLayout:
    def test_genres_that_differ_in_sound_are_neighbours(self, found):
        for measured in layout.spaces(found).values():
            assert measured.genre.mean > measured.genre_chance + 0.1

    def test_genre_explains_most_of_log_mel(self, found):
        shares = layout.variance_shares(found)
        assert shares.loc["log-mel", "Genre"] > 30.0
        assert shares["Loudness of the source"].isna().all()

    def test_pictures_and_their_numbers(self, found):
        made = layout.pictures(found, "smoke")
        assert "umap" not in made
        assert "lda" not in made  # two genres make a line
        judged, trust = layout.judged(found, made), layout.trust(found, made)
        table = report.pictures_table(made, judged, trust, layout.flattered(found, made))
        assert len(table) == len(made)
        assert all(0.0 <= value <= 1.0 for value in trust.values())

    def test_outliers_are_drawn_on_the_edge_and_measured_where_they_are(self):
        places = np.random.default_rng(0).standard_normal((200, 2))
        places[0] = 1000.0
        picture = layout.Picture("pca", places)
        assert picture.framed.max() < 5.0
        assert picture.places.max() == 1000.0

    def test_soundtracks_can_be_left_out_where_they_are_known(self, found):
        assert layout.across_packages(found)[0] == {}
        tracks = found.tracks.assign(package=[f"p{n % 6}" for n in range(24)])
        music = replace(found.music, tracks=tracks)
        known = replace(found, music=music)
        shares, chance = layout.across_packages(known)
        assert set(shares) == set(found.spaces)
        assert 0.0 < chance < 1.0

    def test_a_space_is_not_better_than_itself(self, found):
        measured = layout.spaces(found)
        gap = layout.versus(found, measured, "log-mel", "log-mel")
        assert (gap.mean, gap.low, gap.high) == (0.0, 0.0, 0.0)


class TestProbing:
    def test_centroid_is_read_from_log_mel(self, found):
        scores = probing.scores(probing.read(found)).set_index(["space", "target"])["mean"]
        assert scores["log-mel", "centroid"] > 0.8
        assert "tempo" in scores["mfcc"].index
        table = report.probe_table(scores.rename("mean").reset_index())
        assert next(iter(table.columns)) == "deep-16"

    def test_difference_to_itself_is_nothing(self, found):
        reading = probing.read(found)
        for target in (*reading.targets, "tempo"):
            assert probing.difference(reading, target, "mfcc", "mfcc").mean == 0.0

    def test_pieces_of_steady_tracks_are_found_again(self, found):
        shares, chance = probing.found_again(found)["track"]
        assert set(shares) == set(found.spaces)
        assert not chance > 0.5


class TestPaths:
    def test_a_steady_sound_is_calm(self):
        steady, moving = np.ones((4, 100)), np.tile(np.arange(100.0), (4, 1))
        assert paths.restlessness(steady, 10.0) == 0.0
        assert paths.restlessness(moving, 10.0) == pytest.approx(20.0)
        assert np.isnan(paths.restlessness(steady[:, :15], 10.0))

    def test_the_calm_one_moves_less(self, found):
        walk = paths.paths(found)
        calm, restless = walk.chosen
        assert calm.restlessness < restless.restlessness
        assert {calm.track_id, restless.track_id} <= set(found.tracks.index[found.test])
        assert calm.seconds == pytest.approx(7.0, abs=0.1)


class TestUnits:
    def test_a_value_follows_the_fact_that_it_is_nearest_to(self):
        table = pd.DataFrame({"level": [0.9, 0.1], "centroid": [-0.8, -0.2]}, index=[1, 2])
        assert units.follows(table, 1) == ("level", 0.9)
        assert units.follows(table, 2) == ("centroid", -0.2)

    def test_the_strongest_values_move_the_spectrum_most(self, found):
        order = units.strongest(found, count=16)
        assert sorted(order) == list(range(1, 17))
        _, added = units.added_spectra(found, order)
        assert np.abs(added[0]).mean() > np.abs(added[-1]).mean()

    def test_values_and_what_they_add(self, found):
        table = units.correlations(found)
        assert table.abs().to_numpy().max() <= 1.0
        assert table.abs().to_numpy().max() > 0.6
        hertz, added = units.added_spectra(found, [1, 2])
        assert added.shape == (2, 2, len(hertz))
        assert np.abs(added).max() > 0.1
        with pytest.raises(TypeError, match="log-mel"):
            units.added_spectra(found, [1], space="log-mel")

    def test_pieces_that_drive_a_value(self, found):
        low, high = units.extreme_pieces(found, 1)
        rows = found.spaces["deep-16"].pieces.rows
        means = units.unit_means(found)[:, 0]
        at = {(row.track_id, row.start_s): means[row.Index] for row in rows.itertuples()}
        assert at[low] < at[high]
        assert list(units.driving_tracks(found, [1, 2]).index) == ["Value 1", "Value 2"]
