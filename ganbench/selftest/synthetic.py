"""Sides of made-up numbers, of the suite `ci`'s shape: gates by the thousand, without any training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ganbench.analysis.cohorts import Budget
from ganbench.comparison.model import Cell, Key, Side, Values
from ganbench.quantities import Quantity

PRIMARY, COUNTED = "score", "modes_recovered"
MODES = 8
_DECLARED = {
    PRIMARY: Quantity(PRIMARY, "A made-up score", direction="lower"),
    COUNTED: Quantity(COUNTED, "Modes recovered", "modes", "higher"),
}
"""Without a margin: nothing but the tests' level stands between a null difference and red."""


@dataclass(frozen=True)
class World:
    """From what the numbers of all cells are drawn."""

    title: str
    variants: int = 6
    datasets: int = 3
    correlation: float = 0.0
    """Between the cells of one seed, as common random numbers make it."""
    digits: int | None = None
    """Values are rounded to so many decimals of a standard deviation: ties."""
    gone: float = 0.0
    """How many seeds diverge."""
    heavy: bool = False
    """Whether values are Student's t with two degrees of freedom, whose variance is infinite."""
    shifts: Mapping[Key, float] = field(default_factory=dict)
    """How much worse some cells of the new side are, in standard deviations."""

    def keys(self) -> list[Key]:
        """All cells."""
        return [(f"variant{v}", f"data{d}") for v in range(self.variants) for d in range(self.datasets)]


WORLDS = (
    World("independent normal values"),
    World("cells of a seed correlated by 0.5", correlation=0.5),
    World("values rounded to whole standard deviations", digits=0),
    World("heavy tails, one seed in twenty diverges", heavy=True, gone=0.05),
)


def synthetic_side(
    world: World, seeds: Sequence[int], generator: np.random.Generator, shifted: bool = False
) -> Side:
    """Fresh numbers for all cells; `shifted`: the world's shifts are in them."""
    keys = world.keys()
    own, shared = generator.standard_normal((len(keys), len(seeds))), generator.standard_normal(len(seeds))
    values = np.sqrt(1 - world.correlation) * own + np.sqrt(world.correlation) * shared
    if world.heavy:
        values = values / np.sqrt(generator.chisquare(2, values.shape) / 2)
    if world.digits is not None:
        values = np.round(values, world.digits)
    for key, shift in world.shifts.items() if shifted else ():
        values[keys.index(key)] += shift
    values[generator.random(values.shape) < world.gone] = np.nan
    cells = {key: _cell(key, seeds, row) for key, row in zip(keys, values, strict=True)}
    return Side("synthetic", "", "", {}, cells)


def _cell(key: Key, seeds: Sequence[int], values: np.ndarray) -> Cell:
    gone = np.isnan(values)
    counted = np.where(gone, np.nan, float(MODES))
    return Cell(
        variant=key[0],
        dataset=key[1],
        budget=Budget("steps", 1),
        conditions={},
        circumstances={},
        outcomes={s: "diverged" if lost else "finished" for s, lost in zip(seeds, gone, strict=True)},
        values={
            name: Values(dict(zip(seeds, map(float, row), strict=True)), "{}")
            for name, row in ((PRIMARY, values), (COUNTED, counted))
        },
        declared=_DECLARED,
        primary=PRIMARY,
        modes=MODES,
        counts_modes=COUNTED,
    )
