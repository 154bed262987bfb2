"""Rank tests: against enumeration of every way to deal the ranks out, scipy, and closed forms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, rankdata

from ganbench.analysis import rank_tests
from ganbench.analysis.rank_tests import (
    DRAWS,
    RankTest,
    rank_test,
    stratified_rank_test,
    two_sided,
)

NAN = float("nan")
TIED = st.sampled_from([0.0, 1.0, 2.0, 3.5, math.inf, NAN])
SIDE = st.lists(TIED, min_size=1, max_size=5)
SMALL = st.lists(TIED, min_size=1, max_size=3)
Pair = tuple[Sequence[float], Sequence[float]]


def dealt(pair: Pair, weight: float = 1) -> tuple[float, np.ndarray]:
    """The new side's rank sum as seen, and in every way to deal the pooled ranks out."""
    base, new = pair
    ranks = rankdata([math.inf if math.isnan(x) else x for x in (*base, *new)])
    sums = [sum(chosen) for chosen in itertools.combinations(ranks, len(new))]
    return weight * ranks[len(base) :].sum(), weight * np.array(sums)


def by_enumeration(*strata: tuple[Pair, float]) -> tuple[float, float]:
    """P(sum >= the one seen) and P(sum = the largest), over every combination of deals."""
    seen, sums = 0.0, np.zeros(1)
    for pair, weight in strata:
        observed, ways = dealt(pair, weight)
        seen, sums = seen + observed, np.add.outer(sums, ways).ravel()
    return float((sums >= seen - 1e-9).mean()), float((sums >= sums.max() - 1e-9).mean())


def apart(pairs: Sequence[Pair]) -> list[tuple[dict[int, float], dict[int, float]]]:
    """Data sets that share no seed: independent strata."""
    return [by_seed(pair, 1000 * place, 1000 * place) for place, pair in enumerate(pairs)]


def by_seed(pair: Pair, *first: int) -> tuple[dict[int, float], dict[int, float]]:
    """Both sides' values under seeds that count up from a first one."""
    base, new = (dict(enumerate(values, start)) for values, start in zip(pair, first, strict=True))
    return base, new


def numbers(seed: int, *sizes: int) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=size) for size in sizes]


@settings(max_examples=300, deadline=None)
@given(SIDE, SIDE)
def test_equals_enumeration_with_ties_and_divergence(base: list[float], new: list[float]) -> None:
    found = rank_test(base, new)
    assert (found.p, found.smallest) == pytest.approx(by_enumeration(((base, new), 1)), rel=1e-14)
    assert found.exact


@pytest.mark.parametrize(("base_count", "new_count"), [(1, 1), (1, 7), (5, 5), (12, 7), (20, 5), (20, 10)])
def test_equals_scipy_without_ties(base_count: int, new_count: int) -> None:
    for seed in range(8):
        base, new = numbers(seed, base_count, new_count)
        new = new + seed / 4
        worse = mannwhitneyu(new, base, alternative="greater", method="exact").pvalue
        assert rank_test(base, new).p == pytest.approx(worse, rel=1e-12)
        better = mannwhitneyu(new, base, alternative="less", method="exact").pvalue
        assert rank_test(new, base).p == pytest.approx(better, rel=1e-12)
        both = mannwhitneyu(new, base, alternative="two-sided", method="exact").pvalue
        assert two_sided(rank_test(base, new), rank_test(new, base)).p == pytest.approx(both, rel=1e-12)


def test_five_against_five_cannot_go_below_one_in_252() -> None:
    assert rank_test(range(5), range(5, 10)) == RankTest(1 / 252, 1 / 252, True)
    assert rank_test(range(5, 10), range(5)).p == 1
    assert two_sided(rank_test(range(5), range(5, 10)), rank_test(range(5, 10), range(5))) == RankTest(
        2 / 252, 2 / 252, True
    )


def test_one_seed_each() -> None:
    assert rank_test([1], [2]) == RankTest(0.5, 0.5, True)
    assert rank_test([2], [1]) == RankTest(1.0, 0.5, True)
    assert rank_test([1], [NAN]) == RankTest(0.5, 0.5, True)
    assert rank_test([NAN], [1]) == RankTest(1.0, 0.5, True)


