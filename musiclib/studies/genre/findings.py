"""What the chapter on genre found, in numbers and in sentences that hold for any data set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from musiclib.genre import Comparison, Score
from musiclib.studies.genre import systems as names
from musiclib.studies.genre import tables
from musiclib.studies.genre.experiment import Results
from musiclib.studies.genre.splits import Leak
from musiclib.studies.genre.tables import (
    equals,
    listed,
    names_there,
    plain,
    shown,
    systems_listed,
)

Numbers = dict[str, float | str]
MFCCS = (names.MFCC_SVM, names.MFCC_LOGISTIC, names.MFCC_RICH)
FEW = 30
_SCORES = {
    "cnn": names.MEL_CNN,
    "mfcc_svm": names.MFCC_SVM,
    "mfcc_logistic": names.MFCC_LOGISTIC,
    "mfcc_rich": names.MFCC_RICH,
    "mel": names.MEL_LOGISTIC,
    "raw": names.RAW_CNN,
    "pca": names.PCA,
    "descriptors": names.DESCRIPTORS,
    "metadata": names.METADATA,
}
_NAMED = {
    "cnn": names.MEL_CNN,
    "mfcc": names.MFCC_SVM,
    "mfcc_logistic": names.MFCC_LOGISTIC,
    "mfcc_rich": names.MFCC_RICH,
    "raw": names.RAW_CNN,
    "pca": names.PCA,
}
_VALUES = (
    *("best", "best_low", "best_high", "best_validation", "waveform", "vote", "pieces", "chance"),
    *("tracks", "all_tracks", "runs", "genres", "finetuned_gain", "leak_gain", "leak_gain_pieces"),
    *(f"best_minus_{one}{end}" for one in _NAMED for end in ("", "_low", "_high", "_p")),
    *_SCORES,
)
_WORDS = ("best_name", "mfcc_name", "waveform_name", *(f"{one}_word" for one in _NAMED))


def nothing() -> Numbers:
    """Numbers and words for music whose genres cannot be scored."""
    empty: Numbers = dict.fromkeys(_VALUES, float("nan"))
    return empty | dict.fromkeys(_WORDS, "not measured")


def numbers(results: Results, leaks: Sequence[Leak] = ()) -> Numbers:
    """Return what other pages of the book quote.

    Args:
        results: Of the experiment.
        leaks: Of the systems whose leaks were measured; the first one counts.
    """
    best, found = results.best_latent, nothing()
    of = results.scores[best]
    level, held = of["mean"].balanced, of["validation"].balanced
    found |= {"best_name": best, "best": level.mean, "best_low": level.low, "best_high": level.high}
    found |= {"best_validation": held.mean, "chance": of["mean"].chance}
    found |= {"vote": of["vote"].balanced.mean, "pieces": of["pieces"].balanced.mean}
    found |= {"tracks": len(results.runs[0].test), "all_tracks": len(results.dataset)}
    found |= {"runs": len(results.runs), "genres": len(results.runs[0].genres)}
    for key, name in _SCORES.items():
        if name in results.guesses:
            found[key] = results.test(name).balanced.mean
    waveform = _waveform(results)
    if waveform:
        found |= {"waveform_name": waveform, "waveform": results.test(waveform).balanced.mean}
    found["mfcc_name"] = best_mfcc(results)
    for key, other in _NAMED.items():
        one = results.against[other]
        found |= {f"best_minus_{key}": one.difference.mean, f"best_minus_{key}_p": one.p_holm}
        found |= {f"best_minus_{key}_low": one.difference.low, f"{key}_word": one.verdict}
        found[f"best_minus_{key}_high"] = one.difference.high
    gains = [one.difference.mean for one in tables.tuning(results)]
    if gains:
        found["finetuned_gain"] = float(np.mean(gains))
    if leaks:
        first = leaks[0]
        found["leak_gain"] = first.mixed_tracks.mean - first.tracks.mean
        found["leak_gain_pieces"] = first.mixed_pieces.mean - first.pieces.mean
    return found


def best_mfcc(results: Results) -> str:
    """The best of the classifiers of MFCCs, by the validation tracks."""
    there = [name for name in MFCCS if name in results.guesses]
    return max(there, key=lambda name: results.scores[name]["validation"].balanced.mean)


def _waveform(results: Results) -> str:
    there = [name for name in results.guesses if name.startswith("waveform-")]
    key = lambda name: results.scores[name]["validation"].balanced.mean  # noqa: E731
    return max(there, key=key) if there else ""


def protocol(results: Results) -> str:
    """How many tracks, genres and runs there are."""
    test, run = len(results.runs[0].test), results.runs[0]
    text = (
        f"{len(results.dataset)} tracks of {len(run.genres)} genres "
        f"({listed([plain(genre) for genre in run.genres])}). {test} of them are test tracks. "
        f"In each of {len(results.runs)} runs about {len(run.train)} tracks are learned from and "
        f"{len(run.validation)} are the validation part. Chance is {1 / len(run.genres):.2f}."
    )
    if test < FEW:
        text += f" With {test} test tracks, what follows is an example and no evidence."
    return text


def winner(results: Results) -> str:
    """The best latent system, and where it stands."""
    best = results.best_latent
    of = results.scores[best]
    better = [
        name
        for name in results.guesses
        if results.test(name).balanced.mean > of["mean"].balanced.mean
    ]
    text = (
        f"Of all systems on latents, *{best}* has the best validation score, "
        f"{of['validation'].balanced.mean:.2f}. On the test tracks it has "
        f"{shown(of['mean'].balanced)}."
    )
    if better:
        text += (
            f" Had one chosen by test scores, {len(better)} "
            f"{'system' if len(better) == 1 else 'systems'} would look better "
            f"({systems_listed(better[:4])}{' and others' if len(better) > 4 else ''}). "
            "That is what a test part must not be used for."
        )
    return text


def versus(results: Results) -> str:
    """How the best latent system fares against each baseline."""
    return by_verdict(results.comparisons)


def by_verdict(comparisons: Sequence[Comparison]) -> str:
    """The second systems of comparisons, sorted by the verdict on the first."""
    openings = {
        "better": "It is better than",
        "worse": "It is worse than",
        "too small to matter": "The difference is too small to matter to",
        "not settled": "The difference is not settled to",
    }
    parts = []
    for word, opening in openings.items():
        rivals = [one for one in comparisons if one.verdict == word]
        if rivals:
            listing = "; ".join(f"*{one.second}* ({shown(one.difference, True)})" for one in rivals)
            parts.append(f"{opening}: {listing}.")
    return " ".join(parts)


def bars(results: Results) -> str:
    """Whether the book's aims for this chapter are reached."""
    best, chance = results.best_latent, results.test(results.best_latent).chance
    level = results.test(best).balanced.mean
    below = [one for one in (names.MEL_CNN, *MFCCS) if results.test(one).balanced.mean > level]
    heard = [name for name in results.guesses if name != names.METADATA]
    weak = [one for one in heard if results.test(one).balanced.mean < 2 * chance]
    floor = {n: results.test(n).balanced.mean for n in names_there(results)}
    under = {
        label: [
            one
            for one in results.group(names.RAW, names.LATENT, names.TUNED)
            if results.test(one).balanced.mean <= value
        ]
        for label, value in floor.items()
    }
    parts = [
        "The aim that the best latent system be at least as good as the CNN on log-mel spectra and "
        "the classifiers of MFCCs, on the mean of the runs, "
        + ("holds." if not below else f"does not hold: ahead are {systems_listed(below)}."),
        "Every score is at least twice chance"
        + (" (metadata apart)." if not weak else f", but for: {systems_listed(weak)}."),
    ]
    for label, found in under.items():
        parts.append(
            f"Not above {label}: {systems_listed(found)}."
            if found
            else f"All others are above {label}."
        )
    return " ".join(parts)


