"""Bounds that no value can leave: what is at its worst cannot become worse, and nothing is promised of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_sides import cell, side
from scipy.stats import norm

from ganbench.analysis.rank_tests import rank_test
from ganbench.analysis.sample_size import detectable, power, seeds_needed
from ganbench.comparison.attainable import at_worst, attainable
from ganbench.comparison.detectable import detectable_effect, margin_on_scale, on_scale, worst_place
from ganbench.comparison.gate import gate
from ganbench.comparison.model import Decision, Rules
from ganbench.datasets.mixtures import ring8
from ganbench.datasets.supports import parallel_lines
from ganbench.diagnostics.diagnostic import primary_quantity
from ganbench.diagnostics.modes import _declare, histogram_values
from ganbench.quantities import Quantity

NAN, INF = float("nan"), float("inf")
SHARE = primary_quantity(ring8())
CLASSES = Quantity("classes", "Classes, of 10", "classes", "higher", lowest=1, highest=10)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def normal_values(count: int, mean: float = 0.0, deviation: float = 1.0) -> np.ndarray:
    return norm.ppf((np.arange(count) + 0.5) / count, mean, deviation)


def decided(quantity: Quantity, base: np.ndarray, new: np.ndarray) -> Decision:
    declared = {"tv": replace(quantity, name="tv")}
    sides = [
        side([cell("v", "d", {"tv": values}, declared=declared)], n)
        for values, n in ((base, "b"), (new, "n"))
    ]
    return gate(*sides, Rules(), rng())


@pytest.mark.parametrize(
    ("declared", "worst"),
    [
        (Quantity("a", "A", direction="lower", lowest=0, highest=1), 1),
        (Quantity("a", "A", direction="higher", lowest=0, highest=1), 0),
        (Quantity("a", "A", direction="target", target=0.9, lowest=0, highest=1), 0),
        (Quantity("a", "A", direction="target", target=0.4, lowest=0, highest=1), 1),
        (Quantity("a", "A", direction="target", target=1.0, lowest=0), None),  # above it there is no end
        (Quantity("a", "A", direction="lower", lowest=0), None),
        (Quantity("a", "A", lowest=0, highest=1), None),
    ],
)
def test_the_worst_is_the_bound_on_the_worse_side(declared: Quantity, worst: float | None) -> None:
    assert declared.worst == worst
    assert worst_place(declared) == (INF if worst is None else on_scale([worst], declared)[0])
    assert worst_place(replace(declared, scale="log", direction="higher")) == INF, "ln 0"


def test_a_histogram_at_its_worst_is_at_the_declared_bounds() -> None:
    """All samples on no mode, all on one, and exactly right: within the bounds, which the worst attains."""
    declared = {q.name: q for q in _declare(2500, 3.0, 2, 8)}
    counts = torch.tensor([[0.0] * 8 + [1.0], [1.0] + [0.0] * 8, [1.0] * 8 + [0.0]], dtype=torch.float64)
    values = histogram_values(counts, torch.full((8,), 1 / 8, dtype=torch.float64))
    for name in ("mode_total_variation", "modes_recovered", "high_quality_fraction"):
        assert values[name][0] == declared[name].worst
        assert declared[name].lowest <= values[name].min()
        assert values[name].max() <= declared[name].highest
    assert declared["modes_recovered"].highest == values["modes_recovered"][2] == 8


def test_seeds_at_the_worst_count_like_undefined_ones() -> None:
    share = np.array([1.0, 0.3, NAN, 1.0])
    assert at_worst(share, SHARE) == 3
    assert at_worst(share, replace(SHARE, highest=None)) == 1
    classes = -np.array([1.0, 2.0, 10.0])  # badness
    assert at_worst(classes, CLASSES) == 1
    base = np.array([0.2, 0.4, 0.5, 1.0, 1.0])
    assert attainable(5, at_worst(base, SHARE), 4) == pytest.approx(rank_test(base, [1.0] * 4).p, rel=1e-12)


@pytest.mark.parametrize(
    ("quantity", "worst"), [(SHARE, 1.0), (CLASSES, 1.0), (primary_quantity(parallel_lines()), 0.0)]
)
def test_a_base_at_its_worst_is_insufficient_evidence(quantity: Quantity, worst: float) -> None:
    """Nothing could go red there, so nothing is passed; without bounds it was a green with a promise."""
    at_bound = np.full(20, worst)
    decision = decided(quantity, at_bound, at_bound[:10])
    assert (decision.exit_code, decision.word) == (5, "insufficient evidence")
    assert "no number of new ones would do" in decision.insufficient[0]
    open_ended = replace(quantity, lowest=None, highest=None)
    assert decided(open_ended, at_bound, at_bound[:10]).exit_code == 0
    assert math.isnan(detectable_effect(at_bound, 10, quantity, 0.04, 0.8, rng()))
    assert detectable_effect(at_bound, 10, open_ended, 0.04, 0.8, rng()) == pytest.approx(
        open_ended.smallest_difference * (-1 if quantity.direction == "higher" else 1)
        if open_ended.smallest_difference
        else 0
    )


def test_no_more_is_promised_than_there_is_room_for() -> None:
    """Few classes of ten: the shift that a wide spread asks for would be less than none of them."""
    classes = np.array([1.0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 5, 6, 8, 9, 9, 10])
    promised = detectable_effect(classes, 5, replace(CLASSES, lowest=None), 0.0015, 0.8, rng())
    assert promised < 1 - np.median(classes), "without the bound"
    bounded = detectable_effect(classes, 5, CLASSES, 0.0015, 0.8, rng())
    assert math.isnan(bounded) or bounded >= 1 - np.median(classes)
    high = 1 - np.abs(normal_values(20, 0, 0.02))  # a total variation near 1, below it, no 0.05 from it
    assert math.isnan(detectable_effect(high, 10, SHARE, 0.0015, 0.8, rng()))
    far = detectable_effect(high - 0.6, 10, SHARE, 0.0015, 0.8, rng())
    assert far == pytest.approx(
        detectable_effect(high - 0.6, 10, replace(SHARE, highest=None), 0.0015, 0.8, rng())
    )


def test_power_at_a_bound_is_that_of_a_direct_simulation() -> None:
    """Seeds stop at the worst and tie there: against scipy's normal draws, clipped, with midranks."""
    draws, worst, seen, trials = rng(5), 0.8, {0.8: 0, 2.0: 0}, 500
    for shift in seen:
        for _ in range(trials):
            base, new = (np.minimum(draws.normal(size=n) + s, worst) for n, s in ((20, 0), (10, shift)))
            seen[shift] += rank_test(base, new).p <= 0.01
    for shift, hits in seen.items():
        found = power(normal_values(300), 20, 10, shift, 0.01, rng(), worst=worst)
        assert found == pytest.approx(hits / trials, abs=0.07)
    assert power(normal_values(300), 20, 10, 2.0, 0.01, rng()) > power(
        normal_values(300), 20, 10, 2.0, 0.01, rng(), worst=0.0
    )


