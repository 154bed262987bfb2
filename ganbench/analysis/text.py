"""The ranking as plain text, for the end of a run on a terminal or in a log."""

from __future__ import annotations

import pandas as pd

from ganbench.analysis.cohorts import Budget
from ganbench.analysis.names import with_short_names
from ganbench.analysis.numbers import (
    DIVERGED,
    better,
    compact,
    interval,
    listed,
    number,
    percent,
    seconds,
    shortened,
    titled,
)
from ganbench.analysis.ranking import budgets, ranking, unranked
from ganbench.analysis.run import Run
from ganbench.analysis.summaries import reference_value
from ganbench.errors import GanbenchError

WIDTH = 100


def ranking_text(run: Run) -> str:
    """Every data set's ranking as aligned columns, at most 100 characters a line; known truths have none."""
    run = with_short_names(run)
    blocks = [
        _block(run.under(label, budget), label, budget)
        for label in run.dataset_labels
        if run.ranked(label)
        for budget in budgets(run, label)
    ]
    known = [label for label in run.dataset_labels if not run.ranked(label)]
    if known:
        names = listed(known) if len(known) <= 4 else f"{len(known)} data sets"
        blocks.append(shortened(f"known truths, not ranked, for the report to compare: {names}", WIDTH))
    return "\n\n".join(blocks)


def rank_text(first: int, last: int) -> str:
    """The ranks that a variant may have: "2" or "1–3"."""
    return str(first) if first == last else f"{first}–{last}"


def undefined_word(diverged: int) -> str:
    """What a NaN is called in a row."""
    return DIVERGED if diverged else "undefined"


def coverage_text(table: pd.DataFrame) -> str:
    """The coverage that a ranking's intervals have, as a column's header says it."""
    found = sorted({float(c) for c in table["coverage"] if c > 0})
    if not found:
        return "interval"
    return f"interval ({'–'.join(dict.fromkeys(percent(c) for c in (found[0], found[-1])))})"


def _block(run: Run, dataset: str, budget: Budget) -> str:
    """One ranking; its heading says the budget, so the variants' names need not."""
    try:
        table, missing = ranking(run, dataset, budget), unranked(run, dataset, budget)
    except GanbenchError as error:
        return f"{shortened(dataset, WIDTH - 15)}: no ranking\n  {error}"
    lines = [shortened(line, WIDTH) for line in _heading(run, dataset, budget)]
    if len(table):
        said = f" ({budget.short})"
        lines += _aligned(_cells(table.assign(variant=table["variant"].str.removesuffix(said))))
    lines += [shortened(f"  not ranked: {u.variant} ({u.reason})", WIDTH) for u in missing]
    return "\n".join(lines)


def _heading(run: Run, dataset: str, budget: Budget) -> list[str]:
    primary = run.primary(dataset)
    reference = reference_value(run, dataset, primary.name)
    real = "" if reference is None else f"; the real sampler gets {number(reference)}"
    return [f"{dataset}: {titled(primary)} after {budget}", f"  {better(primary)}{real}"]


def _cells(table: pd.DataFrame) -> list[list[str]]:
    header = [
        "rank",
        "variant",
        "seeds",
        "median",
        coverage_text(table),
        "diverged",
        "time/seed",
        "examples/s",
    ]
    rows = [
        [
            rank_text(row.first_rank, row.last_rank),
            row.variant,
            str(row.seeds) if row.seeds == row.planned_seeds else f"{row.seeds} of {row.planned_seeds}",
            number(row.median, undefined_word(row.diverged)),
            interval(row.lower, row.upper, row.coverage, undefined_word(row.diverged)),
            str(row.diverged) if row.diverged else "–",
            seconds(row.training_seconds_per_seed),
            compact(row.images_per_second) if row.images_per_second > 0 else "–",
        ]
        for row in table.itertuples()
    ]
    return [header, *rows]


def _aligned(cells: list[list[str]]) -> list[str]:
    """Rows of equal column widths; the variants' column gives way where a line would be too long."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    room = WIDTH - sum(widths) - 2 * len(widths) + widths[1]
    widths[1] = min(widths[1], max(room, 12))
    fitted = [[row[0], shortened(row[1], widths[1]), *row[2:]] for row in cells]
    return ["".join(f"  {_pad(cell, i, widths[i])}" for i, cell in enumerate(row)).rstrip() for row in fitted]


def _pad(cell: str, column: int, width: int) -> str:
    return cell.ljust(width) if column < 2 else cell.rjust(width)
