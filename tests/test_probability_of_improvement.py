"""The probability of improvement: ties by half, and an interval whose coverage is simulated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from ganbench.analysis.effects import probability_of_improvement

NAN = float("nan")
SIDE = st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0, NAN]), min_size=1, max_size=6)


def wins(base: np.ndarray, new: np.ndarray) -> np.ndarray:
    return (new < base[:, None]) + 0.5 * (new == base[:, None])


def test_by_hand() -> None:
    assert probability_of_improvement([2, 4], [1, 3])[0] == 0.75
    assert probability_of_improvement([2, 2], [2, 1])[0] == 0.75
    assert probability_of_improvement([1, NAN], [NAN, NAN])[0] == 0.25
    assert probability_of_improvement([NAN] * 3, [1, 2])[0] == 1


def test_ends_solve_the_equation() -> None:
    """Wilson's idea with the larger of two variances below van Dantzig's, recomputed at both ends."""
    generator = np.random.default_rng(4)
    for m, n, spread in ((5, 5, 1), (20, 10, 1), (20, 10, 4), (6, 3, 1)):
        base, new = generator.normal(size=m), spread * generator.normal(size=n) - 0.5
        estimate, lower, upper = probability_of_improvement(base, new)
        table = wins(base, new)
        parts = table.mean(1).var(ddof=1) / m, table.mean(0).var(ddof=1) / n
        freedom = sum(parts) ** 2 / (parts[0] ** 2 / (m - 1) + parts[1] ** 2 / (n - 1))

        def newcombe(q: float, star: float = (m + n) / 2 - 1, pairs: int = m * n) -> float:
            return q * (1 - q) * (1 + star * ((1 - q) / (2 - q) + q / (1 + q))) / pairs

        scale = max(1, sum(parts) / newcombe((estimate * m * n + 0.5) / (m * n + 1)))
        for q in (lower, upper):
            variance = min(scale * newcombe(q), q * (1 - q) / min(m, n))
            assert abs(estimate - q) == pytest.approx(t.ppf(0.975, freedom) * math.sqrt(variance))


@given(SIDE, SIDE, st.randoms(use_true_random=False))
def test_bounds_exchange_and_order(base: list[float], new: list[float], random: Any) -> None:
    estimate, lower, upper = found = probability_of_improvement(base, new)
    assert 0 <= lower <= estimate <= upper <= 1
    turned = probability_of_improvement(new, base)
    assert turned == pytest.approx((1 - estimate, 1 - upper, 1 - lower), abs=1e-12)
    random.shuffle(base)
    random.shuffle(new)
    assert probability_of_improvement(base, new) == pytest.approx(found, abs=1e-12)


def test_is_not_degenerate_where_the_sides_are_apart() -> None:
    few = probability_of_improvement(range(5, 10), range(5))
    many = probability_of_improvement(range(10, 30), range(10))
    assert few[0] == few[2] == many[0] == many[2] == 1
    assert 0.4 < few[1] < 0.6 < many[1] < 0.9
    assert probability_of_improvement(range(5), range(5, 10)) == pytest.approx((0, 0, 1 - few[1]))
    flat = probability_of_improvement([1] * 5, [1] * 5)
    assert flat[1] < 0.2 < 0.8 < flat[2]


def test_one_seed_tells_nothing_of_its_spread() -> None:
    assert probability_of_improvement([2], [1, 0, 1]) == (1, 0, 1)
    assert probability_of_improvement([1, 2], [1]) == (0.75, 0, 1)
    estimate, *rest = probability_of_improvement([], [1])
    assert math.isnan(estimate)
    assert rest == [0, 1]


def test_level() -> None:
    generator = np.random.default_rng(0)
    base, new = generator.normal(size=20), generator.normal(size=10)
    wide, narrow = (probability_of_improvement(base, new, level) for level in (0.99, 0.8))
    assert wide[1] < narrow[1] < narrow[2] < wide[2]


@pytest.mark.parametrize("sizes", [(5, 5), (20, 10)])
@pytest.mark.parametrize("truth", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("spread", [1 / 3, 1.0, 3.0, "exponential", "diverging"])
def test_coverage_by_simulation(sizes: tuple[int, int], truth: float, spread: float | str) -> None:
    generator, hits = np.random.default_rng(11), []
    for _ in range(600):
        base, new = pair_of_sides(generator, sizes, truth, spread)
        _, lower, upper = probability_of_improvement(base, new)
        hits.append(lower <= truth <= upper)
    assert np.mean(hits) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 600)


def pair_of_sides(
    generator: np.random.Generator, sizes: tuple[int, int], truth: float, spread: float | str
) -> tuple[np.ndarray, np.ndarray]:
    """Badness of both sides such that a new seed is better with the probability `truth`."""
    if spread == "exponential":
        rate = truth / (1 - truth)
        return generator.exponential(size=sizes[0]), generator.exponential(1 / rate, size=sizes[1])
    if spread == "diverging":  # base diverges with rate d, new never; else they are alike: d + (1 - d) / 2
        base = generator.normal(size=sizes[0])
        base[generator.random(sizes[0]) < 2 * truth - 1] = NAN
        return base, generator.normal(size=sizes[1])
    assert isinstance(spread, float)
    shift = norm.ppf(truth) * math.hypot(1, spread)
    return generator.normal(size=sizes[0]), spread * generator.normal(size=sizes[1]) - shift