def test_where_nothing_can_be_told() -> None:
    silent = RankTest(1.0, 1.0, True)
    for base, new in (([1, 1], [1]), ([], [1]), ([1], []), ([], []), ([NAN] * 3, [NAN] * 4)):
        assert rank_test(base, new) == silent
        assert two_sided(rank_test(base, new), rank_test(new, base)) == silent
    assert stratified_rank_test([]) == silent
    assert stratified_rank_test(apart([([], [1]), ([2, 2], [2])])) == silent


def test_a_diverged_seed_is_worse_than_every_number_and_never_better() -> None:
    base = [0.1, 0.2, 0.3, 0.4, NAN]
    new = [0.15, 0.25, 0.35, 0.45, 0.55]
    before = rank_test(base, new)
    for i in range(5):
        after = rank_test(base, [*new[:i], NAN, *new[i + 1 :]])
        assert after.p < before.p
    assert rank_test([1.0] * 5, [NAN] * 5).p == 1 / 252
    assert rank_test([1e308], [NAN]).p == rank_test([1e308], [math.inf]).p == 0.5


@settings(max_examples=100, deadline=None)
@given(SIDE, SIDE, st.randoms(use_true_random=False))
def test_neither_order_nor_monotone_transformation_matters(base: list, new: list, random: Random) -> None:
    before = rank_test(base, new)
    assert rank_test(np.exp(np.array(base)) - 7, np.exp(np.array(new)) - 7) == before
    random.shuffle(base)
    random.shuffle(new)
    assert rank_test(base, new) == before


@settings(max_examples=100, deadline=None)
@given(SIDE, SIDE)
def test_turning_all_values_round_exchanges_the_sides(base: list[float], new: list[float]) -> None:
    """Where nothing diverged, worse in badness is better in goodness."""
    base, new = [[5.0 if x != x or x == math.inf else x for x in side] for side in (base, new)]
    turned = rank_test([-x for x in new], [-x for x in base])
    assert turned.p == pytest.approx(rank_test(base, new).p, rel=1e-14)


TIE_PATTERNS = [(1, 1, 1, 1, 1, 1), (2, 1, 3, 1), (1, 4, 2), (5, 1), (1, 1, 5), (3, 3, 3)]


@pytest.mark.parametrize("ties", TIE_PATTERNS)
@pytest.mark.parametrize("new_count", [1, 2, 3])
def test_p_is_valid_at_every_level(ties: tuple[int, ...], new_count: int) -> None:
    """P(p <= a) = a for each attainable a, so <= a for every a; the smallest one is attained."""
    values = np.repeat(np.arange(len(ties), dtype=float), ties)
    every = set(range(len(values)))
    found = [
        rank_test(values[sorted(every - set(chosen))], values[list(chosen)])
        for chosen in itertools.combinations(range(len(values)), new_count)
    ]
    p = np.array([test.p for test in found])
    for level in set(p):
        assert (p <= level).mean() == pytest.approx(level, abs=1e-12)
    assert {test.smallest for test in found} == {p.min()}


def test_rate_of_false_alarms_by_simulation() -> None:
    """Twenty against ten, values tied and some diverged: at most 5 % below 0.05, within 3 standard errors."""
    generator = np.random.default_rng(5)
    values = np.array([0, 1, 2, 3, 4, 5, NAN])
    p = [rank_test(generator.choice(values, 20), generator.choice(values, 10)).p for _ in range(1500)]
    rate = np.mean(np.array(p) <= 0.05)
    assert 0.03 < rate <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1500)


def test_the_unequal_and_the_mirrored_sides_agree() -> None:
    """Dealing ten out of thirty is leaving twenty over."""
    base, new = numbers(3, 20, 10)
    base, new = base.round(1), new.round(1)
    turned = rank_test(-new, -base)
    assert turned.p == pytest.approx(rank_test(base, new).p, rel=1e-14)
    assert turned.smallest == pytest.approx(rank_test(base, new).smallest, rel=1e-14)


