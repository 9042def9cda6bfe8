"""The comparison of frame models, on spectra and errors whose answers are known."""

import copy
import functools

import numpy as np
import pandas as pd
import pytest
import torch

from musiclib.datasets import Clip
from musiclib.models import DeepConfig, PcaConfig, VaeConfig, build_model
from musiclib.models.frames import FrameAutoencoder
from musiclib.models.losses import DB_PER_NEPER
from musiclib.studies.roche import gains, insides, spectra, tables
from tests import model_fixture, signals

RATE = model_fixture.RATE
SMALL = {"sample_rate": RATE, "n_fft": 128, "hop_length": 32}
BINS = 65


@functools.cache
def prepared(kind: str, latent: int) -> FrameAutoencoder:
    config = {
        "frames_pca": PcaConfig(**SMALL, latent=latent),
        "frames_deep": DeepConfig(**SMALL, latent=latent, hidden=(32, 24)),
        "frames_vae": VaeConfig(**SMALL, latent=latent, hidden=(32, 24)),
    }[kind]
    found = model_fixture.built(config)
    assert isinstance(found, FrameAutoencoder)
    return found


def model(kind: str = "frames_pca", latent: int = 6) -> FrameAutoencoder:
    return copy.deepcopy(prepared(kind, latent))


def clip(seconds: float = 1.0, seed: int = 0, genre: str = "a") -> Clip:
    audio = signals.music(round(RATE * seconds), RATE, seed).astype(np.float32)
    return Clip(f"t{seed}", audio, RATE, genre, "artist", "title")


def clips() -> dict[str, Clip]:
    lengths = (1.0, 0.7, 1.0, 0.4)
    made = [clip(s, n, "ab"[n % 2]) for n, s in enumerate(lengths)]
    return {item.track_id: item for item in made}


def table_of(values: dict[tuple[str, int], list[float]], copies: int = 3) -> pd.DataFrame:
    """Errors of clips by as many artists, all of it several times over."""
    rows = [
        {"family": family, "size": size, "track_id": f"t{n}", "genre": "a", "rmse_db": value}
        | {"artist": f"artist {n}"}
        for (family, size), found in values.items()
        for n, value in enumerate(copies * found)
    ]
    return pd.DataFrame(rows)


class TestSpectra:
    def test_all_components_rebuild_a_clip(self) -> None:
        whole = model(latent=BINS)
        material = spectra.spectra(clips(), whole)
        assert spectra.errors(whole, material).rmse_db.max() < 0.01

    def test_fewer_components_leave_more(self) -> None:
        material = spectra.spectra(clips(), model())
        errors = [spectra.errors(model(latent=n), material).rmse_db.mean() for n in (2, 8, 32)]
        assert errors[0] > errors[1] > errors[2] > 0.0

    def test_error_of_the_mean_frame_is_the_deviation_in_db(self) -> None:
        flat = model()
        flat.vectors.zero_()
        material = spectra.spectra(clips(), flat)
        found = spectra.errors(flat, material).rmse_db
        for value, logs in zip(found, material.logs, strict=True):
            deviation = (logs - flat.spectrogram.mean[:, None]).square().mean().sqrt()
            assert value == pytest.approx(float(deviation) * DB_PER_NEPER, rel=1e-5)

    def test_clips_keep_their_order_in_batches_by_length(self) -> None:
        together = spectra.errors(model(), spectra.spectra(clips(), model())).rmse_db
        alone = [
            spectra.errors(model(), spectra.spectra({name: item}, model())).rmse_db[0]
            for name, item in clips().items()
        ]
        np.testing.assert_allclose(together, alone, rtol=1e-5)

    def test_level_of_a_clip_does_not_count(self) -> None:
        loud = clip()
        soft = Clip("t9", loud.audio * np.float32(0.1), RATE, "a", "artist", "title")
        found = spectra.errors(model(), spectra.spectra({"t0": loud, "t9": soft}, model())).rmse_db
        assert found[0] == pytest.approx(found[1], rel=1e-3)

    def test_reconstructed_magnitudes_have_the_clips_level(self) -> None:
        whole, sound = model(latent=BINS), clip()
        original = spectra.original(whole, sound)
        rebuilt = spectra.reconstructed(whole, sound)
        assert rebuilt.shape == original.shape
        np.testing.assert_allclose(rebuilt, original, atol=0.002 * original.max())


