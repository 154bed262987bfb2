"""Holm's procedure over families of tests, with what each test's own p had to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ganbench.analysis.multiplicity import bonferroni, holm


@dataclass(frozen=True)
class Step:
    """One family's place in the procedure."""

    p: float
    """The family's own: the smallest of its tests' p, times their number."""
    adjusted: float
    """The same after Holm over families."""
    threshold: float
    """What the p of each of its tests had to be at most."""
    tests: int
    families: int
    left: int
    """By how many families its p was multiplied: those that stood no better than it."""

    def adjust(self, p: float) -> float:
        """One test's p after both corrections: at most the level where the test alone carries the family."""
        return max(self.adjusted, min(1.0, p * self.tests * self.left))


def holm_steps(smallest: Mapping[str, float], tests: Mapping[str, int], level: float) -> dict[str, Step]:
    """Families by name, each with its tests' smallest p and their number, through Holm's procedure.

    Families with equal p stand at the same place, so no order decides between them.
    """
    p = {name: bonferroni(value, tests[name]) for name, value in smallest.items()}
    adjusted = dict(zip(p, holm(list(p.values())).tolist(), strict=True))
    rejected = sum(value <= level for value in adjusted.values())
    found = {}
    for name, value in p.items():
        better = sum(other < value for other in p.values())
        met = adjusted[name] <= level
        count = len(p) - (better if met else rejected)
        threshold = level / (count * tests[name])
        found[name] = Step(value, adjusted[name], threshold, tests[name], len(p), count)
    return found
