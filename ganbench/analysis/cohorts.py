"""What was trained: the seeds of one variant on one data set, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Budget:
    """How much training a seed was allowed; of `samples` from elsewhere how many were measured."""

    unit: str
    amount: float

    @property
    def trains(self) -> bool:
        """Whether anything is trained."""
        return self.unit != "samples"

    @property
    def after(self) -> str:
        """What a result is of: `after 2,500 discriminator updates`, or `of 500 samples`."""
        return f"after {self}" if self.trains else f"of {self}"

    def __str__(self) -> str:
        amount = f"{self.amount:,.0f}" if float(self.amount).is_integer() else f"{self.amount:,g}"
        names = {"images": "real examples", "steps": "discriminator updates", "flops": "FLOPs"}
        name = names.get(self.unit, self.unit)
        return f"{amount} {name.removesuffix('s') if self.amount == 1 else name}"

    @property
    def short(self) -> str:
        """As a suite writes it, and the labels of variants with a budget of their own: 2,500 steps."""
        amount = (
            f"{self.amount:,.0f}" if self.amount.is_integer() and self.amount < 1e9 else f"{self.amount:g}"
        )
        return f"{amount} {self.unit.removesuffix('s') if self.amount == 1 else self.unit}"


@dataclass(frozen=True)
class SeedOutcome:
    """What became of one seed; `status` is "finished", "diverged" or its cohort's failure."""

    seed: int
    status: str
    step: int | None = None
    images: int | None = None
    player: str | None = None


@dataclass(frozen=True)
class Part:
    """One cohort's folder: it may hold only some of a variant's seeds."""

    id: str
    folder: Path
    description: Mapping[str, Any]
    outcome: Mapping[str, Any]

    @property
    def status(self) -> str:
        """finished, failed, timed out or skipped."""
        return str(self.outcome["status"])

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that it was to train."""
        return tuple(int(seed) for seed in self.description["seeds"])

    @property
    def reason(self) -> str:
        """One line on why it did not finish; empty where it did."""
        return " ".join(str(self.outcome.get("reason") or "").split())

    def seed_outcomes(self) -> Iterator[SeedOutcome]:
        """One outcome per seed."""
        stated = self.outcome.get("seeds") or {}
        for seed in self.seeds:
            entry = stated.get(str(seed), {})
            status = entry.get("outcome", "finished") if self.status == "finished" else self.status
            yield SeedOutcome(seed, status, entry.get("step"), entry.get("images"), entry.get("player"))

    @cached_property
    def arrays(self) -> Arrays | None:
        """The stored samples, read when first asked for; None where there are none."""
        file = self.folder / "arrays.npz"
        if not file.is_file():
            return None
        with np.load(file) as stored:
            return {name: stored[name] for name in stored.files}


@dataclass(frozen=True)
class Cohort:
    """One variant on one data set under one budget: all its parts together."""

    variant: str
    dataset: str
    budget: Budget
    parts: tuple[Part, ...]

    @cached_property
    def seeds(self) -> tuple[SeedOutcome, ...]:
        """What became of each seed, in order."""
        return tuple(sorted((s for p in self.parts for s in p.seed_outcomes()), key=lambda s: s.seed))

    @property
    def method(self) -> str:
        """The registered name behind the variant's label."""
        return str(self.parts[0].description["variant"]["name"])

    @property
    def failures(self) -> tuple[Part, ...]:
        """The parts that did not finish."""
        return tuple(p for p in self.parts if p.status != "finished")

    def seeds_that(self, status: str) -> tuple[SeedOutcome, ...]:
        """The seeds with one status."""
        return tuple(s for s in self.seeds if s.status == status)

    @property
    def seconds_per_seed(self) -> float:
        """Training seconds of the finished parts, shared out over their seeds."""
        done = [p for p in self.parts if p.status == "finished" and p.outcome.get("seconds") is not None]
        seeds = sum(len(p.seeds) for p in done)
        return sum(float(p.outcome["seconds"]) for p in done) / seeds if seeds else float("nan")

    def part_with(self, seed: int) -> Part | None:
        """The part that stored samples of a seed."""
        return next((p for p in self.parts if seed in p.seeds and p.arrays is not None), None)


def merge(parts: Sequence[Part]) -> tuple[Cohort, ...]:
    """Parts of the same variant, data set and budget as one cohort each."""
    groups: dict[tuple[str, str, Budget], list[Part]] = {}
    for part in parts:
        d = part.description
        budget = Budget(d["budget"]["unit"], float(d["budget"]["amount"]))
        groups.setdefault((d["variant"]["label"], d["dataset"]["label"], budget), []).append(part)
    return tuple(Cohort(*key, parts=tuple(group)) for key, group in groups.items())
