"""The chapter on classification: what its examples show is so, on sounds with known answers."""

from dataclasses import replace

import numpy as np
import pytest

from musiclib.datasets import open_dataset
from musiclib.genre import leaking
from musiclib.latents import AutoencoderLatents, sequences
from musiclib.studies.classification import (
    attention,
    dealing,
    report,
    sizes,
    vectors,
)
from musiclib.studies.classification import material as materials
from musiclib.studies.classification.material import Material, deal
from tests.dataset_fixture import made_tracks
from tests.genre_fixture import write_genres
from tests.latent_fixture import checkpoints, music

__all__ = ["checkpoints", "music"]

SECONDS = 7.0


@pytest.fixture(scope="module")
def found(checkpoints, tmp_path_factory) -> Material:
    root = write_genres(tmp_path_factory.mktemp("genres"), per_genre=8, seconds=SECONDS)
    data = open_dataset("folder", root)
    runs, reason = deal(data.tracks)
    representation = AutoencoderLatents(checkpoints["deep"])
    return Material(data, data, sequences(representation, data), runs, reason)


@pytest.fixture(scope="module")
def wave(checkpoints) -> AutoencoderLatents:
    return AutoencoderLatents(checkpoints["waveform"])


@pytest.fixture(scope="module")
def guesses(found):
    return vectors.ladder(found)


def test_twins_are_by_different_artists_and_closer_in_what_stands_still(found) -> None:
    pair = vectors.twins(found)
    assert pair is not None
    groups = found.tracks.loc[list(pair.tracks), "artist_group"]
    assert groups.nunique() == 2
    assert pair.still < 1.0
    assert (found.tracks.loc[list(pair.tracks), "split"] == "test").all()


def test_one_artist_has_no_twins(found) -> None:
    alone = found.tracks.assign(artist_group="same")
    same = replace(found, music=replace(found.music, tracks=alone))
    assert vectors.twins(same) is None


