"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from ganbench.analysis.numbers import number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((0.0, "0"), (-0.0, "0"), (-3.0, "−3"), (0.98765, "0.988"), (1234.5, "1,234"), (-4e-4, "−4.00e−04")),
        *((math.inf, "∞"), (-math.inf, "−∞"), (math.nan, "diverged")),
    ],
)
def test_three_digits_whole_numbers_whole_and_one_zero(value: float, text: str) -> None:
    assert number(value) == text
