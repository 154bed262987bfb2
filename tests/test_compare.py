"""Comparisons: verdicts that agree with the gate, comparability, and rows that say what was seen."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from made_sides import QUANTITIES, cell, changed, normal, shuffled, side
from numpy.typing import ArrayLike

from ganbench.analysis.effects import effect, harm
from ganbench.analysis.multiplicity import benjamini_hochberg
from ganbench.analysis.rank_tests import rank_test, two_sided
from ganbench.comparison.comparability import differences, refusal
from ganbench.comparison.compare import DESCRIPTIVE, DIRECTED, FALSE_DISCOVERY, PRIMARY, compare
from ganbench.comparison.detectable import as_effect, on_scale
from ganbench.comparison.gate import gate
from ganbench.comparison.matching import match
from ganbench.comparison.medians import sides_words
from ganbench.comparison.model import Cell, Comparison, ReasonCode, Row, Rules, Side, Values
from ganbench.comparison.notes import notes
from ganbench.comparison.settings import MIXED

QUICK = Rules(detectable=False)


def compared(base: Side, new: Side, rules: Rules = QUICK) -> Comparison:
    return compare(base, new, np.random.default_rng(0), rules)


def row_of(made: Comparison, quantity: str, variant: str = "v", dataset: str = "d") -> Row:
    (row,) = [r for r in made.rows if (r.variant, r.dataset, r.quantity.name) == (variant, dataset, quantity)]
    return row


def one(values: Mapping[str, ArrayLike], **changes: Any) -> Side:
    """A side of a single cell."""
    return side([cell("v", "d", values, **changes)])


def drawn(generator: np.random.Generator, count: int, move: float = 0.0) -> Side:
    """Three variants on two data sets, with a primary quantity and three others; v0 is moved."""
    cells = []
    for variant in ("v0", "v1", "v2"):
        shift = move * (variant == "v0")
        for dataset, primary in (("a", "tv_margin"), ("b", "fid")):
            values = {
                primary: np.exp(generator.normal(size=count)) * (1 + shift),
                "score": generator.normal(size=count) - shift,
                "share": generator.random(count),
                "norm": generator.normal(size=count).round() + shift,
            }
            lost = generator.random(count) < 0.1
            cells.append(cell(variant, dataset, {n: np.where(lost, np.nan, v) for n, v in values.items()}))
    return side(cells)


# Agreement with the gate


@settings(max_examples=30, deadline=None, phases=[Phase.generate])
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.7, 2.0, -0.8]), st.sampled_from([0.04, 0.4]))
def test_the_primary_verdicts_are_the_gates(seed: int, move: float, level: float) -> None:
    generator = np.random.default_rng(seed)
    base, new = drawn(generator, 9, max(-move, 0.0)), drawn(generator, 7, max(move, 0.0))
    made = compared(base, new, replace(QUICK, level=level))
    regressed = {(j.variant, d) for j in made.decision.judgements for d in j.regressed}
    improved = {(j.variant, d) for j in made.decision.judgements for d in j.improved}
    primary = {(r.variant, r.dataset): r for r in made.rows if r.primary}
    assert {key for key, row in primary.items() if row.verdict.kind == "worse"} == regressed
    assert {key for key, row in primary.items() if row.verdict.kind == "better"} == improved
    assert set(primary) == set(base.cells)
    red = bool(regressed) or any(test.red for test in made.decision.rates)
    assert (made.decision.exit_code == 1) == red
    for told in made.decision.cells:
        assert primary[told.variant, told.dataset].verdict is told.verdict
    for row in primary.values():
        assert row.verdict.words.startswith(
            {"insufficient": "insufficient evidence", "no difference": "no difference seen"}.get(
                row.verdict.kind, row.verdict.kind
            )
        )


@settings(max_examples=10, deadline=None, phases=[Phase.generate])
@given(st.integers(0, 2**32 - 1))
def test_rows_do_not_depend_on_the_order_of_the_input(seed: int) -> None:
    generator = np.random.default_rng(seed)
    sides = [drawn(generator, 8), drawn(generator, 6)]
    first = compared(*sides, Rules())
    second = compared(*(shuffled(each, generator) for each in sides), Rules())
    bare = [replace(r, base_values={}, new_values={}) for r in first.rows]
    assert repr(bare) == repr([replace(r, base_values={}, new_values={}) for r in second.rows])
    assert repr(first.decision) == repr(second.decision)
    assert first.notes == second.notes


# Rows


def test_a_row_holds_the_numbers_of_the_tests() -> None:
    generator = np.random.default_rng(0)
    base, new = drawn(generator, 12), drawn(generator, 8)
    made = compared(base, new)
    row = row_of(made, "score", "v1", "a")
    values = [np.array(list(s.cells["v1", "a"].values["score"].by_seed.values())) for s in (base, new)]
    assert row.p_worse == rank_test(-values[0], -values[1]).p
    assert row.p_better == rank_test(-values[1], -values[0]).p
    assert row.effect == effect(*values, QUANTITIES["score"])
    assert row.base is not None
    assert row.new is not None
    assert (row.base.count, row.new.count) == (12, 8)
    assert list(row.base_values) == list(range(12))
    assert row.improvement is not None
    assert row.improvement[1] <= row.improvement[0] <= row.improvement[2]


def test_families_are_adjusted_apart() -> None:
    generator = np.random.default_rng(1)
    base, new = drawn(generator, 12), drawn(generator, 8, 1.0)
    made = compared(base, new)
    for family, names in ((DIRECTED, ("score", "share")), (DESCRIPTIVE, ("norm",))):
        rows = [r for r in made.rows if r.family == family]
        assert {r.quantity.name for r in rows} == set(names)
        p = []
        for r in rows:
            values = [np.array(list(v.values())) for v in (r.base_values, r.new_values)]
            if r.quantity.direction == "none":
                values = [v[~np.isnan(v)] for v in values]
            turned = [on_scale(v, r.quantity) for v in values]
            p.append(two_sided(rank_test(*turned), rank_test(*turned[::-1])).p)
        assert [r.adjusted for r in rows] == pytest.approx(benjamini_hochberg(p))
        for r in rows:
            found = r.verdict.kind in ("worse", "better", "changed", "too small to matter")
            assert found == (r.adjusted is not None and r.adjusted <= FALSE_DISCOVERY)
    assert {r.family for r in made.rows if r.primary} == {PRIMARY}


def test_a_quantity_without_a_better_side_has_changed_and_got_neither_better_nor_worse() -> None:
    base, new = (
        one({"tv": np.arange(9), "norm": np.arange(9)}),
        one({"tv": np.arange(9), "norm": np.arange(9) + 30}),
    )
    row = row_of(compared(base, new), "norm")
    assert row.verdict.kind == "changed"
    assert row.verdict.words.startswith("changed, without a better side: 4 → 34 (+30")
    assert row.p_worse is row.p_better is row.improvement is row.detectable is None


@pytest.mark.parametrize(
    ("name", "before", "after", "kind"),
    [
        ("score", 0.0, 30.0, "better"),
        ("score", 0.0, -30.0, "worse"),
        ("share", 0.5, 30.0, "worse"),
        ("share", 30.0, 0.5, "better"),
        ("tv_margin", 0.0, 30.0, "worse"),
        ("fid", 1.0, 0.01, "better"),
    ],
)
def test_the_better_side_is_the_declared_one(name: str, before: float, after: float, kind: str) -> None:
    step = np.arange(10) / 1e4
    base, new = (one({"tv": np.arange(10), name: at + step}) for at in (before, after))
    row = row_of(compared(base, new), name)
    assert row.verdict.kind == kind
    assert row.verdict.words.startswith(f"{kind}: ")
    assert row.effect is not None
    assert (harm(row.effect.estimate, row.quantity) > 0) == (kind == "worse")


def test_below_the_margin_is_too_small_to_matter() -> None:
    step = np.arange(10) / 1e4
    base, new = (one({"tv": np.arange(10), "tv_margin": at + step}) for at in (0.0, 0.4))
    for pair in ((base, new), (new, base)):
        row = row_of(compared(*pair), "tv_margin")
        assert row.verdict.kind == "too small to matter"
        assert "0.500 would matter" in row.verdict.words


def test_too_few_seeds_are_insufficient_and_equal_values_are_no_difference() -> None:
    few = [one({"tv": [1.0, 2, 3], "score": [1.0, 2, 3 + i]}) for i in range(2)]
    assert row_of(compared(*few), "score").verdict.kind == "insufficient"
    equal = [one({"tv": np.arange(9), "score": np.ones(9)}) for _ in range(2)]
    assert row_of(compared(*equal), "score").verdict.words == "no difference seen: all values are equal"


def test_what_could_have_been_seen_is_told_in_the_effects_own_terms() -> None:
    generator = np.random.default_rng(2)
    values = {"fid": np.exp(generator.normal(size=20) / 10), "score": generator.normal(size=20)}
    made = compared(one(values), one({n: v[:10] for n, v in values.items()}), Rules())
    ratio, fall = row_of(made, "fid").detectable, row_of(made, "score").detectable
    assert ratio is not None
    assert fall is not None
    assert 1.1 < ratio < 1.5
    assert -3 < fall < -0.5
    assert f"could have seen ×{ratio:.2f}"[:-1] in row_of(made, "fid").verdict.words
    assert "could have seen −" in row_of(made, "score").verdict.words
    assert as_effect(0.5, QUANTITIES["score"]) == -0.5
    assert as_effect(math.log(2), QUANTITIES["fid"]) == pytest.approx(2)
    assert math.isnan(as_effect(math.inf, QUANTITIES["fid"]))


def test_scales_make_a_worsening_a_shift_upwards() -> None:
    higher = replace(QUANTITIES["score"], scale="log")
    assert on_scale([1.0, 2.0], higher) == pytest.approx([0.0, -math.log(2)])
    assert on_scale([1.0, math.e], QUANTITIES["fid"]) == pytest.approx([0.0, 1.0])
    assert on_scale([0.4, 0.9], QUANTITIES["share"]) == pytest.approx([0.1, 0.4])
    assert on_scale([1.0, np.nan], QUANTITIES["score"]).tolist()[0] == -1
    assert np.isnan(on_scale([-1.0], QUANTITIES["fid"])[0])


def test_diverged_seeds_show_in_words_and_numbers() -> None:
    base = one({"tv": np.arange(10.0), "score": np.arange(10.0)})
    lost = np.where(np.arange(10) < 8, np.nan, 5.0)
    made = compared(base, one({"tv": lost, "score": lost}))
    for name in ("tv", "score"):
        row = row_of(made, name)
        assert row.verdict.kind == "worse"
        assert "→ diverged" in row.verdict.words
        assert row.new is not None
        assert row.new.undefined == 8
    assert row_of(made, "tv").effect is not None


UNLOST = dict.fromkeys(range(10), "finished")


def test_what_is_undefined_of_seeds_that_finished_has_not_diverged() -> None:
    nothing = np.full(10, np.nan)
    base, new = (
        one({"tv": np.arange(10.0), "score": nothing, "share": first, "norm": second}, outcomes=UNLOST)
        for first, second in ((np.arange(10.0), nothing), (nothing, np.arange(10.0)))
    )
    made = compared(base, new)
    assert row_of(made, "score").verdict.words == "no difference seen: undefined on both sides"
    assert row_of(made, "norm").verdict.words == "insufficient evidence: no values in BASE"
    share = row_of(made, "share")
    assert share.verdict.kind == "worse"
    assert sides_words(made, share) == ["4 away from 0.500", "undefined"]
    lost = one({"tv": nothing, "score": nothing})
    both = compared(lost, lost)
    assert row_of(both, "score").verdict.words == "no difference seen: diverged on both sides"
    assert sides_words(both, row_of(both, "tv")) == ["diverged", "diverged"]


@pytest.mark.filterwarnings("error")
def test_what_nobody_could_measure_once_for_a_cohort_has_not_changed() -> None:
    declared = {"tv": QUANTITIES["tv"], "norm": replace(QUANTITIES["norm"], shared=True)}
    sides = [
        one(
            {"tv": np.arange(5.0), "norm": values},
            declared=declared,
            outcomes=dict.fromkeys(range(5), "finished"),
        )
        for values in (np.full(5, np.nan), [7.0, 7, 7, 7, np.nan])
    ]
    words = lambda base, new: row_of(compared(base, new), "norm").verdict.words  # noqa: E731
    assert words(sides[0], sides[0]) == "no difference: undefined on both sides; measured once a cohort"
    assert words(sides[0], sides[1]).startswith("changed: undefined → 7; measured once a cohort")
    assert words(sides[1], sides[1]) == "no difference: 7 on both sides; measured once a cohort"


def test_where_nothing_can_be_told_no_p_can_be_small() -> None:
    equal = one({"tv": np.arange(9), "score": np.ones(9)})
    row = row_of(compared(equal, equal), "score")
    assert (row.adjusted, row.smallest) == (1.0, 1.0)


def test_sides_in_the_wrong_order_are_noted() -> None:
    older = one({"tv": np.arange(9.0)})
    newer = replace(older, created="2026-11-22T00:00:01+00:00")
    said = "NEW was made before BASE (2026-11-22, 2026-11-22T00:00:01+00:00): are the two sides swapped?"
    made = compared(newer, older)
    assert made.notes[0] == made.decision.notes[0] == said
    for base, new in ((older, newer), (older, older), (replace(newer, created="once"), older)):
        assert not any("swapped" in note for note in compared(base, new).notes)


# Comparability


def plain(**changes: Any) -> Cell:
    return cell("v", "d", {"tv": np.arange(5.0)}, **changes)


@pytest.mark.parametrize("name", ["budget", "precision", "device type", "data option noise"])
def test_every_condition_must_agree_and_is_named(name: str) -> None:
    conditions = {"budget": "1", "precision": "float32", "device type": "cpu", "data option noise": "0.0"}
    base = plain(conditions=conditions)
    assert differences(base, plain(conditions=conditions)) == []
    other = plain(conditions={**conditions, name: "other"})
    assert differences(base, other) == [f"{name}: {conditions[name]} in BASE, other in NEW"]
    made = compared(side([base]), side([other]))
    assert made.decision.exit_code == 4
    assert made.differences == {("v", "d"): (f"{name}: {conditions[name]} in BASE, other in NEW",)}
    (row,) = made.rows
    assert row.verdict.kind == "not comparable"
    assert name in row.verdict.words


def with_reference(made: Cell, **references: float | None) -> Cell:
    values = {n: replace(v, reference=references.get(n, v.reference)) for n, v in made.values.items()}
    return replace(made, values=values)


@pytest.mark.parametrize(("before", "after"), [(5.58, 7.64), (5.58, 5.57), (5.58, None), (None, 5.58)])
@pytest.mark.parametrize("name", ["tv_margin", "modes_recovered", "fid"])
def test_a_reference_that_moved_is_not_comparable(
    name: str, before: float | None, after: float | None
) -> None:
    """Of the primary quantity, of what tells a collapse, and of every other with a margin."""
    made = cell("v", "d", {n: np.arange(20.0) for n in ("tv_margin", "modes_recovered", "fid")})
    base, new = (with_reference(made, **{name: reference}) for reference in (before, after))
    (reason,) = match(side([base]), side([new])).incomparable["v", "d"]
    assert reason.code is ReasonCode.REFERENCE
    assert pickle.loads(pickle.dumps(reason)).code is ReasonCode.REFERENCE
    shown = ["nothing" if value is None else f"{value:g}" for value in (before, after)]
    assert f"real data get {shown[0]} in BASE and {shown[1]} in NEW" in reason
    decision = gate(side([base]), side([new]), QUICK, np.random.default_rng(0))
    assert (decision.exit_code, decision.word) == (4, "not comparable")
    assert decision.cells[0].codes == (ReasonCode.REFERENCE,)
    assert gate(side([base]), side([base]), QUICK, np.random.default_rng(0)).exit_code != 4


def test_references_that_differ_by_rounding_are_comparable() -> None:
    made = cell("v", "d", {"tv_margin": np.arange(20.0), "fid": np.arange(20.0), "norm": np.arange(20.0)})
    base = with_reference(made, tv_margin=0.026, fid=5.58, norm=2.0)
    assert differences(base, with_reference(made, tv_margin=0.0264, fid=5.5803, norm=2.0)) == []
    moved = with_reference(base, norm=2.001)  # it has no margin: its own row alone is not comparable
    assert differences(base, moved) == []
    rows = {row.quantity.name: row.verdict for row in compared(side([base]), side([moved])).rows}
    assert rows["norm"].kind == "not comparable"
    assert "real data get 2 in BASE" in rows["norm"].words
    assert rows["fid"].kind != "not comparable"


def test_what_is_not_the_same_within_a_side_is_not_comparable_even_with_its_like() -> None:
    base = plain(conditions={"precision": f"{MIXED}a and b"})
    assert differences(base, base) == [f"precision: {MIXED}a and b"]
    assert differences(plain(conditions={}), plain(conditions={"data option new": "1"})) == [
        "data option new: none in BASE, 1 in NEW"
    ]
    assert differences(plain(conditions={}), plain(conditions={"precision": "float32"})) == []


def test_protocols_must_agree_and_the_members_that_differ_are_named() -> None:
    def measured(samples: int, name: str = "tv") -> Cell:
        made = cell("v", "d", {"tv": np.arange(9.0), "score": np.arange(9.0)})
        text = f'{{"samples":{samples},"version":1}}'
        quantity = replace(made.declared[name], protocol={"samples": samples, "version": 1})
        return replace(
            made,
            values={**made.values, name: Values(made.values[name].by_seed, text)},
            declared={**made.declared, name: quantity},
        )

    said = "measured by another protocol (samples: 512 in BASE, 2500 in NEW)"
    assert differences(measured(512), measured(2500)) == [f"tv: {said}"]
    base, new = (side([measured(n, "score")]) for n in (512, 2500))
    made = compared(base, new)
    assert made.decision.exit_code == 0
    assert row_of(made, "score").verdict.words == f"not comparable ({said})"
    assert row_of(made, "score").adjusted is None


@pytest.mark.parametrize(
    "change", [{"direction": "higher"}, {"scale": "log"}, {"target": 2.0}, {"unit": "nats"}]
)
def test_a_quantity_that_means_something_else_is_not_comparable(change: dict[str, Any]) -> None:
    other = plain(declared={"tv": replace(QUANTITIES["tv"], **change)})
    assert differences(plain(), other)[0].startswith(f"tv: {next(iter(change))}: ")


def test_the_bases_margin_decides_and_another_one_is_noted() -> None:
    base = cell("v", "d", {"tv_margin": np.arange(20) / 1e4})
    loose = {"tv_margin": replace(QUANTITIES["tv_margin"], smallest_difference=5.0)}
    new = cell("v", "d", {"tv_margin": 0.6 + np.arange(10) / 1e4}, declared=loose)
    made = compared(side([base]), side([new]))
    assert made.decision.exit_code == 1
    assert (
        "smallest difference that matters of tv_margin: 0.5 in BASE, 5.0 in NEW; BASE's counts" in made.notes
    )


def test_timings_are_refused_across_hardware_and_nothing_else_is() -> None:
    values = {"tv": np.arange(12.0), "seconds": np.arange(12.0)}
    base, slow = cell("v", "d", values), {**values, "seconds": np.arange(12.0) + 50}
    assert row_of(compared(side([base]), one(slow)), "seconds").verdict.kind == "worse"
    for name in ("processor", "threads", "device"):
        other = cell("v", "d", slow, circumstances={**base.circumstances, name: "other"})
        made = compared(side([base]), side([other]))
        row = row_of(made, "seconds")
        assert row.verdict.kind == "not comparable"
        assert f"a timing, on other hardware ({name}: " in row.verdict.words
        assert row_of(made, "tv").verdict.kind == "no difference"
        assert any(note.startswith(f"{name}: ") for note in made.notes)
    unknown = cell("v", "d", slow, circumstances={})
    assert refusal(unknown, unknown, "seconds") is not None


def test_another_primary_quantity_or_none_is_not_comparable() -> None:
    base = plain()
    other = replace(cell("v", "d", {"score": np.arange(5.0), "tv": np.arange(5.0)}))
    assert differences(base, other) == ["primary quantity: tv in BASE, score in NEW"]
    bare = replace(base, values={}, declared={})
    assert differences(base, bare) == ["tv was not measured in NEW"]
    assert differences(bare, base) == ["tv was not measured in BASE"]
    aimless = cell("v", "d", {"norm": np.arange(5.0)})
    assert differences(aimless, aimless) == ["norm does not say which way is better"]


# Notes


def test_notes_say_what_differs_once() -> None:
    def made(torch: str, gamma: str, everywhere: bool = True) -> Side:
        cells = []
        for variant in ("v", "w"):
            for dataset in ("a", "b"):
                option = gamma if variant == "w" and (everywhere or dataset == "a") else "0.1"
                about = {"torch": torch, "option gamma": option}
                cells.append(cell(variant, dataset, {"tv": np.arange(3.0)}, circumstances=about))
        return side(cells)

    base = made("2.14", "0.1")
    assert notes(base, base)[0].startswith(
        "the primary values of the seeds that both sides share are identical"
    )
    assert notes(base, made("2.15", "1"))[1:] == [
        "torch: 2.14 in BASE, 2.15 in NEW",
        "w: option gamma 0.1 in BASE, 1 in NEW",
    ]
    assert "w on a: option gamma 0.1 in BASE, 1 in NEW" in notes(base, made("2.14", "1", False))
    assert compared(base, made("2.15", "1")).decision.exit_code in (0, 5)
    moved = changed(base, ("v", "a"), values={"tv": Values({0: 9.0, 1: 9.0, 2: 9.0}, "{}")})
    assert "identical in 3 cells" in notes(base, moved)[0]


def test_quantities_that_one_side_did_not_measure_are_noted() -> None:
    base, new = one({"tv": np.arange(5.0), "score": np.arange(5.0)}), one({"tv": np.arange(5.0)})
    made = compared(base, new)
    assert "score was measured in BASE only (1 of 1 cells)" in made.notes
    assert [r.quantity.name for r in made.rows] == ["tv"]


def test_cells_of_one_side_are_listed() -> None:
    generator = np.random.default_rng(3)
    base, new = (
        normal(generator, 9, variants=2, datasets=("d",)),
        normal(generator, 9, variants=1, datasets=("d", "e")),
    )
    made = compared(base, new)
    assert made.only_base == (("v1", "d"),)
    assert made.only_new == (("v0", "e"),)
    assert [(r.variant, r.dataset) for r in made.rows] == [("v0", "d")]
