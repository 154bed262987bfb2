"""A validated suite: what is trained, on what, for how long, and what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ganbench.training.description import Budget, Choice, CohortDescription, Engine


@dataclass(frozen=True)
class Suite:
    """Everything that a suite file says, with all defaults filled in."""

    name: str
    file: str
    """The file as it was named by the user."""
    datasets: tuple[Choice, ...]
    variants: tuple[Choice, ...]
    seeds: tuple[int, ...]
    budget: Budget
    measure: tuple[float, ...]
    """The measuring points as fractions of the budget, ascending, the last one 1."""
    diagnostics: tuple[Choice, ...]
    applicable: Mapping[str, tuple[str, ...]]
    """Data set's label to the labels of the diagnostics that apply to it."""
    engine: Engine = field(default_factory=Engine)
    include: tuple[str, ...] = ()
    """The user's files to import first (absolute paths)."""

    def cohorts(self) -> tuple[CohortDescription, ...]:
        """One cohort for each variant on each data set, data set by data set."""
        return tuple(
            CohortDescription(
                dataset=dataset,
                variant=variant,
                seeds=self.seeds,
                budget=self.budget,
                measure=self.measure,
                diagnostics=tuple(d for d in self.diagnostics if d.label in self.applicable[dataset.label]),
                engine=self.engine,
                include=self.include,
            )
            for dataset in self.datasets
            for variant in self.variants
        )

    def as_json(self) -> dict[str, Any]:
        """The suite as plain JSON values."""
        return asdict(self)
