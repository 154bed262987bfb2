"""A decision as one page of Markdown for a CI job, the most important first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ganbench.analysis.numbers import number
from ganbench.comparison.cell_decisions import sentences
from ganbench.comparison.gate import EXIT_CODES
from ganbench.comparison.markdown import Section, bullets, page, safe, table
from ganbench.comparison.medians import NOTHING, sides_words
from ganbench.comparison.model import CellDecision, CellStatus, Comparison, Decision, PrimaryTest, Row
from ganbench.comparison.rate_tests import more_events
from ganbench.comparison.remedies import remedies
from ganbench.comparison.verdicts import EFFECT_HEADING, could_see, effect_cell, p_words, rate_verdict

_TITLES: dict[CellStatus, str] = {
    "not comparable": "Not comparable",
    "incomplete": "Incomplete",
    "regression": "Regressions",
    "insufficient evidence": "Insufficient evidence: no break here alone could have gone red",
}


def summary(decision: Decision, comparison: Comparison | None = None) -> str:
    """The page, below 1 MiB; with the comparison it also has the medians of both sides."""
    opening = [f"Exit code **{decision.exit_code}**. {_counted(decision)}"]
    if comparison is not None:
        opening += ["", f"BASE: {_side(comparison.base)}  ", f"NEW: {_side(comparison.new)}"]
    return page(f"ganbench gate: {decision.word}", opening, _sections(decision, comparison), "gate.json")


def refusal_page(message: str, exit_code: int) -> str:
    """The page of a gate that could not run."""
    return page("ganbench gate: could not run", [f"Exit code **{exit_code}**.", "", safe(message)], [], "")


def _sections(decision: Decision, comparison: Comparison | None) -> Iterator[Section]:
    for status, title in _TITLES.items():
        yield bullets(title, sentences(_with_status(decision, status)))
    if not any(cell.status != "no baseline" for cell in decision.cells):
        yield bullets("Nothing to compare", decision.reasons)
    if comparison is not None:
        yield bullets("What to do", remedies(decision, comparison))
    yield bullets("Suspects that fresh seeds confirmed: they are regressions", _suspects(decision, True))
    yield bullets("Suspects: quantities that decide nothing and look worse", _suspects(decision, False))
    yield _cells(decision, comparison)
    yield bullets("More collapsed or diverged seeds than before", _rates(decision))
    yield bullets("No baseline yet", decision.without_baseline)
    yield bullets("What else differs", decision.notes)
    yield bullets("How it was decided", _rules(decision))


def _with_status(decision: Decision, status: CellStatus) -> Iterable[CellDecision]:
    return (cell for cell in decision.cells if cell.status == status)


def _counted(decision: Decision) -> str:
    counts = Counter(cell.status for cell in decision.cells)
    order: tuple[CellStatus, ...] = (*EXIT_CODES, "no baseline")
    said = ", ".join(f"{counts[status]} {status}" for status in order if counts[status])
    return f"Cells (a variant on a data set): {said or 'none'}."


def _side(side: object) -> str:
    name, source, created = (safe(str(getattr(side, field))) for field in ("name", "source", "created"))
    return f"{name}, {source}{f', {created}' if created else ''}"


def _suspects(decision: Decision, sure: bool) -> Iterator[str]:
    """Those that fresh seeds confirmed, or the others."""
    for suspect in decision.suspects:
        if bool(suspect.confirmed) is not sure:
            continue
        yield f"{suspect.variant} on {suspect.dataset}, {suspect.words}"


def _rates(decision: Decision) -> Iterator[str]:
    for test in more_events(decision):
        yield f"{test.variant} on {test.dataset}, {rate_verdict(test)}"


def _cells(decision: Decision, comparison: Comparison | None) -> Section:
    rows = {(r.variant, r.dataset): r for r in comparison.rows if r.primary} if comparison else {}
    tests = {(j.variant, test.dataset): (test, j.threshold) for j in decision.judgements for test in j.tests}
    columns = ["variant", "data set", "quantity", "status"]
    columns += ["seeds", "BASE", "NEW"] if comparison else []
    columns += [EFFECT_HEADING, "p", "p needed", "could have seen"]
    order = {status: place for place, status in enumerate(EXIT_CODES)}
    told = sorted(decision.cells, key=lambda cell: order.get(cell.status, len(order)))
    found = []
    for cell in told:
        key = (cell.variant, cell.dataset)
        medians = _medians(comparison, rows.get(key)) if comparison else []
        place = [cell.variant, cell.dataset, cell.quantity, cell.status]
        found.append([*place, *medians, *_numbers(tests.get(key), rows.get(key))])
    return table("All cells, by their primary quantity at the final checkpoint", columns, found)


def _medians(comparison: Comparison, row: Row | None) -> list[str]:
    if row is None:
        return [NOTHING] * 3
    counts = [str(side.count) if side else "0" for side in (row.base, row.new)]
    return [" : ".join(counts), *sides_words(comparison, row)]


def _numbers(tested: tuple[PrimaryTest, float] | None, row: Row | None) -> list[str]:
    """Effect, p, the p needed and the detectable effect; without a row the scale of effects is unknown."""
    if tested is None:
        return [NOTHING] * 4
    test, threshold = tested
    p = [p_words(test.p), p_words(threshold)]
    if row is None:
        sizes = [None if test.effect is None else test.effect.estimate, test.detectable]
        said = [NOTHING if size is None else number(size, "none") for size in sizes]
        return [said[0], *p, said[1]]
    return [effect_cell(test.effect, row.quantity), *p, could_see(test.detectable, row.quantity)]


def _rules(decision: Decision) -> list[str]:
    rules = decision.rules
    return [
        "Per variant the smallest p of each data set alone and of all stratified (one-sided rank tests), "
        f"Bonferroni within the variant, Holm across variants, family-wise {rules.level:g}; a difference "
        "below the declared margin is no regression.",
        f"Collapse and divergence: Fisher's exact test, Holm, family-wise {rules.rate_level:g}.",
        f"Suspects: Benjamini-Hochberg at {rules.suspect_level:g}; while unconfirmed they decide nothing.",
        f"“Could have seen”: the smallest worsening that is seen {100 * rules.power:g} % of the time "
        "at the p that is needed where no other variant is red, from the spread of BASE.",
    ]
