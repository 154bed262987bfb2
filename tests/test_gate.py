"""The gate: red, green, margins and undefined values, and how often it is right, by simulation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from made_sides import QUANTITIES, QUICK, cell, changed, decided, normal, side, spread
from scipy.stats import binom

from ganbench.analysis.rank_tests import rank_test
from ganbench.comparison.attainable import attainable, new_seeds_for
from ganbench.comparison.cornered import cornered_cells
from ganbench.comparison.model import Rules, Side

# How often it is right


def test_false_alarms_over_nine_variants_on_two_data_sets() -> None:
    generator = np.random.default_rng(1)
    reds = sum(decided(normal(generator, 20), normal(generator, 10)).exit_code == 1 for _ in range(400))
    assert binom.cdf(reds, 400, 0.04) < 0.999, reds
    assert binom.sf(reds - 1, 400, 0.01) < 0.999, f"{reds}: so few that the gate may be asleep"


def test_false_alarms_with_ties_and_diverged_seeds() -> None:
    generator = np.random.default_rng(2)

    def null(count: int) -> Side:
        values = [np.round(generator.normal(size=count)) for _ in range(8)]
        lost = [np.where(generator.random(count) < 0.2, np.nan, v) for v in values]
        return side([cell(f"v{i // 2}", f"d{i % 2}", {"tv": v}) for i, v in enumerate(lost)])

    reds = sum(decided(null(20), null(10)).exit_code == 1 for _ in range(200))
    assert binom.cdf(reds, 200, 0.05) < 0.999, reds


@pytest.mark.parametrize(
    ("count", "shift", "level", "stated"), [(5, 3.0, 0.05, 0.98), (10, 2.0, 0.04, 0.94), (5, 2.0, 0.04, 0.64)]
)
def test_power_is_what_the_issue_states(count: int, shift: float, level: float, stated: float) -> None:
    """One of nine variants breaks on one of two data sets; 20 baseline seeds."""
    generator, rules = np.random.default_rng(3), replace(QUICK, level=level)
    broken = {("v4", "ring8"): shift}
    seen = alone = 0
    for _ in range(200):
        decision = decided(normal(generator, 20), normal(generator, count, broken), rules)
        (judgement,) = [j for j in decision.judgements if j.variant == "v4"]
        seen += "ring8" in judgement.regressed
        alone += judgement.tests[-1].p <= level / 9
    assert binom.cdf(seen, 200, stated) > 0.001
    assert binom.sf(seen - 1, 200, stated) > 0.001
    if shift == 3.0:
        assert binom.cdf(alone, 200, 0.40) > 0.001
        assert binom.sf(alone - 1, 200, 0.40) > 0.001


@pytest.mark.parametrize("quantity", ["tv", "tv_margin"])
def test_a_detectable_effect_is_seen_four_times_in_five(quantity: str) -> None:
    """Also where the margin, not the test, is what asks for a large effect."""
    generator = np.random.default_rng(4)
    margin = QUANTITIES[quantity].smallest_difference or 0.0
    scale = 0.3 if margin else 1.0

    def drawn(count: int, shift: float = 0.0) -> Side:
        return side([cell("v", "d", {quantity: scale * generator.normal(size=count) + shift})])

    many = decided(drawn(400), drawn(10), replace(QUICK, detectable=True)).judgements[0].tests[0]
    twenty = replace(QUICK, detectable=True)
    shifts = [decided(drawn(20), drawn(10), twenty, i).judgements[0].tests[0].detectable for i in range(40)]
    shift = float(np.median([s for s in shifts if s is not None]))
    assert many.detectable is not None
    assert many.detectable < shift
    assert shift > margin
    seen = sum(decided(drawn(20), drawn(10, shift)).exit_code == 1 for _ in range(400)) / 400
    assert 0.72 < seen < 0.9, (shift, seen)


# Red, green, and why


def test_a_break_is_red_and_named() -> None:
    generator = np.random.default_rng(5)
    decision = decided(normal(generator, 20), normal(generator, 10, {("v2", "ring8"): 4.0}))
    assert (decision.exit_code, decision.word) == (1, "regression")
    assert {j.variant: j.regressed for j in decision.judgements if j.regressed} == {"v2": ("ring8",)}
    assert [c.dataset for c in decision.cells if c.status == "regression"] == ["ring8"]
    assert decision.reasons[0].startswith("v2 on ring8, tv: worse: ")


def test_p_values_and_thresholds_are_those_of_the_tests() -> None:
    generator = np.random.default_rng(6)
    base, new = normal(generator, 12, variants=3), normal(generator, 7, variants=3)
    decision = decided(base, new)
    for judgement in decision.judgements:
        assert [t.dataset for t in judgement.tests] == ["digits", "ring8", None]
        for test in judgement.tests[:2]:
            key = (judgement.variant, str(test.dataset))
            values = [list(s.cells[key].values["tv"].by_seed.values()) for s in (base, new)]
            assert test.p == rank_test(*values).p
            assert test.smallest == 1 / math.comb(19, 7)
            assert test.threshold == pytest.approx(0.04 / 9)
        assert judgement.p == min(1.0, 3 * min(t.p for t in judgement.tests))


def test_one_data_set_has_no_stratified_test() -> None:
    decision = decided(
        side([cell("v", "d", {"tv": spread(9)})]), side([cell("v", "d", {"tv": spread(9, 20)})])
    )
    (judgement,) = decision.judgements
    assert len(judgement.tests) == 1
    assert judgement.threshold == 0.04
    assert judgement.adjusted == judgement.p == 1 / math.comb(18, 9)


def test_where_only_all_data_sets_together_are_red_the_leaning_ones_are_named() -> None:
    mixed = [3, 0, 5, 1, 4, 2]  # a seed that is bad on one data set is not so on the other
    base = [cell("v", "a", {"tv": spread(6)}), cell("v", "b", {"tv": spread(6)[mixed]})]
    new = [cell("v", "a", {"tv": spread(6, 2.5)}), cell("v", "b", {"tv": spread(6, 2.5)[mixed]})]
    # On the third all are equal: no difference is as much as no margin.
    base += [cell("v", "c", {"tv": np.ones(6)}), cell("w", "a", {"tv": spread(6)})]
    new += [cell("v", "c", {"tv": np.ones(6)}), cell("w", "a", {"tv": spread(6, 0.5)})]
    rules = replace(QUICK, level=0.2)
    judgement = decided(side(base), side(new), rules).judgements[0]
    assert min(t.adjusted for t in judgement.tests[:3]) > 0.2 >= judgement.tests[3].adjusted
    assert judgement.regressed == ("a", "b")
    said = [c.verdict.words for c in decided(side(base), side(new), rules).cells]
    assert "over all its data sets together" in said[0]
    assert "worse" not in said[2]


def test_a_difference_below_the_margin_is_no_regression() -> None:
    base = side([cell("v", "d", {"tv_margin": spread(20) / 1000})])
    below, above = (side([cell("v", "d", {"tv_margin": spread(10) / 1000 + by})]) for by in (0.4, 0.6))
    assert decided(base, below).exit_code == 0
    assert decided(base, below).cells[0].verdict.kind == "too small to matter"
    assert decided(base, below).judgements[0].adjusted < 1e-6
    assert decided(base, above).exit_code == 1
    assert decided(below, base).cells[0].verdict.kind == "too small to matter"
    assert decided(above, base).cells[0].verdict.kind == "better"


def with_margins(
    generator: np.random.Generator, count: int, margins: dict[str, float], shifts: dict[str, float]
) -> Side:
    """One variant, with standard normal values moved by `shifts` on data sets with these margins."""
    return side(
        [
            cell(
                "v",
                d,
                {"tv": generator.normal(size=count) + shifts.get(d, 0.0)},
                declared={"tv": replace(QUANTITIES["tv"], smallest_difference=margin)},
            )
            for d, margin in margins.items()
        ]
    )


@pytest.mark.parametrize("others", ["b", "bcd"])
def test_a_harmless_shift_on_one_data_set_never_makes_another_red(others: str) -> None:
    """2 standard deviations where 3 would matter, and nothing on the others; nor makes it another better."""
    generator, margins = np.random.default_rng(12), {"a": 3.0, **dict.fromkeys(others, 0.2)}
    red = better = 0
    for _ in range(150):
        base, new = (with_margins(generator, n, margins, by) for n, by in ((20, {}), (10, {"a": 2.0})))
        decision = decided(base, new)
        red += decision.exit_code == 1
        better += bool(decided(new, base).judgements[0].improved)
        assert decision.cells[0].verdict.kind != "no difference"
    for count in (red, better):
        assert binom.sf(count - 1, 150, 0.04) > 0.001, (red, better)


def test_what_matters_on_several_data_sets_is_red_beside_a_harmless_shift() -> None:
    generator = np.random.default_rng(13)
    margins = {"a": 3.0, **dict.fromkeys("bcdef", 0.2)}
    named: list[str] = []
    for _ in range(20):
        base = with_margins(generator, 20, margins, {})
        new = with_margins(generator, 10, margins, {"a": 2.0, **dict.fromkeys("bcdef", 0.8)})
        named += decided(base, new).judgements[0].regressed
    assert "a" not in named
    assert len(named) > 40


def test_small_shifts_that_only_all_data_sets_together_show_are_too_small_to_matter() -> None:
    generator = np.random.default_rng(20)
    margins, shifts = dict.fromkeys("abcd", 3.0), dict.fromkeys("abcd", 0.6)
    for one, other, way in ((0, 1, "worse"), (1, 0, "better")):
        sides = [with_margins(generator, n, margins, by) for n, by in ((20, {}), (20, shifts))]
        decision = decided(sides[one], sides[other])
        *own, every = decision.judgements[0].tests
        adjusted = {"worse": every.adjusted, "better": every.adjusted_better}[way]
        assert decision.exit_code == 0
        assert adjusted <= 0.04
        assert min(t.adjusted if way == "worse" else t.adjusted_better for t in own) > 0.04
        assert {c.verdict.kind for c in decision.cells} == {"too small to matter"}
        for found, seen in zip(decision.cells, own, strict=True):
            assert seen.harm > 0 if way == "worse" else seen.harm < 0
            assert "over all its data sets together" in found.verdict.words


def test_a_data_set_that_differs_alone_says_nothing_of_the_others() -> None:
    """What all data sets together show may be all the one's: the others are not "too small", but unseen."""
    generator = np.random.default_rng(14)
    margins = dict.fromkeys("ab", 0.5)
    sides = [with_margins(generator, n, margins, by) for n, by in ((20, {}), (20, {"a": 9.0}))]
    before = sides[0].cells["v", "b"].values["tv"]
    after = replace(before, by_seed={seed: value + 0.01 for seed, value in before.by_seed.items()})
    sides[1] = changed(sides[1], ("v", "b"), values={"tv": after})
    decision = decided(*sides)
    assert 0 < decision.judgements[0].tests[1].harm < 0.5
    assert decision.judgements[0].tests[-1].adjusted < 0.04
    red, other = decision.cells
    assert (red.verdict.kind, other.verdict.kind) == ("worse", "no difference")


