"""The data set chapter's tables of artists, sources and findings, and the chapter itself."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from musiclib.codecs import get_codec
from musiclib.datasets import fma, open_dataset
from musiclib.errors import DatasetError
from musiclib.studies.dataset import (
    artists,
    checks,
    descriptors,
    listening,
    provenance,
    scores,
)
from tests.dataset_fixture import RATE, REPOSITORY, folder, made_tracks, noise


class TestArtists:
    def test_neighbours_of_ones_own_are_forbidden(self) -> None:
        tracks = made_tracks(artists_each=4)
        # Each artist sits in one place, and next to an artist of the other genre.
        order = {
            name: place
            for place, name in enumerate(sorted(tracks.artist_group, key=lambda n: n[1]))
        }
        features = pd.DataFrame({"x": tracks["artist_group"].map(order).astype(float)})
        table = artists.neighbours(features, tracks)
        assert table["same_artist"].eq(1.0).all()
        assert table["free"].eq(1.0).all()
        assert table["filtered"].mean() < 0.5
        assert artists.neighbour_summary(table).iloc[2] == "100.0 %"

    def test_artists_with_one_clip_are_left_out(self) -> None:
        tracks = made_tracks(clips_each=1)
        features = pd.DataFrame({"x": np.arange(len(tracks), dtype=float)}, tracks.index)
        assert artists.neighbours(features, tracks).empty

    def test_random_splits_leak_and_flatter(self) -> None:
        tracks = made_tracks(artists_each=12, clips_each=4)
        place = np.random.default_rng(0).permutation(24)
        features = pd.DataFrame({"x": place[pd.factorize(tracks["artist_group"])[0]] * 1.0})
        features.index = tracks.index
        table = artists.split_trials(features, tracks, draws=3)
        means = table.groupby("kind")[["accuracy", "shared"]].mean()
        assert means.loc["by artist", "shared"] == 0.0
        assert means.loc["random", "shared"] > 0.8
        assert means.loc["random", "accuracy"] > 0.2 + means.loc["by artist", "accuracy"]

    def test_too_little_music_gives_no_trials(self) -> None:
        tracks = made_tracks(artists_each=1, clips_each=1)
        features = pd.DataFrame({"x": [0.0, 1.0]}, tracks.index)
        table = artists.split_trials(features, tracks, draws=2)
        assert table.empty


class TestProvenance:
    def test_sampling_keeps_the_shares(self) -> None:
        mini = open_dataset("mini")
        part = provenance.sample_tracks(mini, 106, seed=3)
        assert len(part) == 106
        half = part.tracks.groupby(["genre", "split"]).size()
        whole = mini.tracks.groupby(["genre", "split"]).size()
        assert (half.reindex(whole.index, fill_value=0) - whole / 2).abs().max() <= 1.0
        assert provenance.sample_tracks(mini, 106, seed=3).tracks.equals(part.tracks)
        assert provenance.sample_tracks(mini, 1000) is mini
        with pytest.raises(DatasetError, match="at least 1"):
            provenance.sample_tracks(mini, 0)

    def test_counts_add_up(self) -> None:
        mini = open_dataset("mini")
        table = provenance.parts_table(mini)
        clips = table[["train", "validation", "test"]].map(lambda cell: int(cell.split()[0]))
        assert clips.loc["all"].sum() == len(mini) == 212
        assert (clips.drop("all").sum() == clips.loc["all"]).all()
        assert table.loc["all", "minutes"] == 106.0
        assert table.loc["rock metal", "test"] == "11\N{NO-BREAK SPACE}(5)"
        assert provenance.licence_table(mini.tracks)["clips"].sum() == 212

    def test_sources_of_the_bundled_clips(self) -> None:
        mini = open_dataset("mini")
        table = provenance.encoding_table(mini)
        assert list(table.columns) == list(provenance.ENCODING)
        assert table["sample_rate"].ge(32_000).all()
        loudness = pd.Series(-24.0, mini.tracks.index)
        source = provenance.source_loudness(mini.tracks, loudness)
        assert source["t0262"] == pytest.approx(-24.0 - 6.125)

    def test_broken_clips_and_archives_are_all_listed(self) -> None:
        listed = ", ".join(provenance.broken_table()["tracks"]).split(", ")
        assert sorted(map(int, listed)) == sorted(fma.KNOWN_BAD)
        assert list(provenance.archive_table().index) == list(fma.ARCHIVES)

    def test_a_folder_is_its_own_source(self, tmp_path: Path) -> None:
        music = folder(tmp_path)
        table = provenance.encoding_table(music)
        assert set(table["codec"]) == {"flac"}
        assert table["sample_rate"].eq(RATE).all()
        assert provenance.catalogue_table(music.tracks).columns.tolist() == ["licence"]

    def test_lossy_sources_are_counted(self, tmp_path: Path) -> None:
        folder(tmp_path, each=2)
        data = get_codec("mp3", kbps=64).encode(noise(2.0), RATE)
        (tmp_path / "low" / "lossy.mp3").write_bytes(data)
        table = provenance.header_table(open_dataset("folder", tmp_path))
        assert table.loc["low/lossy.mp3", "codec"] == "mp3"

    def test_notices_do_not_name_the_folder(self, tmp_path: Path) -> None:
        folder(tmp_path)
        (tmp_path / "high" / "broken.flac").write_bytes(b"not audio")
        _, notices = provenance.open_with_notices("folder", tmp_path)
        assert any("broken.flac" in notice for notice in notices)
        assert not any(str(tmp_path) in notice for notice in notices)


class TestChapter:
    def test_scores_of_a_folder_of_two_kinds(self, tmp_path: Path) -> None:
        music = folder(tmp_path)
        found = descriptors.describe_all(music)
        sets = scores.feature_sets(music, found)
        assert "licence, package" not in sets[scores.SILENT]  # unknown for every file
        results = scores.score_all(sets, music.tracks, (0,))
        best = results[scores.SIMPLE][scores.ALL_SIMPLE]
        assert best.accuracy.mean == 1.0

    def test_agreement_rises_with_confidence_when_low_labels_are_wrong(self) -> None:
        tracks = made_tracks(artists_each=20)
        x = tracks["genre"].eq("a") * 1.0
        low = tracks["artist_group"].str[1:].astype(int) < 4
        tracks["confidence"] = np.where(low, "low", "high")
        tracks["evidence"] = "guess"
        x[low] = 1.0 - x[low]
        table = scores.agreement_table(pd.DataFrame({"x": x}), tracks, (0,))
        sure, unsure = (table.loc[("confidence", name)] for name in ("high", "low"))
        assert (sure["clips"], unsure["clips"]) == (64, 16)
        assert sure["agreement (%)"].startswith("100")
        assert unsure["agreement (%)"].startswith("0")

    def test_storage_hardly_moves_a_descriptor(self) -> None:
        mini = open_dataset("mini").select(genres=["folk_world", "rock_metal"], per_genre=6)
        found = descriptors.describe_all(mini, seconds=5.0)
        moved = checks.storage_shift(mini, found, clips=1)
        assert 0.0 < moved.iloc[0] < 1.0
        table = checks.level_table(mini, found, provenance.header_table(mini))
        assert table.loc["codec"].tolist() == ["vorbis", "flac"]

    def test_one_clip_of_each_genre_with_its_credit(self) -> None:
        mini = open_dataset("mini")
        clips = listening.one_of_each(mini, seconds=1.0)
        assert [clip.genre for clip in clips] == mini.genres
        assert all(mini.row(clip.track_id)["split"] == "test" for clip in clips)
        page = listening.players(mini, clips[:2]).html
        row = mini.row(clips[0].track_id)
        assert page.count("<audio") == 2
        assert row["licence"] in page
        assert row["package"] in page

    def test_the_chapter_explains_every_column(self) -> None:
        notebook = json.loads((REPOSITORY / "book" / "dataset.ipynb").read_text(encoding="utf-8"))
        text = "".join("".join(cell["source"]) for cell in notebook["cells"])
        with (REPOSITORY / "data" / "mini" / "tracks.csv").open(encoding="utf-8") as table:
            columns = next(csv.reader(table))
        assert [name for name in columns if f"`{name}`" not in text] == []
