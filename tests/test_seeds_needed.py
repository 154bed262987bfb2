"""How many seeds a wanted effect needs: what is asked for, at which threshold, and whether that many do."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from ganbench.analysis.cohorts import Budget
from ganbench.analysis.sample_size import detectable
from ganbench.comparison.gate import gate
from ganbench.comparison.model import Cell, Rules, Side, Values
from ganbench.comparison.seeds_needed import SeedsNeeded, Wanted, parse_effect, seeds_for
from ganbench.comparison.seeds_text import seeds_text
from ganbench.errors import GanbenchError
from ganbench.quantities import Quantity

LINEAR = Quantity("loss", "Loss", direction="lower", smallest_difference=0.25)
LOGARITHMIC = Quantity("fid", "Fréchet distance", direction="lower", scale="log", smallest_difference=0.1)
HIGHER = Quantity("score", "Score", direction="higher")


def side(quantity: Quantity, values: np.ndarray, variants: int = 1, datasets: int = 1) -> Side:
    by_seed = dict(enumerate(map(float, values)))
    cells = {
        (f"v{v}", f"d{d}"): Cell(
            f"v{v}", f"d{d}", Budget("steps", 10.0), {}, {}, dict.fromkeys(by_seed, "finished"),
            {quantity.name: Values(by_seed, "{}")}, {quantity.name: quantity}, quantity.name,
        )
        for v in range(variants)
        for d in range(datasets)
    }  # fmt: skip
    return Side("run", "run", "2026-11-22T00:00:00+00:00", {}, cells)


def normal(count: int = 400, mean: float = 3.0, deviation: float = 0.5) -> np.ndarray:
    """A sample without sampling error: the distribution's own quantiles."""
    return norm.ppf((np.arange(count) + 0.5) / count, mean, deviation)


def answers(quantity: Quantity, values: np.ndarray, effect: str, **shape: int):
    generator = np.random.default_rng(2)
    return seeds_for(side(quantity, values, **shape), parse_effect(effect), Rules(), 20, 0.8, generator)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("2sd", Wanted("sd", 2)), ("10%", Wanted("%", 10)), (".5", Wanted("", 0.5)), ("1e-3", Wanted("", 1e-3)),
     ("margin", Wanted("margin")), ("1.5 SD", Wanted("sd", 1.5))],
)  # fmt: skip
def test_effects_are_read(text: str, wanted: Wanted) -> None:
    assert parse_effect(text) == wanted


@pytest.mark.parametrize("text", ["", "two", "-1", "0", "0sd", "5 sigma", "nan", "1%%"])
def test_what_is_no_effect_is_refused_with_what_would_work(text: str) -> None:
    with pytest.raises(GanbenchError, match=r"2sd .*10% .*margin"):
        parse_effect(text)


def test_an_effect_is_put_on_the_scale_on_which_seeds_are_compared() -> None:
    values = normal()
    spread, median = values.std(ddof=1), np.median(values)
    shifts = {e: answers(LINEAR, values, e)[0].shift for e in ("2sd", "10%", "0.3", "margin")}
    assert shifts == pytest.approx({"2sd": 2 * spread, "10%": median / 10, "0.3": 0.3, "margin": 0.25})
    factors = np.exp(values)
    (row,) = answers(LOGARITHMIC, factors, "10%")
    assert row.spread == pytest.approx(spread)
    assert row.shift == pytest.approx(math.log(1.1))
    assert answers(LOGARITHMIC, factors, "margin")[0].shift == pytest.approx(math.log(1.1))
    assert math.isnan(answers(HIGHER, values, "margin")[0].shift), "it declares none"


def test_the_threshold_is_the_gates() -> None:
    assert answers(LINEAR, normal(20), "2sd")[0].threshold == pytest.approx(0.04)
    rows = answers(LINEAR, normal(20), "2sd", variants=3, datasets=2)
    assert [row.threshold for row in rows] == pytest.approx([0.04 / 3 / 3] * 6)


@pytest.mark.parametrize("quantity", [replace(LINEAR, smallest_difference=None), HIGHER])
def test_so_many_seeds_do_and_fewer_do_not(quantity: Quantity) -> None:
    """Against scipy's exact test on fresh normal draws, which knows nothing of this code."""
    (row,) = answers(quantity, normal(), "1.5sd")
    generator = np.random.default_rng(5)

    def power(base: int, new: int) -> float:
        shift = row.shift if quantity.direction == "lower" else -row.shift
        worse = "less" if quantity.direction == "lower" else "greater"
        hits = [
            mannwhitneyu(generator.normal(3, 0.5, base), generator.normal(3, 0.5, new) + shift,
                         alternative=worse, method="exact").pvalue <= row.threshold
            for _ in range(1500)
        ]  # fmt: skip
        return float(np.mean(hits))

    assert row.each is not None
    assert row.against is not None
    assert power(row.each, row.each) > 0.8 - 0.05
    assert power(row.each - 2, row.each - 2) < 0.8 + 0.02
    assert power(20, row.against) > 0.8 - 0.05
    assert row.against <= row.each or row.each > 20


