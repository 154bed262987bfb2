"""How many seeds a wanted effect needs: what is asked for, at which threshold, and whether that many do."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from ganbench.analysis.cohorts import Budget
from ganbench.comparison.gate import gate
from ganbench.comparison.model import Cell, Rules, Side, Values
from ganbench.comparison.seeds_needed import NEVER, Wanted, parse_effect, seeds_for, seeds_text
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
    assert [line.split()[-1] for line in seeds_text(equal + diverged, 20, 0.8)][2:] == ["–", "–"]
    assert "> 1000" in list(seeds_text(tiny, 20, 0.8))[2]
    assert all(len(line) <= 100 for line in seeds_text(answers(LINEAR, normal(20), "2sd"), 20, 0.8))


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
        assert lines[2].split()[-2:] == ["never", "never"]
        assert lines[-1].startswith(NEVER)
    assert red(LINEAR, 60, 60, 0.25) == pytest.approx(0.5, abs=0.08)
    assert red(LINEAR, 150, 150, 0.2, trials=100) < 0.4
    (beyond,) = answers(LINEAR, normal(), "0.5")
    assert not beyond.never
    assert beyond.each is not None
    assert NEVER not in "".join(seeds_text([beyond], 20, 0.8))


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
        assert line.split()[-2:] == ["–", "–"]


def test_a_logarithmic_distance_to_a_target_is_on_the_logarithmic_scale() -> None:
    """As the gate and its detectable effects have it."""
    quantity = Quantity("share", "Share", direction="target", target=0.5, scale="log")
    values = 0.5 + np.exp(normal(100, -2, 0.3))
    (row,) = answers(quantity, values, "20%")
    assert row.shift == pytest.approx(math.log(1.2))
    assert row.spread == pytest.approx(normal(100, -2, 0.3).std(ddof=1))
