"""The ranking as plain text, for the end of a run on a terminal or in a log."""

from __future__ import annotations

import pandas as pd

from ganbench.analysis.cohorts import Budget
from ganbench.analysis.names import with_short_names, wrapped
from ganbench.analysis.numbers import (
    DIVERGED,
    better,
    compact,
    interval,
    listed,
    number,
    percent,
    seconds,
    titled,
)
from ganbench.analysis.ranking import BestSetting, best_settings, budgets, ranking, unranked
from ganbench.analysis.run import Run
from ganbench.analysis.summaries import reference_value
from ganbench.errors import GanbenchError

WIDTH = 100
_COSTS = ("time/seed", "examples/s")
"""Columns that a narrow terminal does without: the report has them."""
_LABEL, _NARROWEST = 24, 12
"""Characters that a label should have on a line, and those that it has however narrow the terminal."""


def ranking_text(run: Run, width: int = WIDTH) -> str:
    """Every data set's ranking as aligned columns, `width` characters a line; known truths have none."""
    run = with_short_names(run)
    blocks = [
        _block(run.under(label, budget), label, budget, width)
        for label in run.dataset_labels
        if run.ranked(label)
        for budget in budgets(run, label)
    ]
    known = [label for label in run.dataset_labels if not run.ranked(label)]
    if known:
        names = listed(known) if len(known) <= 4 else f"{len(known)} data sets"
        blocks.append(_filled(f"known truths, not ranked, for the report to compare: {names}", width))
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


def best_text(best: BestSetting) -> str:
    """A method's best setting, and how sure that is."""
    word = undefined_word(best.diverged)
    doubt = f"; not told apart from {len(best.rivals)} of the others" if best.rivals else ""
    return (
        f"best of the {best.settings} settings of {best.method}: {best.variant}"
        f" (median {number(best.median, word)}{doubt})"
    )


def _block(run: Run, dataset: str, budget: Budget, width: int) -> str:
    """One ranking; its heading says the budget, so the variants' names need not."""
    try:
        table, missing = ranking(run, dataset, budget), unranked(run, dataset, budget)
    except GanbenchError as error:
        return _filled(f"{dataset}: no ranking", width) + f"\n  {error}"
    lines = [_filled(line, width) for line in _heading(run, dataset, budget)]
    if len(table):
        table = table.assign(variant=table["variant"].str.removesuffix(f" ({budget.short})"))
        lines += _aligned(_cells(table), width)
        lines += [_filled(f"  {best_text(best)}", width) for best in best_settings(run, dataset, table)]
    lines += [_filled(f"  not ranked: {u.variant} ({u.reason})", width) for u in missing]
    return "\n".join(lines)


def _filled(line: str, width: int) -> str:
    """A line on as many as it needs, indented like it and more."""
    indent = " " * (len(line) - len(line.lstrip()))
    pieces = wrapped(line.strip(), width - len(indent) - 4)
    return "\n".join(f"{indent}{'    ' if i else ''}{piece}" for i, piece in enumerate(pieces))


def _heading(run: Run, dataset: str, budget: Budget) -> list[str]:
    primary = run.primary(dataset)
    reference = reference_value(run, dataset, primary.name)
    real = "" if reference is None else f"; the real sampler gets {number(reference)}"
    return [f"{dataset}: {titled(primary)} {budget.after}", f"  {better(primary)}{real}"]


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


def _aligned(cells: list[list[str]], width: int) -> list[str]:
    """Rows of equal column widths: where a line would be too long, costs are left out and labels wrapped."""
    while _room(cells, width) < min(_LABEL, max(len(row[1]) for row in cells)) and cells[0][-1] in _COSTS:
        cells = [row[:-1] for row in cells]
    room = max(_room(cells, width), _NARROWEST)
    lines = []
    for rank, label, *numbers in cells:
        first, *rest = wrapped(label, room)
        lines += [[rank, first, *numbers], *(["", piece, *[""] * len(numbers)] for piece in rest)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["".join(f"  {_pad(cell, i, widths[i])}" for i, cell in enumerate(row)).rstrip() for row in lines]


def _room(cells: list[list[str]], width: int) -> int:
    """What the other columns leave to the variants' names."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return width - sum(widths) - 2 * len(widths) + widths[1]


def _pad(cell: str, column: int, width: int) -> str:
    return cell.ljust(width) if column < 2 else cell.rjust(width)
