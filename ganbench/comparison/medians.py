"""What both sides of a row come to, in words: of a target its distance, and why there is no number."""

from __future__ import annotations

import math
from typing import Literal

from ganbench.analysis.numbers import DIVERGED, number
from ganbench.comparison.model import Cell, Comparison, Row
from ganbench.quantities import Quantity

NOTHING, UNDEFINED = "–", "undefined"


def lost_word(cell: Cell, name: str) -> str:
    """Why seeds have no value of a quantity: "diverged" where all of them did, else "undefined"."""
    values = cell.values.get(name)
    lost = [seed for seed, value in values.by_seed.items() if math.isnan(value)] if values else []
    return DIVERGED if lost and all(cell.outcomes.get(s) == DIVERGED for s in lost) else UNDEFINED


def sides_words(
    comparison: Comparison,
    row: Row,
    statistic: Literal["median", "interquartile_mean"] = "median",
    brief: bool = False,
) -> list[str]:
    """A statistic of BASE and of NEW; of a target "0.989 away from 0.5", or in brief "0.989 away"."""
    found = []
    for side, summary in ((comparison.base, row.base), (comparison.new, row.new)):
        if summary is None:
            found.append(NOTHING)
            continue
        cell = side.cells.get((row.variant, row.dataset))
        word = lost_word(cell, row.quantity.name) if cell is not None else UNDEFINED
        found.append(_away(getattr(summary, statistic), row.quantity, word, brief))
    return found


def chance_words(row: Row) -> str:
    """How likely a new seed beats one of the base, in percent, with its interval."""
    if row.improvement is None:
        return NOTHING
    middle, lower, upper = (f"{100 * share:.0f}" for share in row.improvement)
    return f"{middle} % [{lower}, {upper}]"


def _away(value: float, quantity: Quantity, word: str, brief: bool) -> str:
    said = number(value, word)
    if quantity.direction != "target" or math.isnan(value):
        return said
    return f"{said} away" if brief else f"{said} away from {number(quantity.target or 0.0)}"
