"""Tables of the chapter on genre, and the tracks that a system is most sure and wrong about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from musiclib.datasets import UNKNOWN, Dataset
from musiclib.figures import with_values
from musiclib.genre import Comparison, Score, corrected
from musiclib.listen import Rendered, Row, Sound, comparison
from musiclib.stats import Interval
from musiclib.studies.genre import systems as names
from musiclib.studies.genre.experiment import Results
from musiclib.studies.genre.splits import Leak, Weighing

MINUS = "\N{MINUS SIGN}"
BEST = "\N{BLACK STAR}"


def shown(interval: Interval, sign: bool = False) -> str:
    """An interval for the page, such as "0.76 (0.66 to 0.86)"."""
    form = "+.2f" if sign else ".2f"
    # A zero has no sign.
    mean, low, high = (round(x, 2) + 0.0 for x in (interval.mean, interval.low, interval.high))
    if np.isnan(low):
        return f"{mean:{form}}".replace("-", MINUS)
    return f"{mean:{form}} ({low:{form}} to {high:{form}})".replace("-", MINUS)


def probability(p: float) -> str:
    """A p for the page."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def equals(p: float) -> str:
    """A p behind the letter."""
    return probability(p) if p < 0.001 else f"= {probability(p)}"


def signed(value: float | np.floating) -> str:
    """A difference for the page."""
    return f"{round(float(value), 2) + 0.0:+.2f}".replace("-", MINUS)


def systems_listed(words: Sequence[str]) -> str:
    """Names of systems, which may hold commas, as a list."""
    return listed([f"*{word}*" for word in words])


def listed(words: Sequence[str]) -> str:
    """Words with commas and an "and"."""
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else "".join(words)


def plain(genre: str) -> str:
    """A genre as a reader sees it."""
    return str(genre).replace("_", " ")


def names_there(results: Results) -> list[str]:
    """The systems that hear nothing or little, as far as there are any."""
    return [name for name in (names.METADATA, names.DESCRIPTORS) if name in results.guesses]


def main_table(results: Results) -> pd.DataFrame:
    """All scores of all systems; the best latent system by the validation tracks has a star."""
    rows, values = {}, {}
    for system in results.systems:
        of = results.scores[system.name]
        test = of["mean"]
        values[system.name] = {
            "validation": of["validation"].balanced.mean,
            "balanced accuracy": test.balanced.mean,
            "low": test.balanced.low,
            "high": test.balanced.high,
            "accuracy": test.accuracy.mean,
            "macro F1": test.macro_f1.mean,
            "by vote": of["vote"].balanced.mean,
            "single pieces": of["pieces"].balanced.mean,
        }
        mark = f" {BEST}" if system.name == results.best_latent else ""
        rows[system.name + mark] = {
            "validation": f"{of['validation'].balanced.mean:.2f}",
            "balanced accuracy": f"{test.balanced.mean:.2f}",
            "95 %": _ends(test.balanced),
            "accuracy": f"{test.accuracy.mean:.2f}",
            "macro F1": f"{test.macro_f1.mean:.2f}",
            "by vote": f"{of['vote'].balanced.mean:.2f}",
            "single pieces": f"{of['pieces'].balanced.mean:.2f}",
        }
    shown = pd.DataFrame.from_dict(rows, orient="index")
    named = pd.DataFrame.from_dict(values, orient="index").rename_axis("system")
    return with_values(shown, named)


def _ends(interval: Interval) -> str:
    if np.isnan(interval.low):
        return "too few artists"
    # The joiners keep a browser from breaking the line at the dash.
    return f"{interval.low:.2f}\N{WORD JOINER}\N{EN DASH}\N{WORD JOINER}{interval.high:.2f}"


