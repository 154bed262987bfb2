"""One result that was given more than once: a run and its baseline, or a run saved under two names."""

from __future__ import annotations

from collections.abc import Iterable

from ganbench.analysis.numbers import listed
from ganbench.comparison.model import Cell, Side
from ganbench.comparison.sides import same_cell


def counted_once(sides: Iterable[Side]) -> tuple[list[Side], tuple[str, ...]]:
    """The different results in the given order, and a sentence for each that was given more than once.

    Of copies the one with the most measured quantities stays: a baseline keeps fewer than its run.
    """
    groups: list[list[Side]] = []
    for side in sides:
        known = next((group for group in groups if any(_same(side, other) for other in group)), None)
        if known is None:
            groups.append([side])
        else:
            known.append(side)
    said = [f"the same result, counted once: {listed([s.source for s in g])}" for g in groups if len(g) > 1]
    return [max(group, key=_measured) for group in groups], tuple(said)


def _same(one: Side, other: Side) -> bool:
    """Whether both were begun at the same second, with the same seeds, and say the same of them."""
    return (
        one.created == other.created
        and one.cells.keys() == other.cells.keys()
        and all(same_cell(cell, other.cells[key]) for key, cell in one.cells.items())
        and all(_share(cell, other.cells[key]) for key, cell in one.cells.items())
    )


def _share(one: Cell, other: Cell) -> bool:
    """Whether two cells have a quantity in common, or none at all; else nothing says that they are one."""
    return bool(one.values.keys() & other.values.keys()) or not (one.values or other.values)


def _measured(side: Side) -> int:
    return sum(len(cell.values) for cell in side.cells.values())
