"""A comparison and a decision as plain text, for a terminal or a log; at most 100 characters a line."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ganbench.analysis.names import short_names
from ganbench.analysis.numbers import shortened
from ganbench.comparison.cell_decisions import sentences
from ganbench.comparison.gate import EXIT_CODES
from ganbench.comparison.medians import NOTHING, chance_words, sides_words
from ganbench.comparison.model import CellDecision, Comparison, Decision, PrimaryTest, Row, Side
from ganbench.comparison.rate_tests import more_events
from ganbench.comparison.remedies import remedies
from ganbench.comparison.tables import telling_order
from ganbench.comparison.verdicts import effect_words, p_words, rate_verdict, size_words

WIDTH = 100
MOST_ROWS = 40
"""So many rows of other quantities are shown; the files have them all."""
_NARROWEST = 10


def decision_text(decision: Decision, comparison: Comparison) -> str:
    """The exit code and its reasons, every cell with what it could have seen, suspects and notes."""
    names = _names(comparison)
    blocks = [
        f"gate: {decision.word} (exit code {decision.exit_code})\n{_sides(comparison)}",
        _listed("", _reasons(decision, names)),
        _table(list(_cell_rows(decision, comparison, names))),
        _listed(
            "suspects that fresh seeds confirmed, which are regressions:", _suspects(decision, names, True)
        ),
        _listed("suspects, which decide nothing:", _suspects(decision, names, False)),
        _listed("no baseline yet:", decision.without_baseline),
        _listed("what to do:", remedies(decision, comparison)),
        _listed("what else differs:", decision.notes),
    ]
    return "\n\n".join(block for block in blocks if block)


def comparison_text(comparison: Comparison) -> str:
    """The primary quantities, and the others that differ, with their verdicts."""
    names = _names(comparison)
    rows = sorted(comparison.rows, key=telling_order)
    other = [row for row in rows if not row.primary]
    told = ("worse", "better", "changed", "not comparable")
    telling = [row for row in other if row.verdict.kind in told and not row.quantity.shared]
    quiet = len(other) - len(telling)
    blocks = [
        f"compare\n{_sides(comparison)}",
        _listed("primary quantities:", (_said(row, comparison, names) for row in rows if row.primary)),
        _listed("collapsed or diverged seeds:", _rates(comparison.decision, names)),
        _listed("not comparable:", _apart(comparison, names)),
        _listed("other quantities:", _first(telling, comparison, names)),
        f"{quiet} other rows show no difference that matters, or cannot be tested; the page has them all."
        if quiet
        else "",
        _listed("what else differs:", comparison.notes),
    ]
    return "\n\n".join(block for block in blocks if block)


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
    seen = test.detectable
    could = NOTHING if seen is None else "none" if math.isnan(seen) else size_words(seen, row.quantity)
    return [
        names.get(cell.variant, cell.variant),
        cell.dataset,
        ":".join(str(side.count) if side else "0" for side in (row.base, row.new)),
        *medians,
        size_words(test.effect.estimate, row.quantity) if test.effect else NOTHING,
        p_words(test.p),
        p_words(threshold),
        could,
        status,
    ]


def _table(cells: Sequence[Sequence[str]]) -> str:
    """Rows of equal column widths; the wider of the first two gives way where a line would be too long."""
    if not cells:
        return ""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    while sum(widths) + 2 * len(widths) > WIDTH and max(widths[:2]) > _NARROWEST:
        widths[widths[1] > widths[0]] -= 1
    lines = []
    for row in cells:
        fitted = [shortened(cell, width) for cell, width in zip(row, widths, strict=True)]
        padded = [
            cell.ljust(width) if place in (0, 1, len(row) - 1) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(fitted, widths, strict=True))
        ]
        lines.append(shortened("".join(f"  {cell}" for cell in padded).rstrip(), WIDTH))
    return "\n".join(lines)


def _said(row: Row, comparison: Comparison, names: Mapping[str, str]) -> str:
    place = f"{names.get(row.variant, row.variant)} on {row.dataset}, {row.quantity.name}"
    return f"{place}: {'; '.join([row.verdict.words, *_numbers(row, comparison)])}"


def _numbers(row: Row, comparison: Comparison) -> Iterator[str]:
    """What a row's verdict does not say: the effect and p where nothing differs, and what the seeds say."""
    if row.effect is None:
        return
    if row.verdict.kind in ("no difference", "insufficient"):
        yield effect_words(row.effect, row.quantity)
        if row.adjusted is not None:
            yield f"p {p_words(row.adjusted)} adjusted"
    if row.base is not None and row.new is not None:
        yield f"interquartile mean {' → '.join(sides_words(comparison, row, 'interquartile_mean'))}"
    if row.improvement is not None:
        yield f"P(better) {chance_words(row)}"


def _rates(decision: Decision, names: Mapping[str, str]) -> Iterator[str]:
    for test in more_events(decision):
        yield f"{names.get(test.variant, test.variant)} on {test.dataset}, {rate_verdict(test)}"


def _apart(comparison: Comparison, names: Mapping[str, str]) -> Iterator[str]:
    told = {(row.variant, row.dataset) for row in comparison.rows if row.primary}
    for cell in comparison.decision.cells:
        if (cell.variant, cell.dataset) not in told:
            yield f"{names.get(cell.variant, cell.variant)} on {cell.dataset}: {cell.verdict.words}"


def _first(rows: Sequence[Row], comparison: Comparison, names: Mapping[str, str]) -> Iterator[str]:
    for row in rows[:MOST_ROWS]:
        yield _said(row, comparison, names)
    if len(rows) > MOST_ROWS:
        yield f"… and {len(rows) - MOST_ROWS} more; comparison.csv has them all"


def _listed(heading: str, items: Iterable[str]) -> str:
    """Items under a heading, wrapped; empty where there are none."""
    lines = [
        line
        for item in items
        for line in textwrap.wrap(
            item, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )
    ]
    return "\n".join([heading] * bool(heading) + lines) if lines else ""