class TestTables:
    def test_a_lower_error_on_every_clip_is_confirmed(self) -> None:
        table = table_of({("pca", 4): [5.0, 7.0, 6.0], ("deep", 4): [4.9, 6.8, 5.9]})
        claim = tables.Claim("deep", "pca", "")
        assert tables.verdict(table, claim) == "confirmed"
        assert tables.verdict(table, tables.Claim("pca", "deep", "")) == "refuted"
        assert tables.ordering(table, 4, ("pca", "deep")) == "Deep < PCA"
        assert tables.differences(table)["mean"].iloc[0] == pytest.approx(-0.4 / 3)

    def test_verdicts_that_differ_by_size_name_the_sizes(self) -> None:
        table = table_of(
            {
                ("pca", 4): [5.0, 7.0, 6.0],
                ("deep", 4): [4.9, 6.8, 5.9],
                ("pca", 8): [4.0, 6.0, 5.0],
                ("deep", 8): [4.1, 5.9, 5.0],
                ("pca", 16): [4.0, 6.0, 5.0],
                ("deep", 16): [4.1, 6.1, 5.2],
            }
        )
        words = tables.verdict(table, tables.Claim("deep", "pca", ""))
        assert words == "confirmed at 4; not settled at 8; refuted at 16"
        assert tables.ordering(table, 8, ("pca", "deep")).count("≈") == 1

    def test_few_artists_settle_nothing(self) -> None:
        table = table_of({("pca", 4): [5.0], ("deep", 4): [4.0]})
        assert tables.verdict(table, tables.Claim("deep", "pca", "")) == "not settled"
        assert "[" not in tables.readable(tables.differences(table), signs=True).iloc[0, 0]

    def test_sizes_that_a_family_lacks_are_named(self) -> None:
        table = table_of({("pca", 4): [5.0, 6.0], ("pca", 8): [4.0, 5.0], ("deep", 8): [3.0, 4.0]})
        shown = tables.readable(tables.means(table))
        assert shown.loc[4, "Deep"] == "not trained"
        assert list(tables.differences(table)["size"]) == [8]

    def test_worth_reads_the_baselines_curve(self) -> None:
        table = table_of(
            {("pca", 4): [6.0], ("pca", 16): [4.0], ("deep", 4): [5.0], ("deep", 16): [4.0]}
        )
        means = tables.means(table)
        assert tables.worth(means, "deep", 4) == pytest.approx(8.0)
        assert tables.worth(means, "deep", 16) == pytest.approx(16.0)


def errors_of(by_bin: np.ndarray, frames: int = 40) -> spectra.Errors:
    rows = tuple(np.full(frames, row.mean()) for row in by_bin)
    return spectra.Errors(by_bin, rows)


