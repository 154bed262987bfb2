"""Effects: Hodges-Lehmann's estimate, intervals that invert the exact test, coverage case by case."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganbench.analysis.effects import Effect, effect, harm
from ganbench.analysis.rank_tests import rank_test, two_sided
from ganbench.quantities import Quantity

NAN, INF = float("nan"), math.inf
LOWER = Quantity("loss", "Loss", direction="lower", smallest_difference=0.1)
HIGHER = Quantity("modes", "Modes", direction="higher", smallest_difference=0.5)
TARGET = Quantity("slope", "Slope", direction="target", target=1.0)
NONE = Quantity("norm", "Norm")
LOG = Quantity("distance", "Distance", direction="lower", scale="log", smallest_difference=0.1)
LOG_HIGHER = Quantity("speed", "Speed", direction="higher", scale="log")
LOG_TARGET = Quantity("ratio", "Ratio", direction="target", scale="log", target=1.0)
LOG_NONE = Quantity("size", "Size", scale="log")
SIDE = st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0, NAN]), min_size=1, max_size=6)
Draw = Callable[[np.random.Generator, int], np.ndarray]


def ends(found: Effect) -> tuple[float, float, float]:
    return found.estimate, found.lower, found.upper


class TestHodgesLehmann:
    def test_by_hand(self) -> None:
        assert effect([1, 2, 3], [2, 4, 9], LOWER).estimate == 2
        assert effect([1, 2, 3], [2, 4, 9], HIGHER).estimate == 2
        assert effect([1, 2, 3], [2, 4, 9], NONE).estimate == 2
        assert effect([1, 2, 4], [2, 4, 8], LOG).estimate == pytest.approx(2)

    @pytest.mark.parametrize("sizes", [(5, 5), (20, 10), (1, 1), (3, 8)])
    def test_is_the_median_of_all_differences(self, sizes: tuple[int, int]) -> None:
        generator = np.random.default_rng(1)
        base, new = (generator.lognormal(size=size) for size in sizes)
        for quantity in (LOWER, HIGHER, NONE):
            expected = np.median(np.subtract.outer(new, base))
            assert effect(base, new, quantity).estimate == pytest.approx(expected)
        for quantity in (LOG, LOG_HIGHER, LOG_NONE):
            expected = np.exp(np.median(np.log(np.divide.outer(new, base))))
            assert effect(base, new, quantity).estimate == pytest.approx(expected)

    def test_target_compares_distances(self) -> None:
        base, new = [0.9, 1.1, 1.2], [0.5, 1.5, 0.4]
        expected = effect(np.abs(np.array(base) - 1), np.abs(np.array(new) - 1), LOWER)
        assert ends(effect(base, new, TARGET)) == pytest.approx(ends(expected))
        assert effect([1.1, 0.9], [1.2, 0.8], LOG_TARGET).estimate == pytest.approx(2)
        assert effect([-3.0, 1.5], [-3.0, 1.5], LOG_TARGET).estimate == 1  # distances are never negative


class TestInterval:
    @pytest.mark.parametrize("sizes", [(5, 5), (4, 7), (9, 4), (8, 8)])
    def test_holds_the_shifts_that_the_exact_test_does_not_reject(self, sizes: tuple[int, int]) -> None:
        generator = np.random.default_rng(sum(sizes))
        for _ in range(5):
            base, new = (generator.normal(size=size) for size in sizes)
            found = effect(base, new, LOWER)
            jumps = np.sort(np.subtract.outer(new, base).ravel())
            for shift in [jumps[0] - 1, *(jumps[1:] + jumps[:-1]) / 2, jumps[-1] + 1]:
                kept = two_sided(rank_test(base, new - shift), rank_test(new - shift, base)).p > 0.05
                assert kept == (found.lower < shift < found.upper)

    def test_ends_follow_direction_and_scale(self) -> None:
        generator = np.random.default_rng(0)
        base, new = generator.lognormal(size=8), 2 * generator.lognormal(size=6)
        lower, higher = effect(base, new, LOWER), effect(base, new, HIGHER)
        assert ends(lower) == pytest.approx(ends(higher))
        assert lower.lower <= lower.estimate <= lower.upper
        logs = effect(np.log(base), np.log(new), LOWER)
        for quantity in (LOG, LOG_HIGHER, LOG_NONE):
            assert ends(effect(base, new, quantity)) == pytest.approx(np.exp(ends(logs)))

    @given(SIDE, SIDE)
    def test_exchanging_the_sides_turns_it_round(self, base: list[float], new: list[float]) -> None:
        for quantity in (LOWER, HIGHER, TARGET, NONE):
            estimate, low, high = ends(effect(new, base, quantity))
            assert ends(effect(base, new, quantity)) == pytest.approx((-estimate, -high, -low), nan_ok=True)
        for quantity in (LOG, LOG_HIGHER):
            found = effect(base, new, quantity)
            turned = effect(new, base, quantity)
            for ours, theirs in zip(ends(found), (turned.estimate, turned.upper, turned.lower), strict=True):
                assert ours == pytest.approx(INF if theirs == 0 else 1 / theirs)

    @given(SIDE, SIDE, st.randoms(use_true_random=False))
    def test_order_does_not_matter(self, base: list[float], new: list[float], random: Any) -> None:
        before = [effect(base, new, quantity) for quantity in (LOWER, LOG_HIGHER)]
        random.shuffle(base)
        random.shuffle(new)
        assert [effect(base, new, quantity) for quantity in (LOWER, LOG_HIGHER)] == before

    def test_stated_coverage(self) -> None:
        """5 against 5: 4 of 252 deals lie beyond either end; 4 against 4: one of 70; 3 against 3: none."""
        assert effect(range(5), range(5), LOWER).coverage == pytest.approx(1 - 8 / 252)
        assert effect(range(4), range(4), LOWER).coverage == pytest.approx(1 - 2 / 70)
        assert effect(range(3), range(3), LOWER) == Effect(0, -INF, INF, 0)
        assert effect([1, 2, 3], [1, 2, 3], LOG) == Effect(1, 0, INF, 0)
        assert effect(range(3), range(3), LOWER, level=0.9).coverage == pytest.approx(0.9)
        assert 0.95 <= effect(range(20), range(10), LOWER).coverage < 0.955

    @pytest.mark.parametrize("sizes", [(4, 4), (5, 5), (6, 4)])
    @pytest.mark.parametrize("quantity", [LOWER, HIGHER, NONE, LOG], ids=lambda q: f"{q.direction} {q.scale}")
    def test_coverage_by_every_deal(self, sizes: tuple[int, int], quantity: Quantity) -> None:
        """No true shift, no ties: each deal is as likely, and the share that holds 0 (1) is as stated."""
        values = 2.0 ** np.arange(sum(sizes))
        truth = 1.0 if quantity.scale == "log" else 0.0
        hits = []
        for chosen in itertools.combinations(range(len(values)), sizes[1]):
            found = effect(np.delete(values, chosen), values[list(chosen)], quantity)
            hits.append(found.lower <= truth <= found.upper)
        assert np.mean(hits) == pytest.approx(found.coverage)

    @pytest.mark.parametrize(
        "values", [[0, 0, 1, 1, 1, 2, 3, 3], [1, 2, 3, 4, 5, NAN, NAN, NAN], [1] * 7 + [2]]
    )
    def test_coverage_with_ties_and_divergence_is_no_less(self, values: list[float]) -> None:
        array, hits = np.array(values, dtype=float), []
        for chosen in itertools.combinations(range(8), 4):
            found = effect(np.delete(array, chosen), array[list(chosen)], LOWER)
            hits.append(found.lower <= 0 <= found.upper)
        assert np.mean(hits) >= found.coverage - 1e-12

    @pytest.mark.parametrize("sizes", [(5, 5), (20, 10)])
    @pytest.mark.parametrize(
        "draw",
        [
            lambda g, n: g.normal(size=n),
            lambda g, n: g.standard_t(1, size=n),
            lambda g, n: g.exponential(size=n),
            lambda g, n: g.normal(size=n).round(),
        ],
        ids=["normal", "Cauchy", "exponential", "rounded"],
    )
    def test_coverage_of_a_shift_by_simulation(self, sizes: tuple[int, int], draw: Draw) -> None:
        generator, hits = np.random.default_rng(8), []
        for _ in range(1500):
            found = effect(draw(generator, sizes[0]), draw(generator, sizes[1]) + 2, LOWER)
            hits.append(found.lower <= 2 <= found.upper)
        assert found.coverage >= 0.95
        assert np.mean(hits) >= found.coverage - 3 * math.sqrt(0.05 * 0.95 / 1500)

    def test_coverage_of_a_ratio_by_simulation(self) -> None:
        generator, hits = np.random.default_rng(9), []
        for _ in range(1500):
            found = effect(generator.lognormal(size=5), 3 * generator.lognormal(size=5), LOG_HIGHER)
            hits.append(found.lower <= 3 <= found.upper)
        assert np.mean(hits) == pytest.approx(found.coverage, abs=3 * math.sqrt(0.05 * 0.95 / 1500))


class TestDivergedSeeds:
    def test_an_estimate_that_rests_on_them_is_worse_beyond_number(self) -> None:
        assert effect([1, 2, 3], [NAN, NAN, 2], LOWER).estimate == INF
        assert effect([1, 2, 3], [NAN, NAN, 2], HIGHER).estimate == -INF
        assert effect([1, 2, 3], [NAN, NAN, 2], TARGET).estimate == INF
        assert effect([1, 2, 3], [NAN, NAN, 2], LOG).estimate == INF
        assert effect([1, 2, 3], [NAN, NAN, 2], LOG_HIGHER).estimate == 0
        assert effect([NAN, NAN, 2], [1, 2, 3], LOWER).estimate == -INF

    def test_few_of_them_bend_it_no_further_than_any_large_value_would(self) -> None:
        base, new = list(range(8)), [3.0, 4, 5, 6, 7, 8, 9]
        large = effect(base, [*new, 1e9], LOWER)
        assert ends(effect(base, [*new, NAN], LOWER)) == ends(large)
        higher = effect([-x for x in base], [*(-x for x in new), NAN], HIGHER)
        assert ends(higher) == tuple(-x for x in (large.estimate, large.upper, large.lower))

    @given(SIDE, SIDE)
    def test_more_of_them_never_look_better(self, base: list[float], new: list[float]) -> None:
        for quantity in (LOWER, HIGHER, TARGET, LOG, LOG_HIGHER):
            before = harm(effect(base, new, quantity).estimate, quantity)
            for i in range(len(new)):
                worse = effect(base, [*new[:i], NAN, *new[i + 1 :]], quantity)
                assert harm(worse.estimate, quantity) >= before

    def test_pairs_that_both_diverged_leave_the_ends_open(self) -> None:
        assert effect([NAN] * 5, [NAN] * 5, LOWER) == Effect(0, -INF, INF, pytest.approx(1 - 8 / 252))
        assert effect([NAN] * 5, [NAN] * 5, LOG_HIGHER) == Effect(1, 0, INF, pytest.approx(1 - 8 / 252))
        found = effect([1, 1, 1, 1, NAN], [2, 2, 2, 2, NAN], LOWER)
        assert ends(found) == (1, -INF, INF)  # three of the worst pairs lie beyond either end
        assert effect([1, 1, 1, 1, NAN], [2, 2, 2, 2, 2], LOWER).upper == 1

    def test_are_left_out_where_there_is_no_worse(self) -> None:
        assert effect([1, NAN, 2], [3, 4, NAN], NONE) == effect([1, 2], [3, 4], NONE)
        assert math.isnan(effect([NAN], [1], NONE).estimate)


class TestEdges:
    def test_all_values_equal(self) -> None:
        assert effect([2] * 5, [2] * 5, HIGHER) == Effect(0, 0, 0, pytest.approx(1 - 8 / 252))
        assert effect([2] * 5, [2] * 5, LOG_HIGHER) == Effect(1, 1, 1, pytest.approx(1 - 8 / 252))
        assert math.copysign(1, effect([2] * 5, [2] * 5, HIGHER).estimate) == 1

    def test_one_seed(self) -> None:
        assert effect([1], [3], LOWER) == Effect(2, -INF, INF, 0)
        assert effect([2], [4], LOG) == Effect(pytest.approx(2), 0, INF, 0)

    def test_no_seed_or_no_logarithm(self) -> None:
        for found in (effect([], [1], LOWER), effect([1], [], LOWER), effect([1, -1], [2, 3], LOG)):
            assert math.isnan(found.estimate)
            assert math.isnan(found.lower)
            assert math.isnan(found.upper)
            assert found.coverage == 0

    def test_zeros_on_a_logarithmic_scale(self) -> None:
        assert effect([1, 2], [0, 0], LOG).estimate == 0
        assert effect([0, 0], [1, 2], LOG).estimate == INF
        assert effect([0, 0], [0, 0], LOG).estimate == 1
        assert effect([0, 0], [NAN, NAN], LOG).estimate == INF
        assert effect([0, NAN], [0, NAN], LOG).estimate == 1
        assert effect([0, 0], [NAN, NAN], LOG_HIGHER).estimate == 0  # none is worse than the worst number
        assert effect([NAN, NAN], [0, 0], LOG_HIGHER).estimate == INF

    def test_ratios_too_large_for_a_float(self) -> None:
        assert effect([1e-300], [1e300], LOG).estimate == INF
        assert effect([1e300], [1e-300], LOG).estimate == 0


class TestHarm:
    @pytest.mark.parametrize(
        ("estimate", "quantity", "expected"),
        [
            (0.3, LOWER, 0.3),
            (-0.3, LOWER, -0.3),
            (0.3, HIGHER, -0.3),
            (-0.3, HIGHER, 0.3),
            (0.3, TARGET, 0.3),
            (1.25, LOG, 0.25),
            (0.8, LOG, -0.25),
            (1.25, LOG_HIGHER, -0.25),
            (0.8, LOG_HIGHER, 0.25),
            (1.25, LOG_TARGET, 0.25),
            (1.0, LOG, 0.0),
            (INF, LOWER, INF),
            (-INF, LOWER, -INF),
            (INF, HIGHER, -INF),
            (-INF, HIGHER, INF),
            (INF, LOG, INF),
            (0.0, LOG, -INF),
            (INF, LOG_HIGHER, -INF),
            (0.0, LOG_HIGHER, INF),
            (NAN, LOWER, INF),
            (NAN, LOG_HIGHER, INF),
        ],
    )
    def test_table(self, estimate: float, quantity: Quantity, expected: float) -> None:
        assert harm(estimate, quantity) == pytest.approx(expected, rel=1e-11)

    def test_without_direction_there_is_none(self) -> None:
        assert math.isnan(harm(3.0, NONE))
        assert math.isnan(harm(NAN, LOG_NONE))

    def test_a_difference_as_large_as_the_margin_reaches_it(self) -> None:
        """0.95 - 0.9 is a little less than 0.05 in floats."""
        assert 0.95 - 0.9 < 0.05 <= harm(effect([0.9], [0.95], LOWER).estimate, LOWER)
        assert harm(effect([10.0], [11.0], LOG).estimate, LOG) >= 0.1
