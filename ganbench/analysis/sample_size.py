"""What a number of seeds can see: power, smallest detectable shift and seeds needed, by simulation.

A simulated seed is drawn from the measured ones with replacement, diverged ones (NaN) as often as they
were measured; a number gets Gaussian noise of Silverman's bandwidth h, and is drawn towards the mean so
that the variance stays the measured one: m + (x - m + h e) / sqrt(1 + h^2 / s^2) (Silverman and Young 1987,
"The bootstrap: to smooth or not to smooth?").  New seeds are such draws moved by a shift; that leaves
a diverged one diverged.  The test is the one-sided rank test of `rank_tests`, whose critical value is taken
without ties; diverged seeds tie, which makes the figures conservative where many diverge.

A `margin` asks more of what is seen: the Hodges-Lehmann estimate, the median of all pairwise differences,
must reach it too.  Nothing is worse than `worst`: seeds that would be stop there, and tie; diverged ones
are worse still.

Values are badness, smaller is better; on a log scale the caller passes logarithms, and a shift is one of
the logarithm.  What the measured seeds do not know of their own spread is not in the figures: at five
seeds the spread itself is off by a third.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganbench.analysis.rank_tests import critical_value
from ganbench.analysis.statistics import Values

SIMULATIONS = 1000
"""Simulated comparisons: a power of 80 % is known to 2.5 percentage points (two standard errors)."""
MOST = 1000
"""The largest number of seeds that is tried."""
_LARGE = 1e300
_PAIRS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class _Source:
    """Where simulated seeds come from: measured values, infinite where diverged, and their smoothing."""

    values: Values
    centre: float
    bandwidth: float
    shrink: float

    def draw(self, count: int, seed: tuple[int, int]) -> Values:
        """Seeds [M, count]; the first few of a larger count are the same."""
        shape = (count, SIMULATIONS)
        chosen = self.values[np.random.default_rng((*seed, 0)).integers(self.values.size, size=shape)]
        noise = np.random.default_rng((*seed, 1)).standard_normal(shape) if self.bandwidth else 0.0
        return (self.centre + (chosen - self.centre + self.bandwidth * noise) / self.shrink).T


@dataclass(frozen=True)
class _Seen:
    """What a worsening must be to be called one, and how bad a seed can be."""

    threshold: float
    margin: float
    worst: float


def power(
    values: ArrayLike,
    n_base: int,
    n_new: int,
    shift: float,
    threshold: float,
    generator: np.random.Generator,
    *,
    margin: float = 0.0,
    worst: float = math.inf,
) -> float:
    """How often the rank test's p is at most `threshold` where new seeds are worse by `shift`.

    `values` are the baseline's badness over seeds.  An infinite shift stands for a break in which every
    new seed diverges.  NaN where fewer than two of the values are numbers: their spread is not known.
    """
    source, seen = _source(values), _Seen(threshold, margin, worst)
    return math.nan if source is None else _power(source, n_base, n_new, shift, seen, _seed(generator))


def detectable(
    base_values: ArrayLike,
    n_base: int,
    n_new: int,
    threshold: float,
    power: float = 0.8,
    *,
    generator: np.random.Generator,
    margin: float = 0.0,
    worst: float = math.inf,
) -> float:
    """The smallest shift that is seen with the given power, in the unit of `base_values` (badness).

    Infinite where no shift can be promised: too few seeds for the threshold, too many of them diverge
    or are at the worst already, or fewer than two are numbers.  Zero (the margin) where all measured
    values are equal: then any shift is seen.
    """
    wins, source = _wins_needed(n_base, n_new, threshold), _source(base_values)
    if wins is None or source is None:
        return math.inf
    seed = _seed(generator)
    base, new = _stopped(source.draw(n_base, (seed, 0)), worst), source.draw(n_new, (seed, 1))
    shifts = _shifts_seen(base, new, wins, _Seen(threshold, margin, worst))
    return max(0.0, float(np.sort(shifts)[math.ceil(power * SIMULATIONS) - 1]))


def seeds_needed(
    base_values: ArrayLike,
    shift: float,
    threshold: float,
    power: float = 0.8,
    *,
    generator: np.random.Generator,
    n_base: int | None = None,
    margin: float = 0.0,
    worst: float = math.inf,
) -> int | None:
    """How many new seeds see a shift with the given power; as many on either side where `n_base` is None.

    None where `MOST` seeds do not reach it, or the spread is not known.  Power climbs with the number of
    seeds but for small steps down where the attainable p are coarse: what is returned reaches it in the
    simulation, one seed fewer does not.
    """
    source, seed, seen = _source(base_values), _seed(generator), _Seen(threshold, margin, worst)
    if source is None or not shift > 0:
        return None

    def enough(count: int) -> bool:
        return _power(source, n_base or count, count, shift, seen, seed) >= power

    below, above = 0, 1
    while not enough(above):
        if above == MOST:
            return None
        below, above = above, min(2 * above, MOST)
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if enough(middle) else (middle, above)
    return above


def _power(source: _Source, n_base: int, n_new: int, shift: float, seen: _Seen, seed: int) -> float:
    wins = _wins_needed(n_base, n_new, seen.threshold)
    if wins is None:
        return 0.0
    base = _stopped(source.draw(n_base, (seed, 0)), seen.worst)
    new = _stopped(source.draw(n_new, (seed, 1)) + shift, seen.worst)
    found = _wins(base, new, seen.worst) >= wins
    if seen.margin > 0:
        found &= _wins(base, new - seen.margin, math.inf) >= _half(n_base * n_new)
    return float(found.mean())


def _half(pairs: int) -> int:
    """With so many pairs at or beyond it a number is no larger than their median."""
    return (pairs + 1) // 2


def _stopped(values: Values, worst: float) -> Values:
    """Seeds that would be worse than the worst are as bad as that; diverged ones stay."""
    if math.isinf(worst):
        return values
    return np.where(np.isinf(values), values, np.minimum(values, worst))


def _wins(base: Values, new: Values, worst: float) -> Values:
    """In how many pairs the new seed is the worse one: [M, n_base] and [M, n_new] to [M].

    Two diverged seeds count one half, as do two at the worst; other equal numbers, which only an
    unspread baseline has, count none.
    """
    # Of equal ones the base's comes last; a stable sort says so too, and takes twice the time.
    later = np.nextafter(np.minimum(base, _LARGE), np.inf)
    order = np.argsort(np.concatenate([np.minimum(new, _LARGE), later], axis=1), axis=1)
    count = new.shape[1]
    places = np.where(order < count, np.arange(order.shape[1]), 0).sum(axis=1)
    both = np.isinf(base).sum(axis=1) * np.isinf(new).sum(axis=1)
    if math.isfinite(worst):
        both += (base == worst).sum(axis=1) * (new == worst).sum(axis=1)
    wins: Values = places - count * (count - 1) / 2 + both / 2
    return wins


def _shifts_seen(base: Values, new: Values, wins: int, seen: _Seen) -> Values:
    """The smallest shift at which each simulation [M] has `wins` pairs with the new seed the worse one.

    That is minus the wins-th largest difference of a new and a base seed, so the whole curve of power
    over shifts comes at once, and no search is needed.  So it is with the margin, for which the middle
    difference counts.  A base seed at the worst, or nearer to it than the margin, is never outdone.
    """
    size = base.shape[1] * new.shape[1]
    step = max(1, _PAIRS_AT_ONCE // size)
    parts = []
    for start in range(0, len(base), step):
        one, other = base[start : start + step, None, :], new[start : start + step, :, None]
        with np.errstate(invalid="ignore"):
            pairs = (other - one).reshape(len(one), size)
        tied = np.isnan(pairs)  # both diverged: every second such pair is won
        if tied.any():
            pairs[tied] = np.where(_every_second(tied), np.inf, -np.inf)[tied]
        outdone = np.broadcast_to(one, (len(one), other.shape[1], one.shape[2])).reshape(pairs.shape)
        finite = np.isfinite(pairs)
        at_worst = finite & (outdone >= seen.worst)  # at best a tie: every second such pair can be won
        shifts = -_largest(np.where(at_worst & ~_every_second(at_worst), -np.inf, pairs), wins)
        if seen.margin > 0:
            room = np.where(finite & (outdone + seen.margin > seen.worst), -np.inf, pairs)
            shifts = np.maximum(shifts, seen.margin - _largest(room, _half(size)))
        parts.append(shifts)
    return np.concatenate(parts)


def _every_second(chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Every second one of those chosen in each row; beyond them it does not matter."""
    return np.cumsum(chosen, axis=1) % 2 == 0


