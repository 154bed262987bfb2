"""What a reader must know at once: the decision in a sentence, and what led to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ganbench.analysis.numbers import listed, titled
from ganbench.comparison.model import CellDecision, Comparison, Key, Row
from ganbench.report.comparison.tables import Names, detectable_text
from ganbench.report.comparison.verdicts import ENDINGS, Ending

_BLIND = "insufficient evidence: "
_MOST = 8
"""So many items are listed; the others are counted."""


@dataclass(frozen=True)
class Point:
    """One thing to read first: its title, the page's class for it, and one line an item."""

    title: str
    style: str
    items: Sequence[str]


def ending(comparison: Comparison) -> Ending:
    """What the exit code means."""
    decision = comparison.decision
    return ENDINGS.get(decision.exit_code, Ending(decision.word.capitalize(), "", "unsure"))


def sentence(comparison: Comparison, names: Names) -> str:
    """The decision in one sentence; more where it hides a regression, or cells that were not judged."""
    return _decided(comparison, names) + _unjudged(comparison)


def _unjudged(comparison: Comparison) -> str:
    """How many cells have no baseline, where others were judged."""
    decision = comparison.decision
    count = sum(cell.status == "no baseline" for cell in decision.cells)
    if not count or count == len(decision.cells):
        return ""
    many = "1 cell has" if count == 1 else f"{count} cells have"
    return f" {many} no baseline yet and {'was' if count == 1 else 'were'} not judged."


def _decided(comparison: Comparison, names: Names) -> str:
    decision = comparison.decision
    of = {status: [c for c in decision.cells if c.status == status] for status in _WHY}
    red, known = of["regression"], [c for c in decision.cells if c.status != "no baseline"]
    many = "one cell" if len(known) == 1 else f"{len(known)} cells (a variant on a data set each)"
    if decision.exit_code == 1:
        return f"Worse, by more than chance and the margin explain: {_where(red, names, '; ')}."
    if decision.exit_code == 0:
        return f"Nothing in {many} got worse by more than chance and the margin explain."
    found = of.get(decision.word, [])
    if not found:
        said = "; ".join(decision.reasons) or decision.word
        return f"{said[:1].upper()}{said[1:]}."
    also = f" Apart from that, worse: {_where(red, names, '; ')}." if red else ""
    which = f"Of {many}, {'one' if len(found) == 1 else len(found)}"
    if len(found) == len(known):
        which = "The one cell" if len(known) == 1 else f"All {many}"
    return f"{which} {_WHY[decision.word][len(found) > 1]}.{also}"


_WHY = {
    "incomplete": ("has trials that failed or are missing", "have trials that failed or are missing"),
    "not comparable": ("was made otherwise, or is gone", "were made otherwise, or are gone"),
    "insufficient evidence": (
        "has too few seeds for any outcome to count as a regression",
        "have too few seeds for any outcome to count as a regression",
    ),
    "regression": ("got worse", "got worse"),
}


def points(comparison: Comparison, names: Names) -> list[Point]:
    """What to read first, the gravest first; what there is none of is said where that matters."""
    decision = comparison.decision
    of = lambda status: [c for c in decision.cells if c.status == status]  # noqa: E731
    better = [c for c in decision.cells if c.verdict.kind == "better"]
    found = [
        Point("Regressed", "worse", [_cell(c, names) for c in of("regression")] or ["nothing"]),
        Point("Improved", "better", [_cell(c, names) for c in better] or ["nothing"]),
        Point("Incomplete", "unsure", _grouped(of("incomplete"), names, lambda cell: "; ".join(cell.notes))),
        Point("Not compared", "apart", _not_compared(comparison, names)),
        Point("Could not have shown a regression", "unsure", _grouped(decision.cells, names, _shortage)),
        Point("Suspects", "unsure", list(_suspects(comparison, names))),
        Point(
            "Smallest worsening that would have been seen, four times in five",
            "same",
            list(_detectable(comparison)),
        ),
        Point("What differs between the sides", "same", comparison.notes or ["nothing that is recorded"]),
    ]
    return [Point(p.title, p.style, cut(p.items)) for p in found if p.items]