@pytest.mark.parametrize(("margin", "worst"), [(0.0, 0.8), (1.0, INF), (0.6, 1.5)])
def test_power_and_detectable_are_one_curve_with_margin_and_bound_too(margin: float, worst: float) -> None:
    values, both = np.append(normal_values(29), [NAN]), {"margin": margin, "worst": worst}
    for wanted in (0.3, 0.8):
        shift = detectable(values, 20, 10, 0.01, wanted, generator=rng(3), **both)
        assert math.isfinite(shift)
        above, below = (power(values, 20, 10, shift + s, 0.01, rng(3), **both) for s in (1e-6, -1e-6))
        assert above >= wanted - 0.03
        assert below <= wanted + 0.03
        assert above >= below


def test_what_the_bound_forbids_needs_no_number_of_seeds() -> None:
    values = normal_values(20)
    assert seeds_needed(values, 1.5, 0.01, generator=rng()) is not None
    assert seeds_needed(values, 1.5, 0.01, generator=rng(), margin=0.5, worst=values.min() + 0.4) is None
    assert detectable(np.ones(20), 20, 10, 0.04, generator=rng(), worst=1.0) == INF
    assert detectable(np.ones(20), 20, 10, 0.04, generator=rng()) == 0


def test_the_margin_is_on_the_scale_of_the_seeds() -> None:
    assert margin_on_scale(SHARE) == 0.05
    assert margin_on_scale(replace(SHARE, scale="log")) == pytest.approx(math.log(1.05))
    assert margin_on_scale(replace(SHARE, smallest_difference=None)) == 0
