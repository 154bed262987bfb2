"""The tables of tests: what the gate tested, rates of collapse and divergence, and suspects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ganbench.analysis.numbers import number
from ganbench.comparison.medians import NOTHING
from ganbench.comparison.model import Comparison, Decision, Judgement, Key, PrimaryTest, Suspect
from ganbench.quantities import Quantity
from ganbench.report.comparison.scale import effect_text
from ganbench.report.comparison.tables import Names, arrowed, detectable_text, p_text
from ganbench.report.comparison.verdicts import KINDS
from ganbench.report.tables import Table

TOGETHER = "all data sets together"
_RERUN = {None: "not rerun", True: "confirmed: counts as a regression", False: "not confirmed"}


def tests(decision: Decision, names: Names, primaries: Mapping[Key, Quantity]) -> Table | None:
    """Every test of the gate: a data set alone, or all together; None where nothing could be tested."""
    found = [(judgement, test) for judgement in decision.judgements for test in judgement.tests]
    if not found:
        return None
    header = ["variant", "test", "p", "p at most", "smallest p", "adjusted p", "harm", "margin"]
    rows = [
        [
            names[judgement.variant],
            test.dataset or TOGETHER,
            *_tested(judgement, test, primaries.get((judgement.variant, test.dataset or ""))),
            _outcome(judgement, test.dataset),
        ]
        for judgement, test in found
    ]
    note = (
        "One-sided exact rank tests of “new is worse”. Adjusted: by Bonferroni within a variant, by Holm "
        f"across variants; at most {decision.rules.level:g} is a regression, if the harm reaches the margin "
        "too. Smallest p: what a break in which every new seed diverges would have got."
    )
    return Table(
        name="gate-tests",
        caption="What the gate tested",
        header=[*header, "would have seen", "outcome"],
        rows=rows,
        data=pd.DataFrame([_numbers(judgement, test) for judgement, test in found]),
        notes=[note],
        left=frozenset({0, 1, 9}),
    )


def rates(decision: Decision, names: Names) -> Table | None:
    """Seeds that collapsed or diverged, where any did; None where no rate was tested."""
    if not decision.rates:
        return None
    eventful = [t for t in decision.rates if t.base_events or t.new_events]
    calm = len(decision.rates) - len(eventful)
    rows = [
        [
            *(names[t.variant], t.dataset, t.rate),
            *(f"{t.base_events} of {t.base_count}", f"{t.new_events} of {t.new_count}"),
            *(p_text(t.p), p_text(t.adjusted), KINDS["worse"].signed if t.red else NOTHING),
        ]
        for t in eventful
    ]
    note = (
        "Collapse: fewer than half of the modes or classes at the end. Fisher's exact test, one-sided, by "
        f"Holm over all of them; at most {decision.rules.rate_level:g} is a regression."
    )
    return Table(
        name="rates",
        caption="Seeds that collapsed or diverged",
        header=["variant", "data set", "rate", "base", "new", "p", "adjusted p", "outcome"],
        rows=rows,
        data=pd.DataFrame([vars(t) for t in decision.rates]),
        notes=[
            note,
            *([f"In {calm} of {len(decision.rates)} tests no seed did, on either side."] if calm else []),
        ],
        left=frozenset({0, 1, 2, 7}),
    )


def suspects(comparison: Comparison, names: Names) -> Table | None:
    """Quantities that decide nothing and look worse; None where there are none."""
    found = comparison.decision.suspects
    if not found:
        return None
    declared = {(r.variant, r.dataset, r.quantity.name): r.quantity for r in comparison.rows}
    level = comparison.decision.rules.suspect_level
    note = (
        f"By Benjamini and Hochberg at {level:g}: about that share of these may be chance. They do not "
        "change the exit code unless a rerun on fresh seeds confirms them."
    )
    return Table(
        name="suspects",
        caption="Suspects: other quantities that look worse",
        header=[
            "quantity",
            "variant",
            "data set",
            "effect [95 %]",
            "p",
            "adjusted p",
            "fresh seeds",
            "their p",
        ],
        rows=[_suspect(s, declared.get((s.variant, s.dataset, s.quantity)), names) for s in found],
        data=pd.DataFrame([_plain(s) for s in found]),
        notes=[note],
        left=frozenset({0, 1, 2, 6}),
    )


def _tested(judgement: Judgement, test: PrimaryTest, quantity: Quantity | None) -> list[str]:
    """A test's numbers; that of all data sets together has no unit, and so no harm."""
    alone = test.dataset is not None and quantity is not None
    found = [p_text(p) for p in (test.p, judgement.threshold, test.smallest, test.adjusted)]
    return [
        *found,
        number(test.harm) if alone and not math.isnan(test.harm) else NOTHING,
        number(test.margin) if alone and test.margin else NOTHING,
        detectable_text(test.detectable, quantity) if alone and quantity else NOTHING,
    ]


def _outcome(judgement: Judgement, dataset: str | None) -> str:
    if dataset in judgement.regressed:
        return KINDS["worse"].signed
    return KINDS["better"].signed if dataset in judgement.improved else NOTHING


def _numbers(judgement: Judgement, test: PrimaryTest) -> dict[str, Any]:
    plain = {name: value for name, value in vars(test).items() if name not in ("dataset", "effect")}
    return {
        "variant": judgement.variant,
        "test": test.dataset or TOGETHER,
        "p_at_most": judgement.threshold,
        **plain,
        "outcome": _outcome(judgement, test.dataset),
    }


def _suspect(suspect: Suspect, quantity: Quantity | None, names: Names) -> list[str]:
    known = quantity or Quantity(suspect.quantity, suspect.quantity)
    return [
        *(arrowed(known), names[suspect.variant], suspect.dataset, effect_text(suspect.effect, known)),
        *(
            p_text(suspect.p),
            p_text(suspect.adjusted),
            _RERUN[suspect.confirmed],
            p_text(suspect.confirming_p),
        ),
    ]


def _plain(suspect: Suspect) -> dict[str, Any]:
    effect = {f"effect_{name}": value for name, value in vars(suspect.effect).items()}
    return {**{name: value for name, value in vars(suspect).items() if name != "effect"}, **effect}