def _cell(cell: CellDecision, names: Names) -> str:
    """A cell and what is said of it, but for the verdict's word, which the title says."""
    verdict = cell.verdict
    told = verdict.words.removeprefix(f"{verdict.kind}: ")
    said = [*([told] if verdict.kind in ("worse", "better") else []), *cell.notes]
    return f"{names[cell.variant]} on {cell.dataset}: {'; '.join(said) or verdict.words}"


def by_reason(found: Iterable[tuple[str, str]]) -> list[str]:
    """Pairs of a reason and a place, each reason once with its places; empty reasons are left out."""
    reasons: dict[str, list[str]] = {}
    for reason, place in found:
        reasons.setdefault(reason, []).append(place)
    return [f"{_some(places)}: {reason}" for reason, places in reasons.items() if reason]


def _grouped(cells: Iterable[CellDecision], names: Names, why: Callable[[CellDecision], str]) -> list[str]:
    return by_reason((why(cell), f"{names[cell.variant]} on {cell.dataset}") for cell in cells)


def _shortage(cell: CellDecision) -> str:
    """Why a cell could not have gone red; empty where it could."""
    said = [*([cell.verdict.words] if cell.verdict.kind == "insufficient" else []), *cell.notes]
    return next((words.removeprefix(_BLIND) for words in said if words.startswith(_BLIND)), "")


def _not_compared(comparison: Comparison, names: Names) -> list[str]:
    """Cells that have no counterpart, or one that was made otherwise, by why."""
    reasons: dict[Key, str] = {key: "; ".join(why) for key, why in comparison.differences.items()}
    reasons |= dict.fromkeys(comparison.only_base, "only in base")
    new = [(c.variant, c.dataset) for c in comparison.decision.cells if c.status == "no baseline"]
    reasons |= dict.fromkeys(new, "no baseline yet (this does not change the decision)")
    return _grouped(
        comparison.decision.cells, names, lambda cell: reasons.get((cell.variant, cell.dataset), "")
    )


def _suspects(comparison: Comparison, names: Names) -> Iterator[str]:
    found = comparison.decision.suspects
    confirmed = [f"{s.quantity} of {names[s.variant]} on {s.dataset}" for s in found if s.confirmed]
    if confirmed:
        yield f"confirmed on fresh seeds: {_some(confirmed)}"
    left = sum(s.confirmed is None for s in found)
    if left:
        many = (
            "one other quantity looks worse and was"
            if left == 1
            else f"{left} other quantities look worse and were"
        )
        yield f"{many} not rerun on fresh seeds (gate --confirm does); this does not change the decision"
    dropped = sum(s.confirmed is False for s in found)
    if dropped:
        yield f"{dropped} not confirmed by fresh seeds"


def _detectable(comparison: Comparison) -> Iterator[str]:
    """For each data set, over its variants; four times in five."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in comparison.rows:
        if row.primary and row.detectable is not None:
            groups.setdefault((row.dataset, row.quantity.name), []).append(row)
    for (dataset, _), rows in groups.items():
        quantity = rows[0].quantity
        texts = [detectable_text(row.detectable, quantity) for row in rows]
        seen = sorted(
            {
                (abs(row.detectable or 0.0), text)
                for row, text in zip(rows, texts, strict=True)
                if text != "nothing"
            }
        )
        ends = list(dict.fromkeys(text for _, text in (seen[:1] + seen[-1:])))
        blind = texts.count("nothing")
        told = [" to ".join(ends)] if ends else []
        if blind:
            told.append("nothing, however large" + (f", for {blind} of {len(rows)} variants" if ends else ""))
        yield f"{dataset}: {titled(quantity)}: {'; '.join(told)}"


def _where(cells: Sequence[CellDecision], names: Names, between: str = ", ") -> str:
    """Variants with the data sets on which they stand."""
    places: dict[str, list[str]] = {}
    for cell in cells:
        places.setdefault(names[cell.variant], []).append(cell.dataset)
    return _some([f"{variant} on {listed(datasets)}" for variant, datasets in places.items()], between)


def _some(items: Sequence[str], between: str = ", ") -> str:
    if len(items) <= 4:
        return between.join(items)
    return f"{between.join(items[:3])}{between}and {len(items) - 3} more"


def cut(items: Sequence[str]) -> list[str]:
    """The first few items, the others counted."""
    if len(items) <= _MOST:
        return list(items)
    return [*items[: _MOST - 1], f"and {len(items) - _MOST + 1} more, in the tables below"]
