"""How large a selftest is, and what it will cost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ganbench import store
from ganbench.selftest.defect import Defect
from ganbench.selftest.defects import chosen
from ganbench.selftest.power import Sizes

FIRST_OF_DEFECTS = 1000
"""Seeds with a defect are other seeds than the pool's: no random numbers in common with a baseline."""
SECONDS_OF_TEN = 15.0
"""Core seconds of a cohort of ten seeds of the suite `ci`, where no pool tells better."""
_SECONDS_OF_CHECKS = 60.0
_SECONDS_OF_A_GATE = 0.02
_CELLS = 18


@dataclass(frozen=True)
class Options:
    """What a selftest trains, and how often it gates."""

    defects: tuple[str, ...] | None = None
    """Names; None: all."""
    pool_seeds: int = 60
    defect_seeds: int = 50
    workers: int | None = None
    """Processes at once; None: one a core."""
    quick: bool = False
    """Made-up numbers and the golden trace alone: nothing else is trained; under a minute."""
    sizes: Sizes = field(default_factory=Sizes)
    splits: int = 8000
    """Of the pool, for the false alarms."""
    repeats: int = 2000
    """Gates of made-up numbers in each world."""
    steps: int | None = None
    """Another budget than the suite's, for trials of the selftest itself."""
    suite: str = "ci"
    work: Path | None = None
    """Where copies and runs go; None: `work` in the output folder.  It is needed again only to go on."""
    seed: int = 0
    """Of everything random in the selftest itself."""

    @property
    def processes(self) -> int:
        """How many processes train at once."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.workers or cores

    @property
    def seeds_of_defects(self) -> tuple[int, ...]:
        """The seeds that are trained with a defect."""
        return tuple(range(FIRST_OF_DEFECTS, FIRST_OF_DEFECTS + self.defect_seeds))

    def planted(self) -> tuple[Defect, ...]:
        """The defects to plant, in order."""
        return () if self.quick else chosen(self.defects)


@dataclass(frozen=True)
class Cost:
    """One stage's share of the work."""

    stage: str
    what: str
    core_seconds: float


def plan(options: Options, work: Path | None = None) -> tuple[Cost, ...]:
    """What each stage takes, from the pool's own times where `work` holds a pool."""
    ten = seconds_of_ten(work / "pool") if work else SECONDS_OF_TEN
    rate = ten / 10
    repeats = options.repeats // 10 if options.quick else options.repeats
    gates = 4 * repeats + 18 * max(repeats // 10, 10)
    costs = [Cost("made-up numbers", f"{gates} gates", gates * _SECONDS_OF_A_GATE)]
    if options.quick:
        return (*costs, Cost("golden trace", "one", 20.0))
    pool = _CELLS * options.pool_seeds * rate
    costs.append(Cost("pool", f"{_CELLS} cohorts of {options.pool_seeds} seeds", pool))
    costs.append(Cost("false alarms", f"{options.splits} gates", options.splits * _SECONDS_OF_A_GATE))
    for defect in options.planted():
        cohorts = len(defect.cells)
        seconds = cohorts * options.defect_seeds * rate + _SECONDS_OF_CHECKS
        costs.append(Cost(f"defect {defect.name}", f"{cohorts} cohorts of {options.defect_seeds}", seconds))
    return tuple(costs)


def plan_text(options: Options, work: Path | None = None) -> Iterator[str]:
    """The plan in lines, with the sum."""
    costs = plan(options, work)
    for cost in costs:
        yield f"  {cost.stage:<40} {cost.what:<28} {cost.core_seconds / 60:7.1f} core minutes"
    total = sum(cost.core_seconds for cost in costs)
    hours = total / options.processes / 3600
    yield f"  {total / 3600:.1f} core hours; about {hours:.1f} hours with {options.processes} processes"


def seconds_of_ten(pool: Path) -> float:
    """Core seconds that ten seeds of a cohort took in a trained pool, on average."""
    outcomes = [store.read_outcome(folder) for folder in store.cohort_folders(pool)]
    known = [o for o in outcomes if o["status"] == "finished" and o.get("wall_seconds")]
    seeds = sum(len(each["seeds"]) for each in known)
    return 10 * sum(each["wall_seconds"] for each in known) / seeds if seeds else SECONDS_OF_TEN