def test_what_cannot_be_answered_is_a_dash_and_not_a_number() -> None:
    equal = answers(LINEAR, np.full(10, 2.0), "2sd")
    assert equal[0].each is None
    diverged = answers(LINEAR, np.full(10, np.nan), "0.3")
    assert diverged[0].each is None
    assert diverged[0].diverged == 10
    tiny = answers(HIGHER, normal(20), "0.001")
    assert tiny[0].each is None
    assert not tiny[0].never
    lines = list(seeds_text(equal + diverged, 20, 0.8))
    assert [line.split()[-1] for line in lines][2:4] == ["–", "–"]
    assert lines[-1].startswith("–: nothing measured")
    assert "> 1000" in list(seeds_text(tiny, 20, 0.8))[2]
    assert "–:" not in "".join(seeds_text(tiny, 20, 0.8))


def test_the_columns_are_explained_in_two_lines() -> None:
    lines = list(seeds_text(answers(LINEAR, normal(20), "2sd"), 15, 0.8))
    assert len(lines) == 6, "a title, a header, a row, what the columns mean and how well they are known"
    legend = " ".join(lines[3:5])
    columns = ("measured:", "spread:", "effect:", "×", "both sides:", "against 15:")
    assert [legend.count(column) for column in columns] == [1] * len(columns)
    assert all(column.removesuffix(":") in lines[1] for column in columns if column != "×")


@pytest.mark.parametrize("effect", ["3sd", "margin", "40"])
def test_lines_are_short_and_labels_told_apart_whatever_they_are(effect: str) -> None:
    """Labels give way, at their middle: their ends, where they differ, stay."""
    quantity = replace(LINEAR, highest=4.0)
    made = side(quantity, np.append(normal(17), [np.nan] * 7), variants=2)
    cells = {
        (f"{'x' * 50}={i}", "y" * 70): replace(cell, variant=f"{'x' * 50}={i}", dataset="y" * 70)
        for i, cell in enumerate(made.cells.values())
    }
    long = replace(made, cells=cells)
    rows = seeds_for(long, parse_effect(effect), Rules(), 120, 0.8, np.random.default_rng(0))
    lines = list(seeds_text(rows, 120, 0.8))
    assert max(map(len, lines)) <= 100
    assert [line.split()[0][-2:] for line in lines[2:4]] == ["=0", "=1"]


def red(quantity: Quantity, base: int, new: int, shift: float, trials: int = 400) -> float:
    """How often the gate itself is red on normal seeds that are worse by a shift on the quantity's scale."""
    generator, hits = np.random.default_rng(7), 0
    turned = -1 if quantity.direction == "higher" else 1
    for _ in range(trials):
        drawn = [generator.normal(3, 0.5, n) + turned * s for n, s in ((base, 0.0), (new, shift))]
        sides = [side(quantity, np.exp(v) if quantity.scale == "log" else v) for v in drawn]
        hits += gate(*sides, Rules(detectable=False, suspects=False), np.random.default_rng(0)).exit_code == 1
    return hits / trials


@pytest.mark.parametrize(
    ("quantity", "effect"),
    [(LINEAR, "0.35"), (LINEAR, "1.5sd"), (replace(HIGHER, smallest_difference=0.25), "0.4"),
     (replace(LOGARITHMIC, smallest_difference=0.4), "60%")],
)  # fmt: skip
def test_with_so_many_seeds_the_gate_itself_sees_it(quantity: Quantity, effect: str) -> None:
    """Also where the margin, not p, is what asks for seeds: 0.35 is one fifth of a deviation beyond it."""
    values = np.exp(normal()) if quantity.scale == "log" else normal()
    (row,) = answers(quantity, values, effect)
    assert row.each is not None
    assert red(quantity, row.each, row.each, row.shift) == pytest.approx(0.8, abs=0.06)
    if row.against is not None:
        assert red(quantity, 20, row.against, row.shift) == pytest.approx(0.8, abs=0.07)
    if effect == "0.35":
        (by_p_alone,) = answers(replace(quantity, smallest_difference=None), values, effect)
        assert by_p_alone.each is not None
        assert by_p_alone.each < row.each
        assert red(quantity, by_p_alone.each, by_p_alone.each, row.shift) < 0.75


