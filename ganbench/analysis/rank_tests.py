"""Is the new side worse?  Rank tests that are exact for few seeds, whatever the distribution and the ties.

Both sides come as badness (`statistics.badness`): smaller is better, and NaN, a seed that diverged, is
worse than every number and tied with other NaNs (and with an infinite badness).  If nothing but chance
told the sides apart, every way to deal the pooled ranks out to them was equally likely; p is the share
of those ways in which the new side's rank sum is at least as large as the one seen.  That is the test of
Wilcoxon (1945) and of Mann and Whitney (1947), conditional on the ties; over several data sets the rank
sums are added with the weights of van Elteren (1960), and a seed is dealt with its ranks on all of them:
its noise and its initial weights are the same everywhere, so its luck may be.

Rank sums are whole numbers (midranks are doubled), and the ways are counted by dynamic programming over
them: only additions of positive numbers, exact up to 2^53 and then to rounding.  The largest count that
`feasible` admits, C(302, 151), is near 1e90 and far from overflow.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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
Scores = tuple[int, ...]
Seeds = Mapping[int, float]
"""Seed to badness."""


@dataclass(frozen=True)
class RankTest:
    """What a one-sided test says: p, and the smallest p that these sizes and ties could have given.

    `exact` is False where p comes from random deals; it is then (hits + 1) / (deals + 1).
    """

    p: float
    smallest: float
    exact: bool


@dataclass(frozen=True)
class _Deal:
    """Seeds that are dealt out among themselves: their scores, how many the new side has, and their sum."""

    scores: Scores
    """Doubled midranks, or weighted sums of them; ascending."""
    taken: int
    observed: int

    @property
    def width(self) -> int:
        """How many whole numbers lie between the lowest sum and the highest, both counted."""
        return sum(self.scores[-self.taken :]) - sum(self.scores[: self.taken]) + 1


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
    base, new = undefined_last(base), undefined_last(new)
    if not _tells(base, new):
        return RankTest(1.0, 1.0, True)
    pooled = np.sort(np.concatenate([base, new]))
    ranks = tuple(_doubled_midranks(pooled, pooled).tolist())
    return _tested([_Deal(ranks, new.size, int(_doubled_midranks(pooled, new).sum()))], generator)


def stratified_rank_test(
    pairs: Sequence[tuple[Seeds, Seeds]], generator: np.random.Generator | None = None
) -> RankTest:
    """One-sided p for "new is worse" over several data sets, each a pair of base and new badness by seed.

    The statistic is the weighted sum of the new side's rank sums; a data set of N seeds weighs in
    proportion to 1 / (N + 1), in whole numbers, and 1 where all have the same size.  Seeds are dealt
    whole, those with the same data sets among themselves; where no seed is on two data sets that is a
    test of independent strata.  A seed of the base and an equal one of the new side are two seeds.  Data
    sets with an empty side, and those in which all values are equal, say nothing and are passed over.
    """
    strata = [
        (b, n) for b, n in pairs if _tells(undefined_last([*b.values()]), undefined_last([*n.values()]))
    ]
    deals = list(_deals(strata))
    return _tested(deals, generator) if deals else RankTest(1.0, 1.0, True)


def two_sided(worse: RankTest, better: RankTest) -> RankTest:
    """Twice the smaller of two one-sided p, of one test and its mirror; the smallest attainable likewise."""
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


def _tells(base: Values, new: Values) -> bool:
    """Whether there is anything to deal out, and not all of it equal."""
    return bool(base.size and new.size) and len(np.unique(np.concatenate([base, new]))) > 1


def _deals(strata: Sequence[tuple[Seeds, Seeds]]) -> Iterator[_Deal]:
    """The seeds in groups with the same data sets; groups in which dealing changes nothing are left out."""
    scores: dict[tuple[bool, int], int] = defaultdict(int)
    places: dict[tuple[bool, int], Scores] = defaultdict(tuple)
    for place, (sides, weight) in enumerate(zip(strata, _weights(strata), strict=True)):
        values = [undefined_last([*side.values()]) for side in sides]
        pooled = np.sort(np.concatenate(values))
        for is_new, (side, own) in enumerate(zip(sides, values, strict=True)):
            for seed, rank in zip(side, _doubled_midranks(pooled, own).tolist(), strict=True):
                scores[bool(is_new), seed] += weight * rank
                places[bool(is_new), seed] += (place,)
    groups: dict[Scores, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for (is_new, seed), score in scores.items():
        groups[places[is_new, seed]][is_new].append(score)
    for base, new in groups.values():
        if base and new and len({*base, *new}) > 1:
            yield _Deal(tuple(sorted([*base, *new])), len(new), sum(new))


def _doubled_midranks(pooled: Values, values: Values) -> NDArray[np.int64]:
    """Those below, and those not above, and one: twice the mean of the ranks that a tie shares."""
    return pooled.searchsorted(values, "left") + pooled.searchsorted(values, "right") + 1


def _weights(strata: Sequence[tuple[Seeds, Seeds]]) -> list[int]:
    """Van Elteren's weights to a quarter of the smallest one, as whole numbers."""
    sizes = [len(base) + len(new) + 1 for base, new in strata]
    weights = [round(_FINENESS * max(sizes) / size) for size in sizes]
    shared = math.gcd(*weights)
    return [weight // shared for weight in weights]


def _tested(deals: Sequence[_Deal], generator: np.random.Generator | None) -> RankTest:
    if not _countable(deals):
        return _simulated(deals, generator)
    null = _summed(tuple(sorted((deal.scores, deal.taken) for deal in deals)))
    place = (sum(deal.observed for deal in deals) - null.lowest) // null.step
    return RankTest(float(null.upper[place]), float(null.upper[-1]), True)


def _countable(deals: Sequence[_Deal]) -> bool:
    work, reached = 0, 1
    for deal in deals:
        count = len(deal.scores)
        if count * min(deal.taken, count - deal.taken) * deal.width > 2 * _COUNTING_WORK:
            return False
        work, reached = work + reached * deal.width, reached + deal.width
    return len(deals) == 1 or work <= _ADDING_WORK


@lru_cache(maxsize=512)
def _null(scores: Scores, taken: int) -> _Null:
    """How the sum of `taken` of the scores (ascending, not all equal) is distributed."""
    step = math.gcd(*(score - scores[0] for score in scores))
    fewer = min(taken, len(scores) - taken)
    ways = _ways([(score - scores[0]) // step for score in scores], fewer)
    if fewer < taken:  # what is left over is large where what is taken is small
        ways = ways[::-1]
    return _frozen(sum(scores[:taken]), step, ways)


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
    """Normalized; tails are summed from the rare end, so that small ones keep their digits."""
    tails = np.cumsum(ways[::-1])[::-1]
    mass, upper = ways / tails[0], tails / tails[0]
    for array in (mass, upper):
        array.setflags(write=False)
    return _Null(lowest, step, mass, upper)


@lru_cache(maxsize=512)
def _summed(keys: tuple[tuple[Scores, int], ...]) -> _Null:
    """How the sum over several deals is distributed: the convolution."""
    nulls = [_null(scores, taken) for scores, taken in keys]
    if len(nulls) == 1:
        return nulls[0]
    step = math.gcd(*(null.step for null in nulls))
    mass = np.ones(1)
    for null in nulls:
        spread = np.zeros((null.mass.size - 1) * (null.step // step) + 1)
        spread[:: null.step // step] = null.mass
        mass = np.convolve(mass, spread)
    return _frozen(sum(null.lowest for null in nulls), step, mass)


def _untied(base_count: int, new_count: int) -> _Null:
    return _null(tuple(range(2, 2 * (base_count + new_count) + 1, 2)), new_count)


def _moments(base_count: int, new_count: int) -> tuple[float, float]:
    """Mean and standard deviation of U without ties."""
    pairs = base_count * new_count
    return pairs / 2, math.sqrt(pairs * (base_count + new_count + 1) / 12)


def _simulated(deals: Sequence[_Deal], generator: np.random.Generator | None) -> RankTest:
    if generator is None:
        raise ValueError("so many seeds need random deals, and no generator was passed")
    dealt = np.sum([_random_sums(deal, generator) for deal in deals], axis=0)
    hits = int((dealt >= sum(deal.observed for deal in deals)).sum())
    smallest = max(math.prod(_most_extreme(deal) for deal in deals), 1 / (DRAWS + 1))
    return RankTest((hits + 1) / (DRAWS + 1), smallest, False)


def _random_sums(deal: _Deal, generator: np.random.Generator) -> NDArray[np.int64]:
    scores = np.array(deal.scores, dtype=np.int64)
    sums = []
    for done in range(0, DRAWS, _CHUNK):
        rows = np.tile(scores, (min(_CHUNK, DRAWS - done), 1))
        sums.append(generator.permuted(rows, axis=1)[:, : deal.taken].sum(axis=1))
    return np.concatenate(sums)


def _most_extreme(deal: _Deal) -> float:
    """The probability of the largest sum: only the ties at its edge leave a choice."""
    edge = deal.scores[-deal.taken]
    chosen = sum(score == edge for score in deal.scores[-deal.taken :])
    return math.comb(deal.scores.count(edge), chosen) / math.comb(len(deal.scores), deal.taken)
