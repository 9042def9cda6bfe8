"""Numbers and words that the text of the chapter on training shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from musiclib.studies.training.families import FRAME_KINDS
from musiclib.studies.training.repeat import Trial, seed_spread
from musiclib.studies.training.runs import Run
from musiclib.training.recipes import FRAME_LATENTS

Findings = dict[str, float | str]
NAMED = 3
PRECISIONS = {"32-true": "float32", "bf16-mixed": "bfloat16 where it pays"}


def overview(runs: Mapping[str, Run], numbers: pd.DataFrame) -> Findings:
    """Counts, times and sizes over all trainings.

    Args:
        runs: Trainings by name.
        numbers: From :func:`musiclib.studies.training.runs.table`.

    Returns:
        Values by key.
    """
    stepped = numbers[numbers["steps"] > 0]
    first = pd.Series({name: runs[name].validation["loss"].iloc[0] for name in stepped.index})
    late = stepped["late_gain"].dropna()
    top = list(late.sort_values(ascending=False).index[:NAMED])
    timed = stepped[["parameters", "core_seconds"]]
    core_hours = numbers["core_seconds"].sum() / 3600.0
    threads = sorted({run.threads for run in runs.values()})
    precisions = sorted({run.config.precision for run in runs.values()})
    return {
        "n_models": len(numbers),
        "n_stepped": len(stepped),
        "n_closed": len(numbers) - len(stepped),
        "n_fell": int((stepped["validation_end"] < first).sum()),
        "n_grown": int((stepped["gap_growth"] > 0.0).sum()),
        "n_best_last": int((stepped["best_step"] == stepped["steps"]).sum()),
        "late_median": 100.0 * float(late.median()) if len(late) else math.nan,
        "late_top": listed(
            [f"{name} ({100 * late[name]:.0f} %)" for name in top], "no model: all are too short"
        ),
        "core_hours": core_hours,
        "two_core_hours": core_hours / 2.0,
        "all_mb": numbers["n_bytes"].sum() / 1e6,
        "rank": float(timed["parameters"].corr(timed["core_seconds"], method="spearman")),
        "threads": listed([f"{n} thread{'s' if n > 1 else ''}" for n in threads], "", "or"),
        "precision": listed([PRECISIONS.get(kind, kind) for kind in precisions], "", "or"),
    }


def losses_compared(runs: Mapping[str, Run], names: Mapping[str, str]) -> Findings:
    """Which waveform model ends best by each of two measures.

    Args:
        runs: Trainings by name.
        names: Labels of the models that are compared.

    Returns:
        Values by key.
    """
    ends = pd.DataFrame(
        {
            label: runs[name].validation[["noise_to_signal_db", "log_spectral_db"]].iloc[-1]
            for name, label in names.items()
        }
    ).T
    time, spectral = ends["noise_to_signal_db"].idxmin(), ends["log_spectral_db"].idxmin()
    return {
        "best_time": str(time),
        "best_time_db": float(ends.loc[time, "noise_to_signal_db"]),
        "best_time_other": float(ends.loc[time, "log_spectral_db"]),
        "best_spectral": str(spectral),
        "best_spectral_db": float(ends.loc[spectral, "log_spectral_db"]),
        "best_spectral_other": float(ends.loc[spectral, "noise_to_signal_db"]),
    }


def against_pca(numbers: pd.DataFrame) -> Findings:
    """At which encoding sizes each kind of frame model ends below PCA on validation.

    Args:
        numbers: From :func:`musiclib.studies.training.runs.table`.

    Returns:
        Words such as "all 6 sizes", "no size" or "2 of 6 sizes (8 and 16)".
    """
    found: Findings = {}
    for kind in FRAME_KINDS:
        if kind == "pca":
            continue
        sizes = [latent for latent in FRAME_LATENTS if f"{kind}-{latent}" in numbers.index]
        ends = numbers["validation_end"]
        below = [size for size in sizes if ends[f"{kind}-{size}"] < ends[f"pca-{size}"]]
        found[f"below_{kind.replace('-', '_')}"] = _sizes(below, len(sizes))
    return found


def cut_gradients(runs: Mapping[str, Run], names: Mapping[str, str]) -> Findings:
    """Percentage of the rows of a history whose gradient norm is above the limit.

    Args:
        runs: Trainings by name.
        names: Names of trainings by key.

    Returns:
        Percentages as ``cut_KEY``.
    """
    return {
        f"cut_{key}": 100.0
        * float(
            (
                runs[name].train["gradient_norm"] > (runs[name].config.gradient_clip or math.inf)
            ).mean()
        )
        for key, name in names.items()
    }


def repeated(trials: Sequence[Trial]) -> Findings:
    """Whether equal trainings gave equal weights, and how far seeds spread.

    Args:
        trials: From :func:`musiclib.studies.training.repeat.trials`.

    Returns:
        Words "the same" or "not the same", and the spread of losses over seeds in percent.
    """
    by_label = {trial.label: trial for trial in trials}
    mean, deviation = seed_spread(trials)
    return {
        label: "the same" if by_label[label].digest == by_label["first"].digest else "not the same"
        for label in ("again", "interrupted")
    } | {"seed_percent": 100.0 * deviation / abs(mean)}


def listed(words: Sequence[str], nothing: str, last: str = "and") -> str:
    """Words as a list in a sentence.

    Args:
        words: Its items.
        nothing: What to say without any.
        last: Word before the last item.
    """
    if not words:
        return nothing
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def _sizes(below: Sequence[int], total: int) -> str:
    if not below:
        return f"none of {total} sizes"
    if len(below) == total:
        return f"all {total} sizes"
    return f"{len(below)} of {total} sizes ({listed([str(size) for size in below], '')})"
