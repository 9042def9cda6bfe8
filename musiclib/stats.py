"""The verb `stats`: means, paired comparisons and bit savings of tidy tables, with their intervals.

The unit is the artist. Clips of one artist, often of one recording session, are alike, and the
question is always how a result would come out on other artists' music; so values are averaged
within each artist first, and each artist counts once.

**Intervals** are Student's t over artists, and for anything but a mean over the artists' jackknife
(J. W. Tukey, 1958; B. Efron and R. J. Tibshirani, "An introduction to the bootstrap", 1993,
chapter 11). A quantity with limits, such as an accuracy, is judged on the scale of its logit, one
that is only positive on that of its logarithm, so that an interval never leaves what is possible.
Percentile and BCa bootstraps are too narrow for so few. Of intervals that should hold the truth 95
times in 100, percentiles hold it 87 to 90 times for 8 artists, and these 94 to 97 times
(`benchmarks/bench_intervals.py`, for quantities like those of the book; means of a quantity whose
largest values are many times its median would need more artists).

**p values** are those of a sign-flip test: had two systems nothing to tell them apart, each
artist's difference could as well be the other way round. Those of one table are corrected together
by Holm's method.

What has no value is counted in the column `missing`; `note` says why an interval is not given.

>>> import musiclib as ml
>>> music = ml.open_dataset("mini").part("test")
>>> clips = music.clips(24_000, duration_s=1.0, limit=10)
>>> table = ml.evaluate("opus:12,24", clips, ["si_sdr"])
>>> ml.stats.mean(table, "setting")[["setting", "n", "clips"]]
   setting   n  clips
0  12 kbps  10     10
1  24 kbps  10     10
>>> more, less = ("Opus", "24 kbps"), ("Opus", "12 kbps")
>>> ml.stats.compare(table, [(more, less)])["verdict"].item()
'better'
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.interpolate import PchipInterpolator
from scipy.special import expit, logit, stdtr, stdtrit

from musiclib.errors import MusiclibError

MIN_ARTISTS: Final = 8
"""No interval and no verdict rests on fewer artists than these."""
CONFIDENCE: Final = 0.95
"""Coverage of all intervals."""
MOST_MISSING: Final = 0.05
"""With a larger share of clips without a value, those that have one stand for nothing."""
FEWEST_POINTS: Final = 4
"""Points that a rate-quality curve needs, as in Bjontegaard's proposal."""
LEAST_SHARED: Final = 0.5
"""Share of the qualities of two curves that both must reach."""
RESAMPLES: Final = 100_000
"""Random sign flips where there are too many to try them all."""
_EXACT: Final = 16  # artists whose sign flips are all tried: 2 ** 15, since the test is two-sided

Array = npt.NDArray[np.float64]
Bounds = tuple[float, float]
System = str | tuple[str, str]


class Scale(NamedTuple):
    """How differences of a quantity are judged.

    Attributes:
        smallest: The smallest difference worth a word, in the quantity's unit.
        higher_is_better: Whether larger values are better.
        bounds: Lowest and highest value that it can take; None where it has no limits.
    """

    smallest: float
    higher_is_better: bool
    bounds: Bounds | None = None


_NEPER: Final = 20.0 / math.log(10.0)  # in dB

