"""An evaluation as a table on a terminal: every quantity, each fake's value, and what real data get."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ganbench.analysis.names import with_short_names
from ganbench.analysis.numbers import arrow, number
from ganbench.analysis.run import Run
from ganbench.analysis.summaries import final_summaries, measured, reference_value
from ganbench.quantities import fingerprint

_LABEL = 24
"""Characters of a fake's name in a column's head."""


def evaluation_text(run: Run, width: int) -> str:
    """A table for each data set; medians where a fake has several sets of samples."""
    run = with_short_names(run)
    return "\n\n".join(_table(run, dataset, width) for dataset in run.dataset_labels)


def _table(run: Run, dataset: str, width: int) -> str:
    found, primary = final_summaries(run, dataset), run.primary(dataset).name
    names = [_shortened(variant) for variant in run.variants]
    header = ["quantity", *names, "real data", "fingerprint"]
    rows = []
    for name in measured(run, dataset):
        quantity, reference = run.quantity(name, dataset), reference_value(run, dataset, name)
        values = [found.get((variant, name)) for variant in run.variants]
        cells = ["–" if each is None else number(each.median, "undefined") for each in values]
        label = f"{name} {arrow(quantity)}".rstrip() + (" *" if name == primary else "")
        real = "–" if reference is None else number(reference)
        mark = fingerprint(quantity.protocol, run.datasets[dataset].get("hash", ""))
        rows.append([label, *cells, real, mark])
    heading = (
        f"{dataset}: {run.datasets[dataset].get('title', '')}; {_counts(run, dataset)}; nothing was trained"
    )
    note = "* ranks.  Values under one fingerprint, and only these, may be compared with each other."
    return "\n".join([*textwrap.wrap(heading, width), *_aligned([header, *rows], width), note])


def _counts(run: Run, dataset: str) -> str:
    budgets = sorted({str(cohort.budget) for cohort in run.cohorts_of(dataset)})
    return f"{', '.join(budgets)} of each"


def _shortened(name: str) -> str:
    return name if len(name) <= _LABEL else f"…{name[1 - _LABEL :]}"


def _aligned(cells: Sequence[Sequence[str]], width: int) -> list[str]:
    """Columns of equal width; where a line is too long, the fakes stand in several blocks."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    fixed = widths[0] + widths[-1] + widths[-2] + 8
    blocks: list[list[int]] = [[]]
    for column in range(1, len(widths) - 2):
        if blocks[-1] and fixed + sum(widths[c] + 2 for c in (*blocks[-1], column)) > width:
            blocks.append([])
        blocks[-1].append(column)
    lines = []
    for block in blocks:
        columns = (0, *block, len(widths) - 2, len(widths) - 1)
        lines += ["  " + "  ".join(_pad(row[c], c, widths[c]) for c in columns).rstrip() for row in cells]
    return lines


def _pad(cell: str, column: int, width: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)
