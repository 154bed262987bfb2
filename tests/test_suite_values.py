"""Single values against declared types: strict where YAML writers slip, lenient where nothing can be lost."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt, MinLen

from ganbench.suite.locations import ErrorCollector, Location, from_plain
from ganbench.suite.options import WRONG, depth_of_type, read_value
from ganbench.suite.wording import describe


@pytest.mark.parametrize(
    ("value", "hint", "read"),
    [
        (True, Literal[1, 2], WRONG),
        (1, Literal[1, 2], 1),
        (1, bool, WRONG),
        (True, int, WRONG),
        (True, float, WRONG),
        (1e5, int, 100_000),
        (2.5, int, WRONG),
        (2, float, 2.0),
        ("2", float, WRONG),
        (2, str, WRONG),
        (None, float | None, None),
        ([1, 2], tuple[float, float], [1.0, 2.0]),
        ([1, 2, 3], tuple[int, ...], [1, 2, 3]),
        ([], tuple[int, ...], WRONG),
        ([0.1, 2], float | tuple[float, float], [0.1, 2.0]),
        (0.1, float | tuple[float, float], 0.1),
        ({"a": 1}, dict[str, Any], {"a": 1}),
    ],
)
def test_values_are_read_strictly(value: Any, hint: Any, read: Any) -> None:
    collector = ErrorCollector("f")
    found = read_value(from_plain(value, Location(1, 1)), hint, "x", collector)
    assert found == read
    assert type(found) is type(read)
    assert bool(collector.mistakes) is (read is WRONG)


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (Annotated[int, Ge(1), Le(9), "meaning"], "a whole number from 1 to 9"),
        (Annotated[float | None, Gt(0), Lt(1)], "a number above 0 and below 1, or null"),
        (Annotated[tuple[int, ...], MinLen(2)], "a list of whole numbers with at least 2 items"),
        (tuple[int, str], "a list [a whole number, text]"),
        (Literal["a", "b"] | bool, "one of a, b, or true or false"),
        (str | dict[str, Any], "text, or a mapping"),
    ],
)
def test_types_in_plain_words(hint: Any, words: str) -> None:
    assert describe(hint) == words


@pytest.mark.parametrize(
    ("hint", "depth"),
    [
        (float, 0),
        (tuple[int, ...], 1),
        (float | tuple[float, float], 1),
        (tuple[tuple[int, int], ...], 2),
        (Any, 0),
    ],
)
def test_how_deep_a_value_may_be_before_a_list_is_a_sweep(hint: Any, depth: int) -> None:
    assert depth_of_type(hint) == depth
