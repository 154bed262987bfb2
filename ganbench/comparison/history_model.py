"""What a history is made of: results in order, cell by cell, and where they changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ganbench.analysis.effects import Effect
from ganbench.analysis.statistics import Summary
from ganbench.comparison.history_labels import Label
from ganbench.quantities import Quantity

LEVEL = 0.05
"""The probability of any change where none was, over all cells of a history together."""
WHAT_TO_ADD = "another run folder, or a baseline kept of each run: `ganbench baseline save RUN FILE`"
"""What makes a history of a single result."""


@dataclass(frozen=True)
class Point:
    """One result of one cell."""

    name: str
    source: str
    created: str
    commit: str
    """The commit in short, with "+" where there were changes on top; empty where it is not known."""
    label: Label
    """What it is called; no other result of the history is called so."""
    values: Mapping[int, float]
    """Seed to value, NaN where it diverged."""
    repeated: frozenset[int]
    """Seeds that gave the same as in an earlier result, to the last digit: no new evidence."""
    summary: Summary
    planned: int
    """How many seeds there should have been."""

    @property
    def when(self) -> str:
        """Its label in words."""
        return str(self.label)

    @property
    def fresh(self) -> list[float]:
        """The values that are new evidence."""
        return [value for seed, value in self.values.items() if seed not in self.repeated]


@dataclass(frozen=True)
class Change:
    """Where a cell changed: its points from `index` on differ from those before."""

    index: int
    first: Point
    """The first result after the change."""
    last: Point
    """The last one before it."""
    worse: bool
    matters: bool
    """Whether its size reaches the declared smallest difference that matters."""
    before: float
    """The median since the previous change; for direction "target" of the distances to it."""
    after: float
    """The median up to the next change."""
    effect: Effect
    """Of the seeds up to the next change against those since the previous one."""
    adjusted: float
    """Its p, adjusted for all cells of the history."""
    words: str


@dataclass(frozen=True)
class Series:
    """The primary quantity of one variant on one data set over time."""

    variant: str
    dataset: str
    quantity: Quantity
    points: tuple[Point, ...]
    changes: tuple[Change, ...]
    p: float
    """Of "nothing ever changed"."""
    adjusted: float
    """The same, adjusted for all cells of the history."""
    smallest: float
    """The smallest p that so many new seeds allow."""
    left_out: tuple[str, ...]
    """Results that are not comparable with the latest one, and why."""
    words: str


@dataclass(frozen=True)
class History:
    """All cells over time, and the labels of the results looked at, oldest first."""

    results: tuple[str, ...]
    series: tuple[Series, ...]
    level: float = LEVEL
    same: tuple[str, ...] = ()
    """Which results were given more than once, a sentence each; they count once."""

    @property
    def alone(self) -> bool:
        """Whether there is a single result, which has no history."""
        return len(self.results) == 1