SCALES: Final[Mapping[str, Scale]] = {
    # Two dozen listeners whose ratings scatter by 0.5 have a 95 % interval of 0.2 to either side:
    # a usual panel could not confirm less.
    "zimtohrli_mos": Scale(0.2, True, (1.0, 5.0)),
    "visqol_mos": Scale(0.2, True, (1.0, 5.0)),
    # The same share of MUSHRA's scale, which has twenty points a grade.
    "two_f_mushra": Scale(5.0, True, (0.0, 100.0)),
    # About the smallest change of level that is heard without being listened for.
    "si_sdr": Scale(1.0, True),
    # 1 dB of spectral distortion is where coded spectral envelopes stop sounding coded (K. K.
    # Paliwal and B. S. Atal, IEEE Trans. Speech and Audio Processing 1, 1993).
    "log_spectral_distance": Scale(1.0, False, (0.0, math.inf)),
    "spectral_rmse": Scale(1.0 / _NEPER, False, (0.0, math.inf)),
    # One track in twenty.
    "accuracy": Scale(0.05, True, (0.0, 1.0)),
    "balanced_accuracy": Scale(0.05, True, (0.0, 1.0)),
    "macro_f1": Scale(0.05, True, (0.0, 1.0)),
    # Percent of the bits at equal quality.
    "bd_rate": Scale(5.0, False, (-100.0, math.inf)),
}
"""By name in the column `metric`. A quantity that is not here needs `smallest` and
`higher_is_better` in a comparison."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
        mean: The estimate.
        low: Lower end of the interval, NaN where none is given.
        high: Upper end, the same.
        n: Number of artists, or of whatever was drawn.

    It prints as `3.21 [3.10, 3.32]`, with any format specification of a float: `f"{interval:.1f}"`.
    """

    mean: float
    low: float
    high: float
    n: int

    def __format__(self, spec: str) -> str:
        spec = spec or ".2f"
        if math.isnan(self.low):
            return f"{self.mean:{spec}} (n = {self.n})"
        return f"{self.mean:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        return format(self, "")

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval lies above or below 0, else 0: not settled."""
        return int(self.low > 0.0) - int(self.high < 0.0)


def mean(
    table: pd.DataFrame,
    by: str | Sequence[str] = ("system", "setting", "metric"),
    *,
    bounds: Bounds | None = None,
) -> pd.DataFrame:
    """Average each group of a tidy table over artists.

    Args:
        table: A row for each measurement, with `artist`, `clip` and `value`, such as
            `musiclib.evaluation.evaluate` returns.
        by: Columns whose values make the groups, which come in the order of the table.
        bounds: Lowest and highest possible value; by default those of the group's `metric`.

    Returns:
        A row for each group: the columns of `by`; `mean`, `low`, `high`; `n` (artists that have a
        value), `clips` and `missing` (clips with a value, and with none or a row without); `note`,
        which says why there is no interval, and is empty where there is one.

    Raises:
        MusiclibError: If the table is empty, lacks a column or an artist's name, or a value is
            infinite or out of its bounds.
    """
    tidy = _tidy(table, by)
    keys, rows = [], []
    for key, part in _groups(tidy, by):
        lacking = part.loc[part["value"].isna(), "clip"].nunique()
        known, clips = part.dropna(subset="value"), part["clip"].nunique()
        scale = _known_scale(part)
        limits = bounds or (scale.bounds if scale else None)
        found, note = _judged(known, lacking, clips, limits)
        keys.append(key)
        rows.append((*_ends(found), found.n, clips - lacking, lacking, note))
    columns = ["mean", "low", "high", "n", "clips", "missing", "note"]
    return _table(keys, rows, columns)


def compare(
    table: pd.DataFrame,
    pairs: Iterable[tuple[System, System]],
    by: str | Sequence[str] = "metric",
    *,
    smallest: float | None = None,
    higher_is_better: bool | None = None,
) -> pd.DataFrame:
    """Compare pairs of systems on the same clips.

    Differences are taken clip by clip and averaged within an artist. All rows of the result are one
    family: their p values are corrected together (S. Holm, "A simple sequentially rejective
    multiple test procedure", Scandinavian Journal of Statistics 6, 1979). The verdict on the first
    system is

    - `not settled` where the interval holds 0, or the corrected p is not below 0.05;
    - `too small to matter` where the difference is settled, and smaller than is worth a word;
    - else `better` or `worse`.

    Args:
        table: A row for each clip and system of a group, such as `musiclib.evaluation.evaluate`
            returns. `at_equal_bytes` brings systems to the same bitrates first.
        pairs: First and second system of each comparison: values of the column `system`, or of
            `system` and `setting`.
        by: Columns whose values make the groups.
        smallest: The smallest difference worth a word; by default that of the group's `metric`.
        higher_is_better: The direction, the same.

    Returns:
        A row for each group and pair: the columns of `by`, `first`, `second`; `difference` (first
        minus second), `low`, `high`; `p`, `p_holm`; `n`, `clips`, `missing`, `note` as for `mean`
        (a clip that only one of them has is missing as well); `level`, whether the whole interval
        is closer to 0 than the smallest difference worth a word; `verdict`.

    Raises:
        MusiclibError: As `mean`; or there is no pair, a system is not in the table, it has several
            values for one clip, or nobody said what a difference is worth.
    """
    tidy, chosen = _tidy(table, by, "system"), list(pairs)
    keys, rows, scales = [], [], []
    for key, part in _groups(tidy, by):
        scale = _scale(part, smallest, higher_is_better)
        for first, second in chosen:
            gaps = _of(part, first, ["value"])["value"] - _of(part, second, ["value"])["value"]
            known = gaps.dropna().reset_index()
            missing = len(gaps) - len(known)
            found, note = _judged(known, missing, len(gaps), None)
            p = sign_flip_p(_averaged(known["value"], known["artist"]))
            keys.append({**key, "first": _name(first), "second": _name(second)})
            rows.append((*_ends(found), p, found.n, len(known), missing, note))
            scales.append(scale)
    columns = ["difference", "low", "high", "p", "n", "clips", "missing", "note"]
    return _verdicts(_table(keys, rows, columns), scales)


def at_equal_bytes(
    table: pd.DataFrame,
    kbps: Sequence[float],
    by: str | Sequence[str] = "metric",
) -> pd.DataFrame:
    """Read each clip's quality at given bitrates off its own curve.

    Between its settings, a system's quality is interpolated over the logarithm of the bitrate by
    cubics that never overshoot (PCHIP). Beyond its settings there is no value: `compare` and `mean`
    count such clips as missing, and give no interval where they are more than a few.

    Args:
        table: A row for each clip, system and setting, with `kbps`, such as
            `musiclib.evaluation.evaluate` returns.
        kbps: Bitrates in kbps.
        by: Columns whose values make the groups, beside `system` and the clip.

    Returns:
        A row for each group, system, clip and bitrate, with the columns of `by`, `system`,
        `artist`, `clip`, `kbps` and `value`: a table for `compare(..., by=("metric", "kbps"))` and
        `mean(..., by=("metric", "system", "kbps"))`.

    Raises:
        MusiclibError: If the table is empty, lacks a column or an artist's name, or a bitrate is
            not above 0.
    """
    tidy = _tidy(table, by, "system", "kbps")
    wanted = np.asarray(kbps, dtype=np.float64)
    if not ((wanted > 0.0).all() and (tidy["kbps"] > 0.0).all()):
        raise MusiclibError("Bitrates must be above 0 kbps.")
    keys, found = [], []
    for key, part in _groups(tidy, [*_names(by), "system", "artist", "clip"]):
        # Settings that come to the same bytes are one point.
        points, which = np.unique(part["kbps"], return_inverse=True)
        levels = np.bincount(which, part["value"]) / np.bincount(which)
        values = np.where(wanted == points[0], levels[0], math.nan)
        if len(points) > 1 and np.isfinite(levels).all():
            curve = PchipInterpolator(np.log(points), levels, extrapolate=False)
            values = curve(np.log(wanted))
        keys.append(key)
        found.append(values)
    rows = pd.DataFrame(keys).loc[np.repeat(np.arange(len(keys)), len(wanted))]
    rows["kbps"] = np.tile(wanted, len(keys))
    rows["value"] = np.concatenate(found)
    return rows.reset_index(drop=True)


def bd_rate(
    table: pd.DataFrame,
    pairs: Iterable[tuple[str, str]],
    by: str | Sequence[str] = "metric",
) -> pd.DataFrame:
    """Say how many bits a system saves against another at equal quality, on the same clips.

    Bitrate and quality of each setting are averaged over artists, which gives a curve for each
    system; :func:`bjontegaard` compares the two. The interval is by the jackknife over artists, on
    the scale of the logarithm of the bitrate. The figure is refused, with the reason in `note`,
    where a curve has fewer than four points that get better with more bits, where the curves share
    less than half of the qualities that either reaches, or where more than a few clips are not
    there at all settings of both.

    Args:
        table: A row for each clip, system and setting, with `kbps`.
        pairs: First and second system of each comparison. The second is the reference.
        by: Columns whose values make the groups.

    Returns:
        A row for each group and pair: the columns of `by`, `first`, `second`; `difference` in
        percent of the second's bits (-20: the first needs a fifth less), `low`, `high`; `p` (t test
        on the logarithm) and `p_holm`; `n`, `clips`, `missing`, `note`; `share`, how much of the
        qualities that either curve reaches both do; `level` and `verdict` as for `compare`.

    Raises:
        MusiclibError: As `compare`.
    """
    tidy, chosen = _tidy(table, by, "system", "setting", "kbps"), list(pairs)
    keys, rows = [], []
    for key, part in _groups(tidy, by):
        better = _scale(part).higher_is_better
        for first, second in chosen:
            keys.append({**key, "first": first, "second": second})
            rows.append(_saving(part, first, second, better))
    columns = ["difference", "low", "high", "p", "n", "clips", "missing", "note", "share"]
    scales = [SCALES["bd_rate"]] * len(rows)
    return _verdicts(_table(keys, rows, columns), scales)


class Saving(NamedTuple):
    """Result of :func:`bjontegaard`.

    Attributes:
        log_ratio: Mean natural logarithm of the ratio of bitrates at equal quality.
        share: Share of the qualities of either curve that both reach.
        points: Points of the shorter curve that get better with more bits.
    """

    log_ratio: float
    share: float
    points: int

    @property
    def percent(self) -> float:
        """Difference of the bitrate at equal quality, in percent of the reference's."""
        return 100.0 * math.expm1(self.log_ratio)


