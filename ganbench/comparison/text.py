"""A comparison and a decision as plain text, for a terminal or a log; at most 100 characters a line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ganbench.analysis.names import short_names
from ganbench.analysis.numbers import shortened
from ganbench.comparison.cell_decisions import sentences
from ganbench.comparison.gate import EXIT_CODES
from ganbench.comparison.layout import WIDTH, columns, listed_under
from ganbench.comparison.medians import NOTHING, chance_words, sides_words
from ganbench.comparison.model import CellDecision, Comparison, Decision, PrimaryTest, Row, Side
from ganbench.comparison.rate_tests import more_events
from ganbench.comparison.remedies import remedies
from ganbench.comparison.tables import telling_order
from ganbench.comparison.verdicts import (
    could_see,
    effect_words,
    interval_words,
    p_words,
    rate_verdict,
    size_words,
)

_INTERVAL = "95 % interval"
MOST_ROWS = 40
"""So many rows of other quantities are shown; the files have them all."""


def decision_text(decision: Decision, comparison: Comparison) -> str:
    """The exit code and its reasons, every cell with what it could have seen, suspects and notes."""
    names = _names(comparison)
    blocks = [
        f"gate: {decision.word} (exit code {decision.exit_code})\n{_sides(comparison)}",
        listed_under("", _reasons(decision, names)),
        columns(list(_cell_rows(decision, comparison, names)), optional=("needed", "could see")),
        listed_under(
            "suspects that fresh seeds confirmed, which are regressions:", _suspects(decision, names, True)
        ),
        listed_under("suspects, which decide nothing:", _suspects(decision, names, False)),
        listed_under("no baseline yet:", decision.without_baseline),
        listed_under("what to do:", remedies(decision, comparison)),
        listed_under("what else differs:", decision.notes),
    ]
    return "\n\n".join(block for block in blocks if block)


def comparison_text(comparison: Comparison) -> str:
    """The primary quantities, and the others that differ, with their verdicts."""
    names = _names(comparison)
    rows = sorted(comparison.rows, key=telling_order)
    primary = [row for row in rows if row.primary]
    other = [row for row in rows if not row.primary]
    told = ("worse", "better", "changed", "not comparable")
    telling = [row for row in other if row.verdict.kind in told and not row.quantity.shared]
    quiet = sum(not row.quantity.shared for row in other) - len(telling)
    blocks = [
        f"compare\n{_sides(comparison)}",
        _primary_table(comparison, names),
        listed_under(
            "of these:",
            (_said(row, comparison, names) for row in primary if row.verdict.kind != "no difference"),
        ),
        listed_under("collapsed or diverged seeds:", _rates(comparison.decision, names)),
        listed_under("on one side alone, or not trained:", _apart(comparison, names)),
        listed_under("other quantities:", _first(telling, comparison, names)),
        _elsewhere(quiet),
        listed_under("what else differs:", comparison.notes),
    ]
    return "\n\n".join(block for block in blocks if block)


def _elsewhere(quiet: int) -> str:
    """What stands on the page and in the files alone."""
    some = (
        f"{quiet} other {'row shows' if quiet == 1 else 'rows show'} no difference that matters, or cannot be"
    )
    said = [f"{some} tested;"] if quiet else []
    return "\n".join(
        [*said, "all rows, interquartile means and P(better) are on the page and in comparison.md"]
    )


def _names(comparison: Comparison) -> Mapping[str, str]:
    """Variants' labels, without the options that they share."""
    return short_names(sorted({v for side in (comparison.base, comparison.new) for v, _ in side.cells}))


def _sides(comparison: Comparison) -> str:
    return "\n".join(
        f"  {name} {_side(side)}" for name, side in (("BASE", comparison.base), ("NEW ", comparison.new))
    )


def _side(side: Side) -> str:
    return shortened(f"{side.source} ({side.name}{f', {side.created}' if side.created else ''})", WIDTH - 7)


def _reasons(decision: Decision, names: Mapping[str, str]) -> Iterator[str]:
    """The cells that are not as they should be, or else why all is well."""
    telling = [status for status in EXIT_CODES if status != "pass"]
    cells = [cell for status in telling for cell in decision.cells if cell.status == status]
    if not cells or decision.exit_code == 0:
        yield from decision.reasons[:1]
    yield from sentences(replace(cell, variant=names.get(cell.variant, cell.variant)) for cell in cells)


def _suspects(decision: Decision, names: Mapping[str, str], sure: bool) -> Iterator[str]:
    """Those that fresh seeds confirmed, or the others."""
    for suspect in decision.suspects:
        if bool(suspect.confirmed) is not sure:
            continue
        yield f"{names.get(suspect.variant, suspect.variant)} on {suspect.dataset}, {suspect.words}"


