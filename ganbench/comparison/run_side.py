"""A run folder as one side of a comparison: final values over seeds, and what they were made under."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ganbench import store
from ganbench.analysis.cohorts import Cohort, Part
from ganbench.analysis.run import Run, load_run
from ganbench.comparison.model import Cell, Key, Side, Values
from ganbench.comparison.planned import Planned, planned_cells
from ganbench.comparison.settings import (
    circumstances_of,
    conditions_of,
    mixed,
    parsed_protocol,
    protocol_text,
)
from ganbench.errors import GanbenchError

DIGITS = 9
"""Significant digits that a value keeps: what is stored in a file and what is measured tie alike."""
COUNTS_MODES = ("modes_recovered", "classes_recovered")
"""The quantities that count the modes or the classes that were found."""

_Finals = Mapping[Key, Mapping[str, Values]]


def side_of_run(path: str | Path) -> Side:
    """The final values of a run folder, with every planned seed; raises GanbenchError where it is none.

    A value that is not finite is undefined, NaN; so is the primary one of a trained seed without a record.
    """
    folder = Path(path)
    run = load_run(folder)
    planned = planned_cells(run.about)
    if not run.cohorts:
        raise GanbenchError(
            f"{folder}: has no cohorts/, so it is the report of a run and not the run; to compare, give the "
            "whole run folder, or a baseline that `ganbench baseline save RUN FILE` wrote"
        )
    _refuse_doubled(run)
    finals = _final_values(run)
    cells: dict[Key, Cell] = {}
    for cohort in run.cohorts:
        key = (cohort.variant, cohort.dataset)
        if key in cells:
            raise GanbenchError(
                f"{folder}: {cohort.variant!r} on {cohort.dataset} was trained under two budgets, which no "
                "comparison may mix; give each budget a label of its own"
            )
        cells[key] = _cell(run, cohort, finals.get(key, {}), planned.get(key))
    for key in sorted(set(planned) - set(cells)):
        cells[key] = _never_begun(run, key, planned[key])
    return Side(
        name=str(run.about.get("name") or folder.name),
        source=str(folder),
        created=str(run.about.get("created", "")),
        environment=run.about.get("environment") or {},
        cells=cells,
    )


def _refuse_doubled(run: Run) -> None:
    """A seed that two cohorts of a cell trained has two results, and nothing says which one counts."""
    for cohort in run.cohorts:
        folders: dict[int, str] = {}
        for part in cohort.parts:
            for seed in part.seeds:
                if seed in folders:
                    raise GanbenchError(
                        f"{run.path}: seed {seed} of {cohort.variant!r} on {cohort.dataset} is in two "
                        f"cohorts, {folders[seed]} and {part.folder.name}; "
                        f"remove one of them from {store.COHORTS}/"
                    )
                folders[seed] = part.folder.name


def rounded(value: float) -> float:
    """A value with the digits that are kept; NaN where it is not finite."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else math.nan


def _final_values(run: Run) -> _Finals:
    """(variant, data set) to quantity to values."""
    rows = run.records[run.records["final"]]
    found: dict[Key, dict[str, Values]] = {}
    for (variant, dataset, name), group in rows.groupby(["variant", "dataset", "quantity"], sort=False):
        found.setdefault((str(variant), str(dataset)), {})[str(name)] = _values(group)
    return found


def _values(rows: pd.DataFrame) -> Values:
    pairs = sorted(zip(rows["seed"].tolist(), rows["value"].tolist(), strict=True))
    protocols = {protocol_text(json.loads(text or "{}")) for text in rows["protocol"].unique()}
    reference = rounded(rows["reference"].median())
    return Values(
        {seed: rounded(value) for seed, value in pairs},
        mixed(protocols),
        None if math.isnan(reference) else reference,
    )


def _cell(run: Run, cohort: Cohort, values: Mapping[str, Values], planned: Planned | None) -> Cell:
    card = run.datasets.get(cohort.dataset, {})
    outcomes = dict.fromkeys(planned.seeds if planned else (), "missing")
    outcomes |= {seed.seed: seed.status for seed in cohort.seeds}
    primary = run.primary(cohort.dataset).name
    trained = [seed for seed, outcome in outcomes.items() if outcome in ("finished", "diverged")]
    values = _only_trained(values, trained)
    if primary in values:
        whole = dict.fromkeys(sorted(trained), math.nan) | dict(values[primary].by_seed)
        values = {**values, primary: replace(values[primary], by_seed=whole)}
    counts = next((name for name in COUNTS_MODES if name in values), None)
    parts = [_with_environment(part) for part in cohort.parts]
    return Cell(
        variant=cohort.variant,
        dataset=cohort.dataset,
        budget=cohort.budget,
        conditions=conditions_of(parts, card, cohort.budget),
        circumstances=circumstances_of(parts),
        outcomes=dict(sorted(outcomes.items())),
        values=dict(sorted(values.items())),
        declared={
            name: replace(run.quantity(name, cohort.dataset), protocol=parsed_protocol(values[name].protocol))
            for name in sorted(values)
        },
        primary=primary,
        modes=_modes(run, cohort.dataset, card, counts),
        counts_modes=counts,
    )


def _only_trained(values: Mapping[str, Values], trained: Iterable[int]) -> dict[str, Values]:
    """Values of seeds that were trained to the end, or until they diverged."""
    known = set(trained)
    kept = {
        name: replace(each, by_seed={s: v for s, v in each.by_seed.items() if s in known})
        for name, each in values.items()
    }
    return {name: each for name, each in kept.items() if each.by_seed}


def _with_environment(part: Part) -> tuple[Part, Mapping[str, Any]]:
    file = part.folder / store.ENVIRONMENT_FILE
    return part, store.read_json(file) if file.is_file() else {}


def _modes(run: Run, dataset: str, card: Mapping[str, Any], counts: str | None) -> int | None:
    """How many modes or classes there are; a card that does not say leaves it to what real data show."""
    if card.get("modes") or counts is None:
        return card.get("modes")
    rows = run.records_of(dataset)
    most = rows.loc[rows["quantity"] == counts, "reference"].max()
    return None if math.isnan(most) else int(most)


def _never_begun(run: Run, key: Key, planned: Planned) -> Cell:
    """A cell that the suite wants and of which nothing was trained."""
    card = run.datasets.get(key[1], {})
    return Cell(
        variant=key[0],
        dataset=key[1],
        budget=planned.budget,
        conditions={"budget": str(planned.budget)},
        circumstances={},
        outcomes=dict.fromkeys(planned.seeds, "missing"),
        values={},
        declared={},
        primary=str(card.get("primary", "")),
    )