def comparison_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Differences with intervals and p, corrected for their number: a row for each comparison."""
    rows = {
        f"{one.first} minus {one.second}": {
            "difference (95 %)": shown(one.difference, sign=True),
            "p (Holm)": probability(one.p_holm),
            "": one.verdict,
        }
        for one in corrected(comparisons)
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def tuning(results: Results) -> list[Comparison]:
    """Each fine-tuned network against the same network on frozen latents."""
    pairs = [(name, name.replace("fine-tuned", "network")) for name in results.group(names.TUNED)]
    return corrected([results.compare(one, two) for one, two in pairs if two in results.guesses])


def pooling(results: Results) -> list[Comparison]:
    """Attention against plain statistics over time, for each model that has both."""
    found = []
    for system in results.systems:
        if system.name.endswith("attention"):
            other = system.name.replace("attention", "network")
            if other in results.guesses:
                found.append(results.compare(system.name, other))
    return corrected(found)


def genre_table(scores: dict[str, Score]) -> pd.DataFrame:
    """Recall and F1 of each genre, for some systems.

    Args:
        scores: By name of the system.
    """
    columns = {}
    for name, score in scores.items():
        counts = score.confusion.to_numpy()
        right, true, guessed = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
        columns[f"{name}: recall"] = right / np.maximum(true, 1e-9)
        columns[f"{name}: F1"] = 2 * right / np.maximum(true + guessed, 1e-9)
    first = next(iter(scores.values())).confusion
    table = pd.DataFrame(columns, [str(genre).replace("_", " ") for genre in first.index])
    table.insert(0, "test tracks", first.sum(axis=1).round().astype(int).to_numpy())
    return table.round(2)


def leak_table(leaks: Sequence[Leak]) -> pd.DataFrame:
    """Scores on clean and on leaking splits."""
    rows = {
        leak.system: {
            "tracks, dealt by artist": shown(leak.tracks),
            "tracks, dealt at random": shown(leak.mixed_tracks),
            "pieces, dealt by artist": shown(leak.pieces),
            "pieces, dealt at random": shown(leak.mixed_pieces),
        }
        for leak in leaks
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def weight_table(found: Weighing) -> pd.DataFrame:
    """What weights of genres do, genre by genre, and for the whole."""

    def recall(score: Score) -> pd.Series:
        return pd.Series(np.diag(score.confusion), score.confusion.index) / score.confusion.sum(1)

    table = pd.DataFrame(
        {
            "training tracks": [f"{count:.0f}" for count in found.counts],
            "recall with weights": [f"{share:.2f}" for share in recall(found.weighted)],
            "without": [f"{share:.2f}" for share in recall(found.plain)],
        },
        found.counts.index,
    )
    for label, name in (("balanced accuracy", "balanced"), ("accuracy", "accuracy")):
        values = [getattr(one, name).mean for one in (found.weighted, found.plain)]
        table.loc[label] = ["", *(f"{value:.2f}" for value in values)]
    return table.rename(index=lambda name: str(name).replace("_", " ")).rename_axis(None)


def confident_errors(results: Results, system: str, most: int = 5) -> pd.DataFrame:
    """Return the test tracks on which a system is most sure of a wrong genre.

    The runs guess together, by the mean of their log probabilities. Of all tracks that are guessed
    wrong so, those with the highest probability come first.

    Args:
        results: Of the experiment.
        system: Name of the system.
        most: Largest number of tracks.

    Returns:
        Index `track_id`; `genre`, `guess`, `confidence`, `hit` (share of runs that guessed right).
    """
    table = results.guesses[system].together("test").set_index("track_id")
    table = table.assign(
        genre=results.dataset.tracks.loc[table.index, "genre"], hit=results.test(system).hits
    )
    wrong = table[table["genre"] != table["guess"]]
    order = wrong.sort_values(["confidence"], ascending=False, kind="stable")
    return order.head(most)[["genre", "guess", "confidence", "hit"]]


def error_players(dataset: Dataset, errors: pd.DataFrame, seconds: float = 8.0) -> Rendered:
    """Players of tracks that were guessed wrong, with what their labels rest on.

    Args:
        dataset: The tracks.
        errors: From :func:`confident_errors`.
        seconds: Length of the excerpts, from the middle.
    """
    rows = []
    for track_id, error in errors.iterrows():
        row = dataset.row(str(track_id))
        start = max(0.0, (float(row["duration_s"]) - seconds) / 2)
        clip = dataset.clip(str(track_id), start_s=start, duration_s=seconds)
        sure = {"Sure:": f"{100 * error['confidence']:.0f} %"}
        sound = Sound("Test clip", clip.audio, clip.sample_rate, figures=sure)
        guess = f"labelled {plain(error['genre'])}, taken for {plain(error['guess'])}"
        rows.append(Row(clip.title, [sound], note=f"{guess}; {_note(row)}"))
    return comparison(rows, "Test tracks with the surest wrong guesses, at true level.")


def _note(row: pd.Series) -> str:
    artist = str(row["artist"])
    words = [artist if artist.lower() != UNKNOWN else "artist not known"]
    if row.get("evidence"):
        words.append(f"label from: {row['evidence']}, confidence: {row['confidence']}")
    if isinstance(row.get("note"), str) and row["note"]:
        words.append(row["note"])
    return "; ".join(words)
