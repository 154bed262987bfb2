"""Two sides, quantity by quantity: what the gate decides, and all that it leaves aside."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ganbench.analysis.effects import effect, harm, probability_of_improvement
from ganbench.analysis.multiplicity import benjamini_hochberg
from ganbench.analysis.numbers import number
from ganbench.analysis.rank_tests import RankTest, rank_test, two_sided
from ganbench.analysis.statistics import Summary, Values, summarize
from ganbench.comparison.comparability import refusal
from ganbench.comparison.detectable import detectable_effect
from ganbench.comparison.gate import gate
from ganbench.comparison.margins import matters
from ganbench.comparison.matching import Matching, Pair, match
from ganbench.comparison.medians import UNDEFINED, lost_word
from ganbench.comparison.model import Cell, Comparison, Decision, Key, PrimaryTest, Row, Rules, Side, Verdict
from ganbench.comparison.sides import swapped
from ganbench.comparison.streams import root_of, stream
from ganbench.comparison.verdicts import (
    change_words,
    could_have_seen,
    margin_words,
    p_words,
    seeds,
)
from ganbench.quantities import Quantity

PRIMARY = "primary quantities, one-sided: Bonferroni within the variant, Holm across variants"
DIRECTED = "other quantities with a better side, two-sided: Benjamini-Hochberg"
DESCRIPTIVE = "quantities without a better side, two-sided: Benjamini-Hochberg"
ONCE = "measured once for a whole cohort, not tested"
FALSE_DISCOVERY = 0.05
"""The false discovery rate within each family but the primary one."""


@dataclass(frozen=True)
class _Tested:
    """A quantity that does not decide, tested both ways."""

    pair: Pair
    name: str
    worse: RankTest
    better: RankTest

    @property
    def quantity(self) -> Quantity:
        return self.pair.quantity(self.name)

    @property
    def both(self) -> RankTest:
        return two_sided(self.worse, self.better)


def compare(base: Side, new: Side, generator: np.random.Generator, rules: Rules | None = None) -> Comparison:
    """Every quantity that both sides measured, at the final checkpoint.

    A primary quantity's verdict is the gate's own.  The others, which decide nothing, are tested two-sided,
    those with a better side as one family and those without as another, each at a false
    discovery rate of 5 %.
    """
    rules = rules or Rules()
    root = root_of(generator)
    decision = gate(base, new, rules, stream(root, "gate"))
    decision = replace(decision, notes=(*swapped(base, new), *decision.notes))
    matching = match(base, new)
    rows = [*_primary_rows(base, new, decision, root), *_other_rows(matching, rules, root)]
    return Comparison(
        base=base,
        new=new,
        rows=tuple(sorted(rows, key=_place)),
        differences=matching.incomparable,
        notes=(*decision.notes, *_unshared(matching)),
        only_base=matching.only_base,
        only_new=matching.only_new,
        decision=decision,
    )


def _place(row: Row) -> tuple[str, str, bool, bool, str]:
    """By variant and data set: the primary quantity, those with a better side, the others."""
    return row.variant, row.dataset, not row.primary, row.quantity.direction == "none", row.quantity.name


def _primary_rows(base: Side, new: Side, decision: Decision, root: int) -> Iterator[Row]:
    """The primary quantity of every cell that both sides have, comparable or not."""
    judged = {(j.variant, test.dataset): test for j in decision.judgements for test in j.tests}
    for cell in decision.cells:
        key = (cell.variant, cell.dataset)
        if key in base.cells and key in new.cells:
            pair = Pair(base.cells[key], new.cells[key])
            name = pair.base.primary
            if name in pair.base.declared or name in pair.new.declared:
                bare = replace(_bare(pair, name, PRIMARY, cell.verdict), primary=True)
                yield _with_test(bare, pair, judged[key], root) if key in judged else bare


def _with_test(row: Row, pair: Pair, test: PrimaryTest, root: int) -> Row:
    base, new = pair.primary_badness
    better = rank_test(new, base, generator=stream(root, "better", *pair.key))
    return replace(
        row,
        effect=test.effect,
        improvement=probability_of_improvement(base, new),
        p_worse=test.p,
        p_better=better.p,
        adjusted=min(test.adjusted, test.adjusted_better),
        smallest=test.smallest,
        detectable=test.detectable,
    )


def _other_rows(matching: Matching, rules: Rules, root: int) -> Iterator[Row]:
    tested: dict[str, list[_Tested]] = {DIRECTED: [], DESCRIPTIVE: []}
    for pair in matching.pairs:
        for name in sorted(pair.base.values.keys() & pair.new.values.keys()):
            if name == pair.base.primary:
                continue
            refused = refusal(pair.base, pair.new, name)
            if not refused and pair.quantity(name).shared:
                yield _shared_row(pair, name)
                continue
            family = DESCRIPTIVE if pair.quantity(name).direction == "none" else DIRECTED
            if refused:
                yield _bare(pair, name, family, Verdict("not comparable", f"not comparable ({refused})"))
            else:
                tested[family].append(_test(pair, name, root))
    for family, tests in tested.items():
        yield from _family_rows(family, tests, rules, root)


def _shared_row(pair: Pair, name: str) -> Row:
    """What was measured once for a whole cohort: however many seeds repeat it, there is nothing to test."""
    base, new = (_once(values) for values in pair.values(name))
    once = "measured once a cohort"
    if math.isnan(base) and math.isnan(new):
        verdict = Verdict("no difference", f"no difference: {_lost(pair, name)} on both sides; {once}")
    elif base == new:
        verdict = Verdict("no difference", f"no difference: {number(base)} on both sides; {once}")
    else:
        words = [lost_word(cell, name) for cell in (pair.base, pair.new)]
        said = f"{number(base, words[0])} → {number(new, words[1])}"
        unsure = f"{once}, so nothing says how much of it is chance"
        verdict = Verdict("changed", f"changed: {said}; {unsure}")
    return _bare(pair, name, ONCE, verdict)


def _once(values: Values) -> float:
    """The one measurement that seeds repeat; NaN where none of them has it."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else math.nan