def test_the_margin_on_a_logarithmic_scale_is_a_ratio() -> None:
    base = side([cell("v", "d", {"fid": 10 + spread(20) / 1e4})])
    for factor, code in ((1.09, 0), (1.12, 1), (1 / 1.5, 0)):
        new = side([cell("v", "d", {"fid": factor * (10 + spread(10) / 1e4)})])
        assert decided(base, new).exit_code == code, factor


@pytest.mark.parametrize(("quantity", "worse", "better"), [("tv", 30.0, -30.0), ("score", -30.0, 30.0)])
def test_directions(quantity: str, worse: float, better: float) -> None:
    base = side([cell("v", "d", {quantity: spread(12)})])
    for by, kind in ((worse, "worse"), (better, "better")):
        new = side([cell("v", "d", {quantity: spread(12, by)})])
        assert decided(base, new).cells[0].verdict.kind == kind


def test_further_from_a_target_is_worse_on_either_side() -> None:
    base = side([cell("v", "d", {"share": 0.5 + spread(12) / 100})])
    for away in (0.9, 0.1):
        new = side([cell("v", "d", {"share": away + spread(12) / 1000})])
        assert decided(base, new).cells[0].verdict.kind == "worse"
        assert decided(new, base).cells[0].verdict.kind == "better"


