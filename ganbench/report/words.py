"""What to read first: a paragraph per data set, in words made from the numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ganbench.analysis.cohorts import Budget
from ganbench.analysis.numbers import interval, listed, number, titled
from ganbench.analysis.rank_agreement import winners
from ganbench.analysis.ranking import unranked
from ganbench.analysis.run import Run
from ganbench.analysis.summaries import final_summaries, reference_value
from ganbench.analysis.text import undefined_word

MODES = "modes_recovered"


def paragraph(run: Run, dataset: str, budget: Budget, table: pd.DataFrame) -> str:
    """Who leads, whether that can be told from the next, what was lost."""
    if table.empty:
        sentences = ["Nothing finished, so there is nothing to rank."]
    else:
        sentences = [
            *_leader(run, dataset, table),
            *_disagreement(run, dataset, table),
            *_reference(run, dataset, table),
            *_saturated(run, dataset, table),
        ]
    sentences += [*_lost(table), *_missing(run, dataset, budget)]
    return " ".join(sentences)


def _leader(run: Run, dataset: str, table: pd.DataFrame) -> Iterator[str]:
    first = table.iloc[0]
    if pd.isna(first["median"]):
        yield "At least half of the seeds of every variant diverged, so no variant leads."
        return
    seeds = f"{first['seeds']} seed{'s' if first['seeds'] > 1 else ''}"
    what = f"“{titled(run.primary(dataset))}”"
    if len(table) == 1:
        yield f"Only {first['variant']} is ranked, with a median {what} of {_result(first)} over {seeds}."
        return
    yield f"{first['variant']} has the best median {what}: {_result(first)} over {seeds}."
    if first["coverage"] == 0:
        yield "A single seed gives no interval, so nothing here tells the variants apart."
    else:
        yield from _rivals(run, dataset, table)


def _disagreement(run: Run, dataset: str, table: pd.DataFrame) -> Iterator[str]:
    """Say so where another extractor's features put another variant first."""
    if None in winners(run, dataset, list(table["variant"]), run.primary(dataset).name):
        yield "Under other extractors it is not the best (see “Several extractors”), so there is no winner."


def _rivals(run: Run, dataset: str, table: pd.DataFrame) -> Iterator[str]:
    """Whether the lead is one: who shares the first rank, and whether the gap matters."""
    first, second = table.iloc[0], table.iloc[1]
    shared = list(table["variant"][1:][table["first_rank"][1:] == 1])
    if not shared:
        yield f"Its interval lies clear of all others; next is {second['variant']} with {_result(second)}."
        return
    many = f"{listed(shared)}" if len(shared) <= 4 else f"{len(shared)} other variants"
    yield f"Its interval overlaps that of {many}, so with these seeds the lead is not established."
    smallest, scale = run.primary(dataset).smallest_difference, run.primary(dataset).scale
    gap = abs(first["median"] - second["median"])
    if gap == 0:
        yield "The medians of the first two are equal."
    elif smallest is not None and scale == "linear" and gap < smallest:
        matters = f"less than the {smallest:g} that matters"
        yield f"The medians of the first two differ by {number(gap)}, {matters}."


def _reference(run: Run, dataset: str, table: pd.DataFrame) -> Iterator[str]:
    reference = reference_value(run, dataset, run.primary(dataset).name)
    if reference is not None and run.primary(dataset).direction != "target":
        yield f"The real sampler gets {number(reference)}."


def _saturated(run: Run, dataset: str, table: pd.DataFrame) -> Iterator[str]:
    """Say so where mode counts no longer tell apart what the primary quantity does."""
    total = run.datasets[dataset].get("modes")
    if not total or run.primary(dataset).name == MODES:
        return
    found = final_summaries(run, dataset)
    full = [v for v in table["variant"] if (v, MODES) in found and found[v, MODES].median >= total]
    if len(full) > 1:
        names = listed(full) if len(full) <= 4 else f"{len(full)} variants"
        yield f"{names} find all {total} modes in the median seed: the count no longer tells them apart."


def _lost(table: pd.DataFrame) -> Iterator[str]:
    for row in table.itertuples():
        if row.diverged:
            count = f"{row.diverged} of {row.planned_seeds} seeds"
            yield f"{count} of {row.variant} diverged, and count as worst."
        if row.seeds < row.planned_seeds:
            count = f"{row.seeds} of its {row.planned_seeds} seeds"
            yield f"{row.variant} is ranked on {count}: the others did not finish."


def _missing(run: Run, dataset: str, budget: Budget) -> Iterator[str]:
    for item in unranked(run, dataset, budget):
        yield f"{item.variant} is not ranked ({item.reason})."


def _result(row: pd.Series) -> str:
    word = undefined_word(int(row["diverged"]))
    spread = "" if row["coverage"] == 0 else " " + interval(row["lower"], row["upper"], row["coverage"], word)
    return number(float(row["median"]), word) + spread
