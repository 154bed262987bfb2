"""The golden trace: a short training in double precision whose numbers are kept, and compared.

It makes "no behaviour change" a claim that can be checked: one line changed in a loss, a penalty, an update
rule, a data set, a metric or a random stream moves some of its numbers by far more than rounding does.
It is blind to what a few rounds on small batches do not reach: what only long training shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench import store
from ganbench.errors import GanbenchError

if TYPE_CHECKING:
    from ganbench.suite.suite import Suite

GOLDEN_FILE = Path(__file__).with_name("golden.json")
FORMAT = 1
ROUNDS, SEEDS = (0, 1, 10, 30), (4, 3)
"""After which rounds numbers are taken, and of which seeds: none that is its own place in the row."""
TOLERANCE = 1e-6
"""Relative.  One or two threads, and traced, compiled or one seed after another, differ by less than 1e-10

after 30 rounds; features of the digits' classifier, which is in single precision, by less than 1e-7."""
_SMALL = 1e-9
"""Numbers below this count as this: a gradient that is zero but for rounding has no relative accuracy."""

Numbers = Mapping[str, Sequence[float]]
"""Name to one number a seed."""


@dataclass(frozen=True)
class Deviation:
    """One number of the trace that is not what was kept."""

    cohort: str
    moment: str
    name: str
    seed: int
    stored: float
    fresh: float

    @property
    def relative(self) -> float:
        """The difference over the larger of the two; infinite where one of them is missing."""
        if math.isnan(self.stored) or math.isnan(self.fresh):
            return math.inf
        return abs(self.fresh - self.stored) / max(abs(self.stored), abs(self.fresh), _SMALL)

    def __str__(self) -> str:
        apart = "" if math.isinf(self.relative) else f", {self.relative:.1e} apart"
        return (
            f"{self.cohort}, after {self.moment} rounds, {self.name} of seed {self.seed}: "
            f"{self.stored:.10g} was kept, {self.fresh:.10g} now{apart}"
        )


def read_golden(file: Path = GOLDEN_FILE) -> Mapping[str, Any]:
    """The kept trace; GanbenchError where there is none, or one of another format."""
    if not file.is_file():
        raise GanbenchError(f"{file}: no golden trace is kept there; write one with --golden --rewrite")
    kept: Mapping[str, Any] = store.read_json(file)
    if kept.get("format") != FORMAT:
        raise GanbenchError(f"{file}: format {kept.get('format')}, not {FORMAT}; write it anew")
    return kept


def write_golden(suite: Suite, file: Path = GOLDEN_FILE) -> Path:
    """Run the trace and keep it in a file."""
    store.write_json(file, golden_trace(suite))
    return file


def golden_trace(suite: Suite) -> dict[str, Any]:
    """The trace of a suite's variants on its first data set, and of the first variant on its last one.

    And of the first variant with leaky ReLUs, on the first data set.
    """
    from ganbench.selftest.tracing import traced_cohorts

    return {"format": FORMAT, "torch": version("torch"), "cohorts": traced_cohorts(suite, ROUNDS, SEEDS)}


def compare_golden(
    stored: Mapping[str, Any], fresh: Mapping[str, Any], tolerance: float = TOLERANCE
) -> list[Deviation]:
    """Every number that is further from the kept one than rounding, and every one that is new or gone."""
    kept, found = dict(_numbers(stored)), dict(_numbers(fresh))
    pairs = [(key, kept.get(key, math.nan), found.get(key, math.nan)) for key in {**kept, **found}]
    deviations = [Deviation(*key, *values) for key, *values in pairs if not all(map(math.isnan, values))]
    return [each for each in deviations if not each.relative <= tolerance]


def count_numbers(trace: Mapping[str, Any]) -> int:
    """How many numbers a trace holds."""
    return sum(1 for _ in _numbers(trace))


def _numbers(trace: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str, int], float]]:
    for cohort, moments in trace["cohorts"].items():
        for moment, values in moments.items():
            for name, of_seeds in values.items():
                for seed, value in zip(SEEDS, of_seeds, strict=True):
                    yield (cohort, moment, name, seed), math.nan if value is None else value
