"""Sides of a comparison made up in memory: chosen values, without a run folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ganbench.analysis.cohorts import Budget
from ganbench.comparison.gate import gate
from ganbench.comparison.model import Cell, Decision, Key, Rules, Side, Values
from ganbench.quantities import Quantity

QUANTITIES = {
    "tv": Quantity("tv", "Total variation", direction="lower"),
    "tv_margin": Quantity("tv_margin", "Total variation", direction="lower", smallest_difference=0.5),
    "fid": Quantity("fid", "Fréchet distance", direction="lower", scale="log", smallest_difference=0.1),
    "score": Quantity("score", "Score", direction="higher"),
    "share": Quantity("share", "Share", "fraction", direction="target", target=0.5),
    "norm": Quantity("norm", "Norm"),
    "seconds": Quantity("seconds", "Time", "s", direction="lower", timing=True),
    "modes_recovered": Quantity("modes_recovered", "Modes, of 8", direction="higher"),
}
DATASETS = ("digits", "ring8")
QUICK = Rules(detectable=False, suspects=False)
"""A gate's rules without what takes most of its time."""
HARDWARE = {"processor": "A", "threads": "1", "device": "cpu"}


def cell(variant: str, dataset: str, values: Mapping[str, ArrayLike], **changes: Any) -> Cell:
    """A cell whose first quantity is the primary one; seeds count from 0, NaN values have diverged."""
    arrays = {name: np.asarray(each, dtype=float) for name, each in values.items()}
    primary = next(iter(arrays))
    made = Cell(
        variant=variant,
        dataset=dataset,
        budget=Budget("steps", 100.0),
        conditions={"budget": "100 discriminator updates", "precision": "float32", "device type": "cpu"},
        circumstances=HARDWARE,
        outcomes={s: "diverged" if np.isnan(x) else "finished" for s, x in enumerate(arrays[primary])},
        values={n: Values(dict(enumerate(map(float, x))), "{}") for n, x in arrays.items()},
        declared={name: QUANTITIES[name] for name in arrays},
        primary=primary,
        modes=8 if "modes_recovered" in arrays else None,
        counts_modes="modes_recovered" if "modes_recovered" in arrays else None,
    )
    return replace(made, **changes)


def side(cells: Sequence[Cell], name: str = "made") -> Side:
    """A side of these cells."""
    return Side(name, f"runs/{name}", "2026-11-22", {}, {(c.variant, c.dataset): c for c in cells})


def normal(
    generator: np.random.Generator,
    count: int,
    shifts: Mapping[Key, float] | None = None,
    variants: int = 9,
    datasets: Sequence[str] = DATASETS,
    quantity: str = "tv",
) -> Side:
    """Standard normal primary values for every variant (v0, v1, …) on every data set, moved by `shifts`."""
    shifts = shifts or {}
    return side(
        [
            cell(v, d, {quantity: generator.normal(size=count) + shifts.get((v, d), 0.0)})
            for v in (f"v{i}" for i in range(variants))
            for d in datasets
        ]
    )


def decided(base: Side, new: Side, rules: Rules = QUICK, seed: int = 0) -> Decision:
    """The gate's decision."""
    return gate(base, new, rules, np.random.default_rng(seed))


def spread(count: int, start: float = 0.0) -> np.ndarray:
    """Different values: start, start + 1, …"""
    return start + np.arange(count)


def changed(made: Side, key: Key, **changes: Any) -> Side:
    """A side with one of its cells changed."""
    return replace(made, cells={**made.cells, key: replace(made.cells[key], **changes)})


def shuffled(made: Side, generator: np.random.Generator) -> Side:
    """The same side, its cells, quantities and seeds in another order."""

    def mixed(items: Mapping[Any, Any]) -> dict[Any, Any]:
        keys = list(items)
        return {keys[i]: items[keys[i]] for i in generator.permutation(len(keys))}

    cells = {
        key: replace(
            each,
            outcomes=mixed(each.outcomes),
            values=mixed({n: Values(mixed(v.by_seed), v.protocol) for n, v in each.values.items()}),
            declared=mixed(each.declared),
            conditions=mixed(each.conditions),
            circumstances=mixed(each.circumstances),
        )
        for key, each in made.cells.items()
    }
    return replace(made, cells=mixed(cells))
