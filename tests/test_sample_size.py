"""Power, detectable shifts and seeds needed: against direct simulations, enumeration and known figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from ganbench.analysis.rank_tests import rank_test, stratified_rank_test
from ganbench.analysis.sample_size import MOST, detectable, power, seeds_needed

NAN, INF = float("nan"), float("inf")
GATE = 0.04 / 9 / 3
"""What one test's p must be at most: family-wise 0.04, nine variants, the smallest p of three."""


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def normal_values(count: int) -> np.ndarray:
    """Values whose mean is 0 and whose standard deviation (with n - 1) is 1, spaced like normal ones."""
    scores = norm.ppf((np.arange(count) + 0.5) / count)
    return scores / scores.std(ddof=1)


def direct_power(n_base: int, n_new: int, shift: float, threshold: float, trials: int = 2000) -> float:
    """The power of scipy's exact test for normal seeds, some standard deviations apart."""
    draws = rng(77)
    base, new = draws.normal(size=(trials, n_base)), draws.normal(size=(trials, n_new)) + shift
    return float(
        (mannwhitneyu(new, base, alternative="greater", method="exact", axis=1).pvalue <= threshold).mean()
    )


@pytest.mark.parametrize(
    ("n_base", "n_new", "shift", "threshold"),
    [(20, 10, 1.5, GATE), (20, 10, 1.0, 0.05), (20, 5, 2.0, GATE), (10, 10, 1.0, 0.05), (5, 5, 2.0, 0.05)],
)
@pytest.mark.parametrize("measured", [20, 300])
def test_power_is_that_of_a_direct_simulation(
    measured: int, n_base: int, n_new: int, shift: float, threshold: float
) -> None:
    found = power(normal_values(measured), n_base, n_new, shift, threshold, rng())
    assert found == pytest.approx(direct_power(n_base, n_new, shift, threshold), abs=0.05)


@pytest.mark.parametrize(("n_base", "n_new", "threshold"), [(20, 10, GATE), (20, 5, GATE), (8, 8, 0.05)])
def test_the_detectable_shift_is_seen_four_times_in_five(n_base: int, n_new: int, threshold: float) -> None:
    shift = detectable(normal_values(300), n_base, n_new, threshold, generator=rng())
    assert direct_power(n_base, n_new, shift, threshold) == pytest.approx(0.8, abs=0.035)


def test_power_and_detectable_are_two_sides_of_one_curve() -> None:
    """With the same generator they simulate the same seeds, so they agree to one simulation."""
    values = np.append(rng(5).normal(size=19), NAN)
    for wanted in (0.3, 0.5, 0.8):
        shift = detectable(values, 20, 10, 0.01, wanted, generator=rng(3))
        assert power(values, 20, 10, shift + 1e-9, 0.01, rng(3)) == pytest.approx(wanted, abs=1e-9)
        assert power(values, 20, 10, shift - 1e-9, 0.01, rng(3)) == pytest.approx(wanted - 0.001, abs=1e-9)


def test_seeds_needed_are_noethers() -> None:
    """Noether 1987: N = (z_a + z_b)^2 / (3 (P(new > base) - 1/2)^2) seeds in all, half on either side."""
    for shift, slack in ((0.7, 3), (1.0, 2), (1.5, 2)):
        better = norm.cdf(shift / math.sqrt(2)) - 0.5
        noether = (norm.isf(0.05) + norm.isf(0.2)) ** 2 / (3 * better**2) / 2
        found = seeds_needed(normal_values(300), shift, 0.05, generator=rng())
        assert found == pytest.approx(noether, abs=slack)


def test_seeds_needed_reach_the_power_and_one_fewer_does_not() -> None:
    values = normal_values(20)
    count = seeds_needed(values, 1.5, GATE, generator=rng(4), n_base=20)
    assert count is not None
    assert power(values, 20, count, 1.5, GATE, rng(4)) >= 0.8
    assert power(values, 20, count - 1, 1.5, GATE, rng(4)) < 0.8
    shift = detectable(values, 20, count, GATE, generator=rng(4))
    assert shift <= 1.5


def test_a_break_of_any_size_needs_what_counting_says() -> None:
    """20 seeds: 1 / C(20 + n, n) <= GATE needs n = 3.  5 seeds: n = 7.  Equal sides: C(12, 6), n = 6."""
    for n_base, wanted in ((20, 3), (5, 7), (None, 6)):
        count = n_base or wanted
        assert 1 / math.comb(count + wanted, wanted) <= GATE
        assert 1 / math.comb((n_base or wanted - 1) + wanted - 1, wanted - 1) > GATE
        assert seeds_needed(normal_values(20), 1e9, GATE, generator=rng(), n_base=n_base) == wanted


def test_more_seeds_see_less_and_stricter_tests_see_more() -> None:
    values = normal_values(20)
    by_new = [detectable(values, 20, n, GATE, generator=rng(1)) for n in (3, 5, 10, 20, 40)]
    assert by_new == sorted(by_new, reverse=True)
    by_base = [detectable(values, n, 10, GATE, generator=rng(1)) for n in (5, 10, 20, 40)]
    assert by_base == sorted(by_base, reverse=True)
    by_threshold = [detectable(values, 20, 10, t, generator=rng(1)) for t in (0.05, 0.01, 0.001)]
    assert by_threshold == sorted(by_threshold)
    by_shift = [power(values, 20, 10, shift, GATE, rng(1)) for shift in (0, 0.5, 1, 2, 4, INF)]
    assert by_shift == sorted(by_shift)
    assert by_shift[0] <= 0.006
    assert by_shift[-1] == 1
    needed = [seeds_needed(values, shift, GATE, generator=rng(1)) for shift in (0.7, 1, 2, 4)]
    assert needed == sorted(needed, key=lambda n: n or MOST, reverse=True)


