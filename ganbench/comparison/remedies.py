"""What to do about a decision that is neither red nor green."""

from __future__ import annotations

from collections.abc import Iterator

from ganbench.comparison.cell_decisions import GONE
from ganbench.comparison.comparability import TRAINED
from ganbench.comparison.model import Cell, Comparison, Decision, Side
from ganbench.comparison.verdicts import NO_NUMBER

_SAVE = "`ganbench baseline save RUN FILE`"


def remedies(decision: Decision, comparison: Comparison) -> Iterator[str]:
    """One sentence for each kind of hindrance that a comparison met; none where all could be told."""
    if decision.incomparable:
        gone = any(GONE in said for said in decision.incomparable)
        trained = ", or train the variants that are gone" if gone else ""
        yield (
            "to compare again: run NEW under BASE's conditions"
            f"{trained}, or, where the change is wanted, make a new baseline with {_SAVE}"
        )
    if decision.incomplete:
        yield from _incomplete(comparison)
    if decision.insufficient and not decision.rules.insufficient_passes:
        yield from _insufficient(decision)
    if decision.without_baseline:
        yield f"to gate what has no baseline yet: a new baseline that has it, with {_SAVE}"


def _insufficient(decision: Decision) -> Iterator[str]:
    hopeless = sum(NO_NUMBER in said for said in decision.insufficient)
    if hopeless:
        yield (
            "where no number of new seeds would do: a baseline of more seeds, or of a variant that trains "
            "(longer, or on easier data); `--insufficient pass` lets it through"
        )
    if hopeless < len(decision.insufficient):
        yield (
            "for enough evidence: more seeds (`ganbench run SUITE --seeds N`; `ganbench power RUN` says "
            "how many an effect needs); `--insufficient pass` lets it through"
        )


def _incomplete(comparison: Comparison) -> Iterator[str]:
    told = [(name, side, _lost(side)) for name, side in (("BASE", comparison.base), ("NEW", comparison.new))]
    if not any(lost for _, _, lost in told):
        yield "what is missing of the fresh seeds: the gate with --confirm, asked again, trains them again"
    for name, side, lost in told:
        if not lost:
            continue
        yield (
            f"what is missing of {name} ({lost}): `ganbench status {side.source}` says why; "
            "the `ganbench run` that made it, with the same --out, trains only what is missing"
        )


def _lost(side: Side) -> str:
    """How many seeds of a side were not trained as planned."""
    outcomes = [each for cell in side.cells.values() for each in _untrained(cell)]
    return f"{len(outcomes)} seed{'s' if len(outcomes) != 1 else ''}" if outcomes else ""


def _untrained(cell: Cell) -> Iterator[str]:
    return (outcome for outcome in cell.outcomes.values() if outcome not in TRAINED)
