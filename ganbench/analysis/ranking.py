"""Who did best on a data set: on its primary quantity, at the final checkpoint, with the doubt shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ganbench.analysis.cohorts import Budget, Cohort
from ganbench.analysis.run import Run
from ganbench.analysis.statistics import badness, rank_ranges, summarize
from ganbench.errors import GanbenchError

COLUMNS = (
    *(
        "rank",
        "first_rank",
        "last_rank",
        "variant",
        "method",
        "seeds",
        "planned_seeds",
        "median",
        "lower",
        "upper",
    ),
    *("coverage", "interquartile_mean", "diverged", "undefined", "training_seconds_per_seed"),
    *("images_per_second", "parameters_generator", "parameters_discriminator"),
)


@dataclass(frozen=True)
class BestSetting:
    """Which of a method's settings has the best median."""

    method: str
    settings: int
    """How many settings of the method are ranked."""
    variant: str
    median: float
    lower: float
    upper: float
    coverage: float
    diverged: int
    rivals: tuple[str, ...]
    """The method's other settings whose intervals allow the first rank as well."""


@dataclass(frozen=True)
class Unranked:
    """A variant that a ranking cannot place, and why."""

    variant: str
    reason: str


def budgets(run: Run, dataset: str) -> list[Budget]:
    """The budgets that a data set's cohorts had, largest first; a ranking is made under one of them."""
    found = {c.budget for c in run.cohorts_of(dataset)}
    return sorted(found, key=lambda b: (b.unit, -b.amount))


def ranking(run: Run, dataset: str, budget: Budget | None = None) -> pd.DataFrame:
    """One row per variant with a final measurement, best median first (columns: `COLUMNS`).

    A NaN is worse than every number, and a median that rests on one is NaN.  `first_rank` to
    `last_rank` are the ranks that overlapping intervals allow; a single seed allows every rank.
    Raises GanbenchError where results under unequal budgets, or two protocols, would be mixed.
    """
    cohorts = _under_one_budget(run, dataset, budget)
    values = _final_values(run, dataset, cohorts)
    rows = [_row(run, cohort, values[cohort.variant]) for cohort in cohorts if cohort.variant in values]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return _ranked(run, dataset, table) if len(table) else table


def best_settings(run: Run, dataset: str, table: pd.DataFrame) -> list[BestSetting]:
    """The best setting of every method that a ranking holds in more than one, in the ranking's order."""
    groups = [rows.reset_index(drop=True) for _, rows in table.groupby("method", sort=False) if len(rows) > 1]
    return [_best(_ranked(run, dataset, rows)) for rows in groups]


def _best(rows: pd.DataFrame) -> BestSetting:
    first, others = rows.iloc[0], rows.iloc[1:]
    return BestSetting(
        method=str(first["method"]),
        settings=len(rows),
        variant=str(first["variant"]),
        **{name: float(first[name]) for name in ("median", "lower", "upper", "coverage")},
        diverged=int(first["diverged"]),
        rivals=tuple(others["variant"][others["first_rank"] == 1]),
    )


def unranked(run: Run, dataset: str, budget: Budget | None = None) -> list[Unranked]:
    """The variants without a final measurement, and why."""
    cohorts = _under_one_budget(run, dataset, budget)
    values = _final_values(run, dataset, cohorts)
    return [Unranked(c.variant, why_missing(c)) for c in cohorts if c.variant not in values]


def why_missing(cohort: Cohort) -> str:
    """Why a cohort, or some of its seeds, has no final measurement."""
    reasons = {f"{p.status}: {p.reason}" if p.reason else p.status for p in cohort.failures}
    return "; ".join(sorted(reasons)) or "the primary quantity was not measured"


def final_records(run: Run, dataset: str, quantity: str) -> pd.DataFrame:
    """The rows of one quantity at the final checkpoint."""
    rows = run.records_of(dataset)
    rows = rows[rows["final"]]
    return rows[rows["quantity"] == quantity]