def _largest(pairs: Values, rank: int) -> Values:
    """The rank-th largest of each row."""
    place = pairs.shape[1] - rank
    return np.asarray(np.partition(pairs, place, axis=1)[:, place])


def _source(values: ArrayLike) -> _Source | None:
    """The measured values to draw from; None where fewer than two are numbers."""
    measured = np.asarray(values, dtype=np.float64)
    measured = np.where(np.isnan(measured), np.inf, measured)
    numbers = measured[np.isfinite(measured)]
    if numbers.size < 2:
        return None
    measured = np.sort(np.maximum(measured, numbers.min()))  # the logarithm of zero: as good as the best
    numbers = measured[np.isfinite(measured)]
    spread = float(numbers.std(ddof=1))
    quartiles = np.quantile(numbers, [0.25, 0.75])
    robust = float(quartiles[1] - quartiles[0]) / 1.34 or spread
    bandwidth = 0.9 * min(spread, robust) * numbers.size**-0.2
    # The draws' own variance is the measured one with n in place of n - 1 below, which is made good here.
    drawn = float(numbers.var())
    shrink = math.sqrt((drawn + bandwidth**2) / spread**2) if spread > 0 else 1.0
    return _Source(measured, float(numbers.mean()), bandwidth, shrink)


def _seed(generator: np.random.Generator) -> int:
    """One number from which all draws follow: the same ones, whatever shifts and sizes are tried."""
    return int(generator.integers(2**63))


def _wins_needed(n_base: int, n_new: int, threshold: float) -> int | None:
    """How many pairs must have the new seed as the worse one; None where no outcome is significant."""
    wins = critical_value(n_base, n_new, threshold)
    return wins if wins <= n_base * n_new else None
