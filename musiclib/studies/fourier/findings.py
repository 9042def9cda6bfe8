"""Numbers and words that the text of the chapter on Fourier shows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.stats import Interval, mean_interval
from musiclib.studies.fourier import measures
from musiclib.studies.fourier.banks import LOWEST_HZ, hz_to_mel, normalised
from musiclib.studies.fourier.capture import at_size, capture_difference
from musiclib.studies.fourier.layers import OWN, Layer
from musiclib.studies.fourier.portrait import Portrait

Findings = dict[str, float | str]
MINUS = "\N{MINUS SIGN}"
KINDS = {"spine": "with spine", "scratch": "no spine"}
NOISE = {"spine": "noise like music's highs", "scratch": "noise like music"}
A_BANK = 80.0
"""Share of a sinusoid, in percent, from which a bank counts as one of sinusoids."""


def shown(interval: Interval, digits: int = 1, sign: bool = False) -> str:
    """An interval for the page, such as "12.3 (11.9 to 12.8)"."""
    form = f"{'+' if sign else ''}.{digits}f"
    if np.isnan(interval.low):
        return f"{interval.mean:{form}}".replace("-", MINUS)
    text = f"{interval.mean:{form}} ({interval.low:{form}} to {interval.high:{form}})"
    return text.replace("-", MINUS)


def worse(found: Mapping[str, pd.DataFrame], key: str, name: str, own: str) -> Interval:
    """How much a measure rises with other filters, paired over clips."""
    return mean_interval(found[key][name] - found[key][own])


def closeness(seen: Mapping[str, Portrait], numbers: pd.DataFrame) -> Findings:
    """How close to sinusoids the models' filters are.

    Args:
        seen: Measurements of all banks by name.
        numbers: From :func:`musiclib.studies.fourier.portrait.sinusoid_table`.
    """
    share = {name: value.mean for name, value in numbers["share"].items()}
    found: Findings = {"random": share["random"], "fourier": share["Fourier"]}
    for key, name in KINDS.items():
        after, before = seen[f"{name}, after"], seen[f"{name}, before"]
        rise = mean_interval(100.0 * (after.atoms.share - before.atoms.share))
        change, noise = numbers.loc[f"{name}, change", "share"], numbers.loc[NOISE[key], "share"]
        found |= {
            f"before_{key}": share[f"{name}, before"],
            f"after_{key}": share[f"{name}, after"],
            f"change_{key}": share[f"{name}, change"],
            f"noise_{key}": noise.mean,
            f"rise_{key}": shown(rise, 1, True),
        }
        found[f"likeness_{key}"] = _likeness(change, noise)
    lowest = min(share[f"{name}, after"] for name in KINDS.values())
    found["answer"] = "Yes" if lowest >= A_BANK else "In part" if lowest >= A_BANK / 2.0 else "No"
    return found


def _likeness(change: Interval, noise: Interval) -> str:
    if change.low > noise.high:
        return "more"
    return "less" if change.high < noise.low else "about as much"


def low_energy(
    seen: Mapping[str, Portrait], music: npt.NDArray[np.float64], hertz: float
) -> Findings:
    """Energy of filters and of music below a frequency, in percent.

    Args:
        seen: Measurements of all banks by name.
        music: Frames of music, ``(frames, kernel)``.
        hertz: The frequency.
    """
    rate = seen["Fourier"].sample_rate
    found: Findings = {
        "low_hz": hertz,
        "low_music": 100.0 * measures.energy_below(music, hertz, rate),
        "low_before": 100.0 * measures.energy_below(seen["with spine, before"].bank, hertz, rate),
    }
    for key, name in KINDS.items():
        bank = seen[f"{name}, after"].bank
        found[f"low_after_{key}"] = 100.0 * measures.energy_below(bank, hertz, rate)
    return found


def conditions(raw: Mapping[str, npt.NDArray[np.float64]], hop: int) -> Findings:
    """Whether the layers lose anything, in words.

    Args:
        raw: Banks by name, at their own level.
        hop: Distance of outputs in samples.

    Returns:
        ``condition_KEY``: "12 dB", or "unlimited" where a sound is lost.
    """
    found: Findings = {}
    for key, name in {
        "random": "random",
        "fourier": "Fourier",
        "spine": "with spine, after",
        "scratch": "no spine, after",
    }.items():
        value = measures.condition_db(raw[name], hop)
        found[f"condition_{key}"] = f"{value:.0f} dB" if np.isfinite(value) else "unlimited"
    return found


def placing(numbers: pd.DataFrame, sample_rate: int) -> Findings:
    """Where the change of each model lies in frequency.

    Args:
        numbers: From :func:`musiclib.studies.fourier.portrait.scale_table`.
        sample_rate: In Hz.
    """
    found: Findings = {}
    for key, name in KINDS.items():
        row = numbers.loc[f"{name}, change"]
        bits: Interval = row["mel_bits"]
        if bits.low > 0.0:
            words = "lower than on an even scale"
        elif bits.high < 0.0:
            words = "higher than on the mel scale"
        else:
            words = "neither clearly as on the mel scale nor as on an even one"
        ends = hz_to_mel([row["low_hz"], row["high_hz"], LOWEST_HZ, sample_rate / 2])
        found |= {
            f"low_{key}": row["low_hz"],
            f"high_{key}": row["high_hz"],
            f"place_{key}": words,
            f"covered_{key}": float(100.0 * (ends[1] - ends[0]) / (ends[3] - ends[2])),
        }
    return found


def capturing(
    curves: Mapping[str, npt.NDArray[np.float64]],
    highs: Mapping[str, npt.NDArray[np.float64]],
    size: int,
) -> Findings:
    """Energy of test music in the span of the banks.

    Args:
        curves: From :func:`musiclib.studies.fourier.capture.capture_curves`.
        highs: The same for music without what the spine carries.
        size: Number of filters.
    """
    mean = {name: 100.0 * float(at_size(curve, size).mean()) for name, curve in curves.items()}
    best = "Fourier, best of all 512"
    change = "no spine, change"
    return {
        "captured_random": mean["random"],
        "captured_fourier": mean[best],
        "captured_klt": mean["KLT"],
        "captured_spine": mean["with spine, change"],
        "captured_scratch": mean[change],
        "captured_noise": mean["noise like music"],
        "captured_after_spine": mean["with spine, after"],
        "captured_after_scratch": mean["no spine, after"],
        **{
            f"highs_{key}": 100.0 * float(at_size(highs[name], size).mean())
            for key, name in {
                "spine": "with spine, after",
                "scratch": "no spine, after",
                "random": "random",
                "fourier": best,
            }.items()
        },
        "above_random": shown(capture_difference(curves, change, "random", size), 1),
        "below_fourier": shown(capture_difference(curves, change, best, size), 1, True),
    }


def swaps(found: Mapping[str, Mapping[str, pd.DataFrame]]) -> Findings:
    """What other first layers cost.

    Args:
        found: For "spine" and "scratch", from
            :func:`musiclib.studies.fourier.capture.with_other_filters`.
    """
    words: Findings = {}
    for key, measured in found.items():
        for short, name in (("worth", "none"), ("sine", "nearest sinusoids")):
            for measure, ending in (("noise", ""), ("log_spectral", "_lsd")):
                cost = worse(measured, measure, name, OWN)
                words[f"{short}_{key}{ending}"] = shown(cost, 2, True)
    return words


def model_table(layers: Mapping[str, Layer]) -> pd.DataFrame:
    """First and last layer of each model, as numbers.

    Args:
        layers: Filters by name of the model.

    Returns:
        Index (name, "first layer" or "last layer"); ``new`` (mean share of new energy in percent),
        ``after`` and ``change`` (intervals of a sinusoid's share in percent), ``low_hz`` and
        ``high_hz`` (10th and 90th percentile of the change's frequencies) and ``rank`` of the
        change.
    """
    rows = {}
    for name, item in layers.items():
        for part, after, before in (
            ("first layer", item.after, item.before),
            ("last layer", item.synthesis, item.synthesis_before),
        ):
            change, rate = normalised(after - before), item.sample_rate
            low, high = np.percentile(measures.centre_frequencies(change, rate), [10, 90])
            rows[name, part] = {
                "new": 100.0 * float(measures.moved(after, before).mean()),
                "after": _mean_share(normalised(after), rate),
                "change": _mean_share(change, rate),
                "low_hz": low,
                "high_hz": high,
                "rank": measures.effective_rank(change),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def losses(numbers: pd.DataFrame) -> Findings:
    """Which model's change is most like sinusoids.

    Args:
        numbers: From :func:`model_table`.
    """
    found: Findings = {}
    for key, part in (("most_sinusoidal", "first layer"), ("most_sinusoidal_last", "last layer")):
        means = numbers.xs(part, level=1)["change"].map(lambda value: value.mean)
        found[key] = f"{means.idxmax()} ({means.max():.0f} %)"
    return found


def _mean_share(bank: npt.NDArray[np.float64], rate: int) -> Interval:
    return mean_interval(100.0 * measures.nearest_atoms(bank, rate).share)
