"""Where a sequence of results changed: rank statistics, permutation p, binary segmentation.

The sequence is T groups of seeds over time, as badness (smaller is better; NaN is worse than every
number, tied with other NaNs).  The statistic of a split into "before" and "after" is the rank sum of the
seeds after it (midranks), standardised by its exact permutation mean and variance; that of the sequence
is the largest of them in size.  Its p comes from permuting all seeds of all groups, so it holds whatever
their distribution, as long as seeds of runs between which nothing changed are exchangeable.

Source: Pettitt 1979, "A non-parametric approach to the change-point problem" (the statistic, there not
standardised); Besag and Clifford 1991, "Sequential Monte Carlo p-values" (when permuting may stop).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from ganbench.analysis.statistics import Values, middle_value

PERMUTATIONS = 9999
"""At most so many; a sequence without a change needs a few dozen."""
_EXCEEDANCES = 20
_AT_ONCE = 250


@dataclass(frozen=True)
class ChangePoint:
    """One change: the groups from `index` on differ from those before."""

    index: int
    p: float
    """Of the whole sequence: that of the part in which it was found, divided by the part's share."""
    sign: int
    """1 where it got worse, -1 where it got better."""
    size: float
    """The Hodges-Lehmann shift of the badness between the parts on either side, up to the next changes."""


@dataclass(frozen=True)
class Split:
    """The likeliest single change of a sequence; `p` is that of "nothing changed anywhere"."""

    index: int
    p: float
    sign: int


def change_points(
    groups: Sequence[ArrayLike],
    generator: np.random.Generator,
    level: float = 0.05,
    permutations: int = PERMUTATIONS,
    first: Split | None = None,
) -> list[ChangePoint]:
    """The changes in a sequence of groups of values over seeds, in order.

    Binary segmentation: where the whole sequence's p is at most `level` it is cut at its likeliest split,
    and each part is tested in the same way.  A part of t groups out of T gets the share
    (t - 1) / (T - 1) of the level, and its p is divided by that, so parts tested side by side never
    add up to more than the level: a change is reported where nothing changed with probability at
    most `level` (exact before the first cut, and but for a cut beside its true place after it).
    `first` is the first cut where it was made already, as by a test of many sequences together.
    """
    parts = [np.asarray(each, dtype=np.float64) for each in groups]
    split = first or likeliest_split(parts, generator, permutations)
    if split is None or (first is None and split.p > level):
        return []
    search = _Search(parts, generator, level, permutations)
    cuts = sorted([split, *search.beside(split, 0, len(parts))], key=lambda cut: cut.index)
    ends = [0, *(cut.index for cut in cuts), len(parts)]
    return [
        _change(cut, parts[start : cut.index], parts[cut.index : end])
        for cut, start, end in zip(cuts, ends[:-2], ends[2:], strict=True)
    ]


def likeliest_split(
    groups: Sequence[ArrayLike], generator: np.random.Generator, permutations: int = PERMUTATIONS
) -> Split | None:
    """The split of the largest standardised rank sum, with its permutation p; None without two groups.

    p = (b + 1) / (m + 1) for b of m permutations that reach the statistic.  Once 20 of them do, it is 20
    over the number drawn so far: as valid, and quick where nothing changed.
    """
    parts = [np.asarray(each, dtype=np.float64) for each in groups]
    sizes = np.array([part.size for part in parts])
    ends = np.cumsum(sizes)[:-1]
    inside = np.flatnonzero((sizes[1:] > 0) & (ends > 0))
    if not inside.size:
        return None
    ranks = _midranks(np.concatenate(parts))
    scores = _standardised(ranks[None, :], ends[inside])[0]
    best = int(np.abs(scores).argmax())
    p = _permutation_p(ranks, ends[inside], abs(scores[best]), generator, permutations)
    return Split(int(inside[best]) + 1, p, 1 if scores[best] > 0 else -1)


