"""Change points: false alarms, planted changes, exact p by going through every order of seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import rankdata

from ganbench.analysis.change_points import Split, change_points, likeliest_split, smallest_p

NAN = float("nan")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def sequence(seed: int, levels: Sequence[float], count: int) -> list[np.ndarray]:
    """Groups of normal seeds around levels, in standard deviations."""
    draws = rng(1000 + seed)
    return [level + draws.normal(size=count) for level in levels]


def statistic(groups: Sequence[Sequence[float]]) -> float:
    """The largest standardised rank sum, written out: variance n m / (N (N - 1)) times the ranks' spread."""
    ranks = rankdata(np.concatenate(groups))
    total, found = ranks.size, 0.0
    for split in range(1, len(groups)):
        before = sum(len(group) for group in groups[:split])
        spread = ((ranks - ranks.mean()) ** 2).sum()
        variance = before * (total - before) / (total * (total - 1)) * spread
        shift = ranks[before:].sum() - (total - before) * (total + 1) / 2
        found = max(found, abs(shift) / math.sqrt(variance))
    return found


def every_order(groups: Sequence[Sequence[float]]) -> np.ndarray:
    """The statistic of each way to deal the values out to groups of the same sizes."""
    ends = np.cumsum([len(group) for group in groups])[:-1]
    pooled = np.concatenate(groups)
    return np.array([statistic(np.split(np.array(p), ends)) for p in itertools.permutations(pooled)])


@pytest.mark.parametrize(
    "groups", [[[1, 2], [4, 3], [6, 5]], [[1.0], [2.0, 2.0], [3.0, 2.0, 4.0]], [[2, 5], [1, 3, 4]]]
)
def test_p_is_that_of_every_order_of_seeds(groups: list[list[float]]) -> None:
    exact = float((every_order(groups) >= statistic(groups) - 1e-9).mean())
    found = likeliest_split(groups, rng(), permutations=9999)
    assert found is not None
    # Only p below 20 / 9999 use all permutations: the error of 20 hits is a fifth.
    repeated = [likeliest_split(groups, rng(seed)) for seed in range(200)]
    mean = np.mean([split.p for split in repeated if split])
    assert mean == pytest.approx(exact, rel=0.1)


def test_p_cannot_be_below_one_over_the_permutations() -> None:
    found = likeliest_split(sequence(0, [0, 0, 9, 9], 10), rng(), permutations=499)
    assert found == Split(2, 1 / 500, 1)


@pytest.mark.parametrize("sizes", [(2, 2), (1, 1, 1), (2, 3), (1, 2, 1, 2), (1, 1, 1, 1, 1, 1), (1, 4, 2)])
def test_the_smallest_p_is_that_of_every_order(sizes: tuple[int, ...]) -> None:
    values = iter(range(sum(sizes)))
    found = every_order([[float(next(values)) for _ in range(size)] for size in sizes])
    assert smallest_p(sizes) == pytest.approx((found >= found.max() - 1e-9).mean())
    assert smallest_p([0, *sizes, 0]) == smallest_p(sizes)


def test_smallest_p_of_one_group() -> None:
    assert smallest_p([]) == smallest_p([10]) == smallest_p([0, 10]) == 1
    assert smallest_p([5, 5]) == pytest.approx(2 / 252)


@pytest.mark.parametrize("coarse", [False, True])
def test_false_alarms_are_as_rare_as_stated(coarse: bool) -> None:
    """Two-sided: a test that never speaks is no better than one that always does.  Ties included."""
    alarms, trials = 0, 500
    for seed in range(trials):
        groups = sequence(seed, [0] * 8, 5)
        groups = [np.round(group) for group in groups] if coarse else groups
        alarms += bool(change_points(groups, rng(seed), 0.05, permutations=399))
    assert 0.025 < alarms / trials < 0.08


def test_a_change_of_three_deviations_is_placed_exactly() -> None:
    exact, more = 0, 0
    for seed in range(60):
        found = change_points(sequence(seed, [0] * 6 + [3] * 4, 10), rng(seed), permutations=999)
        assert found
        assert all(change.p <= 0.05 for change in found)
        first = min(found, key=lambda change: change.p)
        exact += first.index == 6
        more += len(found) > 1
        if first.index == 6 and len(found) == 1:
            assert first.sign == 1
            assert first.size == pytest.approx(3, abs=1)
            assert first.p == 0.001
    assert exact >= 57
    assert more <= 7  # 5 % of 60 are 3; a binomial with that mean is at most 7 with 98 %


def test_two_changes_are_both_found_with_their_signs() -> None:
    right = 0
    for seed in range(20):
        found = change_points(sequence(seed, [0] * 5 + [3] * 4 + [1] * 5, 10), rng(seed), permutations=999)
        right += [(change.index, change.sign) for change in found] == [(5, 1), (9, -1)]
    assert right >= 17


