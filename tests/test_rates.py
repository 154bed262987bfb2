"""Fisher's exact test: scipy, closed forms, enumeration, and the rank test that it is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import fisher_exact

from ganbench.analysis.rank_tests import RankTest, rank_test
from ganbench.analysis.rates import fisher

TABLES = [(0, 20, 3, 10), (1, 20, 5, 10), (5, 5, 5, 5), (0, 5, 5, 5), (7, 20, 0, 10), (10, 300, 40, 200)]


@pytest.mark.parametrize("table", TABLES)
def test_equals_scipy(table: tuple[int, int, int, int]) -> None:
    base, base_n, new, new_n = table
    counts = [[new, new_n - new], [base, base_n - base]]
    assert fisher(*table).p == pytest.approx(fisher_exact(counts, alternative="greater").pvalue, rel=1e-9)


@pytest.mark.parametrize(("base_n", "new_n"), [(1, 1), (5, 5), (6, 3), (3, 7)])
def test_is_the_rank_test_on_noughts_and_ones(base_n: int, new_n: int) -> None:
    for base, new in itertools.product(range(base_n + 1), range(new_n + 1)):
        zeros_and_ones = ([1] * base + [0] * (base_n - base), [1] * new + [0] * (new_n - new))
        ranked, found = rank_test(*zeros_and_ones), fisher(base, base_n, new, new_n)
        assert (found.p, found.smallest) == pytest.approx((ranked.p, ranked.smallest), rel=1e-13)


def test_smallest_attainable_in_closed_form() -> None:
    """With e events the worst is that all fall on the new side, or as many as it has seeds."""
    assert fisher(1, 20, 2, 10).smallest == math.comb(10, 3) / math.comb(30, 3)
    assert fisher(0, 20, 3, 10) == RankTest(120 / 4060, 120 / 4060, True)
    assert fisher(0, 5, 5, 5).p == 1 / 252
    assert fisher(8, 20, 4, 10).smallest == math.comb(20, 2) / math.comb(30, 12)


def test_tea() -> None:
    """Fisher 1935: four cups of each kind, three told rightly: 17 / 70; all four: 1 / 70."""
    assert fisher(1, 4, 3, 4).p == 17 / 70
    assert fisher(0, 4, 4, 4).p == 1 / 70


def test_where_nothing_can_be_told() -> None:
    for table in ((0, 20, 0, 10), (20, 20, 10, 10), (0, 0, 3, 10), (3, 20, 0, 0), (0, 0, 0, 0)):
        assert fisher(*table) == RankTest(1.0, 1.0, True)


def test_fewer_new_events_are_no_alarm_and_more_are_ever_more_of_one() -> None:
    p = [fisher(4, 20, new, 10).p for new in range(11)]
    assert p[0] == 1
    assert all(after < before for before, after in itertools.pairwise(p))


def test_p_is_valid_at_every_level() -> None:
    """Both sides' events binomial with the same rate: P(p <= a) <= a, whatever the rate."""
    p = np.array([[fisher(i, 8, j, 5).p for j in range(6)] for i in range(9)])
    for rate in (0.05, 0.3, 0.5, 0.9):
        base, new = (
            [math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n + 1)] for n in (8, 5)
        )
        chance = np.outer(base, new)
        for level in np.unique(p):
            assert chance[p <= level].sum() <= level + 1e-12


def test_events_that_cannot_be() -> None:
    for table in ((-1, 5, 0, 5), (6, 5, 0, 5), (0, 5, 6, 5), (0, 5, -1, 5)):
        with pytest.raises(ValueError, match="cannot be"):
            fisher(*table)
