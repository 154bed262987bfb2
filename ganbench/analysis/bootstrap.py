"""Bootstrap over seeds: interquartile means, performance profiles and ranks over several data sets.

Seeds are resampled within each data set (stratum) of each variant, so that a data set's own level is
not mistaken for doubt.  Intervals are percentile intervals, which cover less than they say at few
seeds: a stated 95 % holds the truth 74 % of the time at 3 seeds, 91 % at 5, 94.5 % at 50 (normal
scores; measured in tests/test_bootstrap.py).  They illustrate; the exact tests decide.

Source: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice",
sections 4.1-4.3.  Deviations: scores are scaled as `scaled` says, and ranks are those of interquartile
means, with ties shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganbench.analysis.statistics import LEVEL, Values, badness
from ganbench.quantities import Quantity

Key = tuple[str, str]
"""A variant's label and a data set's.  Two sides are told apart within the label."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate and its percentile interval; `level` is what it is meant to cover."""

    estimate: float
    lower: float
    upper: float
    level: float


@dataclass(frozen=True)
class Profile:
    """The share of seeds that score at least each threshold [T], with pointwise bands [T]."""

    thresholds: Values
    share: Values
    lower: Values
    upper: Values


@dataclass(frozen=True)
class RankDistribution:
    """How probable each rank is for each variant; best interquartile mean first."""

    variants: tuple[str, ...]
    probability: Values
    """[V, V]: variant by rank, best rank first; rows and columns sum to one."""

    @property
    def expected(self) -> Values:
        """The mean rank of each variant [V], from 1."""
        return self.probability @ np.arange(1, len(self.variants) + 1)

    def ranges(self, level: float = LEVEL) -> list[tuple[int, int]]:
        """First and last rank of each variant, each tail's probability at most (1 - level) / 2."""
        below, tail = np.cumsum(self.probability, axis=1), (1 - level) / 2
        first = (below > tail + 1e-9).argmax(axis=1)
        last = (below >= 1 - tail - 1e-9).argmax(axis=1)
        return [(int(a) + 1, int(b) + 1) for a, b in zip(first, last, strict=True)]


def scaled(values: Mapping[Key, ArrayLike], quantities: Mapping[str, Quantity]) -> dict[Key, Values]:
    """Scores from 0 (worst) to 1 (best), on a scale of each data set's own; the order of seeds stays.

    `values` are raw values over seeds, `quantities` each data set's quantity.  A value is turned so
    that smaller is better, its logarithm is taken on a log scale, and the score is linear in that:
    1 at the best of the variants' lower (better) quartiles, 0 at the worst of their upper quartiles,
    clipped beyond.  A diverged seed (NaN) scores 0 and takes part in its variant's quartiles as worse
    than every number; quartiles that fall on one set no end.  Few wild seeds move neither end, each
    variant counts alike however many seeds it has, and better never scores less.  Where both ends
    are one number, that or better scores 1, worse 0.
    """
    turned = {key: _turned(each, quantities[key[1]]) for key, each in values.items()}
    scores: dict[Key, Values] = {}
    for dataset in {key[1] for key in turned}:
        here = {key: each for key, each in turned.items() if key[1] == dataset}
        best, worst = _ends(list(here.values()))
        scores |= {key: _score(each, best, worst) for key, each in here.items()}
    return {key: scores[key] for key in values}


def interquartile_mean_rows(rows: Values) -> Values:
    """The interquartile mean of each row of [..., N], values cut by a quartile counted in part."""
    ordered, count = np.sort(rows, axis=-1), rows.shape[-1]
    places = np.arange(count)
    weight = np.clip(np.minimum(places + 1, 0.75 * count) - np.maximum(places, 0.25 * count), 0, 1)
    means: Values = ordered @ weight / weight.sum()
    return means


