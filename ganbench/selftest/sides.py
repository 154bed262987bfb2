"""What the selftest reads from sides of a comparison, and how it puts one together from two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import rankdata

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


def primary_badness(cell: Cell, seeds: Sequence[int], declared: Quantity | None = None) -> Values:
    """A cell's primary quantity over seeds as badness, on the scale that it is declared on; NaN: diverged.

    On a log scale the logarithm; minus infinity stands for zero.  `declared` stands for the cell's own
    declaration.
    """
    by_seed = cell.values[cell.primary].by_seed if cell.primary in cell.values else {}
    values = np.array([by_seed.get(seed, np.nan) for seed in seeds], dtype=np.float64)
    declared = declared or primary(cell)
    if declared.scale == "log":
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log(values)
    return badness(values, declared.direction, declared.target)


def alike_across_datasets(side: Side) -> dict[str, float]:
    """Rank correlation over seeds between two data sets, averaged over pairs of them, by variant.

    Seeds share random numbers across data sets; a stratified test that deals each data set's seeds out by
    itself takes this for zero.  Variants with one data set, or equal values, are left out.
    """
    seeds, groups = seeds_in(side), dict[str, list[Values]]()
    for cell in side.cells.values():
        bad = primary_badness(cell, seeds)
        groups.setdefault(cell.variant, []).append(rankdata(np.where(np.isnan(bad), np.inf, bad)))
    found = {}
    for variant, ranks in groups.items():
        rows = np.array([row for row in ranks if row.min() < row.max()])
        if len(rows) > 1:
            found[variant] = float(np.corrcoef(rows)[np.triu_indices(len(rows), 1)].mean())
    return found


def primary(cell: Cell) -> Quantity:
    """The declaration of a cell's primary quantity; of a cell without any value a bare one."""
    return cell.declared.get(cell.primary) or Quantity(cell.primary, cell.primary, direction="lower")
