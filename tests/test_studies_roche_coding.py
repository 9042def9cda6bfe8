"""Frame models as codecs, and the chapter's figures."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from musiclib.datasets import Clip
from musiclib.models import DeepConfig, PcaConfig
from musiclib.studies.roche import coding, models, spectra
from musiclib.training import fit, load, new_model
from tests.codec_signals import music as chords
from tests.training_fixture import RATE, TRAINING, music

__all__ = ["music"]
SPECTRA = {"sample_rate": RATE, "n_fft": 256, "hop_length": 64, "latent": 24}
CONFIGS = {("pca", 24): PcaConfig(**SPECTRA), ("deep", 24): DeepConfig(**SPECTRA, hidden=(16,))}
FINE, COARSE = -24, -4


@pytest.fixture(scope="module")
def found(music, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    made = {}
    for key, config in CONFIGS.items():
        steps = 0 if key[0] == "pca" else 4
        training = replace(TRAINING, steps=steps, learning_rate=1e-3, segment_s=0.256)
        fit(new_model(config), music, training, folder / key[0])
        made[key] = load(folder / key[0])
    return made


@pytest.fixture(scope="module")
def clips():
    audio = {f"t{n}": chords(1.5, RATE, n) for n in range(2)}
    return {name: Clip(name, x, RATE, "a", "artist", name) for name, x in audio.items()}


@pytest.fixture(scope="module")
def coded(found, clips):
    return coding.coding_table(found, models.build(found), clips, (FINE, COARSE))


def lines(rows: list[tuple[str, int, float, float]]) -> pd.DataFrame:
    """Nine clips with equal rates, of two kinds of errors: `family, step, kbps, rmse`."""
    return pd.DataFrame(
        [
            {"family": family, "size": 16, "step": step, "kbps": kbps}
            | {"track_id": f"t{n}", "artist": f"artist {n}", "rmse_db": rmse + n % 2}
            for family, step, kbps, rmse in rows
            for n in range(9)
        ]
    )


class TestCoding:
    def test_fine_steps_cost_bytes_and_lose_nothing(self, found, clips, coded):
        built = models.build(found)
        exact = spectra.all_errors(built, spectra.spectra(clips, built["pca", 24]))
        for key, errors in exact.items():
            part = coded[(coded["family"] == key[0])].groupby("step")[["kbps", "rmse_db"]].mean()
            assert part.loc[FINE, "kbps"] > 3 * part.loc[COARSE, "kbps"]
            assert part.loc[COARSE, "rmse_db"] > part.loc[FINE, "rmse_db"]
            # Magnitudes below 0 are cut off in decoding, which can only bring them nearer.
            assert part.loc[FINE, "rmse_db"] == pytest.approx(errors.rmse_db.mean(), abs=0.1)

    def test_true_magnitudes_have_no_error(self, found, clips):
        pca = models.build(found)["pca", 24]
        for clip in clips.values():
            assert coding.magnitude_rmse_db(clip, spectra.original(pca, clip), pca) < 1e-3

    def test_bright_clips_come_first_and_of_different_genres(self):
        times = np.arange(RATE) / RATE
        made = {
            name: Clip(name, np.sin(2 * np.pi * hz * times).astype(np.float32), RATE, genre, "", "")
            for name, hz, genre in (("x", 3000, "a"), ("y", 3500, "a"), ("z", 200, "b"))
        }
        assert set(coding.bright_clips(made, 2)) == {"z"} | (
            set(coding.bright_clips(made, 1)) & {"x", "y"}
        )
        assert list(coding.spread(made, 2)) == ["x", "z"]
        assert len(coding.spread(made, 9)) == 3


class TestEqualRate:
    PCA = (("pca", 0, 8.0, 2.0), ("pca", 4, 4.0, 3.0), ("pca", 8, 2.0, 4.0), ("pca", 12, 1.0, 5.0))

    def test_a_shifted_curve_is_better_by_its_shift(self):
        better = [("deep", step, kbps, rmse - 0.5) for _, step, kbps, rmse in self.PCA]
        table = lines([*self.PCA, *better])
        for step in coding.inner_steps(table):
            assert coding.at_equal_rate(table, "deep", 16, step).mean == pytest.approx(-0.5)

    def test_twice_the_bytes_at_the_same_error_is_worse(self):
        dearer = [("deep", step, 2 * kbps, rmse) for _, step, kbps, rmse in self.PCA]
        table = lines([*self.PCA, *dearer])
        assert coding.inner_steps(table) == [4, 8]
        assert coding.at_equal_rate(table, "deep", 16, 4).mean == pytest.approx(1.0)
        exact = lines([("pca", 0, 0.0, 2.0), ("deep", 0, 0.0, 1.0)])
        words = coding.survival(table, exact)["deep"]
        assert words.endswith("at equal bytes worse at 2 of 2 settings")

    def test_rates_that_are_never_reached_are_not_guessed(self):
        far = [("deep", step, 100.0 + step, 1.0) for step in (0, 4, 8, 12)]
        table = lines([*self.PCA, *far])
        assert coding.at_equal_rate(table, "deep", 16, 4) is None
        exact = lines([("pca", 0, 0.0, 2.0), ("deep", 0, 0.0, 1.0)])
        shown = coding.equal_rate_table(table, exact)
        assert shown.iloc[0].tolist()[1:] == ["not comparable"] * 2
