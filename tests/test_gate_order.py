"""The gate: Holm's steps, and that the order of its input decides nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from made_sides import cell, normal, shuffled, side

from ganbench.comparison.gate import gate
from ganbench.comparison.holm import holm_steps
from ganbench.comparison.model import Rules, Side


def test_holm_steps_by_hand() -> None:
    """p = 0.01, 0.02, 0.03, 0.04 at 5 %: only the first is rejected, for 3 x 0.02 is more than 5 %."""
    p = {"a": 0.01, "b": 0.02, "c": 0.03, "d": 0.04}
    steps = holm_steps(p, dict.fromkeys(p, 1), 0.05)
    assert [steps[n].adjusted for n in "abcd"] == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert [steps[n].threshold for n in "abcd"] == pytest.approx([0.05 / 4, *[0.05 / 3] * 3])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1e-6, 1.0), st.integers(1, 4)), min_size=1, max_size=8),
    st.floats(0.001, 0.2),
)
def test_a_test_within_its_threshold_is_rejected_and_no_other(
    families: list[tuple[float, int]], level: float
) -> None:
    p = {str(i): value for i, (value, _) in enumerate(families)}
    counts = {str(i): count for i, (_, count) in enumerate(families)}
    for name, step in holm_steps(p, counts, level).items():
        if abs(p[name] - step.threshold) > 1e-12:
            assert (p[name] <= step.threshold) == (step.adjusted <= level)
            assert (step.adjust(p[name]) <= level) == (step.adjusted <= level)


@settings(max_examples=15, deadline=None, phases=[Phase.generate])
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_the_input_decides_nothing(seed: int) -> None:
    generator = np.random.default_rng(seed)

    def values(count: int) -> dict[str, np.ndarray]:
        coarse = np.exp(generator.normal(size=count)).round(1) + 0.1
        return {"fid": coarse, "score": generator.normal(size=count)}

    sides = [side([cell(f"v{i}", d, values(n)) for i in range(3) for d in "ab"]) for n in (12, 6)]
    mixed = [shuffled(each, generator) for each in sides]
    rules = Rules(level=0.3)
    first, second = (gate(*each, rules, np.random.default_rng(5)) for each in (sides, mixed))
    assert repr(first) == repr(second)
    assert repr(first) == repr(gate(*sides, rules, np.random.default_rng(5)))


def test_random_streams_are_named_by_the_cell_and_not_by_its_place_in_line() -> None:
    generator = np.random.default_rng(10)
    sides = [normal(generator, n, variants=3) for n in (20, 10)]

    def renamed(made: Side) -> Side:
        cells = [replace(c, variant=f"z{v}" if v == "v0" else v) for (v, _), c in made.cells.items()]
        return side(cells)

    def seen(base: Side, new: Side) -> list[float | None]:
        judgements = gate(base, new, Rules(), np.random.default_rng(1)).judgements
        return [t.detectable for j in judgements if j.variant == "v1" for t in j.tests]

    assert seen(*sides) == seen(*map(renamed, sides))
