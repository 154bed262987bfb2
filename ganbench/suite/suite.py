"""A validated suite: what is trained, on what, for how long, and what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ganbench.suite.overrides import VariantOverrides
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
    added: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Labels of diagnostics that nobody chose, each with the data sets that are ranked by it."""
    engine: Engine = field(default_factory=Engine)
    include: tuple[str, ...] = ()
    """The user's files to import first (absolute paths)."""
    overrides: Mapping[str, VariantOverrides] = field(default_factory=dict)
    """Variant's label to the budget, the seeds and the data sets that are its own, where it has any."""

    def cohorts(self) -> tuple[CohortDescription, ...]:
        """One cohort for each variant on each data set that it is for, data set by data set."""
        return tuple(
            CohortDescription(
                dataset=dataset,
                variant=variant,
                seeds=self.seeds_of(variant.label),
                budget=self.budget_of(variant.label),
                measure=self.measure,
                diagnostics=tuple(d for d in self.diagnostics if d.label in self.applicable[dataset.label]),
                engine=self.engine,
                include=self.include,
            )
            for dataset in self.datasets
            for variant in self.variants
            if self.overrides.get(variant.label, VariantOverrides()).is_for(dataset)
        )

    def budget_of(self, variant: str) -> Budget:
        """How much training each seed of a variant gets."""
        return self.overrides.get(variant, VariantOverrides()).budget or self.budget

    def seeds_of(self, variant: str) -> tuple[int, ...]:
        """The seeds of a variant."""
        return self.overrides.get(variant, VariantOverrides()).seeds or self.seeds

    def with_seeds(self, seeds: tuple[int, ...]) -> Suite:
        """The same suite with these seeds for every variant, whatever the file says."""
        own = {label: replace(each, seeds=None) for label, each in self.overrides.items()}
        return replace(self, seeds=seeds, overrides=own)

    def as_json(self) -> dict[str, Any]:
        """The suite as plain JSON values."""
        return asdict(self)
