"""The gate: two sides to a decision with an exit code.  A pure function of its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ganbench.analysis.numbers import listed
from ganbench.comparison.cell_decisions import cell_decisions, missing_words, sentence, testable
from ganbench.comparison.matching import Matching, match
from ganbench.comparison.model import CellDecision, CellStatus, Decision, Key, Rules, Side, Suspect
from ganbench.comparison.notes import notes
from ganbench.comparison.primary_tests import judge
from ganbench.comparison.rate_tests import rate_tests, unseeable
from ganbench.comparison.streams import root_of
from ganbench.comparison.suspects import confirm, suspects

EXIT_CODES: Mapping[CellStatus, int] = {
    "not comparable": 4,
    "incomplete": 3,
    "regression": 1,
    "insufficient evidence": 5,
    "pass": 0,
}
"""The exit code of each status; the first status here that any cell has decides."""
NOTHING_SHARED = "BASE and NEW have no variant on any data set in common"


def gate(base: Side, new: Side, rules: Rules, generator: np.random.Generator) -> Decision:
    """Whether the new side is worse than the base.

    The same sides, in whatever order their seeds and cells stand, and an equal generator give the same.
    """
    root = root_of(generator)
    matching = match(base, new)
    tested = [pair for pair in matching.pairs if testable(pair)]
    judgements, rates = judge(tested, rules, root), rate_tests(tested, rules)
    cells = cell_decisions(matching, judgements, rates, rules)
    return _concluded(
        Decision(
            exit_code=0,
            word="pass",
            reasons=(),
            judgements=judgements,
            rates=rates,
            suspects=suspects(tested, rules, root) if rules.suspects else (),
            insufficient=(),
            incomplete=(),
            incomparable=(),
            without_baseline=tuple(f"{variant} on {dataset}" for variant, dataset in matching.only_new),
            notes=(*notes(base, new), *unseeable(rates, rules)),
            rules=rules,
            cells=cells,
        )
    )


def confirmed(decision: Decision, base: Side, fresh: Side, generator: np.random.Generator) -> Decision:
    """The decision after a rerun on fresh seeds: suspects that are worse again are regressions.

    A cell of which fresh seeds were not trained as planned, or a suspect not measured again, is incomplete.
    Being red in this way adds to the gate's own chance of a false alarm, 5 %: see `confirm`.
    """
    matching = match(base, fresh)
    pairs = [pair for pair in matching.pairs if testable(pair)]
    found = confirm(decision.suspects, pairs, decision.rules, root_of(generator))
    by_cell: dict[Key, list[Suspect]] = {}
    for suspect in found:
        by_cell.setdefault((suspect.variant, suspect.dataset), []).append(suspect)
    cells = []
    for cell in decision.cells:
        own = by_cell.get((cell.variant, cell.dataset), [])
        lost = _lost(own, fresh, matching) if own else ""
        cells.append(_with_suspects(cell, [suspect for suspect in own if suspect.confirmed], lost))
    return _concluded(replace(decision, suspects=found, cells=tuple(cells)))


def _lost(own: list[Suspect], fresh: Side, matching: Matching) -> str:
    """Why the rerun does not clear a cell's suspects; empty where all were measured again as planned."""
    key = (own[0].variant, own[0].dataset)
    if key not in fresh.cells:
        return "its suspects were not run again"
    missing = missing_words(fresh.cells[key], "fresh seeds")
    names = [suspect.quantity for suspect in own if suspect.confirming_p is None]
    if missing or not names:
        return missing
    said = "; ".join(matching.incomparable.get(key, ()))
    return f"not measured again on fresh seeds: {listed(names)}{f' ({said})' if said else ''}"


def _with_suspects(cell: CellDecision, sure: list[Suspect], lost: str) -> CellDecision:
    if not sure and not lost:
        return cell
    status: CellStatus = "incomplete" if lost or cell.status == "incomplete" else "regression"
    notes = [*cell.notes, *filter(None, [lost]), *(f"a confirmed suspect, {s.words}" for s in sure)]
    return replace(cell, status=status, notes=tuple(notes))


def _sentences(cells: tuple[CellDecision, ...], status: CellStatus) -> tuple[str, ...]:
    return tuple(sentence(cell) for cell in cells if cell.status == status)


def _concluded(decision: Decision) -> Decision:
    """The decision with its exit code, word, reasons and lists of cells, which all follow from its cells."""
    cells = [cell for cell in decision.cells if cell.status != "no baseline"]
    decision = replace(
        decision,
        insufficient=_sentences(decision.cells, "insufficient evidence"),
        incomplete=_sentences(decision.cells, "incomplete"),
        incomparable=_sentences(decision.cells, "not comparable"),
    )
    if len(decision.without_baseline) == len(decision.cells):
        why = (NOTHING_SHARED, *decision.incomplete)
        return replace(decision, exit_code=4, word="not comparable", reasons=why)
    present = {cell.status for cell in cells}
    if decision.rules.insufficient_passes:
        present = {"pass" if status == "insufficient evidence" else status for status in present}
    word = next(status for status in EXIT_CODES if status in present)
    reasons = [
        said for status in EXIT_CODES if status != "pass" for said in _sentences(decision.cells, status)
    ]
    if word == "pass":
        reasons.insert(0, _passed(decision, len(cells)))
    return replace(decision, exit_code=EXIT_CODES[word], word=word, reasons=tuple(reasons))


def _passed(decision: Decision, cells: int) -> str:
    variants = len({cell.variant for cell in decision.cells if cell.status != "no baseline"})
    said = [
        f"{count} {word}{'s' if count != 1 else ''}"
        for count, word in ((cells, "cell"), (variants, "variant"))
    ]
    return f"no regression seen in {' of '.join(said)}"
