"""Scores, votes, intervals and comparisons, against cases that can be counted by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score

from musiclib.errors import MusiclibError
from musiclib.genre import Guesses, balanced_interval, compare, corrected, score
from musiclib.genre.guesses import guesses_of
from musiclib.genre.scores import accuracy, balanced, macro_f1

GENRES = ("a", "b", "c")


def tracks(truth: dict[str, str], artists: dict[str, str] | None = None) -> pd.DataFrame:
    table = pd.DataFrame({"genre": pd.Series(truth)})
    table["artist_group"] = pd.Series(artists) if artists else table.index
    return table.rename_axis("track_id")


def told(said: dict[str, str], run: int = 0, pieces: int = 1) -> pd.DataFrame:
    """Guesses that are sure of what they say."""
    shares = {
        name: np.tile(np.where(np.array(GENRES) == guess, 0.8, 0.1), (pieces, 1))
        for name, guess in said.items()
    }
    return guesses_of(run, {"test": list(said)}, shares, GENRES)


def system(*tables: pd.DataFrame, name: str = "x") -> Guesses:
    return Guesses(name, pd.concat(tables, ignore_index=True), GENRES)


def random_case(seed: int, size: int = 60):
    generator = np.random.default_rng(seed)
    names = [f"t{number}" for number in range(size)]
    truth = {name: str(generator.choice(GENRES, p=[0.5, 0.3, 0.2])) for name in names}
    said = {
        name: truth[name] if generator.random() < 0.6 else str(generator.choice(GENRES))
        for name in names
    }
    return truth, said


@pytest.mark.parametrize("seed", range(5))
def test_measures_agree_with_scikit_learn(seed) -> None:
    truth, said = random_case(seed)
    found = score(system(told(said)), tracks(truth))
    real, guessed = list(truth.values()), [said[name] for name in truth]
    assert found.balanced.mean == pytest.approx(balanced_accuracy_score(real, guessed))
    assert found.macro_f1.mean == pytest.approx(f1_score(real, guessed, average="macro"))
    assert found.accuracy.mean == pytest.approx(np.mean(np.array(real) == guessed))
    assert found.confusion.to_numpy().sum() == len(truth)


def test_the_vote_and_the_mean_can_differ_and_a_draw_goes_to_the_mean() -> None:
    shares = np.array([[0.4, 0.35, 0.25], [0.4, 0.35, 0.25], [0.01, 0.98, 0.01]])
    table = guesses_of(0, {"test": ["t"]}, {"t": shares}, GENRES)
    found = system(table)
    assert found.tracks("test", "vote")["guess"].item() == "a"
    assert found.tracks("test", "mean")["guess"].item() == "b"
    assert list(found.tracks("test", "pieces")["guess"]) == ["a", "a", "b"]
    drawn = guesses_of(0, {"test": ["t"]}, {"t": shares[1:]}, GENRES)
    assert system(drawn).tracks("test", "vote")["guess"].item() == "b"


def test_a_majority_repairs_what_single_pieces_get_wrong() -> None:
    generator = np.random.default_rng(0)
    truth = {f"t{number}": GENRES[number % 3] for number in range(60)}
    shares = {}
    for name, genre in truth.items():
        right = generator.random(9) < 0.6
        guess = [genre if ok else str(generator.choice(GENRES)) for ok in right]
        shares[name] = np.array([np.where(np.array(GENRES) == g, 0.8, 0.1) for g in guess])
    found = system(guesses_of(0, {"test": list(truth)}, shares, GENRES))
    pieces, vote = (
        score(found, tracks(truth), how=how).balanced.mean for how in ("pieces", "vote")
    )
    assert vote > pieces + 0.1


def test_the_interval_is_over_artists_whatever_the_number_of_their_tracks() -> None:
    generator = np.random.default_rng(1)
    truth, said, artists = {}, {}, {}
    for artist in range(18):
        right = generator.random() < 0.6
        for number in range(5):
            name = f"{artist}-{number}"
            truth[name] = GENRES[artist % 3]
            said[name] = truth[name] if right else GENRES[(artist + 1) % 3]
            artists[name] = str(artist)
    first = [f"{artist}-0" for artist in range(18)]
    found = score(system(told(said)), tracks(truth, artists))
    alone = score(
        system(told({name: said[name] for name in first})),
        tracks({name: truth[name] for name in first}),
    )
    for measure in ("accuracy", "balanced", "macro_f1"):
        one, other = getattr(found, measure), getattr(alone, measure)
        assert [one.mean, one.low, one.high] == pytest.approx([other.mean, other.low, other.high])
        assert one.n == 18
    careless = score(system(told(said)), tracks(truth)).balanced
    assert found.balanced.high - found.balanced.low > 1.5 * (careless.high - careless.low)


def test_the_two_ways_to_a_balanced_accuracy_agree() -> None:
    truth, said = random_case(7)
    table = tracks(truth, {name: str(number // 2) for number, name in enumerate(truth)})
    found = score(system(told(said)), table)
    other = balanced_interval(found.hits[table.index], table["genre"], table["artist_group"])
    wanted = found.balanced
    assert [other.mean, other.low, other.high] == pytest.approx(
        [wanted.mean, wanted.low, wanted.high]
    )


def test_balanced_accuracy_weighs_genres_equally() -> None:
    genres = pd.Series(["a"] * 9 + ["b"])
    found = balanced_interval([1.0] * 9 + [0.0], genres, pd.Series(range(10)))
    assert found.mean == 0.5
    assert found.n == 10


def test_few_artists_have_no_interval() -> None:
    truth = {f"t{number}": GENRES[number % 3] for number in range(30)}
    found = score(system(told(truth)), tracks(truth, {name: name[-1:] for name in truth}))
    assert found.balanced.n == 10
    assert found.balanced.low < 1.0
    few = score(system(told(truth)), tracks(truth, dict.fromkeys(truth, "one")))
    assert few.balanced.mean == 1.0
    assert np.isnan(few.balanced.low)


def test_runs_are_averaged() -> None:
    truth = {"t0": "a", "t1": "b", "t2": "c"}
    good, bad = dict(truth), {"t0": "b", "t1": "c", "t2": "a"}
    found = score(system(told(good, 0), told(bad, 1)), tracks(truth))
    assert found.by_run == (1.0, 0.0)
    assert found.balanced.mean == 0.5
    assert set(found.hits) == {0.5}


def test_runs_together_follow_the_sure_one() -> None:
    sure = guesses_of(0, {"test": ["t"]}, {"t": np.array([[0.98, 0.01, 0.01]])}, GENRES)
    vague = guesses_of(1, {"test": ["t"]}, {"t": np.array([[0.3, 0.4, 0.3]])}, GENRES)
    assert system(sure, vague).together()["guess"].item() == "a"


def test_equal_systems_do_not_differ_and_a_better_one_is_found() -> None:
    truth, said = random_case(3, 120)
    table = tracks(truth)
    plain, perfect = score(system(told(said)), table), score(system(told(truth)), table)
    same = compare(plain, plain, table)
    assert (same.difference.mean, same.p, same.verdict) == (0.0, 1.0, "not settled")
    found = compare(perfect, plain, table)
    assert found.verdict == "better"
    assert found.p < 0.001
    assert found.difference.mean == pytest.approx(perfect.balanced.mean - plain.balanced.mean)
    assert compare(plain, perfect, table).verdict == "worse"


def test_many_comparisons_are_corrected_together() -> None:
    truth, said = random_case(3, 120)
    table = tracks(truth)
    plain, perfect = score(system(told(said)), table), score(system(told(truth)), table)
    family = corrected([compare(plain, plain, table), compare(perfect, plain, table)])
    assert [one.p_holm for one in family] == [1.0, 2.0 * family[1].p]


def test_coin_tosses_rarely_find_a_difference_where_there_is_none() -> None:
    small = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        truth = {f"t{number}": GENRES[number % 3] for number in range(60)}
        table = tracks(truth)
        first, second = (score(system(told(_mistaken(truth, generator))), table) for _ in range(2))
        small += compare(first, second, table).p < 0.05
    assert small <= 9


def _mistaken(truth: dict[str, str], generator: np.random.Generator) -> dict[str, str]:
    wrong = {name: GENRES[(GENRES.index(genre) + 1) % 3] for name, genre in truth.items()}
    return {name: truth[name] if generator.random() < 0.6 else wrong[name] for name in truth}


def test_other_tracks_cannot_be_compared() -> None:
    first = score(system(told({"t0": "a"})), tracks({"t0": "a"}))
    second = score(system(told({"t1": "a"})), tracks({"t1": "a"}))
    with pytest.raises(MusiclibError, match="different tracks"):
        compare(first, second, tracks({"t0": "a", "t1": "a"}))


def test_a_genre_that_is_not_there_is_left_out() -> None:
    table = np.array([[[3.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 3.0]]])
    assert balanced(table)[0] == 0.75
    assert accuracy(table)[0] == 0.75
    assert 0.0 < macro_f1(table)[0] < 0.75


def test_unasked_tracks_are_an_error() -> None:
    with pytest.raises(MusiclibError, match="validation"):
        system(told({"t0": "a"})).tracks("validation")


def test_whole_tracks_score_as_their_pieces_do() -> None:
    """Votes and means are all that scores take of pieces: kept, they give the same scores."""
    generator = np.random.default_rng(1)
    truth = {f"t{number}": GENRES[number % 3] for number in range(30)}
    shares = {name: generator.dirichlet(np.ones(3), generator.integers(1, 8)) for name in truth}
    found = system(guesses_of(0, {"test": list(truth)}, shares, GENRES))
    pieces = found.table
    own = pieces[list(GENRES)].to_numpy().argmax(axis=1)
    hits = pd.Series(np.array(GENRES)[own] == pieces["track_id"].map(truth), dtype=float)
    share = hits.groupby(pieces["track_id"]).mean()
    by_genre = share.groupby(share.index.map(truth)).mean()
    assert score(found, tracks(truth), how="pieces").balanced.mean == pytest.approx(by_genre.mean())
    assert len(found.tracks("test", "pieces")) == len(pieces)
    again = found.of_tracks
    for how in ("mean", "vote", "pieces"):
        kept, whole = (score(one, tracks(truth), how=how) for one in (again, found))
        assert kept.balanced == whole.balanced