def confusion(score: Score) -> str:
    """The genre that is taken for another most often, and the hardest one."""
    shares = score.confusion.div(score.confusion.sum(axis=1).clip(lower=1e-9), axis=0)
    others = shares.where(~np.eye(len(shares), dtype=bool)).stack()
    true, guessed = others.idxmax()
    own = pd.Series(np.diag(shares), shares.index)
    return (
        f"*{score.system}* recognises {plain(own.idxmax())} best ({100 * own.max():.0f} %) and "
        f"{plain(own.idxmin())} worst ({100 * own.min():.0f} %). Most often, {plain(true)} is "
        f"taken for {plain(guessed)}, in {100 * others.max():.0f} % of its tracks."
    )


def losing(results: Results) -> list[str]:
    """Where latents do not win."""
    lines = []
    ahead = [one.second for one in results.comparisons if one.verdict == "better"]
    equal = [one.second for one in results.comparisons if one.verdict == "not settled"]
    best = results.best_latent
    if equal:
        lines.append(
            f"Against {systems_listed(equal)}, the difference to *{best}* is not settled by "
            f"{len(results.runs[0].test)} test tracks."
        )
    waveform = _waveform(results)
    if waveform:
        value, of = results.test(waveform).balanced, results.test(names.DESCRIPTORS).balanced.mean
        place = "above" if value.mean > of else "not above"
        lines.append(
            f"Latents of a waveform are a poor place to look for genre: the best of them, "
            f"*{waveform}*, has {shown(value)}, {place} the {of:.2f} of simple descriptors."
        )
    pca, deep = names.PCA, names.DEEP
    one = results.compare(deep, pca)
    lines.append(
        f"Latents of a network and principal components of the same size: *{deep}* minus *{pca}* "
        "is "
        f"{shown(one.difference, True)}, {one.verdict}. "
        + ("The gain is from training." if one.verdict == "better" else
           "A small spectral space helps; that a network found it is not seen to add to that.")
    )  # fmt: skip
    one = results.compare(names.MFCC_RICH, names.MFCC_LOGISTIC)
    lines.append(
        "Part of what looks like a gain of latents is a gain of statistics: MFCCs with those that "
        f"the latents got instead of FMA's seven change by {shown(one.difference, True)}."
    )
    if not ahead:
        lines.append("That any baseline is beaten is not settled.")
    return lines


def answer(results: Results) -> str:
    """The chapter's question, answered by the paired tests."""
    others = {
        "a network on raw samples": (names.RAW_CNN,),
        "a CNN on log-mel spectra": (names.MEL_CNN,),
        "classifiers of MFCCs": MFCCS,
    }
    parts = []
    for label, rivals in others.items():
        found = [results.against[rival] for rival in rivals]
        texts = [
            f"{one.verdict} ({shown(one.difference, True)}, p {equals(one.p_holm)})"
            + (f" for *{one.second}*" if len(found) > 1 else "")
            for one in found
        ]
        parts.append(f"Against {label}: {'; '.join(texts)}.")
    return " ".join(parts)