def resampled(
    strata: Sequence[ArrayLike],
    statistic: Callable[[Values], Values],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Values:
    """A statistic of each of B stratified resamples: `statistic` maps rows [B, N] to [B, ...].

    Each stratum [n] is resampled with replacement to its own size, and N is the sum of all sizes.  The
    order of the values in a stratum does not matter.
    """
    parts = [np.sort(np.asarray(each, dtype=np.float64)) for each in strata]
    drawn = [part[generator.integers(part.size, size=(resamples, part.size))] for part in parts if part.size]
    return statistic(np.concatenate(drawn, axis=1))


def interquartile_means(
    scores: Mapping[Key, ArrayLike],
    generator: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """Each variant's interquartile mean over all seeds and data sets, every seed counting alike."""
    found = {}
    for variant, strata in _strata(scores).items():
        estimate = float(interquartile_mean_rows(np.concatenate(strata)))
        draws = resampled(strata, interquartile_mean_rows, generator, resamples)
        lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
        found[variant] = Interval(estimate, float(lower), float(upper), level)
    return found


def performance_profiles(
    scores: Mapping[Key, ArrayLike],
    thresholds: ArrayLike,
    generator: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> dict[str, Profile]:
    """P(score >= threshold) of each variant over all seeds and data sets, at thresholds [T]."""
    limits = np.asarray(thresholds, dtype=np.float64)

    def shares(rows: Values) -> Values:
        return np.stack([(rows >= limit).mean(axis=-1) for limit in limits], axis=-1)

    found = {}
    for variant, strata in _strata(scores).items():
        draws = resampled(strata, shares, generator, resamples)
        lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        found[variant] = Profile(limits, shares(np.concatenate(strata)), lower, upper)
    return found


def rank_distribution(
    scores: Mapping[Key, ArrayLike], generator: np.random.Generator, resamples: int = RESAMPLES
) -> RankDistribution:
    """How probable each rank is for each variant, ranked by interquartile means of resamples.

    Variants resample independently, and equals share the ranks that they take up.  A variant that
    lacks a data set which another has is left out: its mean would be of something else.
    """
    everywhere = {dataset for _, dataset in scores}
    kept = {v: s for v, s in _strata(scores).items() if len(s) == len(everywhere)}
    now = {v: float(interquartile_mean_rows(np.concatenate(s))) for v, s in kept.items()}
    names = tuple(sorted(kept, key=lambda v: (-now[v], v)))
    if not names:
        return RankDistribution((), np.zeros((0, 0)))
    draws = {v: resampled(s, interquartile_mean_rows, generator, resamples) for v, s in kept.items()}
    return RankDistribution(names, _rank_shares(np.stack([draws[v] for v in names], axis=1)))


def _rank_shares(means: Values) -> Values:
    """How often each of V columns of means [B, V] takes each rank: [V, V]."""
    rounded = np.round(means, 12)  # a sum's last digit depends on the row's place in the array
    better = np.stack([(rounded > column[:, None]).sum(axis=1) for column in rounded.T], axis=1)
    tied = np.stack([(rounded == column[:, None]).sum(axis=1) for column in rounded.T], axis=1)
    shares = np.zeros((means.shape[1],) * 2)
    variant = np.broadcast_to(np.arange(means.shape[1]), means.shape)
    for place in range(int(tied.max())):
        here = tied > place
        np.add.at(shares, (variant[here], better[here] + place), 1 / tied[here])
    return shares / means.shape[0]


def _strata(scores: Mapping[Key, ArrayLike]) -> dict[str, list[Values]]:
    """Each variant's scores, data set by data set; sorted, so that the input's order draws alike."""
    found: dict[str, list[Values]] = {}
    for key in sorted(scores):
        each = np.sort(np.asarray(scores[key], dtype=np.float64))
        if each.size:
            found.setdefault(key[0], []).append(each)
    return found


def _turned(values: ArrayLike, quantity: Quantity) -> Values:
    """Smaller is better, NaN as infinite; on a log scale the logarithm, minus infinity at zero and below."""
    assert quantity.direction != "none", f"{quantity.name} says no direction, so it has no score"
    numbers = np.asarray(values, dtype=np.float64)
    if quantity.scale == "log":
        numbers = np.abs(numbers - (quantity.target or 0.0)) if quantity.direction == "target" else numbers
        with np.errstate(divide="ignore"):
            logs = np.log(np.maximum(numbers, 0.0))
        turned = -logs if quantity.direction == "higher" else logs
    else:
        turned = badness(numbers, quantity.direction, quantity.target)
    return np.where(np.isnan(turned), np.inf, turned)


def _ends(turned: Sequence[Values]) -> tuple[float, float]:
    """What scores 1 and what scores 0, from the variants' turned values; infinite where nothing is finite."""
    present = [each for each in turned if each.size]
    every: NDArray[np.float64] = np.concatenate(present) if present else np.empty(0)
    numbers = every[np.isfinite(every)]
    if not numbers.size:
        return -np.inf, -np.inf
    quartiles = np.array([np.quantile(each, [0.25, 0.75], method="inverted_cdf") for each in present])
    good, bad = (column[np.isfinite(column)] for column in quartiles.T)
    best = good.min() if good.size else numbers.min()
    return float(best), float(bad.max() if bad.size else numbers.max())


def _score(turned: Values, best: float, worst: float) -> Values:
    if not best < worst:
        return np.where(turned <= best, 1.0, 0.0)
    return np.clip((worst - turned) / (worst - best), 0.0, 1.0)
