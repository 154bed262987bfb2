"""How much a planted defect changes the primary quantities: a comparison of many seeds, no test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.analysis.statistics import Values, summarize
from ganbench.comparison.margins import margin
from ganbench.comparison.model import Cell
from ganbench.quantities import Quantity
from ganbench.selftest.sides import primary, primary_badness

LARGE = 2.0
"""Standard deviations of the null seeds from which on the gate is asked to see a defect."""


@dataclass(frozen=True)
class CellEffect:
    """One cell's primary quantity with a defect, beside the null seeds."""

    variant: str
    dataset: str
    quantity: str
    null_median: float
    defect_median: float
    """In the quantity's own unit; NaN: the median seed diverged."""
    size: float
    """Difference of medians in null seeds' standard deviations, on the quantity's scale; above 0: worse.

    Infinite where the median seed diverged, or where null seeds do not differ."""
    harm: float
    """The same in the terms of the declared margin: the quantity's unit, on a log scale a ratio minus one."""
    margin: float
    diverged: int

    @property
    def large(self) -> bool:
        """Whether it is worse by at least `LARGE` standard deviations."""
        return self.size >= LARGE


def cell_effect(null: Cell, defect: Cell, null_seeds: Sequence[int], seeds: Sequence[int]) -> CellEffect:
    """The effect in one cell, of these null seeds and these seeds with the defect."""
    declared = primary(null)
    before, after = primary_badness(null, null_seeds), primary_badness(defect, seeds, declared)
    worse = _difference(_median(after), _median(before))
    harm = float(np.expm1(worse)) if declared.scale == "log" else worse
    return CellEffect(
        variant=null.variant,
        dataset=null.dataset,
        quantity=null.primary,
        null_median=_in_unit(null, null_seeds, declared),
        defect_median=_in_unit(defect, seeds, declared),
        size=_standardised(worse, before),
        harm=harm,
        margin=margin(declared),
        diverged=int(np.isnan(after).sum()),
    )


def worst(effects: Sequence[CellEffect]) -> CellEffect:
    """The effect that harms most, in standard deviations."""
    return max(effects, key=lambda effect: effect.size)


def _standardised(difference: float, null: Values) -> float:
    known = null[np.isfinite(null)]
    spread = float(known.std(ddof=1)) if known.size > 1 else 0.0
    if difference == 0 or math.isnan(difference):
        return 0.0
    return difference / spread if spread > 0 else math.copysign(math.inf, difference)


def _median(values: Values) -> float:
    """The median badness; infinite where it rests on a diverged seed."""
    return float(np.median(np.where(np.isnan(values), np.inf, values)))


def _difference(after: float, before: float) -> float:
    return 0.0 if after == before else after - before


def _in_unit(cell: Cell, seeds: Sequence[int], declared: Quantity) -> float:
    by_seed = cell.values[cell.primary].by_seed if cell.primary in cell.values else {}
    values = [by_seed.get(seed, math.nan) for seed in seeds]
    return summarize(values, declared.direction, declared.target).median
