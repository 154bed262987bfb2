"""Order statistics over seeds, exact, and with an undefined value as worse than every number.

A seed that diverged has no value.  Leaving it out would flatter a variant, so in every ordering
here it stands behind all numbers; a statistic that lands on it is itself undefined (NaN).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from ganbench.quantities import Direction

LEVEL = 0.95
"""The stated level of an interval; with too few seeds the coverage falls short and is said."""
TARGET_DIGITS = 12
"""Significant digits, of the target's own size, that a distance to it keeps."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """What the seeds of one variant say about one quantity.

    `lower` and `upper` bound the interval of the median, which holds the true median with at
    least the probability `coverage`.  NaN stands for "diverged", at the end where worse is.
    """

    count: int
    undefined: int
    median: float
    lower: float
    upper: float
    coverage: float
    interquartile_mean: float


def badness(values: ArrayLike, direction: Direction, target: float | None = None) -> Values:
    """Values turned so that smaller is better; NaN stays, and `numpy.sort` puts it last.

    Distances to a target are rounded to `TARGET_DIGITS` of the target's own: 0.3 and 0.7 tie around 0.5.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if direction == "higher":
        return -numbers
    if direction != "target" or not target:
        return np.abs(numbers) if direction == "target" else numbers
    return np.abs(numbers - target).round(TARGET_DIGITS - 1 - math.floor(math.log10(abs(target))))


def summarize(
    values: ArrayLike, direction: Direction, target: float | None = None, level: float = LEVEL
) -> Summary:
    """Median, its interval and the interquartile mean of values over seeds [S].

    For direction "target" the numbers are distances to the target; for "none" there is no worse
    side, so undefined values are left out and `count` says how many remain.
    """
    numbers = np.asarray(values, dtype=np.float64)
    undefined = int(np.isnan(numbers).sum())
    if direction == "none":
        numbers = numbers[~np.isnan(numbers)]
    ordered = np.sort(badness(numbers, direction, target))
    if not ordered.size:
        return Summary(0, undefined, np.nan, np.nan, np.nan, 0.0, np.nan)
    rank, coverage = interval_rank(ordered.size, level)
    ends = ordered[rank - 1], ordered[-rank]
    sign = -1.0 if direction == "higher" else 1.0
    lower, upper = ends if sign > 0 else (-ends[1], -ends[0])
    median, middle = sign * middle_value(ordered), sign * interquartile_mean(ordered)
    return Summary(ordered.size, undefined, median, float(lower), float(upper), coverage, middle)


def middle_value(ordered: Values) -> float:
    """The median of sorted values, NaN last; NaN where it rests on an undefined one."""
    half = ordered.size // 2
    if ordered.size % 2:
        return float(ordered[half])
    low, high = ordered[half - 1], ordered[half]
    return float(low) if low == high else float((low + high) / 2)


def interquartile_mean(ordered: Values) -> float:
    """The mean of the middle half of sorted values; values cut by a quartile count in part."""
    places = np.arange(ordered.size)
    low, high = 0.25 * ordered.size, 0.75 * ordered.size
    weight = np.clip(np.minimum(places + 1, high) - np.maximum(places, low), 0, 1)
    kept = weight > 0
    return float(ordered[kept] @ weight[kept] / weight[kept].sum())


def interval_rank(count: int, level: float = LEVEL) -> tuple[int, float]:
    """Which order statistics bound the median, counted from either end, and their coverage.

    The narrowest pair (k-th smallest, k-th largest) of `count` values that covers the median with
    probability >= `level`, whatever the distribution: 1 - 2 P(Binomial(count, 1/2) < k).  Where
    none does it is the smallest and the largest, with the coverage that they have.
    """
    ranks = np.arange(1, count // 2 + 1)
    coverages = 1 - 2 * binom.cdf(ranks - 1, count, 0.5)
    wide_enough = np.flatnonzero(coverages >= level)
    if not ranks.size:
        return 1, 0.0
    chosen = int(wide_enough[-1]) if wide_enough.size else 0
    return int(ranks[chosen]), float(coverages[chosen])


def rank_ranges(best: ArrayLike, worst: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last rank that each of N intervals allows, from pairwise overlap.

    `best` and `worst` [N] are the intervals' ends as badness (NaN: worse than every number).  A
    variant stands behind those whose whole interval is better than its own, before those whose
    whole interval is worse.
    """
    good, bad = (np.where(np.isnan(ends), np.inf, ends) for ends in (np.asarray(best), np.asarray(worst)))
    before = bad[:, None] < good[None, :]
    return 1 + before.sum(axis=0), good.size - before.sum(axis=1)