def _under_one_budget(run: Run, dataset: str, budget: Budget | None) -> list[Cohort]:
    present = budgets(run, dataset)
    if budget is None and len(present) > 1:
        raise GanbenchError(
            f"{run.path}: {dataset} was trained under unequal budgets ({', '.join(map(str, present))}), "
            "which no ranking may mix; name one"
        )
    wanted = [c for c in run.cohorts_of(dataset) if budget in (None, c.budget)]
    if not wanted:
        raise GanbenchError(f"{run.path}: nothing was trained on {dataset!r} under that budget")
    times = Counter(c.variant for c in run.cohorts_of(dataset))
    doubled = [c.variant for c in wanted if times[c.variant] > 1]
    if doubled:
        raise GanbenchError(
            f"{run.path}: {doubled[0]!r} stands for more than one budget on {dataset}, so its records cannot "
            "be told apart; give each budget a label of its own"
        )
    return wanted


def _final_values(run: Run, dataset: str, cohorts: list[Cohort]) -> dict[str, pd.Series]:
    """Variant to its final primary values, indexed by seed."""
    primary = run.primary(dataset)
    rows = final_records(run, dataset, primary.name)
    if primary.direction == "none":  # as a quantity that nobody declared
        why = "is what nobody measured" if rows.empty else "says no direction"
        raise GanbenchError(f"{run.path}: {primary.name!r} {why}, so it cannot rank {dataset}")
    rows = rows[rows["variant"].isin({c.variant for c in cohorts})]
    if "protocol" in rows and rows["protocol"].nunique() > 1:
        raise GanbenchError(
            f"{run.path}: {primary.name!r} on {dataset} was measured by more than one protocol, "
            "which no ranking may mix; run the suite again"
        )
    seeds = {c.variant: {s.seed for s in c.seeds} for c in cohorts}
    values = {str(v): group.set_index("seed")["value"] for v, group in rows.groupby("variant")}
    kept = {v: series[series.index.isin(list(seeds.get(v, ())))] for v, series in values.items()}
    return {v: series for v, series in kept.items() if len(series)}


def _row(run: Run, cohort: Cohort, values: pd.Series) -> dict[str, object]:
    primary = run.primary(cohort.dataset)
    summary = summarize(values.to_numpy(), primary.direction, primary.target)
    return {
        "variant": cohort.variant,
        "method": cohort.method,
        "seeds": summary.count,
        "planned_seeds": len(cohort.seeds),
        "median": summary.median,
        "lower": summary.lower,
        "upper": summary.upper,
        "coverage": summary.coverage,
        "interquartile_mean": summary.interquartile_mean,
        "diverged": len(cohort.seeds_that("diverged")),
        "undefined": summary.undefined,
        **_cost(run, cohort),
    }


def _cost(run: Run, cohort: Cohort) -> dict[str, float]:
    seconds = cohort.seconds_per_seed
    if np.isnan(seconds):
        seconds = _known(run, cohort, "training_seconds")
    rows = run.records_of(cohort.dataset)
    images = rows.loc[rows["variant"] == cohort.variant, "images"].max()
    return {
        "training_seconds_per_seed": seconds,
        "images_per_second": float(images) / seconds if seconds > 0 else float("nan"),
        "parameters_generator": _known(run, cohort, "parameters_generator"),
        "parameters_discriminator": _known(run, cohort, "parameters_discriminator"),
    }


def _known(run: Run, cohort: Cohort, quantity: str) -> float:
    """A quantity's largest value: for what only grows, or never changes, and may be lost at the end."""
    rows = run.records_of(cohort.dataset)
    return float(
        rows.loc[(rows["variant"] == cohort.variant) & (rows["quantity"] == quantity), "value"].max()
    )


def _ranked(run: Run, dataset: str, table: pd.DataFrame) -> pd.DataFrame:
    """The rows in order of their medians, with ranks and the ranges of ranks."""
    primary = run.primary(dataset)
    by_distance = "lower" if primary.direction == "target" else primary.direction
    bad = pd.DataFrame({c: badness(table[c], by_distance) for c in ("median", "lower", "upper")})
    best, worst = (bad["upper"], bad["lower"]) if by_distance == "higher" else (bad["lower"], bad["upper"])
    alone = table["coverage"] == 0
    first, last = rank_ranges(best.mask(alone, -np.inf), worst.mask(alone, np.inf))
    order = bad["median"].fillna(np.inf).rank(method="min").astype(int)
    table = table.assign(rank=order, first_rank=first, last_rank=last)
    return table.sort_values("rank", kind="stable", ignore_index=True)