def test_sizes_are_between_neighbouring_changes() -> None:
    groups = [[0.0, 0.1, 0.2]] * 4 + [[10.0, 10.1, 10.2]] * 4 + [[4.0, 4.1, 4.2]] * 4
    found = change_points(groups, rng())
    assert [change.index for change in found] == [4, 8]
    assert [change.size for change in found] == pytest.approx([10, -6])


def test_no_group_and_one_and_two() -> None:
    assert change_points([], rng()) == []
    assert change_points([[1.0, 2.0]], rng()) == []
    assert likeliest_split([[1.0], []], rng()) is None
    (found,) = change_points([np.arange(5), 10 + np.arange(5)], rng())
    assert (found.index, found.sign, found.size) == (1, 1, 10)
    assert found.p == pytest.approx(2 / 252, rel=0.5)
    assert change_points([[1.0], [9.0]], rng()) == []


def test_one_seed_a_run() -> None:
    placed = 0
    for seed in range(40):
        found = change_points(sequence(seed, [0] * 10 + [4] * 8, 1), rng(seed), permutations=399)
        placed += [change.index for change in found] == [10]
    assert placed >= 28  # 84 % of 600 were
    alarms = [change_points(sequence(s, [0] * 12, 1), rng(s), permutations=399) for s in range(300)]
    assert 0.02 < sum(map(bool, alarms)) / 300 < 0.085


def test_beside_a_true_change_false_ones_stay_rare() -> None:
    """All parts of a cut sequence share its level: 4 % of 600 had a change too many."""
    found = [
        change_points(sequence(seed, [0] * 6 + [1.5] * 6, 5), rng(seed), permutations=399)
        for seed in range(200)
    ]
    assert all(found)
    assert sum(len(each) > 1 for each in found) / 200 < 0.08


def test_diverged_seeds_are_worst_and_tied() -> None:
    calm, broken = [1.0, 2.0, 3.0, 4.0], [1e30, NAN, NAN, NAN]
    (found,) = change_points([calm] * 3 + [broken] * 3, rng())
    assert (found.index, found.sign, found.size) == (3, 1, math.inf)
    (back,) = change_points([broken] * 3 + [calm] * 3, rng())
    assert (back.index, back.sign, back.size) == (3, -1, -math.inf)
    assert change_points([[NAN] * 5] * 6, rng()) == []
    ranked = [[10.0 if math.isnan(x) else min(x, 9.0) for x in group] for group in [calm] * 3 + [broken] * 3]
    assert change_points(ranked, rng())[0].p == found.p


def test_equal_values_show_nothing() -> None:
    assert likeliest_split([[2.0] * 5] * 4, rng()) == Split(1, 1.0, -1)
    assert change_points([[2.0] * 5] * 4, rng()) == []


def test_groups_without_seeds_take_no_part() -> None:
    groups = sequence(1, [0, 0, 0, 3, 3, 3], 8)
    spaced = [groups[0], groups[1], [], groups[2], [], [], groups[3], groups[4], [], groups[5], []]
    one, other = change_points(groups, rng()), change_points(spaced, rng())
    assert [change.index for change in one] == [3]
    assert [change.index for change in other] == [6]
    assert one[0].p == other[0].p


def test_the_order_of_seeds_does_not_matter_and_the_generator_does() -> None:
    groups = sequence(5, [0, 0, 0.5, 0.8, 0.8, 0.8], 6)
    turned = [group[::-1] for group in groups]
    one, same, other = (likeliest_split(groups, rng(seed)) for seed in (1, 1, 2))
    assert one == same == likeliest_split(turned, rng(1))
    assert one is not None
    assert other is not None
    assert (one.index, one.sign) == (other.index, other.sign)
    assert one.p != other.p
    assert one.p == pytest.approx(other.p, rel=0.8)


def test_turned_upside_down_the_signs_turn() -> None:
    groups = sequence(2, [0] * 5 + [3] * 5, 8)
    one, other = change_points(groups, rng()), change_points([-group for group in groups], rng())
    assert [(c.index, c.sign, c.p) for c in one] == [(c.index, -c.sign, c.p) for c in other]


def test_a_first_cut_that_was_made_elsewhere_is_kept() -> None:
    """A test over many sequences may accept a cut that this level alone would not, and the search goes on."""
    groups = sequence(4, [0] * 6, 5)
    given = Split(2, 0.3, 1)
    assert [change.index for change in change_points(groups, rng(), 1e-9, first=given)] == [2]
    assert change_points(groups, rng(), 1e-9) == []