def bjontegaard(
    reference_kbps: npt.ArrayLike,
    reference_quality: npt.ArrayLike,
    kbps: npt.ArrayLike,
    quality: npt.ArrayLike,
    higher_is_better: bool = True,
) -> Saving:
    """Compare the bitrates of two curves at equal quality (Bjontegaard's delta rate).

    The logarithm of the bitrate is a function of quality for either system. The mean difference of
    the two over the qualities that both reach is the result (G. Bjontegaard, ITU-T VCEG-M33, 2001).
    Between the points stand cubics that never overshoot (PCHIP), as in the package `bjontegaard`;
    the original's single cubic swings between them (C. Herglotz and others, "Beyond Bjontegaard:
    limits of video compression performance comparisons", ICIP 2022). A point that takes more bits
    than another one and is not better is left out.

    Args:
        reference_kbps: Bitrates of the curve that is compared with, `(n,)`, above 0.
        reference_quality: Its qualities, `(n,)`.
        kbps: Bitrates of the curve in question, `(m,)`.
        quality: Its qualities, `(m,)`.
        higher_is_better: Whether larger values are better; for a distance they are not.

    Returns:
        The difference, with the share of qualities in common; the difference is NaN where there
        are none, or a curve has no two points that get better with more bits.

    Raises:
        MusiclibError: If numbers of bitrates and qualities differ, a bitrate is not above 0, or a
            value is not finite.
    """
    curves = []
    for rates, levels in ((reference_kbps, reference_quality), (kbps, quality)):
        x = (1.0 if higher_is_better else -1.0) * np.asarray(levels, dtype=np.float64)
        y = np.asarray(rates, dtype=np.float64)
        if y.ndim != 1 or x.shape != y.shape:
            raise MusiclibError(
                f"A curve needs as many bitrates as qualities, not {y.shape} and {x.shape}."
            )
        if not (np.isfinite(x).all() and np.isfinite(y).all() and (y > 0.0).all()):
            raise MusiclibError("A curve needs finite values and bitrates above 0.")
        order = np.lexsort((-x, y))
        x, y = x[order], y[order]
        better = x > np.concatenate([[-np.inf], np.maximum.accumulate(x)[:-1]])
        curves.append((x[better], np.log(y[better])))
    points = min(len(x) for x, _ in curves)
    if points < 2:
        return Saving(math.nan, math.nan, points)
    ends = np.array([(x[0], x[-1]) for x, _ in curves])
    low, high = ends[:, 0].max(), ends[:, 1].min()
    if not high > low:
        return Saving(math.nan, 0.0, points)
    share = (high - low) / (ends[:, 1].max() - ends[:, 0].min())
    areas = [PchipInterpolator(x, y).integrate(low, high) for x, y in curves]
    return Saving(float((areas[1] - areas[0]) / (high - low)), float(share), points)