@settings(max_examples=150, deadline=None)
@given(SMALL, SMALL, SMALL, SMALL)
def test_stratified_equals_enumeration(a: list, b: list, c: list, d: list) -> None:
    """Weights are 1 / (N + 1), to a quarter of the smallest; strata of one value weigh nothing."""
    pairs = [(base, new) for base, new in ((a, b), (c, d)) if len(set(map(str, base + new))) > 1]
    pairs = [pair for pair in pairs if dealt(pair)[1].std() > 0]
    found = stratified_rank_test(apart([(a, b), (c, d)]))
    if not pairs:
        assert found.p == 1
        return
    sizes = [len(base) + len(new) + 1 for base, new in pairs]
    weights = [round(4 * max(sizes) / size) for size in sizes]
    expected = by_enumeration(*zip(pairs, weights, strict=True))
    assert (found.p, found.smallest) == pytest.approx(expected, rel=1e-12)


def test_equal_sizes_weigh_the_same_and_twice_the_size_half() -> None:
    equal = [([1, 2, 2], [2, 3]), ([5, 4, 4], [4, 1])]
    assert stratified_rank_test(apart(equal)).p == pytest.approx(by_enumeration(*((p, 1) for p in equal))[0])
    uneven = [([1, 3], [2, 4]), ([0, 1, 2, 3, 4, 6], [3.5, 5, 7])]  # 4 + 1 and 9 + 1
    expected = by_enumeration((uneven[0], 2), (uneven[1], 1))
    found = stratified_rank_test(apart(uneven))
    assert (found.p, found.smallest) == pytest.approx(expected, rel=1e-14)
    assert found.p != pytest.approx(by_enumeration(*((p, 1) for p in uneven))[0], rel=1e-3)


def test_smallest_of_strata_is_the_product() -> None:
    pairs = [tuple(numbers(seed, 5, 5)) for seed in range(3)]
    assert stratified_rank_test(apart(pairs)).smallest == pytest.approx(252.0**-3, rel=1e-13)
    parted = [(range(5), range(5, 10))] * 2
    assert stratified_rank_test(apart(parted)).p == pytest.approx(252.0**-2, rel=1e-13)


def test_strata_that_say_nothing_change_nothing() -> None:
    pair = ([1, 2, 3, 7], [4, 5, 6])
    alone = rank_test(*pair)
    assert stratified_rank_test(apart([pair])) == alone
    assert stratified_rank_test(apart([([], [1]), pair, ([NAN, NAN], [NAN])])) == alone


def test_the_order_of_strata_and_seeds_changes_no_bit() -> None:
    generator = np.random.default_rng(0)
    pairs = [tuple(numbers(seed, 4 + seed, 6 - seed)) for seed in range(4)]
    before = stratified_rank_test(apart(pairs))
    for _ in range(5):
        shuffled = [(generator.permutation(base), generator.permutation(new)) for base, new in pairs]
        assert stratified_rank_test(apart([shuffled[i] for i in generator.permutation(4)])) == before


