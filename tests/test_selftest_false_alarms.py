"""The red rate and its intervals: closed forms, coverage over pools, and splits that share nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from ganbench.comparison.gate import gate
from ganbench.comparison.model import Decision, Side
from ganbench.errors import GanbenchError
from ganbench.selftest import false_alarms
from ganbench.selftest.curve import power_curve
from ganbench.selftest.false_alarms import FAST, pool_false_alarms, reds_of, synthetic_false_alarms
from ganbench.selftest.rate_interval import (
    clopper_pearson,
    independent_rate,
    rate_of_splits,
    variance_between_pools,
)
from ganbench.selftest.synthetic import WORLDS, World, synthetic_side

BASE, NEW, POOL = 20, 10, 60
SMALL = World("small", variants=2, datasets=2)


def splits_of(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Random orders of a pool's seeds [R, N], and which of them a split uses [R, N]."""
    order = np.argsort(generator.random((count, POOL)), axis=1)
    used = np.zeros((count, POOL), dtype=bool)
    np.put_along_axis(used, order[:, : BASE + NEW], True, axis=1)
    return order, used


@pytest.mark.parametrize(("events", "count"), [(0, 30), (3, 200), (7, 7)])
def test_the_binomial_interval_is_scipys(events: int, count: int) -> None:
    known = binomtest(events, count).proportion_ci(0.95, method="exact")
    assert clopper_pearson(events / count, count) == pytest.approx((known.low, known.high))


def test_a_rate_without_reds_has_an_interval() -> None:
    _, used = splits_of(200, np.random.default_rng(0))
    rate = rate_of_splits(np.zeros(200, dtype=bool), used)
    assert (rate.red, rate.lower_over_pools) == (0, 0.0)
    assert rate.upper_over_pools == pytest.approx(1 - 0.025 ** (1 / 200))


def test_a_seed_that_every_split_uses_leaves_nothing_known() -> None:
    used = np.ones((10, 40), dtype=bool)
    assert variance_between_pools(np.arange(10) < 5, used) == np.inf


def test_intervals_over_pools_hold_what_those_of_one_pool_miss() -> None:
    """Red where the new mean is above the base's by a fixed amount: 5 % over pools, other rates in each."""
    generator = np.random.default_rng(1)
    limit = norm.isf(0.05) * np.sqrt(1 / BASE + 1 / NEW)
    within, over = [], []
    for _ in range(120):
        values = generator.standard_normal(POOL)
        order, used = splits_of(1500, generator)
        new, base = values[order[:, BASE : BASE + NEW]], values[order[:, :BASE]]
        rate = rate_of_splits(new.mean(1) - base.mean(1) > limit, used)
        within.append(rate.lower <= 0.05 <= rate.upper)
        over.append(rate.lower_over_pools <= 0.05 <= rate.upper_over_pools)
    assert np.mean(within) < 0.7
    assert np.mean(over) >= 0.95


def test_many_splits_narrow_the_interval_over_pools_of_an_exact_test() -> None:
    """The rank test's rate is the same in every pool, so nothing but counting noise is left."""
    generator = np.random.default_rng(2)
    values = generator.standard_normal(POOL)
    widths = []
    for count in (500, 8000):
        order, used = splits_of(count, generator)
        ranks = values[order[:, : BASE + NEW]].argsort(1).argsort(1)[:, BASE:].sum(1) + NEW
        rate = rate_of_splits(ranks >= 191, used)  # P(W ≥ 191) = 0.0497
        widths.append(rate.upper_over_pools - rate.lower_over_pools)
        assert rate.lower_over_pools <= 0.05 <= rate.upper_over_pools
    assert widths[1] < widths[0] / 2
    assert widths[1] < 0.05  # the counting noise of leaving seeds out, were it left in, would make it 0.07


def test_splits_are_disjoint_random_and_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    sides: list[tuple[set[int], set[int]]] = []

    def noting(base: Side, new: Side, *rest: Any) -> Decision:
        cells = [cell for side in (base, new) for cell in side.cells.values()]
        half = len(cells) // 2
        seeds = [set().union(*(cell.outcomes for cell in part)) for part in (cells[:half], cells[half:])]
        sides.append((seeds[0], seeds[1]))
        return gate(base, new, *rest)

    monkeypatch.setattr(false_alarms, "gate", noting)
    pool = synthetic_side(SMALL, range(20), np.random.default_rng(3))
    told = pool_false_alarms(pool, 12, 8, 4, np.random.default_rng(4))
    assert all(len(base) == 8 and len(new) == 4 and not base & new for base, new in sides)
    assert len({tuple(sorted(base)) for base, _ in sides}) == 12
    assert pool_false_alarms(pool, 12, 8, 4, np.random.default_rng(4)) == told
    with pytest.raises(GanbenchError, match="train more seeds"):
        pool_false_alarms(pool, 1, 15, 6, np.random.default_rng(4))


def test_made_up_numbers_alarm_as_rarely_as_they_should() -> None:
    told = synthetic_false_alarms(WORLDS[0], 150, BASE, NEW, np.random.default_rng(5))
    assert binomtest(told.rate.red, told.rate.gates, 0.05, "greater").pvalue > 0.01
    assert told.other == {}


def test_a_break_is_red_and_named() -> None:
    """The counterpart: the same gates do see a break of four standard deviations."""
    world = replace(SMALL, shifts={("variant1", "data0"): 4.0})
    generator = np.random.default_rng(6)
    base = synthetic_side(world, range(BASE), generator)
    new = synthetic_side(world, range(BASE, BASE + NEW), generator, shifted=True)
    assert reds_of(gate(base, new, FAST, generator)) == [(("variant1", "data0"), "variant1 on data0")]


def test_diverging_seeds_are_named_by_their_rate() -> None:
    generator = np.random.default_rng(7)
    base = synthetic_side(SMALL, range(BASE), generator)
    new = synthetic_side(replace(SMALL, gone=1.0), range(BASE, BASE + NEW), generator)
    words = [words for _, words in reds_of(gate(base, new, FAST, generator))]
    assert "divergence of variant0 on data1" in words


def test_power_rises_with_the_break_and_with_its_breadth() -> None:
    points = power_curve(30, BASE, NEW, np.random.default_rng(8), shifts=(0.5, 1.5, 3.5), world=SMALL)
    one, all_of_them = ([p.rate.rate for p in points if p.datasets == count] for count in (1, 2))
    assert one[0] < 0.3
    assert one[-1] == all_of_them[-1] == 1.0
    assert all_of_them[1] > one[1]


def test_correlated_worlds_are_correlated_and_others_not() -> None:
    generator = np.random.default_rng(9)
    for world, expected in ((WORLDS[0], 0.0), (WORLDS[1], 0.5)):
        side = synthetic_side(world, range(4000), generator)
        rows = [list(cell.values["score"].by_seed.values()) for cell in list(side.cells.values())[:2]]
        assert np.corrcoef(rows)[0, 1] == pytest.approx(expected, abs=0.06)


def test_an_independent_rate_has_one_interval() -> None:
    rate = independent_rate(np.array([True, False, False, False]))
    assert (rate.lower, rate.upper) == (rate.lower_over_pools, rate.upper_over_pools)
    assert rate.rate == 0.25