def interval(
    statistic: Callable[[pd.DataFrame], float],
    table: pd.DataFrame,
    unit: str = "artist",
    *,
    bounds: Bounds | None = None,
) -> Interval:
    """Put an interval over artists around any smooth statistic of a table.

    Args:
        statistic: Takes a table and returns a number, such as a balanced accuracy or a ratio. A
            median is not smooth enough.
        table: All rows.
        unit: Column with the artist. Each is left out in turn.
        bounds: Lowest and highest possible value of the statistic.

    Returns:
        The statistic of the whole table with its interval. Ends are NaN for too few artists, and
        where the statistic is not finite without one of them.

    Raises:
        MusiclibError: If the table is empty, or lacks the column or an artist's name.
    """
    if table.empty or unit not in table or table[unit].isna().any():
        raise MusiclibError(f"A statistic needs rows, each with its artist in the column {unit!r}.")
    whole = float(statistic(table))
    names = table[unit].unique()
    if len(names) < MIN_ARTISTS:
        return Interval(whole, math.nan, math.nan, len(names))
    left_out = [float(statistic(table[table[unit] != name])) for name in names]
    return jackknife(whole, left_out, bounds=bounds)


def jackknife(whole: float, left_out: npt.ArrayLike, *, bounds: Bounds | None = None) -> Interval:
    """Put an interval around a statistic, given its values without each artist in turn, `(n,)`.

    :func:`interval` does both; this is for who can leave an artist out faster than by filtering a
    table. The lowest and highest possible value of the statistic are its bounds.
    """
    without = np.asarray(left_out, dtype=np.float64)
    n = len(without)
    if n < MIN_ARTISTS or not np.isfinite(without).all():
        return Interval(float(whole), math.nan, math.nan, n)
    error = _jackknife_error(without)
    return Interval(float(whole), *_student(float(whole), error, n, bounds), n)