def _cell_rows(decision: Decision, comparison: Comparison, names: Mapping[str, str]) -> Iterator[list[str]]:
    rows = {(row.variant, row.dataset): row for row in comparison.rows if row.primary}
    tests = {(j.variant, test.dataset): (test, j.threshold) for j in decision.judgements for test in j.tests}
    if tests:
        yield ["variant", "data set", "seeds", "BASE", "NEW", "effect", "p", "needed", "could see", "status"]
    for cell in decision.cells:
        key = (cell.variant, cell.dataset)
        if key in tests and key in rows:
            medians = sides_words(comparison, rows[key], brief=True)
            yield _cell_row(cell, rows[key], medians, *tests[key], names, _status(cell, decision))


def _status(cell: CellDecision, decision: Decision) -> str:
    """A cell's status; of one that is red for another reason than its primary quantity, that reason."""
    if cell.status == "regression" and cell.verdict.kind != "worse":
        key = (cell.variant, cell.dataset)
        rates = [rate.rate for rate in decision.rates if rate.red and (rate.variant, rate.dataset) == key]
        return f"red: {', '.join(rates) or 'suspect'}"
    return "insufficient" if cell.status == "insufficient evidence" else cell.status


def _cell_row(
    cell: CellDecision,
    row: Row,
    medians: Sequence[str],
    test: PrimaryTest,
    threshold: float,
    names: Mapping[str, str],
    status: str,
) -> list[str]:
    return [
        names.get(cell.variant, cell.variant),
        cell.dataset,
        _counts(row),
        *medians,
        size_words(test.effect.estimate, row.quantity) if test.effect else NOTHING,
        p_words(test.p),
        p_words(threshold),
        could_see(test.detectable, row.quantity),
        status,
    ]


def _said(row: Row, comparison: Comparison, names: Mapping[str, str]) -> str:
    place = f"{names.get(row.variant, row.variant)} on {row.dataset}, {row.quantity.name}"
    return f"{place}: {'; '.join([row.verdict.words, *_numbers(row, comparison)])}"


def _numbers(row: Row, comparison: Comparison) -> Iterator[str]:
    """What a row's verdict does not say."""
    if row.effect is None:
        return
    if row.verdict.kind == "insufficient":
        yield effect_words(row.effect, row.quantity)
    if row.base is not None and row.new is not None:
        yield f"interquartile mean {' → '.join(sides_words(comparison, row, 'interquartile_mean'))}"
    if row.improvement is not None:
        yield f"P(better) {chance_words(row)}"


def _primary_table(comparison: Comparison, names: Mapping[str, str]) -> str:
    """Every primary quantity in a line: medians, effect, p and the verdict's kind.

    Where lines would be too long the interval is left to the page.
    """
    rows = [row for row in comparison.rows if row.primary]
    counts = {_counts(row) for row in rows}
    alike = f", {counts.pop().replace(':', ' against ')} seeds" if len(counts) == 1 else ""
    seeds = [] if alike else ["seeds"]
    header = ["variant", "data set", *seeds, "BASE", "NEW", "effect", _INTERVAL, "p", "could see", "change"]
    lines: list[list[str]] = [header]
    for row in rows:
        place = [names.get(row.variant, row.variant), row.dataset, *([] if alike else [_counts(row)])]
        lines.append([*place, *sides_words(comparison, row, brief=True), *_effect(row), _kind(row)])
    table = columns(lines, optional=(_INTERVAL, "could see"))
    return f"primary quantities, medians{alike}:\n{table}" if rows else ""


def _counts(row: Row) -> str:
    return ":".join(str(side.count) if side else "0" for side in (row.base, row.new))


def _effect(row: Row) -> list[str]:
    """Effect, interval, adjusted p, and the smallest worsening that would have been seen."""
    if row.effect is None or math.isnan(row.effect.estimate):
        return [NOTHING] * 4
    ends = interval_words(row.effect, row.quantity) or "few seeds"
    p = NOTHING if row.adjusted is None else p_words(row.adjusted)
    return [size_words(row.effect.estimate, row.quantity), ends, p, could_see(row.detectable, row.quantity)]


def _kind(row: Row) -> str:
    """A verdict in a word or two."""
    brief = {"no difference": "none seen", "too small to matter": "too small", "not comparable": "apart"}
    return brief.get(row.verdict.kind, row.verdict.kind)


def _rates(decision: Decision, names: Mapping[str, str]) -> Iterator[str]:
    for test in more_events(decision):
        yield f"{names.get(test.variant, test.variant)} on {test.dataset}, {rate_verdict(test)}"


def _apart(comparison: Comparison, names: Mapping[str, str]) -> Iterator[str]:
    told = {(row.variant, row.dataset) for row in comparison.rows if row.primary}
    yield from sentences(
        replace(cell, variant=names.get(cell.variant, cell.variant), status="not comparable")
        for cell in comparison.decision.cells
        if (cell.variant, cell.dataset) not in told
    )


def _first(rows: Sequence[Row], comparison: Comparison, names: Mapping[str, str]) -> Iterator[str]:
    for row in rows[:MOST_ROWS]:
        yield _said(row, comparison, names)
    if len(rows) > MOST_ROWS:
        yield f"… and {len(rows) - MOST_ROWS} more; comparison.csv has them all"