def _lost(pair: Pair, name: str) -> str:
    """Why neither side has values: "diverged" where that is why on both, else "undefined"."""
    words = {lost_word(cell, name) for cell in (pair.base, pair.new)}
    return words.pop() if len(words) == 1 else UNDEFINED


def _test(pair: Pair, name: str, root: int) -> _Tested:
    base, new = pair.badness(name)
    if pair.quantity(name).direction == "none":
        base, new = (values[~np.isnan(values)] for values in (base, new))
    worse = rank_test(base, new, generator=stream(root, "worse", *pair.key, name))
    better = rank_test(new, base, generator=stream(root, "better", *pair.key, name))
    return _Tested(pair, name, worse, better)


def _family_rows(family: str, tests: Sequence[_Tested], rules: Rules, root: int) -> Iterator[Row]:
    adjusted = benjamini_hochberg([test.both.p for test in tests]).tolist()
    found = sum(p <= FALSE_DISCOVERY for p in adjusted)
    # One more would have been found at a one-sided p of this.
    threshold = FALSE_DISCOVERY * min(found + 1, len(tests)) / max(len(tests), 1) / 2
    for test, p in zip(tests, adjusted, strict=True):
        yield _other_row(family, test, p, threshold, rules, root)


def _other_row(family: str, test: _Tested, adjusted: float, threshold: float, rules: Rules, root: int) -> Row:
    quantity, pair = test.quantity, test.pair
    directed = quantity.direction != "none"
    base, new = pair.values(test.name)
    seen = effect(base, new, quantity)
    could = None
    if directed and rules.detectable and adjusted > FALSE_DISCOVERY:
        generator = stream(root, "detectable", *pair.key, test.name)
        could = detectable_effect(base, new.size, quantity, threshold, rules.power, generator)
    row = _bare(pair, test.name, family, Verdict("no difference", ""))
    row = replace(
        row,
        effect=seen,
        improvement=probability_of_improvement(*pair.badness(test.name)) if directed else None,
        p_worse=test.worse.p if directed else None,
        p_better=test.better.p if directed else None,
        adjusted=adjusted,
        smallest=min(test.worse.smallest, test.better.smallest),
        detectable=could,
    )
    return replace(row, verdict=_verdict(row, test))