def test_the_unit_does_not_matter() -> None:
    values = rng(2).normal(size=20)
    one = detectable(values, 20, 10, GATE, generator=rng())
    assert detectable(1e-4 * values + 3, 20, 10, GATE, generator=rng()) == pytest.approx(1e-4 * one, rel=1e-6)
    assert detectable(values[::-1], 20, 10, GATE, generator=rng()) == one


def test_too_few_seeds_see_nothing() -> None:
    values = normal_values(20)
    assert detectable(values, 5, 5, GATE, generator=rng()) == INF  # not below 1 / 252
    assert power(values, 5, 5, INF, GATE, rng()) == 0
    assert power(values, 5, 5, INF, 1 / 252, rng()) == 1
    assert detectable(values, 20, 0, GATE, generator=rng()) == INF
    assert seeds_needed(values, 0.3, GATE, generator=rng(), n_base=20) is None  # the base alone limits it
    assert seeds_needed(values, 0, GATE, generator=rng()) is None


def test_a_spread_that_nobody_knows_promises_nothing() -> None:
    for values in ([], [1.0], [1.0, NAN, NAN], [NAN] * 20):
        assert detectable(values, 20, 10, GATE, generator=rng()) == INF
        assert seeds_needed(values, 5.0, GATE, generator=rng()) is None
        assert math.isnan(power(values, 20, 10, 5.0, GATE, rng()))


def test_without_spread_any_shift_is_seen() -> None:
    assert detectable([2.0] * 20, 20, 10, GATE, generator=rng()) == 0
    assert power([2.0] * 20, 20, 10, 1e-12 + 1e-3, GATE, rng()) == 1
    assert power([2.0] * 20, 20, 10, 0.0, GATE, rng()) == 0


def test_diverged_seeds_stay_diverged_as_often_as_measured() -> None:
    """Against a direct simulation with midranks: 3 of 20 seeds diverge on either side."""
    values = np.append(normal_values(17), [NAN] * 3)
    draws, hits, trials = rng(8), 0, 400
    for _ in range(trials):
        base, new = (np.where(draws.random(n) < 0.15, np.nan, draws.normal(size=n)) for n in (20, 10))
        hits += rank_test(base, new + 1.5).p <= 0.05
    found = power(values, 20, 10, 1.5, 0.05, rng())
    assert found == pytest.approx(hits / trials, abs=0.06)
    assert found < power(normal_values(17), 20, 10, 1.5, 0.05, rng()) - 0.02
    assert detectable(np.append(normal_values(10), [NAN] * 10), 20, 10, GATE, generator=rng()) == INF


def test_ties_among_diverged_seeds_make_it_conservative() -> None:
    """Half of the base diverges and all new seeds do: the test with midranks sees a little more."""
    chances = [math.comb(20, k) / 2**20 for k in range(21)]
    seen = [rank_test([NAN] * k + list(range(20 - k)), [NAN] * 10).p <= 0.05 for k in range(21)]
    exact = float(np.dot(chances, seen))
    found = power(np.append(normal_values(10), [NAN] * 10), 20, 10, INF, 0.05, rng())
    assert exact - 0.15 < found < exact


def test_the_logarithm_of_zero_is_as_good_as_the_best() -> None:
    values = rng(2).normal(size=20)
    capped = np.append(values, values.min())
    assert detectable(np.append(values, -INF), 20, 10, GATE, generator=rng()) == detectable(
        capped, 20, 10, GATE, generator=rng()
    )


def test_the_generator_is_honoured() -> None:
    values = rng(2).normal(size=20)
    found = [detectable(values, 20, 10, GATE, generator=rng(seed)) for seed in (1, 1, 2)]
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert found[0] == pytest.approx(found[2], rel=0.1)


@pytest.mark.parametrize(("n_new", "shift", "wanted"), [(10, 2.0, 0.945), (5, 2.0, 0.64), (5, 3.0, 0.97)])
def test_the_gates_power_where_one_of_two_data_sets_breaks(n_new: int, shift: float, wanted: float) -> None:
    """The issue's figures are those of nine variants, eight of which do not change, 20 baseline seeds.

    Red is 9 x 3 x the smallest p of {each data set, both stratified} <= 0.04: of 2 SD in one data set
    10 new seeds see 94.5 %, 5 see 64 %; of 3 SD 5 see 97 % (98 % at 0.05), the stratified test alone 37 %.
    """
    draws, red, stratified, trials = rng(6), 0, 0, 1500
    for _ in range(trials):
        broken = draws.normal(size=20), draws.normal(size=n_new) + shift
        sound = draws.normal(size=20), draws.normal(size=n_new)
        seeded = [tuple(dict(enumerate(side)) for side in pair) for pair in (broken, sound)]
        p = [rank_test(*broken).p, rank_test(*sound).p, stratified_rank_test(seeded).p]
        red += min(p) <= GATE
        stratified += p[2] <= 0.04 / 9
    assert red / trials == pytest.approx(wanted, abs=0.025)
    if shift == 3:
        assert stratified / trials == pytest.approx(0.37, abs=0.03)