def mean_interval(
    values: npt.ArrayLike,
    units: Sequence[Any] | npt.NDArray[Any] | pd.Series | None = None,
    *,
    bounds: Bounds | None = None,
    fewest: int = MIN_ARTISTS,
) -> Interval:
    """Average values over artists, for who holds arrays and no table.

    Args:
        values: Numbers, `(N,)`. Differences make it a paired comparison.
        units: Artist of each value, `(N,)`; without them, each value counts for itself.
        bounds: Lowest and highest possible value.
        fewest: Artists that an interval needs.

    Raises:
        MusiclibError: If there is no value, one is not finite or out of bounds, an artist has no
            name, or there are not as many artists as values.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise MusiclibError(f"A mean needs a list of at least one value, not shape {array.shape}.")
    if not np.isfinite(array).all():
        bad = int(np.argmin(np.isfinite(array)))
        raise MusiclibError(f"Value {bad} is {array[bad]}. Leave out clips that have no value.")
    if bounds is not None and (array.min() < bounds[0] or array.max() > bounds[1]):
        raise MusiclibError(
            f"Values from {array.min():g} to {array.max():g} leave their bounds {bounds}."
        )
    if units is not None:
        if len(units) != len(array):
            raise MusiclibError(f"There are {len(array)} values and {len(units)} artists.")
        array = _averaged(array, np.asarray(units))
    n, estimate = len(array), float(array.mean())
    if n < max(2, fewest):
        return Interval(estimate, math.nan, math.nan, n)
    error = float(array.std(ddof=1)) / math.sqrt(n)
    return Interval(estimate, *_student(estimate, error, n, bounds), n)


def sign_flip_p(differences: npt.ArrayLike, seed: int = 0) -> float:
    """Test whether paired differences are symmetric about 0, to either side.

    Every artist's difference, one number each, gets a sign at random; p is how often their sum is
    at least as far from 0 as the true one (E. J. G. Pitman, 1937). All signs are tried for up to 16
    differences that are not 0; beyond, 100,000 are drawn with a seed, and the true ones count among
    them. p is 1 where all differences are 0, and NaN without any.
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) == 0:
        return math.nan
    values = values[values != 0.0]
    if len(values) == 0:
        return 1.0
    found = abs(values.sum()) - 1e-9 * np.abs(values).sum()
    if len(values) <= _EXACT:
        # The first sign stays: all signs turned round give the same distance from 0.
        bits = np.arange(2 ** (len(values) - 1))[:, None] >> np.arange(len(values) - 1) & 1
        sums = values[0] + (1.0 - 2.0 * bits) @ values[1:]
        return float(np.mean(np.abs(sums) >= found))
    generator = np.random.default_rng(seed)
    flips = generator.integers(0, 2, (RESAMPLES, len(values)), dtype=np.int8)
    extreme = np.abs((1.0 - 2.0 * flips) @ values) >= found
    return float((1 + extreme.sum()) / (1 + RESAMPLES))