# Values that are no numbers, ties, few seeds


def test_diverged_seeds_are_worst_and_never_good() -> None:
    base = side([cell("v", "d", {"tv": spread(20)})])
    gone = side([cell("v", "d", {"tv": [np.nan] * 10})])
    decision = decided(base, gone)
    assert decision.exit_code == 1
    assert decision.judgements[0].tests[0].p == 1 / math.comb(30, 10)
    assert decision.cells[0].verdict.kind == "worse"
    back = decided(gone, base)
    assert back.judgements[0].regressed == ()
    assert back.judgements[0].improved == ("d",)


def test_replacing_a_value_by_nan_never_makes_it_greener() -> None:
    generator = np.random.default_rng(7)
    base = side([cell("v", "d", {"tv": generator.normal(size=15)})])
    values = generator.normal(size=8)
    before = decided(base, side([cell("v", "d", {"tv": values})])).judgements[0].p
    for place in range(8):
        worse = np.where(np.arange(8) == place, np.nan, values)
        assert decided(base, side([cell("v", "d", {"tv": worse})])).judgements[0].tests[0].p <= before


def test_all_values_equal_is_no_difference() -> None:
    made = [side([cell("v", "d", {"tv": [3.0] * n})]) for n in (20, 10)]
    decision = decided(*made, Rules())
    assert decision.exit_code == 0
    assert decision.judgements[0].p == 1
    assert decision.cells[0].verdict.words == "no difference seen (could have seen any)"


