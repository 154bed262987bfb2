"""What the selftest reads from sides of a comparison, and how it puts one together from two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ganbench.analysis.statistics import Values, badness
from ganbench.comparison.model import Cell, Key, Side
from ganbench.quantities import Quantity


def with_cells(side: Side, cells: Mapping[Key, Cell]) -> Side:
    """The side with some cells replaced; its own order is kept."""
    return replace(side, cells={key: cells.get(key, cell) for key, cell in side.cells.items()})


def seeds_in(side: Side) -> tuple[int, ...]:
    """The seeds that all cells have, ascending."""
    each = [set(cell.outcomes) for cell in side.cells.values()]
    return tuple(sorted(set.intersection(*each))) if each else ()


def primary_badness(cell: Cell, seeds: Sequence[int]) -> Values:
    """A cell's primary quantity over seeds as badness, on the scale that it is declared on; NaN: diverged.

    On a log scale the logarithm; minus infinity stands for zero.
    """
    by_seed = cell.values[cell.primary].by_seed if cell.primary in cell.values else {}
    values = np.array([by_seed.get(seed, np.nan) for seed in seeds], dtype=np.float64)
    declared = primary(cell)
    if declared.scale == "log":
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log(values)
    return badness(values, declared.direction, declared.target)


def primary(cell: Cell) -> Quantity:
    """The declaration of a cell's primary quantity; of a cell without any value a bare one."""
    return cell.declared.get(cell.primary) or Quantity(cell.primary, cell.primary, direction="lower")
