"""The table of predicted, published and measured numbers: digits, signs, provenance, marks."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ganbench.report.theory.compared import DEVIATION, Compared, compared_table


def cells(*numbers: Any, **more: Any) -> list[str]:
    """Predicted, published, measured and deviation, as shown, of (predicted, published, error, measured)."""
    return list(compared_table("t", "T", [Compared("s", "q", *numbers, **more)]).rows[0][2:6])


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ((None, 3.097, 5e-4, 3.096949), ["", "3.0970 ± 0.0005", "3.0969", "−5.10e−05"]),
        ((None, 2.643e-6, 5e-10, 2.642656e-6), ["", "(2.6430 ± 0.0005)e−06", "2.6427e−06", "−3.44e−10"]),
        ((1.602881, 1.60288, 4e-5, 1.6029), ["1.60288", "1.60288 ± 0.00004", "1.60290", "+2.00e−05"]),
        ((1.6028, 1.60233, 0.02617, 1.61), ["1.603", "1.602 ± 0.026", "1.610", "+0.00767"]),
        ((None, 78.5, 17.56, 98.2), ["", "78 ± 18", "98", "+19.7*"]),
        ((-0.1225, None, None, -0.12), ["−0.122", "", "−0.120", "+0.00250"]),
        ((0, None, None, 0.0), ["0", "", "0", "0"]),
        ((0.5, None, None, 0.5 + 2e-16), ["0.500", "", "0.500", "0"]),
        ((0.0, None, None, -1e-4), ["0", "", "−1.00e−04", "−1.00e−04"]),
        (("undefined", None, None, math.nan), ["undefined", "", "undefined", "undefined"]),
        ((1.0, None, None, "never"), ["1", "", "never", ""]),
    ],
)
def test_numbers_are_shown_to_their_error(numbers: tuple[Any, ...], shown: list[str]) -> None:
    if shown[0] == "undefined":
        shown = [*shown[:3], ""]
    assert cells(*numbers) == shown


def test_digits_are_shown_where_they_are_asked_for() -> None:
    assert cells(None, -2.735521, None, -2.735499, digits=6)[1:3] == ["−2.73552", "−2.73550"]
    assert cells(None, -2.735521, None, -2.735499)[1:3] == ["−2.74", "−2.74"]
    assert cells(2.0, None, None, 2.0, 2.0, 3.0)[2] == "2 [2, 3]"


def test_provenance_reaches_the_table() -> None:
    derived = Compared("s", "q", None, 1.0, None, 1.0, kind="derived", source="their fields, iterated")
    own = Compared("s", "q", 1.0, None, None, 1.0)
    table = compared_table("t", "T", [derived, own], ["First."])
    assert table.rows[0][3] == "1 (derived)"
    assert list(table.notes) == ["First.", DEVIATION, "Derived: their fields, iterated."]
    assert table.data["kind"][0] == "derived"


def test_the_deviation_is_from_the_published_value_where_there_is_one() -> None:
    both = Compared("s", "q", 2.0, 3.0, 0.5, 4.0)
    assert (both.deviation, both.beyond_error) == (1.0, True)
    assert Compared("s", "q", 2.0, None, 0.5, 4.0).deviation == 2.0
    assert not Compared("s", "q", 2.0, None, 0.5, 4.0).beyond_error
    assert Compared("s", "q", "undefined", None, None, 4.0).deviation is None
    assert compared_table("t", "T", [both]).notes[-1] == "* beyond the published error."
    assert not compared_table("t", "T", [Compared("s", "q", None, None, None, 4.0)]).notes
