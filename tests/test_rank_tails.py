"""Tails and critical values of the rank tests without ties: whole numbers, partitions, the normal limit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from ganbench.analysis import rank_tests
from ganbench.analysis.rank_tests import critical_value, feasible, rank_test, upper_tail


def gaussian_binomial(small: int, large: int) -> list[int]:
    """How many of the deals have U = 0, 1, … without ties, in whole numbers."""
    ways = [[1] + [0] * (small * large)] + [[0] * (small * large + 1) for _ in range(small)]
    for rank in range(small + large):
        for taken in range(min(rank, small - 1), -1, -1):
            shift = rank - taken
            for u in range(small * large - shift + 1):
                ways[taken + 1][u + shift] += ways[taken][u]
    return ways[small]


def test_tails_keep_their_digits_where_counts_are_beyond_whole_floats() -> None:
    ways = gaussian_binomial(25, 40)
    total = math.comb(65, 25)
    assert sum(ways) == total > 2**59
    for pairs in (0, 1, 100, 500, 600, 800, 950, 990, 999, 1000):
        assert upper_tail(40, 25, pairs) == pytest.approx(sum(ways[pairs:]) / total, rel=1e-13)


def test_three_hundred_seeds() -> None:
    """The end is 1 / C(300, 150); a hundred pairs from it lie as many deals as 100 has partitions."""
    assert feasible(150, 150)
    total = math.comb(300, 150)
    assert upper_tail(150, 150, 22_500) == pytest.approx(1 / total, rel=1e-12)
    partitions = upper_tail(150, 150, 22_400) - upper_tail(150, 150, 22_401)
    assert partitions * total == pytest.approx(190_569_292, rel=1e-10)
    assert upper_tail(150, 150, 11_250) + upper_tail(150, 150, 11_251) == pytest.approx(1, rel=1e-12)
    assert upper_tail(150, 150, 12_739) == pytest.approx(norm.sf(1.9819), rel=0.01)


@pytest.mark.parametrize(("base_count", "new_count"), [(1, 1), (5, 5), (20, 5), (20, 10)])
@pytest.mark.parametrize("threshold", [0.3, 0.05, 0.0044, 1e-4, 1e-9])
def test_critical_value_is_the_first_that_reaches(base_count: int, new_count: int, threshold: float) -> None:
    reached = critical_value(base_count, new_count, threshold)
    assert upper_tail(base_count, new_count, reached) <= threshold
    assert upper_tail(base_count, new_count, reached - 1) > threshold
    assert reached <= base_count * new_count + 1


def test_critical_values_by_hand() -> None:
    """Five against five: 1, 2, 4 and 7 of 252 deals have U >= 25, 24, 23, 22."""
    assert [round(252 * upper_tail(5, 5, u)) for u in (26, 25, 24, 23, 22, 0)] == [0, 1, 2, 4, 7, 252]
    assert critical_value(5, 5, 0.05) == 21
    assert critical_value(5, 5, 1 / 252) == 25
    assert critical_value(5, 5, 0.0039) == 26
    base, new = np.split(np.random.default_rng(0).normal(size=30), [20])
    pairs = int((new[:, None] > base).sum())
    assert upper_tail(20, 10, pairs) == rank_test(base, new).p


def test_normal_critical_values_meet_the_exact_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = [critical_value(100, 60, threshold) for threshold in (0.05, 0.01, 0.001)]
    tails = [upper_tail(100, 60, u) for u in exact]
    critical_value.cache_clear()
    monkeypatch.setattr(rank_tests, "_COUNTING_WORK", 0)
    near = [critical_value(100, 60, threshold) for threshold in (0.05, 0.01, 0.001)]
    assert near == pytest.approx(exact, abs=8)
    assert [upper_tail(100, 60, u) for u in exact] == pytest.approx(tails, rel=0.1)
    critical_value.cache_clear()