def _verdict(row: Row, test: _Tested) -> Verdict:
    quantity = row.quantity
    if row.adjusted is not None and row.adjusted <= FALSE_DISCOVERY:
        said = change_words(
            test.pair, quantity, row.effect, f"p {p_words(test.both.p)}, {p_words(row.adjusted)} adjusted"
        )
        return _difference(row, test, said)
    smallest = test.both.smallest
    if smallest > FALSE_DISCOVERY:
        lost = [bool(values.size) and bool(np.isnan(values).all()) for values in test.pair.values(test.name)]
        sizes = [values.size for values in test.pair.values(test.name)]
        if all(lost):
            return Verdict(
                "no difference", f"no difference seen: {_lost(test.pair, test.name)} on both sides"
            )
        if any(lost) and quantity.direction == "none":
            return Verdict(
                "insufficient", f"insufficient evidence: no values in {'NEW' if lost[1] else 'BASE'}"
            )
        equal = smallest == 1.0 and min(sizes) > 0
        if equal and 2 / math.comb(sum(sizes), sizes[0]) <= FALSE_DISCOVERY:
            return Verdict("no difference", "no difference seen: all values are equal")
        said = f"{sizes[0]} against {seeds(sizes[1])} cannot go below p {p_words(smallest)}"
        return Verdict("insufficient", f"insufficient evidence: {said}")
    could = could_have_seen(row.detectable, quantity, test.pair.badness(test.name)[0])
    return Verdict("no difference", f"no difference seen{could}")


def _difference(row: Row, test: _Tested, said: str) -> Verdict:
    """A difference that is not chance: which way it goes, and whether it matters."""
    quantity = row.quantity
    if quantity.direction == "none":
        return Verdict("changed", f"changed, without a better side: {said}")
    assert row.effect is not None
    worse = test.worse.p < test.better.p
    size = harm(row.effect.estimate, quantity)
    if not matters(size if worse else -size, quantity):
        return Verdict("too small to matter", f"too small to matter, {margin_words(quantity)}: {said}")
    return Verdict("worse", f"worse: {said}") if worse else Verdict("better", f"better: {said}")


def _bare(pair: Pair, name: str, family: str, verdict: Verdict) -> Row:
    """A row with what both sides measured, and nothing tested."""
    quantity = pair.quantity(name)
    return Row(
        variant=pair.base.variant,
        dataset=pair.base.dataset,
        quantity=quantity,
        primary=False,
        base=_summary(pair.base, quantity),
        new=_summary(pair.new, quantity),
        base_values=_by_seed(pair.base, name),
        new_values=_by_seed(pair.new, name),
        effect=None,
        improvement=None,
        p_worse=None,
        p_better=None,
        adjusted=None,
        family=family,
        smallest=None,
        detectable=None,
        verdict=verdict,
    )


def _by_seed(cell: Cell, name: str) -> Mapping[int, float]:
    return cell.values[name].by_seed if name in cell.values else {}


def _summary(cell: Cell, quantity: Quantity) -> Summary | None:
    values = list(_by_seed(cell, quantity.name).values())
    return summarize(values, quantity.direction, quantity.target) if values else None


def _unshared(matching: Matching) -> Iterable[str]:
    """Quantities with a better side that only one side measured, each with where."""
    places: dict[tuple[str, str], list[Key]] = {}
    for pair in matching.pairs:
        for one, other, side in ((pair.base, pair.new, "BASE"), (pair.new, pair.base, "NEW")):
            for name in one.values.keys() - other.values.keys():
                if one.declared[name].direction != "none" and name != one.primary:
                    places.setdefault((name, side), []).append(pair.key)
    return [
        f"{name} was measured in {side} only ({len(keys)} of {len(matching.pairs)} cells)"
        for (name, side), keys in sorted(places.items())
    ]
