"""Is the new side worse?  Rank tests that are exact for few seeds, whatever the distribution and the ties.

Both sides come as badness (`statistics.badness`): smaller is better, and NaN, a seed that diverged, is
worse than every number and tied with other NaNs (and with an infinite badness).  If nothing but chance
told the sides apart, every way to deal the pooled ranks out to them was equally likely; p is the share
of those ways in which the new side's rank sum is at least as large as the one seen.  That is the test of
Wilcoxon (1945) and of Mann and Whitney (1947), conditional on the ties; over several data sets the rank
sums are added with the weights of van Elteren (1960).

Rank sums are whole numbers (midranks are doubled), and the ways are counted by dynamic programming over
them: only additions of positive numbers, exact up to 2^53 and then to rounding.  The largest count that
`feasible` admits, C(302, 151), is near 1e90 and far from overflow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from ganbench.analysis.statistics import Values

DRAWS = 19_999
"""Random deals where counting is too much work."""
_COUNTING_WORK = 2_100_000_000
"""(seeds on both sides x seeds on the smaller side)^2: 150 against 150 seeds, a second or two."""
_ADDING_WORK = 5_000_000_000
"""Multiplications in adding strata up: a few seconds."""
_CHUNK = 1000
_FINENESS = 4
Ranks = tuple[int, ...]


@dataclass(frozen=True)
class RankTest:
    """What a one-sided test says: p, and the smallest p that these sizes and ties could have given.

    `exact` is False where p comes from random deals; it is then (hits + 1) / (deals + 1).
    """

    p: float
    smallest: float
    exact: bool


@dataclass(frozen=True)
class _Stratum:
    """One data set: doubled midranks of all seeds, how many the new side has, their sum, the weight."""

    ranks: Ranks
    taken: int
    observed: int
    weight: int = 1

    @property
    def key(self) -> tuple[Ranks, int, int]:
        return self.ranks, self.taken, self.weight


@dataclass(frozen=True)
class _Null:
    """P(sum = lowest + k step) and P(sum >= lowest + k step) for a rank sum under mere chance."""

    lowest: int
    step: int
    mass: Values
    upper: Values


def rank_test(base: ArrayLike, new: ArrayLike, *, generator: np.random.Generator | None = None) -> RankTest:
    """One-sided p for "new is worse", of badness [n_base] and [n_new]; the value seen counts in.

    Where either side is empty or all values are equal nothing can be told: p = 1.  `generator` is
    needed where counting is not `feasible`.
    """
    return stratified_rank_test([(base, new)], generator)


def stratified_rank_test(
    pairs: Sequence[tuple[ArrayLike, ArrayLike]], generator: np.random.Generator | None = None
) -> RankTest:
    """One-sided p for "new is worse" over several data sets, each a pair of base and new badness.

    The statistic is the weighted sum of the new side's rank sums; a stratum of N seeds weighs in
    proportion to 1 / (N + 1), in whole numbers, and 1 where all have the same size.  Strata with an
    empty side, and those in which all values are equal, say nothing and are passed over.
    """
    strata = _weighted([s for s in map(_stratum, pairs) if s is not None])
    if not strata:
        return RankTest(1.0, 1.0, True)
    if not _countable(strata):
        return _simulated(strata, generator)
    null = _summed(tuple(sorted(s.key for s in strata)))
    place = (sum(s.weight * s.observed for s in strata) - null.lowest) // null.step
    return RankTest(float(null.upper[place]), float(null.upper[-1]), True)


def two_sided(base: ArrayLike, new: ArrayLike, *, generator: np.random.Generator | None = None) -> RankTest:
    """Twice the smaller of the two one-sided p, at most 1; the smallest attainable likewise."""
    worse = rank_test(base, new, generator=generator)
    better = rank_test(new, base, generator=generator)
    p, smallest = (2 * min(pair) for pair in ((worse.p, better.p), (worse.smallest, better.smallest)))
    return RankTest(min(1.0, p), min(1.0, smallest), worse.exact and better.exact)


def feasible(base_count: int, new_count: int) -> bool:
    """Whether counting is quick enough (seconds at worst): up to 150 against 150, or 1000 against 40."""
    return ((base_count + new_count) * min(base_count, new_count)) ** 2 <= _COUNTING_WORK


def upper_tail(base_count: int, new_count: int, pairs: int) -> float:
    """P(U >= pairs) by mere chance and without ties.

    U, the Mann-Whitney statistic, counts the pairs of a base seed and a new one in which the new one
    is worse.  Beyond `feasible` sizes by the normal approximation.
    """
    if not feasible(base_count, new_count):
        mean, deviation = _moments(base_count, new_count)
        return float(norm.sf((pairs - 0.5 - mean) / deviation))
    upper = _untied(base_count, new_count).upper
    return 0.0 if pairs >= upper.size else float(upper[max(0, pairs)])


@lru_cache(maxsize=4096)
def critical_value(base_count: int, new_count: int, threshold: float) -> int:
    """The smallest number of pairs U (see `upper_tail`) with p <= threshold, without ties.

    base_count x new_count + 1, which no outcome reaches, where none has so small a p.
    """
    if not feasible(base_count, new_count):
        mean, deviation = _moments(base_count, new_count)
        reached = math.ceil(mean + 0.5 + deviation * float(norm.isf(threshold)))
        return min(reached, base_count * new_count + 1)
    upper = _untied(base_count, new_count).upper
    return int(upper.size - np.searchsorted(upper[::-1], threshold, side="right"))


def undefined_last(values: ArrayLike) -> Values:
    """Badness [N] with NaN as infinity: worse than every number, and tied."""
    numbers = np.asarray(values, dtype=np.float64).ravel()
    return np.where(np.isnan(numbers), np.inf, numbers)


def _stratum(pair: tuple[ArrayLike, ArrayLike]) -> _Stratum | None:
    base, new = undefined_last(pair[0]), undefined_last(pair[1])
    pooled = np.sort(np.concatenate([base, new]))
    if not base.size or not new.size or pooled[0] == pooled[-1]:
        return None
    ranks = tuple(_doubled_midranks(pooled, pooled).tolist())
    return _Stratum(ranks, new.size, int(_doubled_midranks(pooled, new).sum()))


def _doubled_midranks(pooled: Values, values: Values) -> NDArray[np.int64]:
    """Those below, and those not above, and one: twice the mean of the ranks that a tie shares."""
    return pooled.searchsorted(values, "left") + pooled.searchsorted(values, "right") + 1


def _weighted(strata: list[_Stratum]) -> list[_Stratum]:
    """Van Elteren's weights to a quarter of the smallest one, as whole numbers."""
    if len(strata) < 2:
        return strata
    largest = max(len(s.ranks) for s in strata) + 1
    weights = [round(_FINENESS * largest / (len(s.ranks) + 1)) for s in strata]
    shared = math.gcd(*weights)
    return [_Stratum(s.ranks, s.taken, s.observed, w // shared) for s, w in zip(strata, weights, strict=True)]


def _countable(strata: list[_Stratum]) -> bool:
    work, reached = 0, 1
    for s in strata:
        if not feasible(len(s.ranks) - s.taken, s.taken):
            return False
        width = 2 * s.weight * s.taken * (len(s.ranks) - s.taken) + 1
        work, reached = work + reached * width, reached + width
    return len(strata) == 1 or work <= _ADDING_WORK


@lru_cache(maxsize=512)
def _null(ranks: Ranks, taken: int) -> _Null:
    """How the sum of `taken` of the ranks (ascending, not all equal) is distributed."""
    step = math.gcd(*(rank - ranks[0] for rank in ranks))
    fewer = min(taken, len(ranks) - taken)
    ways = _ways([(rank - ranks[0]) // step for rank in ranks], fewer)
    if fewer < taken:  # what is left over is large where what is taken is small
        ways = ways[::-1]
    return _frozen(sum(ranks[:taken]), step, ways)


def _ways(scores: Sequence[int], taken: int) -> Values:
    """How many sets of `taken` scores (ascending, from 0) have each sum, lowest sum first."""
    ways = np.zeros((taken + 1, sum(scores[-taken:]) + 1))
    ways[0, 0] = 1
    for place, score in enumerate(scores):
        # Only rows that can still come to `taken`, and only sums that there can be by now.
        fewest, most = max(0, taken - (len(scores) - place)), min(place, taken - 1)
        reach = sum(scores[place - most : place]) + 1
        ways[fewest + 1 : most + 2, score : score + reach] += ways[fewest : most + 1, :reach]
    return ways[taken, sum(scores[:taken]) :]


def _frozen(lowest: int, step: int, ways: Values) -> _Null:
    """Normalised; tails are summed from the rare end, so that small ones keep their digits."""
    tails = np.cumsum(ways[::-1])[::-1]
    mass, upper = ways / tails[0], tails / tails[0]
    for array in (mass, upper):
        array.setflags(write=False)
    return _Null(lowest, step, mass, upper)


@lru_cache(maxsize=512)
def _summed(keys: tuple[tuple[Ranks, int, int], ...]) -> _Null:
    """How the weighted sum over strata is distributed: the convolution."""
    nulls = [(_null(ranks, taken), weight) for ranks, taken, weight in keys]
    if len(nulls) == 1:
        return nulls[0][0]
    step = math.gcd(*(weight * null.step for null, weight in nulls))
    mass = np.ones(1)
    for null, weight in nulls:
        apart = weight * null.step // step
        spread = np.zeros((null.mass.size - 1) * apart + 1)
        spread[::apart] = null.mass
        mass = np.convolve(mass, spread)
    return _frozen(sum(weight * null.lowest for null, weight in nulls), step, mass)


def _untied(base_count: int, new_count: int) -> _Null:
    return _null(tuple(range(2, 2 * (base_count + new_count) + 1, 2)), new_count)


def _moments(base_count: int, new_count: int) -> tuple[float, float]:
    """Mean and standard deviation of U without ties."""
    pairs = base_count * new_count
    return pairs / 2, math.sqrt(pairs * (base_count + new_count + 1) / 12)


def _simulated(strata: list[_Stratum], generator: np.random.Generator | None) -> RankTest:
    if generator is None:
        raise ValueError("so many seeds need random deals, and no generator was passed")
    dealt = np.zeros(DRAWS, dtype=np.int64)
    for s in strata:
        dealt += s.weight * _random_sums(s, generator)
    hits = int((dealt >= sum(s.weight * s.observed for s in strata)).sum())
    smallest = max(math.prod(_most_extreme(s) for s in strata), 1 / (DRAWS + 1))
    return RankTest((hits + 1) / (DRAWS + 1), smallest, False)


def _random_sums(stratum: _Stratum, generator: np.random.Generator) -> NDArray[np.int64]:
    ranks = np.array(stratum.ranks, dtype=np.int64)
    sums = []
    for done in range(0, DRAWS, _CHUNK):
        rows = np.tile(ranks, (min(_CHUNK, DRAWS - done), 1))
        sums.append(generator.permuted(rows, axis=1)[:, : stratum.taken].sum(axis=1))
    return np.concatenate(sums)


def _most_extreme(stratum: _Stratum) -> float:
    """The probability of the largest rank sum: only the ties at its edge leave a choice."""
    ranks, taken = stratum.ranks, stratum.taken
    edge = ranks[-taken]
    chosen = sum(rank == edge for rank in ranks[-taken:])
    return math.comb(ranks.count(edge), chosen) / math.comb(len(ranks), taken)
