"""The generators of several input dimensions on targets of known dimension, as a run holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ganbench.analysis.cohorts import Cohort
from ganbench.analysis.numbers import number
from ganbench.analysis.run import Run

NEEDED = ("dimension_of_input", "dimension_of_manifold", "dimension_of_support", "dimension_two_nn")
ERROR = "perfect_discriminator_error"


@dataclass(frozen=True)
class Trained:
    """One generator on one target at the end: `last` has a row a seed and a column a quantity."""

    cohort: Cohort
    dim_x: int
    last: pd.DataFrame
    references: Mapping[str, float]
    """What real data get, by quantity."""

    @property
    def target(self) -> str:
        """The data set's label."""
        return self.cohort.dataset

    @property
    def dim_z(self) -> int:
        """Numbers in the generator's input."""
        return int(self.last["dimension_of_input"].median())

    @property
    def manifold(self) -> int:
        """The true dimension of the data before noise."""
        return int(self.last["dimension_of_manifold"].median())

    @property
    def has_density(self) -> bool:
        """Whether the data have a density in the space: with noise in all directions they do."""
        return int(self.last["dimension_of_support"].median()) == self.dim_x

    @property
    def bound(self) -> int:
        """The theorem's bound on the dimension of the samples."""
        return min(self.dim_z, self.dim_x)

    def median(self, quantity: str) -> float:
        """The median over seeds; NaN where it was not measured."""
        return float(self.last[quantity].median()) if quantity in self.last else float("nan")

    def reference(self, quantity: str) -> str:
        """What real data get; a dash where that was not measured."""
        return number(self.references[quantity]) if quantity in self.references else "–"

    def shown(self, quantity: str) -> str:
        """The median with the least and the largest over seeds."""
        values = self.last[quantity].dropna() if quantity in self.last else pd.Series(dtype=float)
        if values.empty:
            return "–"
        low, high = float(values.min()), float(values.max())
        spread = "" if low == high else f" [{number(low)}, {number(high)}]"
        return number(float(values.median())) + spread


def reported(run: Run) -> frozenset[str]:
    """The data sets whose fresh discriminators this section shows."""
    found = {label: trained(run, label) for label in run.dataset_labels}
    if len({each.dim_z for own in found.values() for each in own}) < 2:
        return frozenset()
    return frozenset(label for label, own in found.items() if any(ERROR in each.last for each in own))


def trained(run: Run, dataset: str) -> list[Trained]:
    """The generators on a target, by input dimension."""
    rows = run.records_of(dataset)
    rows = rows[rows["final"]]
    found = []
    for cohort in run.cohorts_of(dataset):
        own = rows[rows["variant"] == cohort.variant]
        last = own.pivot_table(index="seed", columns="quantity", values="value")
        if set(NEEDED) <= set(last.columns):
            size = 1
            for length in run.datasets[dataset]["shape"]:
                size *= int(length)
            references = own.groupby("quantity")["reference"].median().dropna()
            found.append(Trained(cohort, size, last, references.to_dict()))
    return sorted(found, key=lambda each: each.dim_z)