def holm(p: npt.ArrayLike) -> Array:
    """Correct the p values of one family, `(m,)`, for their number (Holm, 1979).

    Rejecting those below a level keeps the chance of any false rejection below it. NaN is no test,
    and stays.
    """
    values = np.asarray(p, dtype=np.float64)
    found = values.copy()
    tests = np.flatnonzero(np.isfinite(values))
    order = tests[np.argsort(values[tests], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    found[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return found


def verdict(difference: Interval, p: float, scale: Scale) -> str:
    """Put a difference, first minus second, with its corrected p into a word of :func:`compare`."""
    if difference.sign == 0 or not p < 1.0 - CONFIDENCE:
        return "not settled"
    if abs(difference.mean) < scale.smallest:
        return "too small to matter"
    return "better" if (difference.sign > 0) == scale.higher_is_better else "worse"


def _student(estimate: float, error: float, n: int, bounds: Bounds | None) -> tuple[float, float]:
    """Return the ends of Student's interval, on the scale on which the quantity has no limits."""
    tail = (1.0 - CONFIDENCE) / 2.0
    reach = -float(stdtrit(n - 1, tail)) * error
    if bounds is None:
        return estimate - reach, estimate + reach
    low, high = bounds
    if math.isinf(high):
        if estimate <= low:
            return math.nan, math.nan
        factor = math.exp(min(reach / (estimate - low), 700.0))
        return low + (estimate - low) / factor, low + (estimate - low) * factor
    place = (estimate - low) / (high - low)
    if place <= 0.0 or place >= 1.0:
        # All at the limit: the exact bound for n such draws (C. Clopper and E. Pearson, 1934).
        far = (1.0 - tail ** (1.0 / n)) * (high - low)
        return (low, low + far) if place <= 0.0 else (high - far, high)
    reach /= (high - low) * place * (1.0 - place)
    ends = expit(logit(place) + np.array([-reach, reach]))
    return low + (high - low) * float(ends[0]), low + (high - low) * float(ends[1])


def _jackknife_error(without: Array) -> float:
    n = len(without)
    return math.sqrt((n - 1) / n * float(np.square(without - without.mean()).sum()))


def _judged(
    known: pd.DataFrame, missing: int, clips: int, bounds: Bounds | None
) -> tuple[Interval, str]:
    """Return the mean with its interval, and why there is none."""
    if known.empty:
        return Interval(math.nan, math.nan, math.nan, 0), "no clip has a value"
    found = mean_interval(known["value"], known["artist"], bounds=bounds)
    if missing > MOST_MISSING * clips:
        return Interval(found.mean, math.nan, math.nan, found.n), f"{missing} of {clips} missing"
    return found, _too_few(found.n)


def _too_few(n: int) -> str:
    return "" if n >= MIN_ARTISTS else f"{n} artists, and {MIN_ARTISTS} are needed"


def _averaged(values: npt.ArrayLike, owners: npt.ArrayLike) -> Array:
    """Return the mean of each owner's values."""
    codes, names = pd.factorize(np.asarray(owners))
    if (codes < 0).any():
        raise MusiclibError("Every value needs an artist; one of them has none.")
    sums = np.bincount(codes, np.asarray(values, dtype=np.float64), len(names))
    return sums / np.bincount(codes, minlength=len(names))


def _saving(
    part: pd.DataFrame, first: str, second: str, better: bool
) -> tuple[float, float, float, float, int, int, int, str, float]:
    """Return a row of `bd_rate`."""
    named = {name: _of(part, name, ["kbps", "value"], "setting") for name in (first, second)}
    both = pd.concat(named, axis=1)
    complete = both.dropna()
    owners = complete.index.get_level_values("artist")
    missing, n = len(both) - len(complete), owners.nunique()
    nothing, counts = (math.nan,) * 4, (n, len(complete), missing)
    if n == 0 or missing > MOST_MISSING * len(both):
        return *nothing, *counts, f"{missing} of {len(both)} missing", math.nan
    # A curve an artist: kbps and quality at each setting, `(n, 2, settings)`.
    means = complete.groupby(owners).mean()
    own, other = (
        np.stack([means[name]["kbps"], means[name]["value"]], axis=1) for name in (first, second)
    )

    def saving(artists: npt.NDArray[np.bool_]) -> Saving:
        kbps, quality = own[artists].mean(axis=0)
        reference_kbps, reference_quality = other[artists].mean(axis=0)
        return bjontegaard(reference_kbps, reference_quality, kbps, quality, better)

    whole = saving(np.ones(n, dtype=bool))
    if whole.points < FEWEST_POINTS:
        note = f"{whole.points} useful points, and {FEWEST_POINTS} are needed"
        return *nothing, *counts, note, whole.share
    if whole.share < LEAST_SHARED:
        return *nothing, *counts, f"{100 * whole.share:.0f} % of the qualities shared", whole.share
    without = np.array([saving(kept).log_ratio for kept in ~np.eye(n, dtype=bool)])
    ends = jackknife(whole.log_ratio, without)
    note = _too_few(n)
    if not note and math.isnan(ends.low):
        note = "without one artist the curves share no quality"
    p = math.nan
    if not note:
        error = _jackknife_error(without)
        p = 2.0 * float(stdtr(n - 1, -abs(whole.log_ratio) / error)) if error > 0.0 else 0.0
        p = p if whole.log_ratio else 1.0
    low, high = (100.0 * math.expm1(end) for end in (ends.low, ends.high))
    return whole.percent, low, high, p, *counts, note, whole.share


def _of(
    part: pd.DataFrame, system: System, columns: list[str], across: str | None = None
) -> pd.DataFrame:
    """Return one system's values by artist and clip, with a column for each value of `across`."""
    names = (system,) if isinstance(system, str) else system
    rows = part
    for column, name in zip(("system", "setting"), names, strict=False):
        rows = rows[rows[column] == name] if column in rows else rows[:0]
    if rows.empty:
        there = part["system"].unique()
        raise MusiclibError(f"There is no system {_name(system)!r} in a group with {list(there)}.")
    index = ["artist", "clip"]
    if rows.duplicated([*index, *([across] if across else [])]).any():
        raise MusiclibError(
            f"{_name(system)} has several values for one clip. Name the column that tells them "
            "apart in `by`, name a setting beside the system, or average them first."
        )
    if across is None:
        return rows.set_index(index)[columns]
    return rows.pivot(index=index, columns=across, values=columns)


def _name(system: System) -> str:
    return system if isinstance(system, str) else " ".join(system)


def _ends(found: Interval) -> tuple[float, float, float]:
    return found.mean, found.low, found.high


def _table(
    keys: list[dict[str, Hashable]], rows: Sequence[tuple[Any, ...]], columns: list[str]
) -> pd.DataFrame:
    if not rows:
        raise MusiclibError("There are no pairs to compare. Name at least one.")
    named = pd.DataFrame(keys, range(len(rows)))
    return pd.concat([named, pd.DataFrame(rows, columns=columns)], axis=1)


def _verdicts(rows: pd.DataFrame, scales: Sequence[Scale]) -> pd.DataFrame:
    """Add corrected p values and verdicts."""
    rows.insert(rows.columns.get_loc("p") + 1, "p_holm", holm(rows["p"]))
    smallest = np.array([scale.smallest for scale in scales])
    rows["level"] = (rows["low"] > -smallest) & (rows["high"] < smallest)
    found = rows[["difference", "low", "high", "n", "p_holm"]].itertuples(index=False)
    rows["verdict"] = [
        verdict(Interval(*ends), p, scale) for (*ends, p), scale in zip(found, scales, strict=True)
    ]
    return rows


def _names(by: str | Sequence[str]) -> list[str]:
    return [by] if isinstance(by, str) else list(by)


def _tidy(table: pd.DataFrame, by: str | Sequence[str], *others: str) -> pd.DataFrame:
    """Return the needed columns of a table, with `metric` and `setting` where they are there."""
    wanted = [*_names(by), *others, "artist", "clip", "value"]
    lacking = [name for name in wanted if name not in table]
    if lacking:
        raise MusiclibError(
            f"The table has no column {', '.join(map(repr, lacking))}; it has "
            f"{', '.join(map(repr, table.columns))}."
        )
    if table.empty:
        raise MusiclibError("The table is empty: there is nothing to average.")
    if table[["artist", "clip"]].isna().any(axis=None):
        raise MusiclibError("Every row needs an artist and a clip ('artist', 'clip').")
    wanted += [name for name in ("metric", "setting") if name in table]
    tidy = table[list(dict.fromkeys(wanted))].astype({"value": np.float64})
    if np.isinf(tidy["value"]).any():
        where = tidy[np.isinf(tidy["value"])].iloc[0].to_dict()
        raise MusiclibError(f"An infinite value has no part in a mean: {where}.")
    return tidy


def _groups(
    tidy: pd.DataFrame, by: str | Sequence[str]
) -> Iterable[tuple[dict[str, Hashable], pd.DataFrame]]:
    """Yield the values of the columns and the rows that have them, in the order of the table."""
    names = _names(by)
    if not names:
        return [({}, tidy)]
    grouped = tidy.groupby(names, sort=False, dropna=False)
    return [(dict(zip(names, key, strict=True)), part) for key, part in grouped]


def _known_scale(part: pd.DataFrame) -> Scale | None:
    """Return the scale of a group's metric, if it is one."""
    metrics = part["metric"].unique() if "metric" in part else []
    return SCALES.get(str(metrics[0])) if len(metrics) == 1 else None


def _scale(
    part: pd.DataFrame, smallest: float | None = None, higher_is_better: bool | None = None
) -> Scale:
    """Return the scale of a group's metric, but for what the caller says."""
    known = _known_scale(part)
    if known is None and (smallest is None or higher_is_better is None):
        raise MusiclibError(
            "Nobody has said what a difference is worth here. Give `smallest` and "
            f"`higher_is_better`, or a column `metric` with one of {', '.join(SCALES)}."
        )
    usual = known or Scale(0.0, True)
    return Scale(
        usual.smallest if smallest is None else smallest,
        usual.higher_is_better if higher_is_better is None else higher_is_better,
    )
