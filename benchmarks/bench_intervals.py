"""How often intervals of a mean that should hold the truth in 95 of 100 cases do so.

Artists are drawn from populations whose mean is known: made-up ones, and one of accuracies in which
artists with one to eight tracks differ. For each number of artists the shipped interval (Student's
t, on the scale of the logit or the logarithm where the quantity has bounds) stands beside plain t,
the studentised bootstrap, and the bootstraps by percentiles and BCa.

    python benchmarks/bench_intervals.py                # a few minutes
    python benchmarks/bench_intervals.py --runs 300     # a quick look
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from musiclib.stats import Bounds, mean_interval

Array = npt.NDArray[np.float64]
Ends = tuple[float, float]
ARTISTS = (5, 8, 14, 25, 31)
DRAWS = 999
TAILS = np.array([0.025, 0.975])


def accuracies(generator: np.random.Generator, n: int) -> Array:
    """Share of right guesses of artists with one to eight tracks, correlated by 0.3 within."""
    sizes = generator.choice([1, 1, 1, 1, 2, 2, 3, 4, 6, 8], n)
    shares: Array = generator.binomial(sizes, generator.beta(0.7 * 7 / 3, 0.3 * 7 / 3, n)) / sizes
    return shares


POPULATIONS: dict[str, tuple[Callable[[np.random.Generator, int], Array], float, Bounds | None]] = {
    "normal": (lambda g, n: g.normal(size=n), 0.0, None),
    "long tails (t, 4)": (lambda g, n: g.standard_t(4, n), 0.0, None),
    "like MOS": (lambda g, n: 1.0 + 4.0 * g.beta(5.0, 1.5, n), 1.0 + 20.0 / 6.5, (1.0, 5.0)),
    "like distances": (lambda g, n: g.gamma(4.0, 1.0, n), 4.0, (0.0, math.inf)),
    "lognormal, 0.5": (lambda g, n: g.lognormal(0.0, 0.5, n), math.exp(0.125), (0.0, math.inf)),
    "lognormal, 1": (lambda g, n: g.lognormal(0.0, 1.0, n), math.exp(0.5), (0.0, math.inf)),
    "accuracies": (accuracies, 0.7, (0.0, 1.0)),
}


def intervals(
    values: Array, bounds: Bounds | None, generator: np.random.Generator
) -> dict[str, Ends]:
    """Every kind of interval of the mean of some values."""
    shipped = mean_interval(values, bounds=bounds, fewest=2)
    plain = mean_interval(values, fewest=2)
    n, mean = len(values), values.mean()
    drawn = values[generator.integers(0, n, (DRAWS, n))]
    means = drawn.mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        students = (means - mean) / (drawn.std(axis=1, ddof=1) / math.sqrt(n))
    low, high = np.quantile(np.nan_to_num(students, nan=0.0), TAILS, method="inverted_cdf")
    error = values.std(ddof=1) / math.sqrt(n)
    ties = (np.sum(means < mean) + 0.5 * np.sum(means == mean)) / DRAWS
    bias = norm.ppf(np.clip(ties, 1 / DRAWS, 1 - 1 / DRAWS))
    gaps = values - mean
    skewness = np.sum(gaps**3) / (6.0 * max(float(np.sum(gaps**2)), 1e-30) ** 1.5)
    shifted = bias + norm.ppf(TAILS)
    places = norm.cdf(bias + shifted / (1.0 - skewness * shifted))
    return {
        "shipped": (shipped.low, shipped.high),
        "t": (plain.low, plain.high),
        "studentised": (mean - high * error, mean - low * error),
        "BCa": tuple(np.quantile(means, places)),
        "percentiles": tuple(np.quantile(means, TAILS)),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3000, help="draws of artists a population")
    runs = parser.parse_args().runs
    rows = []
    for name, (draw, truth, bounds) in POPULATIONS.items():
        for n in ARTISTS:
            generator = np.random.default_rng(n)
            found = [intervals(draw(generator, n), bounds, generator) for _ in range(runs)]
            row: dict[str, str | int] = {"population": name, "artists": n}
            for kind in found[0]:
                ends = np.array([one[kind] for one in found])
                held = np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
                row[kind] = f"{100.0 * held:.1f}"
            rows.append(row)
    print(pd.DataFrame(rows).to_string(index=False))
    print(f"Percent of {runs}; standard error {100.0 * math.sqrt(0.95 * 0.05 / runs):.1f}.")


if __name__ == "__main__":
    main()
