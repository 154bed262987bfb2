"""A cohort as plain data: everything that decides its numbers, picklable and writable as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

BudgetUnit = Literal["images", "steps", "seconds", "flops", "samples"]
Precision = Literal["float64", "float32", "medium", "bfloat16"]
Switch = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class Choice:
    """A registered name with all its options resolved, and the label it goes by in results."""

    name: str
    label: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Budget:
    """How much training: `amount` of real images, steps (see `UpdateRule`), seconds or FLOPs a seed.

    Of `samples` that come from elsewhere: nothing is trained, and so many are measured.
    """

    unit: BudgetUnit
    amount: float


@dataclass(frozen=True)
class Engine:
    """How the numbers are computed."""

    precision: Precision = "float32"
    compile: Switch = "auto"
    vectorize: Switch = "auto"
    processes: int | None = None
    """Worker processes; None: one per core on a CPU, one on a GPU."""
    threads: int | None = None
    """Threads of each process; None: cores / processes."""


@dataclass(frozen=True)
class CohortDescription:
    """One variant on one data set under one budget, for several seeds at once."""

    dataset: Choice
    variant: Choice
    seeds: tuple[int, ...]
    budget: Budget
    measure: tuple[float, ...]
    """The measuring points as fractions of the budget, ascending, the last one 1."""
    diagnostics: tuple[Choice, ...]
    engine: Engine = Engine()
    include: tuple[str, ...] = ()
    """The user's files to import first (absolute paths)."""

    def as_json(self) -> dict[str, Any]:
        """The description as plain JSON values."""
        return asdict(self)
