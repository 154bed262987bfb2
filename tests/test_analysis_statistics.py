"""The statistics over seeds: exact coverage, diverged seeds as worst, ranks from overlap."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench.analysis.statistics import LEVEL, badness, interval_rank, rank_ranges, summarize

NAN = float("nan")


def covered(count: int, rank: int) -> float:
    """P(rank-th smallest <= median <= rank-th largest): rank to count-rank values lie below it."""
    return sum(math.comb(count, k) for k in range(rank, count - rank + 1)) / 2**count


@pytest.mark.parametrize("count", range(2, 80))
def test_interval_is_the_narrowest_of_its_level(count: int) -> None:
    rank, coverage = interval_rank(count)
    assert coverage == pytest.approx(covered(count, rank), abs=1e-12)
    if count >= 6:
        assert coverage >= LEVEL
        assert covered(count, rank + 1) < LEVEL
    else:
        assert rank == 1
        assert coverage < LEVEL


def test_coverages_that_the_report_states() -> None:
    assert [interval_rank(n)[1] for n in (1, 2, 3, 4, 5)] == [0, 0.5, 0.75, 0.875, 0.9375]
    assert interval_rank(10) == (2, pytest.approx(1 - 22 / 1024))


@pytest.mark.parametrize("count", [5, 7, 10])
def test_coverage_by_going_through_every_case(count: int) -> None:
    """Each value lies below or above the true median 0 with probability one half."""
    hits = 0
    for signs in itertools.product((-1, 1), repeat=count):
        found = summarize([sign * (i + 1) for i, sign in enumerate(signs)], "lower")
        hits += found.lower <= 0 <= found.upper
    assert hits / 2**count == pytest.approx(summarize(range(count), "lower").coverage)


def test_a_diverged_seed_is_worse_than_every_number() -> None:
    lower = summarize([1, 2, 3, 4, NAN], "lower")
    assert (lower.median, lower.lower, lower.undefined, lower.count) == (3, 1, 1, 5)
    assert math.isnan(lower.upper)
    higher = summarize([1, 2, 3, 4, NAN], "higher")
    assert (higher.median, higher.upper) == (2, 4)
    assert math.isnan(higher.lower)
    assert math.isnan(summarize([1, 2, NAN, NAN, NAN], "lower").median)
    assert math.isnan(summarize([1, 2, NAN, NAN], "lower").median)
    assert summarize([1, 2, 4, NAN], "lower").median == 3


def test_more_divergence_never_looks_better() -> None:
    values = [0.3, 0.1, 0.2, 0.5, 0.4, 0.6, 0.9]
    for direction in ("lower", "higher"):
        before = badness(summarize(values, direction).median, direction)
        for i in range(len(values)):
            after = badness(summarize([*values[:i], NAN, *values[i + 1 :]], direction).median, direction)
            assert after >= before


def test_descriptive_quantities_leave_undefined_seeds_out() -> None:
    found = summarize([1, NAN, 3, 2], "none")
    assert (found.count, found.undefined, found.median) == (3, 1, 2)
    empty = summarize([NAN, NAN], "none")
    assert (empty.count, empty.coverage) == (0, 0)


def test_target_is_ranked_by_distance() -> None:
    found = summarize([0.9, 1.0, 1.2], "target", 1.0)
    assert found.median == pytest.approx(0.1)
    assert (found.lower, found.upper) == pytest.approx((0, 0.2))


def test_interquartile_mean() -> None:
    assert summarize([0, 1, 2, 100], "lower").interquartile_mean == 1.5
    assert summarize([0, 1, 2, 3, 100], "lower").interquartile_mean == pytest.approx((0.75 + 2 + 2.25) / 2.5)
    assert summarize([7], "lower").interquartile_mean == 7
    assert math.isnan(summarize([0, 1, NAN, NAN], "lower").interquartile_mean)
    assert summarize([0, 1, 2, NAN], "lower").interquartile_mean == 1.5


def test_rank_ranges_by_hand() -> None:
    first, last = rank_ranges([0, 1, 5, NAN], [2, 3, 6, NAN])
    assert first.tolist() == [1, 1, 3, 4]
    assert last.tolist() == [2, 2, 3, 4]
    both = rank_ranges([NAN, NAN], [NAN, NAN])
    assert [r.tolist() for r in both] == [[1, 1], [2, 2]]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), min_size=1, max_size=7), st.integers(0, 999)
)
def test_rank_ranges_hold_every_rank_and_no_more(intervals: list[tuple[int, int]], seed: int) -> None:
    best = np.array([low for low, _ in intervals], dtype=float)
    worst = best + [width for _, width in intervals]
    first, last = rank_ranges(best, worst)
    inside = np.random.default_rng(seed).uniform(best, worst)
    for i in range(len(best)):
        others = np.arange(len(best)) != i
        assert first[i] <= 1 + (inside[others] < inside[i]).sum() <= last[i]
        assert first[i] == 1 + (worst[others] < best[i]).sum()
        assert last[i] == 1 + (best[others] <= worst[i]).sum()


@pytest.mark.parametrize("target", [0.5, -0.5, 50.0, 5e-8, 1.0])
def test_values_equally_far_from_a_target_tie(target: float) -> None:
    off = 0.3 * abs(target)
    low, high, far = badness([target - off, target + off, target + 1.0001 * off], "target", target)
    assert low == high == pytest.approx(off, rel=1e-11)
    assert far > high
    assert np.isnan(badness([NAN], "target", target)).all()
    assert badness([np.inf, -np.inf], "target", target).tolist() == [np.inf, np.inf]
    assert badness([-2.0, 1e-30], "target", 0.0).tolist() == [2.0, 1e-30]
