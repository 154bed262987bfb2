"""Writes the page of a comparison: what the gate decided, and all that it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ganbench.analysis.names import short_names
from ganbench.analysis.numbers import better, titled
from ganbench.comparison.model import Cell, Comparison, Row, Side
from ganbench.comparison.written import write_tables
from ganbench.report.comparison import tables, tested, together_figures
from ganbench.report.comparison.forest import forest
from ganbench.report.comparison.paired import paired_words, pairs_of
from ganbench.report.comparison.paired_figure import paired_figure
from ganbench.report.comparison.rank_figure import rank_figure
from ganbench.report.comparison.reading import HOW_TO_READ
from ganbench.report.comparison.sheet import Chapter, Head, write_sheet
from ganbench.report.comparison.sides import labels, side_facts, sides
from ganbench.report.comparison.together import ranks, together
from ganbench.report.comparison.words import ending, points, sentence
from ganbench.report.page import Part
from ganbench.report.style import Figure, Look, file_stem, looks, styled
from ganbench.report.tables import Table
from ganbench.store import file_name

PAGE = "comparison.html"
Names = Mapping[str, str]


def write_comparison(comparison: Comparison, folder: Path, generator: np.random.Generator) -> Path:
    """Write comparison.html with figures/*.png and tables/*, and comparison.parquet, .csv and .md.

    Returns the page's path.  `generator` draws the resamples behind the intervals over all data sets;
    in the same state it gives the same bytes.
    """
    comparison = replace(comparison, rows=_in_order(comparison))
    variants = list(dict.fromkeys(variant for variant, _ in tables.ordered(comparison)))
    names, look = short_names(variants), looks(variants)
    with styled():
        chapters = [
            Chapter(
                "At a glance", "glance", "", [Part("", "glance-table", [tables.glance(comparison, names)])]
            ),
            *_datasets(comparison, names),
            *_together(comparison, look, names, generator),
            _tests(comparison, names),
            *_everything(comparison, names),
            _sides(comparison, names),
            HOW_TO_READ,
        ]
    write_tables(comparison, folder)
    return write_sheet(Path(folder) / PAGE, _head(comparison, names), chapters)


def _head(comparison: Comparison, names: Names) -> Head:
    found, decision = ending(comparison), comparison.decision
    cells = tables.ordered(comparison)
    variants, datasets = (len({key[i] for key in cells}) for i in (0, 1))
    base, new = comparison.base, comparison.new
    facts = [
        ("base", side_facts(base)),
        ("new", side_facts(new)),
        ("compared", f"{_counted(variants, 'variant')} × {_counted(datasets, 'data set')}"),
        ("seeds a cell", f"{_seeds(base)} in base, {_seeds(new)} in new"),
        ("budget a seed", "; ".join(dict.fromkeys(str(cell.budget) for cell in new.cells.values()))),
    ]
    return Head(
        title=page_title(new, base),
        what="comparison",
        outcome=found.title,
        style=found.style,
        sentence=sentence(comparison, names),
        remarks=[f"Exit code {decision.exit_code}: {found.meaning}." if found.meaning else decision.word],
        facts=[(fact, value) for fact, value in facts if value],
        points=points(comparison, names),
    )


def page_title(new: Side, base: Side) -> str:
    """Both sides by name, or where these are equal by file or folder."""
    called = [new.name, base.name]
    if called[0] == called[1]:
        called = [Path(side.source).name.removesuffix(".json") or side.name for side in (new, base)]
    return " against ".join(called)


def _datasets(comparison: Comparison, names: Names) -> Iterator[Chapter]:
    """A chapter per data set, with the primary quantity's effects; two where there are two primaries."""
    groups = _grouped(row for row in comparison.rows if row.primary)
    for (dataset, quantity), rows in groups.items():
        alone = sum(name == dataset for name, _ in groups) == 1
        label = dataset if alone else f"{dataset}: {rows[0].quantity.title}"
        stem = file_stem("data", file_name(dataset), *([] if alone else [quantity]))
        primary = rows[0].quantity
        about = f"The primary quantity is {titled(primary)} ({better(primary)})."
        table = tables.primaries(comparison, rows, names, stem.removeprefix("data-"))
        items: list[Table | Figure | str] = [forest(rows, names, stem.removeprefix("data-")), table]
        parts = [Part("", f"{stem}-primary", items), *_same_seeds(rows, names, stem)]
        yield Chapter(label, stem, about, parts)


def _same_seeds(rows: Sequence[Row], names: Names, stem: str) -> Iterator[Part]:
    """What the seeds that both sides trained became, where there are any."""
    found = pairs_of(rows)
    if found:
        figure = paired_figure(rows, found, names, stem.removeprefix("data-"))
        items: list[Table | Figure | str] = [paired_words(found), figure]
        yield Part("The same seeds, before and after", f"{stem}-paired", items, folded=True)


def _together(
    comparison: Comparison, look: Mapping[str, Look], names: Names, generator: np.random.Generator
) -> Iterator[Chapter]:
    found = together(comparison.rows, generator)
    if found is None:
        return
    ranked = [rank_figure(found, names), ranks(found, names)]
    one = found.datasets[0] if len(found.datasets) == 1 else ""
    what = (
        f"The primary quantity on {one}," if one else "The primary quantities of all data sets together, each"
    )
    about = (
        f"{what} on a scale of its own: 1 at the best variant's lower quartile, 0 at the worst one's upper "
        "quartile, over both sides; seeds that diverged score 0."
    )
    parts = [
        Part("Interquartile means", "together-means", [together_figures.interval_plot(found, look, names)]),
        Part("Performance profiles", "together-profiles", [together_figures.profiles(found, look, names)]),
        Part("Ranks", "together-ranks", [item for item in ranked if item is not None]),
    ]
    yield Chapter(
        f"Scores on {one}" if one else "All data sets together",
        "together",
        about,
        [part for part in parts if part.items],
    )


def _tests(comparison: Comparison, names: Names) -> Chapter:
    decision = comparison.decision
    quantities = {(row.variant, row.dataset): row.quantity for row in comparison.rows if row.primary}
    found: dict[str, Table | None] = {
        "Primary quantities": tested.tests(decision, names, quantities),
        "Collapse and divergence": tested.rates(decision, names),
        "Suspects": tested.suspects(comparison, names),
    }
    parts = [
        Part(
            title,
            file_stem("tests", title),
            [table if table is not None else _NONE[title]],
            folded=table is not None and len(table.rows) > _LONG,
        )
        for title, table in found.items()
    ]
    return Chapter("The tests", "tests", "", parts)


_LONG = 24
"""A table of more rows is folded away."""
_NONE = {
    "Primary quantities": "No cell could be tested.",
    "Collapse and divergence": "No rate was tested.",
    "Suspects": "No other quantity looks worse.",
}


def _everything(comparison: Comparison, names: Names) -> Iterator[Chapter]:
    datasets = list(dict.fromkeys(row.dataset for row in comparison.rows))
    if not datasets:
        return
    parts: list[Part] = []
    for dataset in datasets:
        table = tables.everything(comparison, names, dataset)
        parts.append(Part(dataset, file_stem("all", file_name(dataset)), [table], folded=True))
    about = "Every quantity that was measured, folded away by data set. Only the primary ones decide."
    yield Chapter("All quantities", "quantities", about, parts)


def _sides(comparison: Comparison, names: Names) -> Chapter:
    items: list[Table | Figure | str] = [sides(comparison)]
    known = labels(names)
    return Chapter("Both sides", "sides", "", [Part("", "sides-table", items + ([known] if known else []))])


def _in_order(comparison: Comparison) -> tuple[Row, ...]:
    """The rows as the sides have their cells: by data set, then by variant."""
    keys = tables.ordered(comparison)
    variants, datasets = (
        {name: place for place, name in enumerate(dict.fromkeys(k[i] for k in keys))} for i in (0, 1)
    )
    last = len(keys)
    return tuple(
        sorted(
            comparison.rows,
            key=lambda row: (datasets.get(row.dataset, last), variants.get(row.variant, last)),
        )
    )


def _grouped(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Rows by data set and quantity, in the order in which they come."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.dataset, row.quantity.name), []).append(row)
    return groups


def _seeds(side: Side) -> str:
    """How many seeds a cell has: one number, or the smallest and the largest."""
    counts: Sequence[int] = sorted({_planned(cell) for cell in side.cells.values()})
    return "–".join(str(n) for n in dict.fromkeys((counts[0], counts[-1]))) if counts else "none"


def _planned(cell: Cell) -> int:
    return len(cell.outcomes)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