def test_stratified_p_is_valid_at_every_level() -> None:
    """All deals within both strata: P(p <= a) = a for each attainable a."""
    first, second = np.array([0.0, 1, 1, 2, 5]), np.array([1.0, 1, 2, 3])
    p = [
        stratified_rank_test(
            apart([(np.delete(first, i), first[list(i)]), (np.delete(second, j), second[list(j)])])
        ).p
        for i in itertools.combinations(range(5), 2)
        for j in itertools.combinations(range(4), 2)
    ]
    for level in set(p):
        assert (np.array(p) <= level + 1e-12).mean() == pytest.approx(level, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_seeds_are_dealt_whole_as_enumeration_does(data: st.DataObject) -> None:
    """Seeds on both data sets are one group, those on the first alone another; ranks go with their seed."""
    both, alone = data.draw(st.integers(2, 5)), data.draw(st.integers(0, 2))
    first = data.draw(st.lists(TIED, min_size=both + alone, max_size=both + alone))
    second = data.draw(st.lists(TIED, min_size=both, max_size=both))
    new = set(data.draw(st.lists(st.integers(0, both + alone - 1), unique=True, max_size=both + alone)))
    strata = [
        ({s: v for s, v in enumerate(x) if s not in new}, {s: v for s, v in enumerate(x) if s in new})
        for x in (first, second)
    ]
    ranked = [rankdata([math.inf if math.isnan(v) else v for v in x]) for x in (first, second)]
    telling = [bool(a and b) and len(set(r)) > 1 for (a, b), r in zip(strata, ranked, strict=True)]
    sizes = [len(r) + 1 for r, tells in zip(ranked, telling, strict=True) if tells]
    weights = [round(4 * max(sizes) / (len(r) + 1)) if t else 0 for r, t in zip(ranked, telling, strict=True)]
    score = weights[0] * ranked[0] + weights[1] * np.pad(ranked[1], (0, alone))
    groups: dict[tuple[bool, ...], list[int]] = {}
    for seed in range(both + alone):
        groups.setdefault((telling[0], telling[1] and seed < both), []).append(seed)
    sums = np.zeros(1)
    for seeds in groups.values():
        taken = len(new & set(seeds))
        ways = [sum(score[list(chosen)]) for chosen in itertools.combinations(seeds, taken)]
        sums = np.add.outer(sums, ways).ravel()
    seen = sum(score[list(new)])
    expected = float((sums >= seen - 1e-9).mean()), float((sums >= sums.max() - 1e-9).mean())
    found = stratified_rank_test(strata)
    assert (found.p, found.smallest) == pytest.approx(expected, rel=1e-12)


def test_common_luck_of_a_seed_raises_no_false_alarms() -> None:
    """Seeds whose values go together on three data sets: dealt one data set at a time they would alarm."""
    generator, whole, one_by_one, trials = np.random.default_rng(3), [], [], 800
    for _ in range(trials):
        values = generator.normal(size=30) + generator.normal(size=(3, 30))
        pairs = [(x[:20], x[20:]) for x in values]
        whole.append(stratified_rank_test([by_seed(pair, 0, 20) for pair in pairs]).p)
        one_by_one.append(stratified_rank_test(apart(pairs)).p)
    margin = 3 * math.sqrt(0.05 * 0.95 / trials)
    assert abs(np.mean(np.array(whole) <= 0.05) - 0.05) <= margin
    assert np.mean(np.array(one_by_one) <= 0.05) > 0.05 + margin


def test_an_equal_seed_on_the_other_side_is_another_seed() -> None:
    pairs = [([1.0, 4, 2], [3.0, 5]), ([2.0, 1, 7], [6.0, 8])]
    same = stratified_rank_test([by_seed(pair, 0, 0) for pair in pairs])
    other = stratified_rank_test([by_seed(pair, 0, 50) for pair in pairs])
    assert same == other


def test_stratified_false_alarms_and_power_by_simulation() -> None:
    generator = np.random.default_rng(2)
    null, shifted = [], []
    for _ in range(600):
        pairs = [(generator.normal(size=8), generator.normal(size=5)) for _ in range(3)]
        null.append(stratified_rank_test(apart(pairs)).p)
        shifted.append(stratified_rank_test(apart([(base, new + 1) for base, new in pairs])).p)
    assert np.mean(np.array(null) <= 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)
    assert np.mean(np.array(shifted) <= 0.05) > 0.85


class TestRandomDeals:
    """What is done where there are too many seeds to count, here with few, so that the truth is known."""

    @pytest.fixture(autouse=True)
    def _never_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rank_tests, "_COUNTING_WORK", 0)

    def test_agree_with_enumeration(self) -> None:
        base, new = [1.0, 2, 2, 5, NAN], [2.0, 4, NAN, NAN]
        exact, smallest = by_enumeration(((base, new), 1))
        found = rank_test(base, new, generator=np.random.default_rng(1))
        assert not found.exact
        assert found.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / DRAWS))
        assert found.smallest == pytest.approx(smallest)

    def test_strata_agree_with_enumeration(self) -> None:
        pairs = [([1.0, 2, 2], [2.0, 4]), ([1.0, 3, 4], [3.0, NAN])]
        exact, smallest = by_enumeration(*((pair, 1) for pair in pairs))
        found = stratified_rank_test(apart(pairs), np.random.default_rng(1))
        assert found.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / DRAWS))
        assert found.smallest == pytest.approx(smallest)

    def test_p_is_never_below_one_in_all_deals(self) -> None:
        found = rank_test(range(30), range(40, 60), generator=np.random.default_rng(0))
        assert found == RankTest(1 / (DRAWS + 1), 1 / (DRAWS + 1), False)

    def test_the_generator_decides_and_is_asked_for(self) -> None:
        base, new = numbers(0, 9, 9)
        first, again, other = (rank_test(base, new, generator=np.random.default_rng(s)).p for s in (3, 3, 4))
        assert first == again != other
        with pytest.raises(ValueError, match="generator"):
            rank_test(base, new)
