"""The tables of a comparison: every cell at a glance, the primary quantities, and all others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from ganbench.analysis.numbers import arrow, listed, number, titled
from ganbench.comparison.medians import NOTHING, chance_words, sides_words
from ganbench.comparison.model import CellDecision, Comparison, Key, Row
from ganbench.comparison.tables import frame
from ganbench.comparison.verdicts import p_words, size_words
from ganbench.quantities import Quantity
from ganbench.report.comparison.scale import effect_text
from ganbench.report.comparison.verdicts import KINDS, STANDINGS
from ganbench.report.style import file_stem
from ganbench.report.tables import Table
from ganbench.store import file_name

Names = Mapping[str, str]
"""A variant's label to the name that tables and figures use."""
_FOUND = ("seeds", "median", "interquartile mean", "effect [95 %]", "P(better)", "p", "could have seen")
_EXPLAINED = ("not comparable", "insufficient", "too small to matter")
"""Verdicts whose reason the columns do not show."""


def glance(comparison: Comparison, names: Names) -> Table:
    """What the gate makes of every cell: variants down, data sets across."""
    found = {(cell.variant, cell.dataset): cell for cell in comparison.decision.cells}
    variants, datasets = (list(dict.fromkeys(key[i] for key in ordered(comparison))) for i in (0, 1))
    cells = [
        [names[v], *(standing(found[v, d]) if (v, d) in found else NOTHING for d in datasets)]
        for v in variants
    ]
    notes = [f"{names[c.variant]} on {c.dataset}: {'; '.join(c.notes)}." for c in found.values() if c.notes]
    data = pd.DataFrame(
        [
            (c.variant, c.dataset, c.quantity, c.status, c.verdict.kind, c.verdict.words, "; ".join(c.notes))
            for c in found.values()
        ],
        columns=["variant", "dataset", "quantity", "status", "verdict", "words", "notes"],
    )
    caption = "What the gate makes of every cell, at the final checkpoint"
    return Table("verdicts", caption, ["variant", *datasets], cells, data, notes, words(len(datasets) + 1))


def standing(cell: CellDecision) -> str:
    """A cell's verdict, or what stands above it: seeds that are missing, no baseline, a rate that is red."""
    if cell.status in STANDINGS and not (cell.status == "regression" and cell.verdict.kind == "worse"):
        return STANDINGS[cell.status].signed
    return KINDS[cell.verdict.kind].signed


def ordered(comparison: Comparison) -> list[Key]:
    """All cells, in the order of the new side's, then of the base's."""
    return list(dict.fromkeys([*comparison.new.cells, *comparison.base.cells]))


def primaries(comparison: Comparison, rows: Sequence[Row], names: Names, stem: str) -> Table:
    """One data set's primary quantity, a row per variant; `stem` begins the files' names."""
    quantity, dataset = rows[0].quantity, rows[0].dataset
    numbers = frame(comparison)
    here = (numbers["dataset"] == dataset) & numbers["primary"] & (numbers["quantity"] == quantity.name)
    return Table(
        name=f"{stem}-primary",
        caption=f"{dataset}: {arrowed(quantity)}",
        header=["variant", "verdict", *_FOUND],
        rows=[[names[row.variant], KINDS[row.verdict.kind].signed, *_found(comparison, row)] for row in rows],
        data=numbers[here],
        notes=[*_reasons(rows, names), *_lost(rows, names), _columns(rows), *_margin(quantity)],
        left=words(2),
    )


def everything(comparison: Comparison, names: Names, dataset: str) -> Table:
    """All quantities of one data set, those of a kind together."""
    rows = [row for row in comparison.rows if row.dataset == dataset]
    places = {name: i for i, name in enumerate(dict.fromkeys(row.quantity.name for row in rows))}
    numbers = frame(comparison)
    return Table(
        name=file_stem(file_name(dataset), "quantities"),
        caption=f"{dataset}: all quantities at the final checkpoint",
        header=["quantity", "variant", "verdict", *_FOUND, "in words"],
        rows=[
            [
                arrowed(row.quantity),
                names[row.variant],
                KINDS[row.verdict.kind].signed,
                *_found(comparison, row),
                row.verdict.words,
            ]
            for row in sorted(rows, key=lambda row: places[row.quantity.name])
        ],
        data=numbers[numbers["dataset"] == dataset],
        notes=[_columns(rows)],
        left=frozenset({0, 1, 2, 3 + len(_FOUND)}),
    )


def arrowed(quantity: Quantity) -> str:
    """A quantity's title with its unit, and an arrow towards better."""
    return f"{titled(quantity)} {arrow(quantity)}".rstrip()


def detectable_text(value: float | None, quantity: Quantity) -> str:
    """The smallest effect that would have been seen, in the effect's terms."""
    if value is None:
        return NOTHING
    return size_words(value, quantity) if math.isfinite(value) else "nothing"


def p_text(p: float | None) -> str:
    """A probability to two digits."""
    return NOTHING if p is None or math.isnan(p) else p_words(p)


def words(columns: int) -> frozenset[int]:
    """So many columns from the left as columns of words."""
    return frozenset(range(columns))


def _found(comparison: Comparison, row: Row) -> list[str]:
    """The columns `_FOUND` of a row."""
    sides = (row.base, row.new)
    return [
        " → ".join(NOTHING if side is None else str(side.count) for side in sides),
        " → ".join(sides_words(comparison, row)),
        " → ".join(sides_words(comparison, row, "interquartile_mean")),
        NOTHING if row.effect is None else effect_text(row.effect, row.quantity),
        chance_words(row),
        p_text(row.adjusted),
        detectable_text(row.detectable, row.quantity),
    ]


def _reasons(rows: Sequence[Row], names: Names) -> list[str]:
    """Why there is no verdict on a row, or a small one; each reason once."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.verdict.kind in _EXPLAINED:
            found.setdefault(row.verdict.words, []).append(names[row.variant])
    return [f"{listed(variants)}: {reason}." for reason, variants in found.items()]


def _lost(rows: Sequence[Row], names: Names) -> list[str]:
    """Which seeds have no value, as one note."""
    found = [
        f"{names[row.variant]} {summary.undefined} of {summary.count} in {side}"
        for row in rows
        for side, summary in (("base", row.base), ("new", row.new))
        if summary is not None and summary.undefined
    ]
    return [f"Seeds without a value, which count as worst: {'; '.join(found)}."] if found else []


def _margin(quantity: Quantity) -> list[str]:
    if not quantity.smallest_difference:
        return []
    ratio = " (as a ratio minus one)" if quantity.scale == "log" else ""
    return [
        f"A difference below {number(quantity.smallest_difference)}{ratio} is never called worse or better."
    ]


def _columns(rows: Sequence[Row]) -> str:
    families = "; ".join(dict.fromkeys(row.family for row in rows if row.adjusted is not None))
    return (
        f"Arrows run from base to new. P(better): how likely a new seed beats one of the base, "
        f"ties by half. p: adjusted ({families or 'nothing was tested'}). Could have seen: the smallest "
        "worsening that would be seen four times in five."
    )
