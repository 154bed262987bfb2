"""The seeds of each variant on mixtures of Gaussians, along the training, as a run's records hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganbench.analysis.cohorts import Cohort
from ganbench.analysis.numbers import number
from ganbench.analysis.ranking import budgets
from ganbench.analysis.run import Run
from ganbench.analysis.statistics import middle_value
from ganbench.analysis.summaries import reference_value
from ganbench.claims.mixtures import Law, from_the_literature, perfect_sampler

Array = NDArray[Any]
MODES, QUALITY, KL, VARIATION = (
    "modes_recovered",
    "high_quality_fraction",
    "reverse_kl",
    "mode_total_variation",
)
_NAMES = (MODES, QUALITY, KL, VARIATION)
_MIXTURES = ("ring8", "grid25", "random_mixture")
LOST = 2.0
"""Stands for a lost seed's total variation: above all that are possible."""
_MATTERS = 0.05
"""The smallest difference in total variation that matters, where the run does not say."""


@dataclass(frozen=True)
class Data:
    """A mixture, how its modes are counted, and what real data got."""

    label: str
    name: str
    options: Mapping[str, Any]
    modes: int
    samples: int
    sigmas: float
    matters: float
    real: Mapping[str, float]

    @property
    def share(self) -> float:
        """The share of a mode that lies within the radius: 1 − exp(−9/2) for 3σ in two dimensions."""
        return -math.expm1(-(self.sigmas**2) / 2)

    @property
    def perfect(self) -> Mapping[str, Law] | None:
        """What a perfect sampler gets; None where the modes are not of equal weight."""
        equal = self.name != "random_mixture" or self.options.get("weights") == "equal"
        return perfect_sampler(self.modes, self.samples, self.share) if equal else None


@dataclass(frozen=True)
class Course:
    """One variant on one mixture: every value [seeds, measuring points], NaN once a seed is lost."""

    data: Data
    cohort: Cohort
    steps: Array
    values: Mapping[str, Array]
    full: bool
    """Whether it had the largest budget on its data set."""

    @property
    def variant(self) -> str:
        """Its label."""
        return self.cohort.variant

    @property
    def method(self) -> str:
        """The registered name behind the label."""
        return self.cohort.method

    @property
    def options(self) -> Mapping[str, Any]:
        """The variant's options, resolved."""
        found: Mapping[str, Any] = self.cohort.parts[0].description["variant"].get("options") or {}
        return found

    @property
    def seeds(self) -> int:
        """How many seeds were measured."""
        return len(self.values[VARIATION])

    @property
    def complete(self) -> Array:
        """At each measuring point, how many seeds have all modes; a lost seed has not."""
        count: Array = (self.values[MODES] >= self.data.modes).sum(0)
        return count

    @property
    def saturated(self) -> int | None:
        """The first measuring point at which more than half of the seeds have all modes."""
        most = np.flatnonzero(self.complete > self.seeds / 2)
        return int(most[0]) if most.size else None

    def last(self, what: str) -> Array:
        """The final values, one a seed."""
        end: Array = self.values[what][:, -1]
        return end

    def median(self, what: str, point: int = -1) -> float:
        """Over seeds, where a lost one is worse than every number."""
        sign = -1.0 if what == MODES else 1.0
        return sign * middle_value(np.sort(sign * self.values[what][:, point]))

    def apart(self, point: int = -1) -> float:
        """The share of pairs of seeds whose total variations differ by more than what matters.

        A lost seed differs from every other that is not lost; NaN for a single seed.
        """
        values = np.nan_to_num(self.values[VARIATION][:, point], nan=LOST)
        differ = [abs(a - b) > self.data.matters for a, b in combinations(values, 2)]
        return float(np.mean(differ)) if differ else math.nan

    def spread(self, point: int = -1) -> str:
        """The median total variation with the least and the largest over seeds."""
        values = self.values[VARIATION][:, point]
        known = values[np.isfinite(values)]
        if not known.size:
            return "diverged"
        high = "diverged" if known.size < values.size else number(float(known.max()))
        shown = f"[{number(float(known.min()))}, {high}]"
        return (
            f"{number(self.median(VARIATION, point))} {shown}" if self.seeds > 1 else shown[1:].split(",")[0]
        )


@dataclass(frozen=True)
class Mean:
    """A mean over the seeds that have a value, and its standard error (NaN for a single seed)."""

    value: float
    error: float
    count: int


def mean(values: Array) -> Mean:
    """Of the values that are numbers."""
    known = values[np.isfinite(values)]
    error = float(known.std(ddof=1) / math.sqrt(known.size)) if known.size > 1 else math.nan
    return Mean(float(known.mean()) if known.size else math.nan, error, int(known.size))


def share(value: float) -> str:
    """A share in per cent."""
    return "–" if math.isnan(value) else f"{100 * value:.0f} %"


def in_errors(value: float) -> str:
    """A deviation in standard errors, to a tenth; zero has no sign."""
    text = f"{value:+,.1f}"
    return text.lstrip("+-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")


def read(run: Run) -> list[Course]:
    """All that was measured, data set by data set, if the run is one on the literature's mixtures.

    It is when all its data sets are mixtures of Gaussians and one of them is a published ring or grid, up
    to its scale: `quickstart`, with its wide Gaussians and its digits, is none.
    """
    described = [c.parts[0].description["dataset"] for c in run.cohorts]
    known = [(str(d["name"]), d.get("options") or {}) for d in described]
    mixtures = all(name in _MIXTURES for name, _ in known)
    if not mixtures or not any(from_the_literature(name, options) for name, options in known):
        return []
    return [course for label in run.dataset_labels for course in _on(run, label)]


def by_dataset(courses: Sequence[Course]) -> dict[str, list[Course]]:
    """The courses of each data set."""
    found: dict[str, list[Course]] = {}
    for course in courses:
        found.setdefault(course.data.label, []).append(course)
    return found


def _on(run: Run, label: str) -> list[Course]:
    rows = run.records_of(label)
    data = _data(run, label, rows)
    if data is None:
        return []
    most = budgets(run, label)[0]
    found = []
    for cohort in run.cohorts_of(label):
        own = rows[rows["variant"] == cohort.variant]
        steps = np.sort(own["step"].unique())
        tables = {what: _table(own, what, steps) for what in _NAMES}
        if all(table.size for table in tables.values()):
            found.append(Course(data, cohort, steps, tables, cohort.budget == most))
    return found


def _table(rows: pd.DataFrame, what: str, steps: Array) -> Array:
    """One quantity [seeds, steps]."""
    own = rows[rows["quantity"] == what].drop_duplicates(["seed", "step"], keep="last")
    table = own.pivot(index="seed", columns="step", values="value").reindex(columns=steps)
    values: Array = table.to_numpy(dtype=float)
    return values


def _data(run: Run, label: str, rows: pd.DataFrame) -> Data | None:
    """The mixture; None where its modes were not counted."""
    protocol = run.quantity(VARIATION, label).protocol
    modes = run.datasets.get(label, {}).get("modes")
    if not modes or not {"samples", "within_sigmas"} <= set(protocol):
        return None
    described = run.cohorts_of(label)[0].parts[0].description["dataset"]
    references = {what: reference_value(run, label, what) for what in _NAMES}
    matters = run.quantity(VARIATION, label).smallest_difference
    return Data(
        label=label,
        name=str(described["name"]),
        options=described.get("options") or {},
        modes=int(modes),
        samples=int(protocol["samples"]),
        sigmas=float(protocol["within_sigmas"]),
        matters=_MATTERS if matters is None else matters,
        real={what: value for what, value in references.items() if value is not None},
    )
