"""Facts of the sound read off each space by ridge regression, and pieces found again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from musiclib.latents import quality
from musiclib.latents.probes import (
    Probe,
    identification,
    r2_difference,
    r2_interval,
    ridge_probe,
    tempo_hits,
)
from musiclib.latents.projection import Array, standardised
from musiclib.stats import Interval
from musiclib.studies.latent_space.material import PIECE_S, Material
from musiclib.studies.latent_space.truth import PITCHES, TARGETS, of_pieces, tempo

FEWEST_TRAINING, FEWEST_TEST = 8, 3
CHROMA = "chroma"


@dataclass(frozen=True, eq=False)
class Reading:
    """What each space gave away.

    Attributes:
        truth: Facts of the test pieces, with `track_id` and `artist_group`.
        probes: For each space, the probe of each target.
        tempo_truth: Of the test tracks that have a tempo, with `artist_group`, in beats a minute.
        tempo_probes: For each space, the probe of the base-2 logarithm of the tempo.
    """

    truth: pd.DataFrame
    probes: dict[str, dict[str, Probe]]
    tempo_truth: pd.DataFrame
    tempo_probes: dict[str, Probe]

    @property
    def targets(self) -> list[str]:
        """Facts of pieces that were probed."""
        return [*TARGETS, CHROMA] if self.probes else []

    def columns(self, target: str) -> list[str]:
        """Columns of the truth that a target consists of."""
        return list(PITCHES) if target == CHROMA else [target]


def read(found: Material) -> Reading:
    """Fit the probes on training pieces and predict the facts of test pieces.

    Args:
        found: The material. With fewer than eight training tracks or three test tracks, nothing is
            fitted.

    Returns:
        The predictions; empty where nothing was fitted.
    """
    truth = of_pieces(found.facts, PIECE_S)
    labels = found.tracks.loc[truth["track_id"], ["artist_group", "split"]].reset_index(drop=True)
    truth = pd.concat([truth, labels], axis=1)
    training = (truth["split"] != "test").to_numpy()
    test = truth[~training].reset_index(drop=True)
    if found.training.sum() < FEWEST_TRAINING or found.test.sum() < FEWEST_TEST:
        return Reading(test, {}, pd.DataFrame(columns=["tempo_bpm", "artist_group"]), {})
    wanted = truth.loc[training, [*TARGETS, *PITCHES]].to_numpy()
    owners = truth.loc[training, "artist_group"].to_numpy()
    names = [*TARGETS, *PITCHES]
    probes = {}
    for name, space in found.spaces.items():
        values = space.pieces.values
        whole = ridge_probe(values[training], wanted, owners, values[~training])
        probes[name] = {target: _part(whole, [names.index(target)]) for target in TARGETS}
        probes[name][CHROMA] = _part(whole, [names.index(pitch) for pitch in PITCHES])
    return Reading(test, probes, *_tempo(found))


def _part(whole: Probe, columns: list[int]) -> Probe:
    return Probe(whole.predicted[:, columns], whole.baseline[columns], whole.alphas[columns])


def _tempo(found: Material) -> tuple[pd.DataFrame, dict[str, Probe]]:
    beats = tempo(found.facts).reindex(found.tracks.index)
    known = beats.notna().to_numpy()
    fitted, judged = known & found.training, known & found.test
    table = pd.DataFrame({"tempo_bpm": beats, "artist_group": found.tracks["artist_group"]})[judged]
    if fitted.sum() < FEWEST_TRAINING or judged.sum() < FEWEST_TEST:
        return table.iloc[:0], {}
    owners = found.tracks["artist_group"].to_numpy()[fitted]
    wanted = np.log2(beats[fitted].to_numpy())[:, None]
    return table, {
        name: ridge_probe(space.tracks[fitted], wanted, owners, space.tracks[judged])
        for name, space in found.spaces.items()
    }


def scores(reading: Reading) -> pd.DataFrame:
    """R2 of each fact from each space.

    Args:
        reading: Result of :func:`read`.

    Returns:
        A row for each space and target: `space`, `target`, `mean`, `low`, `high`.
    """
    rows = []
    for name, probes in reading.probes.items():
        for target in reading.targets:
            truth = reading.truth[reading.columns(target)].to_numpy()
            value = r2_interval(truth, probes[target], reading.truth["artist_group"].to_numpy())
            rows.append(_row(name, target, value))
        if name in reading.tempo_probes:
            truth, owners = _log_tempo(reading)
            rows.append(_row(name, "tempo", r2_interval(truth, reading.tempo_probes[name], owners)))
    return pd.DataFrame(rows, columns=["space", "target", "mean", "low", "high"])


def difference(reading: Reading, target: str, first: str, second: str) -> Interval:
    """R2 of a target from one space minus that from another, on the same pieces."""
    if target == "tempo":
        truth, owners = _log_tempo(reading)
        probes = (reading.tempo_probes[first], reading.tempo_probes[second])
        return r2_difference(truth, *probes, owners)
    truth = reading.truth[reading.columns(target)].to_numpy()
    pair = (reading.probes[first][target], reading.probes[second][target])
    return r2_difference(truth, *pair, reading.truth["artist_group"].to_numpy())


def strongest_pitch(reading: Reading) -> tuple[dict[str, Interval], float]:
    """How often the strongest pitch class of a piece is found.

    Args:
        reading: Result of :func:`read`.

    Returns:
        For each space the share of test pieces, with an interval over artists; and the share that
        the pitch class has which is strongest on average in training.
    """
    if not reading.probes:
        return {}, float("nan")
    truth = reading.truth[list(PITCHES)].to_numpy().argmax(axis=1)
    owners = reading.truth["artist_group"].to_numpy()
    found = {
        name: quality.grouped_interval(
            (probes[CHROMA].predicted.argmax(axis=1) == truth).astype(float),
            owners,
            (0.0, 1.0),
        )
        for name, probes in reading.probes.items()
    }
    guess = next(iter(reading.probes.values()))[CHROMA].baseline.argmax()
    return found, float((truth == guess).mean())


def tempo_shares(reading: Reading) -> tuple[dict[str, Interval], float]:
    """How often a predicted tempo is within 4 %, octave errors allowed.

    Args:
        reading: Result of :func:`read`.

    Returns:
        For each space the share of test tracks, with an interval over artists; and the share that
        the mean tempo of the training tracks has.
    """
    if not reading.tempo_probes:
        return {}, float("nan")
    truth = reading.tempo_truth["tempo_bpm"].to_numpy()
    owners = reading.tempo_truth["artist_group"].to_numpy()
    found = {
        name: quality.grouped_interval(
            tempo_hits(truth, np.exp2(probe.predicted[:, 0])), owners, (0.0, 1.0)
        )
        for name, probe in reading.tempo_probes.items()
    }
    typical = np.exp2(next(iter(reading.tempo_probes.values())).baseline[0])
    return found, float(tempo_hits(truth, np.full(len(truth), typical)).mean())


def found_again(found: Material) -> dict[str, tuple[dict[str, Interval], float]]:
    """Pieces of test tracks whose nearest other piece is of the same track, or soundtrack.

    Args:
        found: The material.

    Returns:
        For `track` (pieces that touch are left out) and `package` (all pieces of the track itself
        are left out; `artist_group` where a data set knows no packages): the share for each space,
        with an interval over artists, and that of a blind choice.
    """
    kind = "package" if "package" in found.tracks else "artist_group"
    result: dict[str, tuple[dict[str, Interval], float]] = {}
    for what, column in (("track", None), ("package", kind)):
        shares, chance = {}, float("nan")
        for name in found.spaces:
            rows, values = _test_pieces(found, name)
            tracks = rows["track_id"].to_numpy()
            labels = tracks if column is None else found.tracks.loc[tracks, column].to_numpy()
            artists = found.tracks.loc[tracks, "artist_group"].to_numpy()
            shares[name], chance = identification(
                values, tracks, rows["start_s"], 1.01 * PIECE_S, labels, artists, column is not None
            )
        result[what] = (shares, chance)
    return result


def _test_pieces(found: Material, name: str) -> tuple[pd.DataFrame, Array]:
    pieces = found.spaces[name].pieces
    test = (pieces.rows["split"] == "test").to_numpy()
    return pieces.rows[test], standardised(pieces.values, ~test)[test]


def _log_tempo(reading: Reading) -> tuple[Array, Array]:
    table = reading.tempo_truth
    return np.log2(table[["tempo_bpm"]].to_numpy()), table["artist_group"].to_numpy()


def _row(space: str, target: str, value: Interval) -> dict[str, object]:
    return {
        "space": space,
        "target": target,
        "mean": value.mean,
        "low": value.low,
        "high": value.high,
    }