def test_an_effect_within_the_margin_is_never_seen_by_any_number_of_seeds() -> None:
    """At the margin the gate is red half of the time, below it less and less: no number is an answer."""
    for effect in ("margin", "0.25", "0.2"):
        (row,) = answers(LINEAR, normal(), effect)
        assert row.never
        assert row.each is row.against is None
        lines = list(seeds_text([row], 20, 0.8))
        assert lines[2].split()[5:7] == ["never", "never"]
        assert sum(line.startswith("never:") for line in lines) == 1
    assert red(LINEAR, 60, 60, 0.25) == pytest.approx(0.5, abs=0.08)
    assert red(LINEAR, 150, 150, 0.2, trials=100) < 0.4
    (beyond,) = answers(LINEAR, normal(), "0.5")
    assert not beyond.never
    assert beyond.each is not None
    assert beyond.seen is None
    assert "never" not in "".join(seeds_text([beyond], 20, 0.8))


@pytest.mark.parametrize("quantity", [LINEAR, replace(LOGARITHMIC, smallest_difference=0.4)])
def test_who_asks_for_the_margin_is_told_what_is_seen_beyond_it(quantity: Quantity) -> None:
    """The gate itself sees that much with the wanted probability, and asked for it says so many seeds."""
    values = np.exp(normal(20)) if quantity.scale == "log" else normal(20)
    (row,) = seeds_for(
        side(quantity, values), parse_effect("margin"), Rules(), 35, 0.8, np.random.default_rng(1)
    )
    assert row.seen is not None
    own, other = row.seen
    assert row.shift < other < own, "35 seeds see more than the 20 that were measured"
    assert red(quantity, 20, 20, own) == pytest.approx(0.8, abs=0.07)
    assert red(quantity, 35, 35, other) == pytest.approx(0.8, abs=0.07)
    size = math.expm1(other) if quantity.scale == "log" else other
    (back,) = answers(quantity, values, f"{size:.6f}")
    assert back.each == pytest.approx(35, rel=0.2), "2.5 points of power are so many seeds"
    lines = list(seeds_text([row], 35, 0.8))
    assert lines[1].endswith("20 see  35 see")
    assert any(line.startswith("20 see and 35 see: the smallest effect") for line in lines)
    told = [float(cell.removeprefix("×")) for cell in lines[2].split()[-2:]]
    shown = np.exp(row.seen) if quantity.scale == "log" else np.array(row.seen)
    assert told == pytest.approx(shown, rel=0.01)
    (once,) = seeds_for(
        side(quantity, values), parse_effect("margin"), Rules(), 20, 0.8, np.random.default_rng(1)
    )
    assert list(seeds_text([once], 20, 0.8))[1].endswith("against 20  20 see")


def test_cells_with_unlike_numbers_of_seeds_share_a_column() -> None:
    rows = answers(LINEAR, normal(20), "margin") + answers(LINEAR, normal(5), "margin")
    assert list(seeds_text(rows, 20, 0.8))[1].endswith("against 20  own see  20 see")


def test_so_few_seeds_that_none_see_anything_are_said_to() -> None:
    (row,) = answers(LINEAR, normal(3), "margin", variants=1)
    assert row.seen is not None
    assert math.isinf(row.seen[0])
    lines = list(seeds_text([row], 20, 0.8))
    assert lines[2].split()[-2] == "none"
    assert lines[-1].startswith("none: ")


def test_other_answers_do_not_hang_on_cells_that_have_none() -> None:
    """What is seen beyond a margin is drawn apart."""
    made = side(LINEAR, normal(20), variants=2)
    wide = replace(LINEAR, smallest_difference=9.0)
    cell = made.cells["v0", "d0"]
    mixed = replace(made, cells={**made.cells, ("v0", "d0"): replace(cell, declared={"loss": wide})})
    alone = replace(made, cells={("v1", "d0"): made.cells["v1", "d0"]})
    rules = Rules(level=0.08), Rules()
    rows = [
        seeds_for(s, parse_effect("1.3sd"), r, 20, 0.8, np.random.default_rng(4))[-1]
        for s, r in zip((mixed, alone), rules, strict=True)
    ]
    assert rows[0].each is not None
    assert rows[0] == rows[1]


# Effects that a bound makes impossible

SHARE = Quantity("total", "Total variation", direction="lower", smallest_difference=0.05, lowest=0, highest=1)
MODES = Quantity("modes", "Modes", direction="higher", smallest_difference=0.5, lowest=0, highest=8)
ALIGNED = Quantity("slope", "Slope", direction="target", target=1, lowest=0, highest=3)


def near(centre: float, deviation: float = 0.01) -> np.ndarray:
    """Forty seeds around a centre."""
    return normal(40, centre, deviation)


