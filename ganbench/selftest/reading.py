"""A selftest's numbers, read from its folder: what a report is drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench import store
from ganbench.errors import GanbenchError
from ganbench.selftest.defects import DEFECTS
from ganbench.selftest.effect_sizes import LARGE
from ganbench.selftest.plain import number_of

DATA = "data"
"""The folder of a report's numbers as JSON; the report is drawn from it alone."""


@dataclass(frozen=True)
class Line:
    """One planted defect: what it was, how much it harmed, and what saw it."""

    name: str
    title: str
    file: str
    before: str
    after: str
    beyond: str
    explanation: str
    cell: str
    """Where it harms most."""
    size: float
    """Standard deviations; infinite: the median seed diverged, or nothing could be trained."""
    harm: float
    margin: float
    margins: float
    """How many times its margin the worst cell by this measure gets worse; another cell, maybe."""
    quantities: Mapping[str, str]
    """The primary quantity of each touched data set."""
    red: float
    """The share of resamples in which the gate was red because of it."""
    stops: Mapping[str, float]
    """The share in which it came to no verdict: incomplete, or not comparable."""
    planned: Sequence[str]
    by: Mapping[str, float]
    better: Mapping[str, float]
    suspects: Mapping[str, float]
    golden: int
    repeats: bool
    independent_of_cohort_members: bool
    promises: Sequence[str]
    failed: Sequence[str]
    large: bool
    caught: bool
    elsewhere: Sequence[str]

    @property
    def seen(self) -> float:
        """The share of resamples in which the gate's exit code showed it."""
        return max(self.red, sum(self.stops.values()))

    @property
    def missed(self) -> bool:
        """Whether it harms by two standard deviations or more and the gate does not see it reliably."""
        return self.large and not self.caught


@dataclass(frozen=True)
class Results:
    """All that a selftest found; what it left out is None."""

    about: Mapping[str, Any]
    synthetic: Mapping[str, Any]
    golden: Mapping[str, Any]
    false_alarms: Mapping[str, Any] | None
    seeds: Sequence[Mapping[str, Any]] | None
    defects: Sequence[Line] | None

    @property
    def large(self) -> list[Line]:
        """The defects that the gate is asked to see."""
        return [line for line in self.defects or () if line.large]

    @property
    def behind_margins(self) -> list[str]:
        """Cells in which no baseline's seeds say how many new ones see `LARGE`: the margin is no less."""
        asked = [row for row in self.seeds or () if row["effect"] == LARGE]
        return [f"{row['variant']} on {row['dataset']}" for row in asked if set(row["needed"]) <= {None}]


def read_results(folder: Path) -> Results:
    """The numbers of a selftest; GanbenchError where its folder holds none."""
    found = {file.stem: store.read_json(file) for file in sorted((folder / DATA).glob("*.json"))}
    if not {"about", "synthetic", "golden"} <= set(found):
        raise GanbenchError(f"{folder}: no results of a selftest; `ganbench selftest` makes them")
    defects = found.get("defects")
    return Results(
        about=found["about"],
        synthetic=found["synthetic"],
        golden=found["golden"],
        false_alarms=found.get("false_alarms"),
        seeds=found.get("seeds"),
        defects=None if defects is None else [_line(each) for each in defects],
    )


def _margins(effect: Mapping[str, Any]) -> float:
    harm, margin = number_of(effect["harm"]), number_of(effect["margin"])
    return harm / margin if margin > 0 else math.copysign(math.inf, harm)


def _line(row: Mapping[str, Any]) -> Line:
    """A row; its explanation is the one that stands in the sources now, for it is written after the run."""
    defect, power = row["defect"], row["power"] or {}
    worst = power.get("worst") or {"size": "infinite", "harm": "infinite", "margin": 0.0}
    explained = {each.name: each.explanation for each in DEFECTS}
    where = f"{worst['dataset']}, {worst['variant']}" if "dataset" in worst else "nothing was trained"
    found: dict[str, Any] = {
        **{name: defect[name] for name in ("name", "title", "file", "before", "after", "beyond")},
        **{name: number_of(worst[name]) for name in ("size", "harm", "margin")},
        **{name: power.get(name, {}) for name in ("by", "better", "suspects")},
        **{name: row[name] for name in ("golden", "repeats", "independent_of_cohort_members", "failed")},
        **{name: row[name] for name in ("large", "caught", "elsewhere")},
    }
    return Line(
        explanation=explained.get(defect["name"]) or defect["explanation"],
        cell=where,
        red=power.get("red_rate", 0.0),
        stops=power.get("stops", {}) if power else {"incomplete": 1.0},
        margins=max(map(_margins, power.get("effects", ())), default=math.inf),
        quantities={each["dataset"]: each["quantity"] for each in power.get("effects", ())},
        planned=power.get("planned", ()),
        promises=row["broken_promises"],
        **found,
    )
