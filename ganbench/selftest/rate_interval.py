"""How sure a red rate is that was counted over splits of one pool of seeds.

Splits are drawn at random from a fixed pool.  Given the pool they are independent of each other, so the
count of red ones is binomial, and Clopper and Pearson's interval holds exactly for *this pool's* rate.
Permutation tests are exact given the values that a split uses, whatever these are, so no pool's rate should
exceed the tests' level; below that (ties, Bonferroni's slack, seeds that are alike in all cells) pools may
differ, and the splits of one pool share all their seeds.

For the rate over pools a second variance is added.  The rate of a pool of N seeds is a U-statistic: the
mean over all ways to take a base and a new side from it.  The jackknife over seeds estimates the variance
of such a statistic (Arvesen 1969), and is too large rather than too small on average (Efron and Stein 1981).
Its leave-one-out values come from the same gates: the rate over the splits that do not use a seed.  The
noise of counting inflates them; it is known, for the splits are independent, and is taken off, and one
standard error of what was taken off is put back, so that few splits make the interval wide, not too narrow.

Both variances together give an effective number of independent gates, with which Clopper and Pearson's
interval is formed (Korn and Graubard 1998, "Confidence intervals for proportions with small expected number
of positive counts estimated from survey data").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

LEVEL = 0.95


@dataclass(frozen=True)
class Rate:
    """A share of gates that were red, with its two intervals."""

    red: int
    gates: int
    rate: float
    lower: float
    upper: float
    """For this pool, or where every gate had a pool of its own."""
    lower_over_pools: float
    upper_over_pools: float


def independent_rate(red: NDArray[np.bool_]) -> Rate:
    """The rate over gates that share nothing, red [R]."""
    ends = clopper_pearson(float(red.mean()), red.size)
    return Rate(int(red.sum()), red.size, float(red.mean()), *ends, *ends)


def rate_of_splits(red: NDArray[np.bool_], used: NDArray[np.bool_]) -> Rate:
    """The rate over splits of one pool: red [R], and which seeds each split used [R, N]."""
    rate, count = float(red.mean()), red.size
    within = rate * (1 - rate) / count
    total = within + variance_between_pools(red, used)
    effective = count if total <= 0 else min(count, rate * (1 - rate) / total)
    own, over = clopper_pearson(rate, count), clopper_pearson(rate, effective)
    return Rate(int(red.sum()), count, rate, *own, *over)


def clopper_pearson(rate: float, count: float, level: float = LEVEL) -> tuple[float, float]:
    """The exact binomial interval; `count` need not be whole."""
    events, tail = rate * count, (1 - level) / 2
    lower = float(beta.ppf(tail, events, count - events + 1)) if rate > 0 else 0.0
    upper = float(beta.ppf(1 - tail, events + 1, count - events)) if rate < 1 else 1.0
    return lower, upper


def variance_between_pools(red: NDArray[np.bool_], used: NDArray[np.bool_]) -> float:
    """By how much the rate varies from pool to pool: the jackknife over seeds, less its counting noise.

    Infinite where some seed is in every split: too few splits say nothing.
    """
    seeds = used.shape[1]
    without = (~used).sum(0)
    if (without == 0).any():
        return math.inf
    values = red.astype(np.float64)
    weights = ~used / without
    left_out = values @ weights
    scale = (seeds - 1) / seeds
    jackknife = scale * float(((left_out - left_out.mean()) ** 2).sum())
    unequal = weights - weights.mean(1, keepdims=True)
    noise = scale * float(values.var()) * float((unequal**2).sum())
    return max(jackknife - noise, 0.0) + noise * math.sqrt(2 / seeds)
