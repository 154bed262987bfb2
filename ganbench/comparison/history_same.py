"""One result that was given more than once: a run and its baseline, or a run saved under two names."""

from __future__ import annotations

from collections.abc import Iterable

from ganbench.analysis.numbers import listed
from ganbench.comparison.model import Cell, Side


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
        and all(_same_cell(cell, other.cells[key]) for key, cell in one.cells.items())
    )


def _same_cell(one: Cell, other: Cell) -> bool:
    """The same outcomes, and the same values in all quantities that both measured."""
    shared = one.values.keys() & other.values.keys()
    nothing_shared = not shared and bool(one.values or other.values)
    return (
        one.outcomes == other.outcomes
        and not nothing_shared
        # As text NaN equals NaN.
        and all(_text(one, name) == _text(other, name) for name in shared)
    )


def _text(cell: Cell, name: str) -> str:
    return repr(sorted(cell.values[name].by_seed.items()))


def _measured(side: Side) -> int:
    return sum(len(cell.values) for cell in side.cells.values())
