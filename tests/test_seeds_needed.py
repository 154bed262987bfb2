"""How many seeds a wanted effect needs: what is asked for, at which threshold, and whether that many do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from ganbench.analysis.cohorts import Budget
from ganbench.comparison.model import Cell, Rules, Side, Values
from ganbench.comparison.seeds_needed import Wanted, parse_effect, seeds_for, seeds_text
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


@pytest.mark.parametrize("quantity", [LINEAR, HIGHER])
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
    diverged = answers(LINEAR, np.full(10, np.nan), "0.1")
    assert diverged[0].each is None
    assert diverged[0].diverged == 10
    tiny = answers(LINEAR, normal(20), "0.001")
    assert tiny[0].each is None
    assert [line.split()[-1] for line in seeds_text(equal + diverged, 20, 0.8)][2:] == ["–", "–"]
    assert "> 1000" in list(seeds_text(tiny, 20, 0.8))[2]
    assert all(len(line) <= 100 for line in seeds_text(answers(LINEAR, normal(20), "2sd"), 20, 0.8))