def smallest_p(sizes: Sequence[int]) -> float:
    """The smallest p that groups of these sizes allow, without ties: exact, by counting orders of seeds.

    The largest statistic is that of the most even split, fully separated, worse or better.  Two splits
    may be equally even (after e seeds and after N - e); orders that separate at both count once.
    """
    ends = np.cumsum([size for size in sizes if size])
    if ends.size < 2:
        return 1.0
    total = int(ends[-1])
    smaller = np.minimum(ends[:-1], total - ends[:-1])
    even, count = int(smaller.max()), int((smaller == smaller.max()).sum())
    factorial = math.factorial
    both = factorial(even) ** 2 * factorial(total - 2 * even) / factorial(total) if count > 1 else 0.0
    return 2 * (count / math.comb(total, even) - both)


@dataclass(frozen=True)
class _Search:
    """The recursion of the segmentation over the groups of one sequence."""

    parts: Sequence[Values]
    generator: np.random.Generator
    level: float
    permutations: int

    def beside(self, cut: Split, start: int, end: int) -> Iterator[Split]:
        """The cuts on both sides of one made between the groups `start` and `end`."""
        yield from self._within(start, cut.index, cut.p)
        yield from self._within(cut.index, end, cut.p)

    def _within(self, start: int, end: int, floor: float) -> Iterator[Split]:
        """The cuts of a part; no p is below `floor`, that of the cut that made the part."""
        split = likeliest_split(self.parts[start:end], self.generator, self.permutations)
        if split is None:
            return
        p = split.p * (len(self.parts) - 1) / (end - start - 1)
        if p <= self.level:
            cut = Split(start + split.index, max(floor, p), split.sign)
            yield cut
            yield from self.beside(cut, start, end)


def _midranks(values: Values) -> Values:
    """Doubled midranks, less their mean: whole numbers, so that equal statistics are equal to the bit."""
    ranks: Values = 2 * rankdata(np.where(np.isnan(values), np.inf, values)) - (values.size + 1)
    return ranks


def _standardised(ranks: Values, ends: np.ndarray) -> Values:
    """Standardised rank sums after each of K splits: ranks [B, N] with mean 0 to [B, K]; 0 without spread."""
    count = ranks.shape[1]
    after = -np.cumsum(ranks, axis=1)[:, ends - 1]
    variance = ends * (count - ends) / (count * max(count - 1, 1)) * (ranks[0] @ ranks[0])
    return after / np.sqrt(np.where(variance > 0, variance, 1.0))


def _permutation_p(
    ranks: Values, ends: np.ndarray, observed: float, generator: np.random.Generator, permutations: int
) -> float:
    """(b + 1) / (m + 1), or 20 over the number of permutations that it took to reach `observed` 20 times."""
    ordered = np.sort(ranks)  # so that the order within a group draws alike
    reached = drawn = 0
    while drawn < permutations:
        rows = np.tile(ordered, (min(_AT_ONCE, permutations - drawn), 1))
        scores = np.abs(_standardised(generator.permuted(rows, axis=1), ends)).max(axis=1)
        hits = np.flatnonzero(scores >= observed)
        if reached + hits.size >= _EXCEEDANCES:
            return _EXCEEDANCES / (drawn + int(hits[_EXCEEDANCES - reached - 1]) + 1)
        reached, drawn = reached + hits.size, drawn + len(rows)
    return (reached + 1) / (drawn + 1)


def _change(cut: Split, before: Sequence[Values], after: Sequence[Values]) -> ChangePoint:
    """A cut with its size: the median difference of a seed after it and one before.

    Two diverged seeds differ by nothing.  The sign is the size's, so that both speak of the same parts.
    """
    old, new = (np.concatenate(each) for each in (before, after))
    old, new = (np.where(np.isnan(each), np.inf, each) for each in (old, new))
    with np.errstate(invalid="ignore"):
        pairs = (new[:, None] - old[None, :]).ravel()
    size = middle_value(np.sort(np.where(np.isnan(pairs), 0.0, pairs)))
    return ChangePoint(cut.index, cut.p, int(np.sign(size)) or cut.sign, size)