class TestGains:
    def test_a_gain_in_one_band_is_found_there(self) -> None:
        base = np.full((3, 513), 4.0)
        better = base.copy()
        better[:, :22] = 1.0  # below 500 Hz at 24 kHz
        found = gains.by_band(errors_of(better), errors_of(base), 24_000, list("abc"))
        found = found.set_index("group")["mean"]
        assert found["0–0.5 kHz"] == 1.0
        assert found.drop("0–0.5 kHz").abs().max() == 0.0

    def test_a_gain_in_one_genre_is_found_there(self) -> None:
        base = np.full((4, 5), 9.0)
        better = base.copy()
        better[[0, 2]] = 4.0
        found = gains.by_genre(
            errors_of(better), errors_of(base), ("x_y", "z", "x_y", "z"), list("abcd")
        )
        assert found.set_index("group")["mean"].to_dict() == {"x y": 1.0, "z": 0.0}

    def test_frames_are_grouped_by_change(self) -> None:
        change = [np.arange(40.0)]
        base = spectra.Errors(np.full((1, 5), 4.0), (np.full(40, 4.0),))
        quick = spectra.Errors(np.full((1, 5), 4.0), (np.r_[np.full(30, 4.0), np.full(10, 1.0)],))
        found = gains.by_change(quick, base, change, ["one"]).set_index("group")["mean"]
        assert found["most moving"] == pytest.approx(1.0)
        assert found["steadiest"] == pytest.approx(0.0)

    def test_a_step_is_the_largest_change(self) -> None:
        logs = torch.zeros(BINS, 20)
        logs[:, 10:] = 1.0
        material = spectra.Spectra(("t",), ("a",), ("artist",), (logs,), RATE)
        (found,) = gains.spectral_change(material)
        assert int(np.argmax(found)) == 10
        assert found[10] == pytest.approx(DB_PER_NEPER, rel=1e-5)

    def test_gain_over_time_takes_clips_of_all_lengths(self) -> None:
        base = spectra.Errors(np.ones((2, 5)), (np.full(3, 4.0), np.full(6, 4.0)))
        late = spectra.Errors(np.ones((2, 5)), (np.full(3, 4.0), np.r_[np.full(3, 4.0), 1, 1, 1]))
        np.testing.assert_allclose(gains.over_time(late, base, 10), [0, 0, 0, 1, 1, 1], atol=1e-9)

    def test_steady_sound_stays_in_the_residual_and_noise_does_not(self) -> None:
        times = np.arange(2 * RATE) / RATE
        chord = sum(np.sin(2 * np.pi * hertz * times) for hertz in (410.0, 730.0, 1270.0))
        noise = np.random.default_rng(0).standard_normal(len(times))
        sounds = {
            name: Clip(name, (0.1 * audio).astype(np.float32), RATE, "a", "b", "c")
            for name, audio in (("chord", chord), ("noise", noise))
        }
        flat = build_model(PcaConfig(**SMALL, latent=2))
        flat.prepare([torch.from_numpy(sounds["noise"].audio)[None]])
        rest = {
            name: gains.left_over(flat, spectra.spectra({name: item}, flat), (8,))[8]
            for name, item in sounds.items()
        }
        assert rest["chord"] > 0.9
        assert abs(rest["noise"]) < 0.1


class TestInsides:
    def test_variance_held_rises_to_one(self) -> None:
        pca = model()
        held = insides.variance_held(pca)
        assert np.all(np.diff(held) >= 0.0)
        assert held[-1] == pytest.approx(1.0)
        count = insides.components_for(pca, 0.9)
        assert held[count - 1] >= 0.9 > held[count - 2]

    def test_an_untrained_deep_model_is_nearly_linear(self) -> None:
        deep = model("frames_deep")
        material = spectra.spectra(clips(), deep)
        found = insides.decoder_shares(deep, material, material)
        assert found["network_share"] < 1.0
        assert found["linear_r2"] > 99.0

    def test_the_best_linear_decoder_of_pca_is_its_own(self) -> None:
        pca = model()
        material = spectra.spectra(clips(), pca)
        own = spectra.errors(pca, material).rmse_db.mean()
        # Fitted on the clips that it is tested on, it can only be better.
        assert insides.linear_rmse_db(pca, material, material) <= own + 1e-3

    def test_without_a_linear_path_there_are_no_shares(self) -> None:
        bare = model_fixture.built(DeepConfig(**SMALL, latent=4, hidden=(16,), spine=False))
        material = spectra.spectra(clips(), bare)
        with pytest.raises(ValueError, match="no linear path"):
            insides.decoder_shares(bare, material, material)

    def test_a_value_switched_off_is_not_in_use(self) -> None:
        vae = model("frames_vae")
        with torch.no_grad():
            vae.spine.reduce.weight[2] = 0.0
            vae.encoder[-1].weight[2] = 0.0
            vae.encoder[-1].bias[2] = 0.0
            vae.log_variance.weight[2] = 0.0
            vae.log_variance.bias[2] = 0.0
        found = insides.values_in_use(vae, spectra.spectra(clips(), vae))
        assert found["kl"].iloc[-1] == pytest.approx(0.0, abs=1e-6)
        assert found["variance"].iloc[-1] < insides.ACTIVE
        assert found["kl"].iloc[-2] > 0.1

    def test_pca_walks_in_straight_lines(self) -> None:
        pca = model(latent=3)
        walk = insides.latent_steps(pca, spectra.spectra(clips(), pca))
        assert walk.shape == (3, 3, BINS)
        assert insides.bend(walk) < 1e-4

    def test_bend_of_a_parabola(self) -> None:
        walk = np.array([[[0.0], [0.0], [2.0]]], dtype=np.float32)
        assert insides.bend(walk) == pytest.approx(1.0)
        assert insides.bend(np.zeros((2, 3, 4), dtype=np.float32)) == 0.0
