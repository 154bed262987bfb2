"""What the gate makes of every cell, in one status and one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ganbench.analysis.numbers import listed
from ganbench.comparison.comparability import TRAINED
from ganbench.comparison.matching import Matching, Pair
from ganbench.comparison.model import (
    Cell,
    CellDecision,
    CellStatus,
    Judgement,
    Key,
    PrimaryTest,
    RateTest,
    Reason,
    ReasonCode,
    Rules,
    Verdict,
)
from ganbench.comparison.verdicts import primary_verdict, rate_words, shortage_words

GONE = "BASE has it and NEW does not"
NOT_YET = "no baseline yet"


def cell_decisions(
    matching: Matching, judgements: Iterable[Judgement], rates: Iterable[RateTest], rules: Rules
) -> tuple[CellDecision, ...]:
    """Every cell of either side, by variant and data set."""
    judged = {j.variant: j for j in judgements}
    red: dict[Key, list[RateTest]] = {}
    for test in rates:
        if test.red:
            red.setdefault((test.variant, test.dataset), []).append(test)
    found = [
        *(_apart(key, (Reason(ReasonCode.GONE, GONE),)) for key in matching.only_base),
        *(_unmatched(cell) for cell in matching.unmatched),
        *(_apart(key, reasons) for key, reasons in matching.incomparable.items()),
        *(_paired(pair, judged, red.get(pair.key, ()), rules) for pair in matching.pairs),
    ]
    return tuple(sorted(found, key=lambda cell: (cell.variant, cell.dataset)))


def sentence(cell: CellDecision) -> str:
    """A cell's place and what is to be said of it: its verdict where that matters, and all else."""
    return f"{cell.variant} on {cell.dataset}{_said(cell)}"


def sentences(cells: Iterable[CellDecision]) -> Iterator[str]:
    """The same of many cells, those of which the same is to be said in one sentence."""
    places: dict[str, dict[str, list[str]]] = {}
    for cell in cells:
        places.setdefault(_said(cell), {}).setdefault(cell.variant, []).append(cell.dataset)
    for said, datasets in places.items():
        told = [f"{variant} on {listed(on)}" for variant, on in datasets.items()]
        if len(told) > 1 and len(set(map(tuple, datasets.values()))) == 1:
            told = [f"{listed(list(datasets))} on {listed(next(iter(datasets.values())))}"]
        yield f"{'; '.join(told)}{said}"


def _said(cell: CellDecision) -> str:
    """What is to be said of a cell, after its place."""
    telling = cell.verdict.kind == "worse" or cell.status in ("not comparable", "insufficient evidence")
    said = [cell.verdict.words] if telling else []
    name = f", {cell.quantity}" if telling and cell.verdict.kind != "not comparable" else ""
    return f"{name}: {'; '.join([*said, *cell.notes])}"


def missing_words(cell: Cell, side: str) -> str:
    """How many seeds were not trained as planned, and why; empty where all were."""
    lost = Counter(outcome for outcome in cell.outcomes.values() if outcome not in TRAINED)
    if not cell.outcomes:
        return f"{side} has no seeds"
    if not lost:
        return ""
    said = listed([f"{count} {outcome}" for outcome, count in sorted(lost.items())])
    return f"{side}: of {len(cell.outcomes)} seeds {said}"


def testable(pair: Pair) -> bool:
    """Whether both sides have primary values."""
    return pair.base.primary in pair.base.values and pair.base.primary in pair.new.values


def _apart(key: Key, reasons: Sequence[Reason]) -> CellDecision:
    verdict = Verdict("not comparable", f"not comparable ({'; '.join(reasons)})")
    codes = tuple(dict.fromkeys(reason.code for reason in reasons))
    return CellDecision(*key, "", "not comparable", verdict, codes=codes)


def _unmatched(cell: Cell) -> CellDecision:
    """A cell of NEW alone: there is nothing to hold it against, and yet it must have been trained."""
    verdict = Verdict("not comparable", f"not comparable ({NOT_YET})")
    found = CellDecision(cell.variant, cell.dataset, "", "no baseline", verdict)
    missing = missing_words(cell, "NEW")
    return replace(found, status="incomplete", notes=(missing, NOT_YET)) if missing else found


def _paired(
    pair: Pair, judged: Mapping[str, Judgement], red: Sequence[RateTest], rules: Rules
) -> CellDecision:
    missing = [said for said in (missing_words(pair.base, "BASE"), missing_words(pair.new, "NEW")) if said]
    notes = [*missing, *map(rate_words, red)]
    if not testable(pair):
        verdict = Verdict("not comparable", "not comparable (nothing was trained)")
        return CellDecision(*pair.key, pair.base.primary, "incomplete", verdict, tuple(notes))
    judgement = judged[pair.base.variant]
    test = next(t for t in judgement.tests if t.dataset == pair.base.dataset)
    verdict = primary_verdict(pair, judgement, test, rules)
    if test.insufficient and verdict.kind != "insufficient":
        notes.append(f"insufficient evidence: {shortage_words(pair, test)}")
    status = "incomplete" if missing else _status(verdict, test, red)
    return CellDecision(*pair.key, pair.base.primary, status, verdict, tuple(notes))


def _status(verdict: Verdict, test: PrimaryTest, red: Sequence[RateTest]) -> CellStatus:
    if verdict.kind == "worse" or red:
        return "regression"
    return "insufficient evidence" if test.insufficient else "pass"
