"""The data set chapter's descriptors, scores and tables, on music whose answers are known."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from musiclib.audio import FloatArray, save
from musiclib.codecs import get_codec
from musiclib.datasets import Dataset, fma, open_dataset
from musiclib.errors import DatasetError
from musiclib.metrics import Interval
from musiclib.studies.dataset import (
    artists,
    checks,
    descriptors,
    figures,
    findings,
    listening,
    provenance,
    recognition,
    scores,
)

RATE = 24_000
REPOSITORY = Path(__file__).resolve().parents[1]


def noise(seconds: float = 4.0, level: float = 0.1, seed: int = 0) -> FloatArray:
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal(round(seconds * RATE))).astype(np.float32)


def sine(hertz: float, seconds: float = 4.0, level: float = 0.5) -> FloatArray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def clicks(bpm: float, seconds: float = 12.0) -> FloatArray:
    audio = np.zeros(round(seconds * RATE), dtype=np.float32)
    for start in np.arange(0.1, seconds - 0.1, 60 / bpm):
        place = round(start * RATE)
        audio[place : place + 600] = noise(600 / RATE, seed=place) * np.exp(-np.arange(600) / 150)
    return audio


def made_tracks(
    genres: tuple[str, ...] = ("a", "b"), artists_each: int = 6, clips_each: int = 2
) -> pd.DataFrame:
    rows = [
        {"genre": genre, "artist_group": f"{genre}{artist}", "split": split}
        for genre in genres
        for artist in range(artists_each)
        for split in ["test" if artist < artists_each // 3 else "train"]
        for _ in range(clips_each)
    ]
    tracks = pd.DataFrame(rows, index=[f"t{number}" for number in range(len(rows))])
    return tracks.rename_axis("track_id")


def folder(root: Path, genres: tuple[str, ...] = ("high", "low"), each: int = 8) -> Dataset:
    for number, genre in enumerate(genres):
        for piece in range(each):
            place = root / genre / f"{piece}.flac"
            place.parent.mkdir(parents=True, exist_ok=True)
            audio = sine(3000 / (1 + 9 * number) + 20 * piece, 2.5) + noise(2.5, 0.01, piece)
            save(place, audio, RATE)
    return open_dataset("folder", root)


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
        assert "Left out" in findings.measured(found, 19)
        assert "a sample of 19 of the 40 clips" in findings.measured(found, 40)


class TestRecognition:
    def test_a_feature_that_is_the_genre_scores_one(self) -> None:
        tracks = made_tracks(("a", "b", "c"))
        features = pd.DataFrame({"x": tracks["genre"].map({"a": 0.0, "b": 1.0, "c": 2.0})})
        for model in ("forest", "linear"):
            result = recognition.recognise(features, tracks, (0, 1), model)  # type: ignore[arg-type]
            assert result.accuracy == Interval(1.0, 1.0, 1.0, 12)
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

    def test_the_interval_over_artists_is_wider_for_alike_clips(self) -> None:
        tracks = made_tracks(artists_each=10, clips_each=8)
        hits = tracks["artist_group"].str[-1].isin(list("02468")).astype(float)
        clips = pd.Series(tracks.index, tracks.index)
        narrow = recognition.balanced_interval(hits, tracks["genre"], clips)
        wide = recognition.balanced_interval(hits, tracks["genre"], tracks["artist_group"])
        assert narrow.mean == wide.mean == 0.5
        assert wide.high - wide.low > 1.8 * (narrow.high - narrow.low)

    def test_balanced_accuracy_weighs_genres_equally(self) -> None:
        genres = pd.Series(["a"] * 9 + ["b"])
        hits = pd.Series([1.0] * 9 + [0.0])
        result = recognition.balanced_interval(hits, genres, pd.Series(range(10)))
        assert result.mean == 0.5

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
        assert artists.neighbour_summary(table).iloc[2] == "100 %"

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
        assert "% of its test clips" in findings.trials(table)

    def test_too_little_music_gives_no_trials(self) -> None:
        tracks = made_tracks(artists_each=1, clips_each=1)
        features = pd.DataFrame({"x": [0.0, 1.0]}, tracks.index)
        table = artists.split_trials(features, tracks, draws=2)
        assert table.empty
        assert "too few" in findings.trials(table)


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
        clips = table[["train", "validation", "test"]].map(lambda cell: int(cell.split(" ")[0]))
        assert clips.loc["all"].sum() == len(mini) == 212
        assert (clips.drop("all").sum() == clips.loc["all"]).all()
        assert table.loc["all", "minutes"] == 106.0
        assert table.loc["rock_metal", "test"] == "11 (5)"
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

    def test_a_table_of_words_is_the_same_on_every_run(self) -> None:
        table = pd.DataFrame({"what": ["words"], "number": [1.25]})
        first, second = (provenance.word_table(table, "t").to_html() for _ in range(2))
        assert first == second
        assert "text-align: left" in first

    def test_a_folder_is_its_own_source(self, tmp_path: Path) -> None:
        music = folder(tmp_path)
        table = provenance.encoding_table(music)
        assert set(table["codec"]) == {"flac"}
        assert table["sample_rate"].eq(RATE).all()
        assert provenance.catalogue_table(music.tracks).columns.tolist() == ["licence"]

    def test_lossy_sources_are_counted(self, tmp_path: Path) -> None:
        music = folder(tmp_path, each=2)
        data = get_codec("mp3", kbps=64).encode(noise(2.0), RATE)
        (tmp_path / "low" / "lossy.mp3").write_bytes(data)
        assert findings.sources(provenance.header_table(music)).startswith("0 of 4 ")
        table = provenance.header_table(open_dataset("folder", tmp_path))
        assert table.loc["low/lossy.mp3", "codec"] == "mp3"
        assert findings.sources(table).startswith("1 of 5 ")

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
        lines = findings.scores(results, ["high", "low"])
        assert any("above chance" in line for line in lines)
        assert any("no evidence" in line for line in lines)  # 16 files are few
        assert findings.confusion(best).endswith("0 % of its clips.")
        figure, _ = figures.score_dots(results)
        figures.plt.close(figure)

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
        assert "high confidence" in findings.agreement(table)

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

    def test_labels_without_evidence_get_a_card(self) -> None:
        figure, axes = figures.label_bars(made_tracks())
        assert "does not say" in axes.texts[0].get_text()
        figures.plt.close(figure)

    def test_the_chapter_explains_every_column(self) -> None:
        notebook = json.loads((REPOSITORY / "book" / "dataset.ipynb").read_text(encoding="utf-8"))
        text = "".join("".join(cell["source"]) for cell in notebook["cells"])
        with (REPOSITORY / "data" / "mini" / "tracks.csv").open(encoding="utf-8") as table:
            columns = next(csv.reader(table))
        assert [name for name in columns if f"`{name}`" not in text] == []