@pytest.mark.parametrize(
    ("quantity", "centre", "largest"),
    [(SHARE, 0.95, 0.05), (SHARE, 0.2, 0.8), (MODES, 3.0, 3.0), (ALIGNED, 2.5, 0.5)],
)
def test_what_leads_beyond_a_bound_is_impossible_and_not_a_number(
    quantity: Quantity, centre: float, largest: float
) -> None:
    (row,) = answers(quantity, near(centre), "0.01")
    assert row.room == pytest.approx(largest)
    assert not row.impossible
    (beyond,) = answers(quantity, near(centre), f"{1.02 * largest}")
    assert beyond.impossible
    assert beyond.each is beyond.against is None
    lines = list(seeds_text([beyond], 20, 0.8))
    assert lines[2].split()[5:7] == ["impossible", "impossible"]
    assert sum(line.startswith("impossible: ") for line in lines) == 1
    assert not any("never" in line or "1000" in line for line in lines)
    (unbounded,) = answers(replace(quantity, lowest=None, highest=None), near(centre), f"{1.02 * largest}")
    assert math.isinf(unbounded.room)
    assert unbounded.each is not None
    (just,) = answers(quantity, near(centre), f"{0.98 * largest}")
    assert not just.impossible


def test_in_place_of_an_impossible_effect_stands_what_is_seen_and_possible() -> None:
    (row,) = answers(SHARE, near(0.9, 0.02), "0.5")
    assert row.seen is not None
    assert all(0.05 < shift < row.room for shift in row.seen)
    (crowded,) = answers(SHARE, near(0.97), "margin")
    assert crowded.impossible, "not even the margin is left"
    assert crowded.never
    lines = list(seeds_text([crowded], 20, 0.8))
    assert lines[2].split()[5:] == ["impossible", "impossible", "none", "none"]
    assert not any(line.startswith("never") for line in lines)
    (full,) = answers(SHARE, np.ones(20), "0.1")
    assert full.impossible


def test_what_is_seen_before_a_bound_is_what_the_seeds_can_do() -> None:
    """Some of those that must be moved far to be seen are stopped by the bound: the effect is smaller."""
    values = normal(8, 0.9, 0.06)
    (row,) = answers(replace(SHARE, smallest_difference=0.02), values, "0.5")
    moved = detectable(values, 8, 8, 0.04, generator=np.random.default_rng(8), margin=0.02, worst=1.0)
    pairs = [min(new + moved, 1.0) - base for new in values for base in values]
    assert row.seen is not None
    assert row.seen[0] == pytest.approx(np.median(pairs), rel=0.05)
    assert row.seen[0] < 0.9 * moved


def test_small_effects_before_a_bound_are_possible_and_may_take_more_than_are_tried() -> None:
    (row,) = answers(replace(SHARE, smallest_difference=None), near(0.9, 0.02), "0.0001")
    assert not row.impossible
    assert "> 1000" in list(seeds_text([row], 20, 0.8))[2]


def test_a_logarithm_that_is_best_at_its_bound_has_room_without_end() -> None:
    distance = replace(LOGARITHMIC, lowest=0)
    (row,) = answers(distance, np.exp(normal(40)), "900%")
    assert math.isinf(row.room)
    assert not row.impossible
    capped: SeedsNeeded = answers(replace(distance, highest=100.0), np.exp(normal(40)), "900%")[0]
    assert capped.room == pytest.approx(math.log(100) - 3, abs=0.02)
    assert capped.impossible


def test_a_cell_without_a_measured_primary_is_a_row_of_dashes() -> None:
    """As an incomplete run has: cohorts that failed or were never begun."""
    made = side(LINEAR, normal(20), variants=2)
    bare = replace(made.cells["v1", "d0"], values={}, declared={})
    some = replace(made, cells={**made.cells, ("v1", "d0"): bare})
    for effect in ("2sd", "10%", "0.5", "margin"):
        rows = seeds_for(some, parse_effect(effect), Rules(), 20, 0.8, np.random.default_rng(0))
        assert (rows[0].each is None) == (effect == "margin")
        (line,) = [line for line in seeds_text(rows, 20, 0.8) if line.strip().startswith("v1")]
        assert line.split()[2] == "–"
        assert set(line.split()[5:]) == {"–"}


def test_a_logarithmic_distance_to_a_target_is_on_the_logarithmic_scale() -> None:
    """As the gate and its detectable effects have it."""
    quantity = Quantity("share", "Share", direction="target", target=0.5, scale="log")
    values = 0.5 + np.exp(normal(100, -2, 0.3))
    (row,) = answers(quantity, values, "20%")
    assert row.shift == pytest.approx(math.log(1.2))
    assert row.spread == pytest.approx(normal(100, -2, 0.3).std(ddof=1))
