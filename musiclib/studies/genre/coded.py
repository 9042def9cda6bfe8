"""What was found of genre in files of Melic, in numbers and in sentences."""

from __future__ import annotations

from typing import Final

import pandas as pd

from musiclib.genre import Comparison, corrected
from musiclib.studies.genre import systems as names
from musiclib.studies.genre.experiment import Results
from musiclib.studies.genre.findings import Numbers, by_verdict
from musiclib.studies.genre.tables import equals, shown, signed, systems_listed

RIVALS: Final = {
    "deep": names.DEEP,
    "pca": names.PCA,
    "mel": names.MEL_LOGISTIC,
    "mfcc_rich": names.MFCC_RICH,
    "mfcc_svm": names.MFCC_SVM,
    "cnn": names.MEL_CNN,
    "raw": names.RAW_CNN,
}
_GAINS: Final = {"fine": names.FINE_GAIN, "coarse": names.COARSE_GAIN}
_VALUES = (
    *("codec", "codec_low", "codec_high", "codec_validation", "codec_kbps"),
    *(f"codec_{one}{end}" for one in _GAINS for end in ("", "_kbps")),
    *("codec_least", "codec_least_kbps"),
    *(f"codec_minus_{one}{end}" for one in ("best", *RIVALS) for end in ("", "_low", "_high")),
)
_WORDS = ("codec_name", *(f"codec_{one}_word" for one in ("best", *RIVALS)))


def nothing() -> Numbers:
    """Numbers and words for music whose genres cannot be scored."""
    empty: Numbers = dict.fromkeys(_VALUES, float("nan"))
    return empty | dict.fromkeys(_WORDS, "not measured")


def best(results: Results) -> str:
    """The best of the systems that read the codec's files, by the validation tracks."""
    return results.best(names.CODED)


def comparisons(results: Results) -> list[Comparison]:
    """The best system on the codec's files against latents and baselines; coarse against fine."""
    found = [results.compare(best(results), other) for other in _rivals(results)]
    return corrected([*found, results.compare(names.CODED_COARSE, names.CODED_FINE)])


def _against(results: Results) -> dict[str, Comparison]:
    """The comparisons with latents and baselines, by the other system."""
    return dict(zip(_rivals(results), comparisons(results)[:-1], strict=True))


def _rivals(results: Results) -> list[str]:
    others = dict.fromkeys([results.best_latent, *RIVALS.values()])
    return [other for other in others if other in results.guesses]


def numbers(results: Results, table: pd.DataFrame) -> Numbers:
    """Return what other pages of the book quote.

    Args:
        results: Of the experiment.
        table: Scores of :func:`musiclib.studies.genre.sizes.coded_systems`.
    """
    name, found = best(results), nothing()
    test = results.test(name).balanced
    kbps = _rates(table)
    found |= {"codec_name": name, "codec": test.mean, "codec_low": test.low}
    found |= {"codec_high": test.high, "codec_kbps": kbps[name]}
    found["codec_validation"] = results.scores[name]["validation"].balanced.mean
    for key, system in (("fine", names.CODED_FINE), ("coarse", names.CODED_COARSE)):
        found[f"codec_{key}"] = results.test(system).balanced.mean
        found[f"codec_{key}_kbps"] = kbps[system]
    least = table.iloc[table["kbps"].argmin()]
    found |= {"codec_least": float(least["balanced"]), "codec_least_kbps": float(least["kbps"])}
    against = _against(results)
    for key, other in {"best": results.best_latent, **RIVALS}.items():
        one = against[other]
        found |= {f"codec_minus_{key}": one.difference.mean, f"codec_{key}_word": one.verdict}
        found[f"codec_minus_{key}_low"] = one.difference.low
        found[f"codec_minus_{key}_high"] = one.difference.high
    return found


def _rates(table: pd.DataFrame) -> dict[str, float]:
    """Measured bitrate of the files that each system reads."""
    by_gain = table.set_index("gain")["kbps"]
    gains = {names.CODED_FINE: names.FINE_GAIN, names.CODED_COARSE: names.COARSE_GAIN}
    return {name: float(by_gain[gain]) for name, gain in gains.items()}


def standing(results: Results, table: pd.DataFrame) -> str:
    """How well genre is read from the codec's files, and beside what else."""
    name, kbps = best(results), _rates(table)
    of = results.scores[name]
    return (
        f"Of the systems that read Melic's files, *{name}*, with files of "
        f"{kbps[name]:.1f} kbps, has the best validation score, "
        f"{of['validation'].balanced.mean:.2f}. On the test tracks it has "
        f"{shown(of['mean'].balanced)}. {by_verdict(comparisons(results)[:-1])}"
    )


def rates(results: Results, table: pd.DataFrame) -> str:
    """What fewer bits of the codec's files do to genre."""
    kbps = _rates(table)
    one = comparisons(results)[-1]
    scores = [results.test(name).balanced.mean for name in (names.CODED_FINE, names.CODED_COARSE)]
    text = (
        f"From files of {kbps[names.CODED_FINE]:.1f} kbps the score is {scores[0]:.2f}, from files "
        f"of {kbps[names.CODED_COARSE]:.1f} kbps {scores[1]:.2f}: a difference of "
        f"{shown(one.difference, True)}, p {equals(one.p_holm)}."
    )
    least = table.iloc[table["kbps"].argmin()]
    if least["kbps"] < kbps[names.CODED_COARSE]:
        text += f" The smallest files, of {least['kbps']:.1f} kbps, give {least['balanced']:.2f}."
    return text


def lesson(results: Results) -> str:
    """Whether the better codec is the better place for genre, in a sentence or two."""
    against = _against(results)
    one, other = against[results.best_latent], against[names.PCA]
    found = (
        f"What the codec sends, less what the best latents of an autoencoder have: "
        f"{signed(one.difference.mean)}, {one.verdict}; less what principal components have: "
        f"{signed(other.difference.mean)}, {other.verdict}."
    )
    words = {one.verdict, other.verdict}
    if "better" in words:
        return f"{found} What was chosen to be cheap to send is a better place for genre here."
    ahead = [rival for rival in RIVALS.values() if against[rival].verdict == "worse"]
    if ahead:
        behind = f"It is behind {systems_listed(ahead)}."
        return f"{found} {behind} What is cheap to send need not be a good place for genre."
    return (
        f"{found} That its numbers are cheap to send is not seen to make them a better place for "
        "genre, nor a worse one."
    )