def test_one_seed_is_insufficient_and_says_how_many_would_do() -> None:
    base, new = side([cell("v", "d", {"tv": spread(20)})]), side([cell("v", "d", {"tv": [99.0]})])
    decision = decided(base, new)
    assert (decision.exit_code, decision.word) == (5, "insufficient evidence")
    (said,) = decision.insufficient
    assert "20 against 1 seed cannot go below p 0.048, and 0.04 is needed; 2 new seeds would do" in said
    assert decided(base, new, replace(QUICK, insufficient_passes=True)).exit_code == 0


def test_five_against_five_is_insufficient_for_nine_variants() -> None:
    """The issue: 5 against 5 cannot go below 1/252; Holm over nine asks 0.0044, a thirteenth silences it."""
    generator = np.random.default_rng(8)
    datasets = ("d",)
    for variants, code in ((10, 0), (11, 5)):  # 0.04 / 252 = 10.08
        five = [normal(generator, 5, variants=variants, datasets=datasets) for _ in "ab"]
        assert decided(*five).exit_code == code
    twelve = [normal(generator, 5, variants=n, datasets=datasets) for n in (12, 12)]
    assert decided(*twelve, replace(QUICK, level=0.05)).exit_code == 0
    thirteen = [normal(generator, 5, variants=n, datasets=datasets) for n in (13, 13)]
    assert decided(*thirteen, replace(QUICK, level=0.05)).exit_code == 5


def test_what_a_break_can_reach_is_the_p_of_all_diverged() -> None:
    for base in (spread(7), np.array([1.0, 1, 2, 2, np.nan, np.nan])):
        lost = int(np.isnan(base).sum())
        assert attainable(base.size, lost, 4) == pytest.approx(rank_test(base, [np.nan] * 4).p, rel=1e-12)
    enough = new_seeds_for(20, 2, 0.0015)
    assert enough is not None
    assert attainable(20, 2, enough) <= 0.0015 < attainable(20, 2, enough - 1)
    assert new_seeds_for(5, 5, 0.04) is None
    assert attainable(0, 0, 5) == 1


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (18, "78 new seeds would do"),
        (20, "no number of new ones would do, for 20 of 20 seeds of BASE are undefined"),
    ],
)
def test_a_baseline_that_mostly_diverged_cannot_show_a_break(lost: int, said: str) -> None:
    """With 18 of 20 gone, p can reach 19 x 20 / ((n + 19) (n + 20)) with n new seeds: 0.04 takes 78."""
    values = np.where(np.arange(20) < lost, np.nan, 1.0)
    decision = decided(side([cell("v", "d", {"tv": values})]), side([cell("v", "d", {"tv": [np.nan] * 10})]))
    assert decision.exit_code == 5
    assert said in decision.insufficient[0]


def test_a_baseline_at_the_worst_value_that_there_is_cannot_show_a_break() -> None:
    """A total variation of 1 in all of BASE: none can be worse, so green would promise too much."""
    for highest, code in ((None, 0), (1.0, 5)):
        declared = {"tv": replace(QUANTITIES["tv"], highest=highest)}
        sides = [side([cell("v", "d", {"tv": np.ones(n)}, declared=declared)]) for n in (20, 10)]
        decision = decided(*sides)
        assert decision.exit_code == code
    assert "20 of 20 seeds of BASE are undefined or as bad as can be" in decision.insufficient[0]


@pytest.mark.parametrize(("start", "code"), [(0.4, 0), (0.6, 5)])
def test_a_baseline_from_which_nothing_worse_would_matter_cannot_show_a_break(
    start: float, code: int
) -> None:
    """Values up to 1 and a margin of 0.5: from 0.6 the worst outcome is no regression; green says nothing."""
    declared = {"tv_margin": replace(QUANTITIES["tv_margin"], highest=1.0)}
    base, same, worst = (
        side([cell("v", "d", {"tv_margin": values}, declared=declared)])
        for values in (start + 0.001 * spread(20), start + 0.001 * spread(10), np.ones(10))
    )
    decision = decided(base, same)
    assert decision.exit_code == code
    assert decided(base, worst).exit_code == (1 if code == 0 else 5)
    assert [*cornered_cells(base)] == (["v on d"] if code else [])
    if code:
        said = "BASE's median is 0.609, the worst value there is 1, and 0.500 would matter; no number of new"
        assert said in decision.insufficient[0]