def test_shuffling_keeps_mean_and_spread_and_evens_out_changes() -> None:
    drift = np.cumsum(np.random.default_rng(0).standard_normal((4, 400)), axis=1)
    piece = drift.astype(np.float32)
    mixed = vectors.shuffled(piece)
    np.testing.assert_allclose(mixed.mean(axis=1), piece.mean(axis=1), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(mixed.std(axis=1), piece.std(axis=1), rtol=1e-4)
    before = vectors.change_by_lag(piece, piece.std(axis=1), [1, 8, 64, 999])
    after = vectors.change_by_lag(mixed, piece.std(axis=1), [1, 8, 64])
    assert before[0] < before[1] < before[2]
    assert np.isnan(before[3])
    np.testing.assert_allclose(after, np.sqrt(2), rtol=0.15)


def test_latents_of_samples_turn_with_the_sound_and_their_energies_do_not(found, wave) -> None:
    sounds = [found.piece(str(name), 0.0).audio for name in found.test.tracks.index]
    bands = vectors.banded(found, wave, most=4)
    still, swung, banked = vectors.swings([found.representation, wave, bands], sounds)
    assert still.turned == pytest.approx(1.0, abs=1e-4)
    assert swung.turned < -0.9
    assert banked.turned > 0.9
    assert swung.said < 0.3 * min(still.said, banked.said)


def test_bands_are_not_fitted_to_test_tracks(found, wave, monkeypatch) -> None:
    seen = []
    fit = vectors.fit_filterbank
    monkeypatch.setattr(
        vectors, "fit_filterbank", lambda source, names: seen.extend(names) or fit(source, names)
    )
    vectors.banded(found, wave)
    assert seen
    assert (found.tracks.loc[seen, "split"] != "test").all()


def test_weights_of_attention_are_shares(found) -> None:
    head = attention.train_head(found, found.runs[0], steps=20)
    seen = [attention.looks(found, head, name) for name in found.runs[0].test]
    for one in seen:
        assert len(one.weights) == 2 * found.frames
        assert one.weights[: found.frames].mean() == pytest.approx(1.0, abs=1e-4)
        assert 0.0 < one.used <= 1.0 + 1e-9
    best, start = attention.most_uneven(seen, found.frames, pieces=1)
    assert best.weights[start : start + found.frames].std() == pytest.approx(
        max(one.weights[k:][: found.frames].std() for one in seen for k in (0, found.frames))
    )


def test_effective_number_of_weights() -> None:
    assert attention.effective(np.full(8, 1 / 8)) == pytest.approx(8.0)
    assert attention.effective(np.array([1.0, 0.0, 0.0])) == pytest.approx(1.0)


def test_levels_follow_the_sound(found) -> None:
    burst = next(str(n) for n in found.tracks.index if found.tracks.loc[n, "genre"] == "bursts")
    levels = attention.levels(found, burst)
    assert len(levels) == found.found.length(burst)
    assert np.ptp(levels) > 20.0


def test_correlation_of_a_constant_is_unknown() -> None:
    rising = np.arange(9.0)
    assert attention.rank_correlation(rising, rising**3) == pytest.approx(1.0)
    assert np.isnan(attention.rank_correlation(rising, np.ones(9)))


def test_a_gradient_reaches_encoder_and_head_alone(found, wave) -> None:
    model = found.representation.model
    everything = sum(values.numel() for values in model.parameters())
    counted = sizes.learned(found.representation, 3, "statistics")
    assert 0 < counted.encoder < everything
    vector = sizes.size_of(found.representation).vector
    assert counted.head == (vector + 1) * 3
    assert sizes.learned(found.representation, 3, "attention").head > counted.head
    assert sizes.learned(wave, 3, "statistics").encoder > 0
    assert not any(values.grad is not None for values in model.parameters())
    table = sizes.weight_table([found.representation, wave], 3)
    assert table.index.is_unique
    assert len(sizes.size_table(sizes.sizes([found.representation, wave]))) == 5


def test_more_statistics_do_not_forget_the_task(found, guesses) -> None:
    scores = report.all_scores(guesses, found.tracks)
    assert scores["mean, spread and changes"]["validation", "mean"].balanced.mean > 0.9
    table = report.score_table(scores)
    assert list(table.index) == list(vectors.LADDER)


def test_a_track_is_decided_as_the_scores_decide_it(found, guesses) -> None:
    system = guesses["mean"]
    run = found.runs[1].number
    for how in ("vote", "mean"):
        table = system.tracks("test", how)
        for row in table[table["run"] == run].itertuples():
            one = dealing.decide(system, found.tracks, run, row.track_id)
            assert {"vote": one.vote_guess, "mean": one.mean_guess}[how] == row.guess
            assert one.votes.sum() == pytest.approx(1.0)
            assert one.mean.sum() == pytest.approx(1.0)
    divided = dealing.most_divided(system, found.tracks, run)
    assert divided.track_id in found.runs[1].test
    different, total = dealing.differing(system)
    assert total == len(found.runs) * len(found.runs[0].test)
    assert 0 <= different <= total


def test_every_track_has_one_part_and_artists_have_one_side() -> None:
    tracks = made_tracks(artists_each=9, clips_each=3)
    runs, reason = deal(tracks)
    assert not reason
    names = dealing.order(tracks, [*runs[0].train, *runs[0].validation, *runs[0].test])
    assert sorted(names) == sorted(tracks.index)
    genres = tracks.loc[names, "genre"].to_list()
    assert genres == sorted(genres)
    parts = dealing.part_matrix(runs, names)
    assert (np.count_nonzero(parts == 1, axis=0)[parts[0] != 2] == 1).all()
    assert (parts == 2).all(axis=0).sum() == len(runs[0].test)
    assert all(dealing.known_artists(run, tracks) == 0.0 for run in runs)
    assert dealing.known_artists(leaking(runs[0], tracks), tracks) > 0.5


@pytest.mark.parametrize(
    ("tracks", "words"),
    [
        (made_tracks(genres=("a",)), "two genres"),
        (made_tracks(artists_each=3), ""),
        (made_tracks().assign(artist_group=lambda t: t["genre"] + t["split"]), "by one artist"),
    ],
)
def test_what_cannot_be_dealt_is_said(tracks, words) -> None:
    runs, reason = deal(tracks)
    assert words in reason
    assert bool(runs) != bool(reason)


def test_rare_genres_weigh_more() -> None:
    tracks = made_tracks().iloc[:-4]
    table = dealing.weight_table(tracks)
    counts, weights = table["training tracks"], table["weight of a track"]
    assert weights["b"] > 1.0 > weights["a"]
    assert (counts * weights).sum() == pytest.approx(counts.sum(), rel=0.01)


def test_quick_material_is_small_and_leaves_out_what_cannot_be_used(
    tmp_path, monkeypatch, checkpoints
) -> None:
    root = write_genres(tmp_path / "music", per_genre=7, seconds=1.5)
    data = open_dataset("folder", root)
    monkeypatch.setattr(materials, "SMOKE_TRACKS", 10)
    monkeypatch.setattr(materials, "trained", lambda *_: checkpoints["deep"])
    quick = materials.material(data, "smoke")
    assert len(quick.tracks) == 10
    assert "10 tracks of 2 genres" in quick.described
    assert quick.found.channels == quick.representation.channels
