"""A comparison as a table: one row per variant, data set and quantity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from ganbench.analysis.statistics import Summary
from ganbench.comparison.markdown import bullets, page, printable, safe, table
from ganbench.comparison.medians import NOTHING, chance_words, sides_words
from ganbench.comparison.model import Comparison, Row
from ganbench.comparison.rate_tests import more_events
from ganbench.comparison.verdicts import EFFECT_HEADING, effect_cell, p_words, rate_verdict

_TEXTS = (
    *("variant", "dataset", "quantity", "title", "unit", "direction", "scale"),
    *("verdict", "words", "family"),
)
_COUNTS = ("base_count", "base_undefined", "new_count", "new_undefined")
_NUMBERS = (
    *("base_median", "base_lower", "base_upper", "base_interquartile_mean"),
    *("new_median", "new_lower", "new_upper", "new_interquartile_mean"),
    *("effect", "effect_lower", "effect_upper", "effect_coverage"),
    *("improvement", "improvement_lower", "improvement_upper"),
    *("p_worse", "p_better", "p_adjusted", "p_smallest", "detectable", "smallest_difference"),
)
_COLUMNS = (
    *("variant", "data set", "quantity", "seeds", "BASE", "NEW"),
    *("interquartile mean of BASE", "of NEW", EFFECT_HEADING, "P(better)", "p, adjusted", "verdict"),
)
"""Of a page; BASE and NEW are medians."""
_ORDER = (
    "worse",
    "better",
    "changed",
    "not comparable",
    "insufficient",
    "too small to matter",
    "no difference",
)


def frame(comparison: Comparison) -> pd.DataFrame:
    """One row per `Row`, numbers as numbers; then cells of which nothing can be told, with their verdicts.

    An effect is new minus base in the quantity's unit, on a logarithmic scale the ratio of new to base;
    NaN is missing or undefined.
    """
    rows = [*map(_record, comparison.rows), *_untold(comparison)]
    found = pd.DataFrame(rows, columns=[*_TEXTS, "primary", *_COUNTS, *_NUMBERS])
    found[list(_COUNTS)] = found[list(_COUNTS)].fillna(0)
    kinds: dict[str, Any] = {**dict.fromkeys(_COUNTS, int), **dict.fromkeys(_NUMBERS, float), "primary": bool}
    found[list(_TEXTS)] = found[list(_TEXTS)].map(printable, na_action="ignore")
    return found.astype({**kinds, **dict.fromkeys(_TEXTS, object)})


def comparison_page(comparison: Comparison) -> str:
    """The comparison as Markdown, below 1 MiB, the primary quantities first."""
    opening = [
        f"BASE: {safe(comparison.base.name)}, {safe(comparison.base.source)}  ",
        f"NEW: {safe(comparison.new.name)}, {safe(comparison.new.source)}",
    ]
    sections = [
        table("Primary quantities", _COLUMNS, _lines(comparison, True)),
        bullets("More collapsed or diverged seeds than before", _rates(comparison)),
        bullets("Cells of one side alone", _alone(comparison)),
        table("Other quantities", _COLUMNS, _lines(comparison, False)),
        bullets("What else differs", comparison.notes),
    ]
    return page("ganbench compare", opening, sections, "comparison.csv")


def telling_order(row: Row) -> tuple[int, str, str, str]:
    """Where a row stands that is sorted by what is to be told: what got worse first."""
    return _ORDER.index(row.verdict.kind), row.variant, row.dataset, row.quantity.name


def _lines(comparison: Comparison, primary: bool) -> list[list[str]]:
    rows = sorted((row for row in comparison.rows if row.primary is primary), key=telling_order)
    return [
        [
            row.variant,
            row.dataset,
            row.quantity.name,
            " : ".join(str(side.count) if side else "0" for side in (row.base, row.new)),
            *sides_words(comparison, row),
            *sides_words(comparison, row, "interquartile_mean"),
            effect_cell(row.effect, row.quantity) if row.effect else NOTHING,
            chance_words(row),
            NOTHING if row.adjusted is None else p_words(row.adjusted),
            row.verdict.words,
        ]
        for row in rows
    ]


def _rates(comparison: Comparison) -> Iterator[str]:
    for test in more_events(comparison.decision):
        yield f"{test.variant} on {test.dataset}, {rate_verdict(test)}"


def _alone(comparison: Comparison) -> Iterator[str]:
    for side, keys in (("BASE", comparison.only_base), ("NEW", comparison.only_new)):
        for variant, dataset in keys:
            yield f"{variant} on {dataset}: {side} only"


def _record(row: Row) -> dict[str, Any]:
    quantity, effect, improvement = row.quantity, row.effect, row.improvement
    return {
        "variant": row.variant,
        "dataset": row.dataset,
        "quantity": quantity.name,
        "title": quantity.title,
        "unit": quantity.unit,
        "direction": quantity.direction,
        "scale": quantity.scale,
        "smallest_difference": quantity.smallest_difference,
        "primary": row.primary,
        **_side("base", row.base),
        **_side("new", row.new),
        "effect": effect.estimate if effect else None,
        "effect_lower": effect.lower if effect else None,
        "effect_upper": effect.upper if effect else None,
        "effect_coverage": effect.coverage if effect else None,
        "improvement": improvement[0] if improvement else None,
        "improvement_lower": improvement[1] if improvement else None,
        "improvement_upper": improvement[2] if improvement else None,
        "p_worse": row.p_worse,
        "p_better": row.p_better,
        "p_adjusted": row.adjusted,
        "p_smallest": row.smallest,
        "family": row.family,
        "detectable": row.detectable,
        "verdict": row.verdict.kind,
        "words": row.verdict.words,
    }


def _side(name: str, summary: Summary | None) -> dict[str, Any]:
    return {
        f"{name}_count": summary.count if summary else 0,
        f"{name}_undefined": summary.undefined if summary else 0,
        f"{name}_median": summary.median if summary else None,
        f"{name}_lower": summary.lower if summary else None,
        f"{name}_upper": summary.upper if summary else None,
        f"{name}_interquartile_mean": summary.interquartile_mean if summary else None,
    }


def _untold(comparison: Comparison) -> Iterator[dict[str, Any]]:
    told = {(row.variant, row.dataset) for row in comparison.rows if row.primary}
    for cell in comparison.decision.cells:
        if (cell.variant, cell.dataset) not in told:
            yield {
                "variant": cell.variant,
                "dataset": cell.dataset,
                "quantity": cell.quantity,
                "primary": True,
                "verdict": cell.verdict.kind,
                "words": cell.verdict.words,
            }
