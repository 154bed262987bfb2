"""Verdicts in words: one short sentence each, with the numbers that it rests on."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ganbench.analysis.effects import Effect
from ganbench.analysis.numbers import number
from ganbench.analysis.statistics import LEVEL, Values, badness, middle_value
from ganbench.comparison.attainable import at_worst, new_seeds_for
from ganbench.comparison.margins import margin, matters
from ganbench.comparison.matching import Pair
from ganbench.comparison.medians import NOTHING, lost_word
from ganbench.comparison.model import Judgement, PrimaryTest, RateTest, Rules, Suspect, Verdict
from ganbench.quantities import Quantity

EFFECT_HEADING = f"effect [{100 * LEVEL:g} % interval]"
NO_NUMBER = "no number of new ones would do"
_EVENTS = {"collapse": "collapsed", "divergence": "diverged"}


def primary_verdict(pair: Pair, judgement: Judgement, test: PrimaryTest, rules: Rules) -> Verdict:
    """What the gate says of a cell's primary quantity."""
    quantity = pair.primary
    own = f"p {p_words(test.p)}, {p_words(judgement.threshold)} needed"
    if test.dataset in judgement.regressed:
        if test.adjusted > rules.level:
            own = _together(test.p, judgement.tests[-1].p)
        return Verdict("worse", f"worse: {change_words(pair, quantity, test.effect, own)}")
    if test.dataset in judgement.improved:
        own = _other(test)
        if test.adjusted_better > rules.level:
            own = f"{_together(test.p_better, judgement.tests[-1].p_better)}, for better"
        return Verdict("better", f"better: {change_words(pair, quantity, test.effect, own)}")
    evidence = _small(judgement, test, quantity, rules)
    if evidence:
        said = change_words(pair, quantity, test.effect, evidence)
        return Verdict("too small to matter", f"too small to matter, {margin_words(quantity)}: {said}")
    if test.insufficient:
        return Verdict("insufficient", f"insufficient evidence: {shortage_words(pair, test)}")
    could = could_have_seen(test.detectable, quantity, pair.primary_badness[0])
    return Verdict("no difference", f"no difference seen{could}")


def _small(judgement: Judgement, test: PrimaryTest, quantity: Quantity, rules: Rules) -> str:
    """What speaks for a difference that is not chance and yet below the margin; empty where there is none.

    Where only all data sets together differ, that holds for those that lean that way by less than their
    margins; where one data set differs alone, it may be all that all together show.
    """
    if test.adjusted <= rules.level:
        return f"p {p_words(test.p)}, {p_words(judgement.threshold)} needed"
    if test.adjusted_better <= rules.level:
        return _other(test)
    every = judgement.tests[-1]
    if every.dataset is not None or matters(abs(test.harm), quantity):
        return ""
    if any(min(each.adjusted, each.adjusted_better) <= rules.level for each in judgement.tests[:-1]):
        return ""
    if test.harm > 0 and every.adjusted <= rules.level:
        return _together(test.p, every.p)
    if test.harm < 0 and every.adjusted_better <= rules.level:
        return f"{_together(test.p_better, every.p_better)}, for better"
    return ""


def shortage_words(pair: Pair, test: PrimaryTest) -> str:
    """Why a break on a cell alone could not have gone red, and what would do."""
    base, new = pair.primary_badness
    quantity = pair.primary
    if test.cornered:
        middle_one = number(middle(pair.values(quantity.name)[0], quantity))
        bound = f"the worst value there is {number(quantity.worst or 0.0)}"
        return f"BASE's median is {middle_one}, {bound}, and {margin_words(quantity)}; {NO_NUMBER}"
    lost = at_worst(base, quantity)
    said = (
        f"{base.size} against {seeds(new.size)} cannot go below p {p_words(test.smallest)}, "
        f"and {p_words(test.threshold)} is needed; "
    )
    enough = new_seeds_for(base.size, lost, test.threshold)
    if enough is not None:
        return f"{said}{seeds(enough, 'new ')} would do"
    return f"{said}{NO_NUMBER}, for {_lost_words(base, lost)}"


def change_words(pair: Pair, quantity: Quantity, effect: Effect | None, evidence: str) -> str:
    """Medians before and after, the effect with its interval, and what speaks for it."""
    before, after = (
        number(middle(values, quantity), lost_word(cell, quantity.name))
        for cell, values in zip((pair.base, pair.new), pair.values(quantity.name), strict=True)
    )
    said = f"{before} → {after}"
    if quantity.direction == "target":
        said += f" away from {number(quantity.target or 0.0)}"
    return f"{said} ({', '.join(filter(None, (effect_words(effect, quantity), evidence)))})"


def effect_words(effect: Effect | None, quantity: Quantity) -> str:
    """An effect and its interval: a difference with its sign, or a ratio."""
    if effect is None or math.isnan(effect.estimate):
        return "effect undefined"
    said = size_words(effect.estimate, quantity)
    ends = interval_words(effect, quantity)
    return f"{said}, {100 * LEVEL:g} % interval {ends}" if ends else f"{said}, too few seeds for an interval"


def effect_cell(effect: Effect | None, quantity: Quantity) -> str:
    """The same under a heading that names the interval, `EFFECT_HEADING`."""
    if effect is None or math.isnan(effect.estimate):
        return "undefined"
    said = size_words(effect.estimate, quantity)
    return f"{said} {interval_words(effect, quantity) or '(too few seeds)'}"


def interval_words(effect: Effect, quantity: Quantity) -> str:
    """An effect's interval in brackets; empty where the seeds are too few for one."""
    if effect.coverage <= 0:
        return ""
    return f"[{size_words(effect.lower, quantity)}, {size_words(effect.upper, quantity)}]"


def size_words(size: float, quantity: Quantity) -> str:
    """One effect: "+0.056", or "×1.3" on a logarithmic scale."""
    if quantity.scale == "log":
        return f"×{number(size)}"
    return f"+{number(size)}" if size > 0 else number(size)


def margin_words(quantity: Quantity) -> str:
    """The smallest difference that matters, as it is declared."""
    size = margin(quantity)
    return (
        f"{number(size)} would matter" if quantity.scale == "linear" else f"×{number(1 + size)} would matter"
    )


def could_have_seen(detectable: float | None, quantity: Quantity, base: Values) -> str:
    """The smallest worsening that would have been seen, in brackets; empty where it was not worked out.

    `base` is the badness [n] of BASE's seeds, which says why none would have been.
    """
    if detectable is None:
        return ""
    if math.isnan(detectable):
        lost = at_worst(base, quantity)
        why = f": {_lost_words(base, lost)}" if lost else ""
        return f" (no worsening, however large, was sure to be seen{why})"
    if detectable == (1.0 if quantity.scale == "log" else 0.0):
        return " (could have seen any)"
    return f" (could have seen {size_words(detectable, quantity)})"


def could_see(detectable: float | None, quantity: Quantity) -> str:
    """The same for a column: a dash where it was not worked out."""
    if detectable is None:
        return NOTHING
    return "none" if math.isnan(detectable) else size_words(detectable, quantity)


def rate_words(test: RateTest) -> str:
    """How many seeds collapsed or diverged, on both sides."""
    said = (
        f"{_EVENTS[test.rate]}: {test.new_events} of {seeds(test.new_count)}, "
        f"{test.base_events} of {test.base_count} before (p {p_words(test.p)}"
    )
    return f"{said}, {p_words(test.adjusted)} adjusted)"


def rate_verdict(test: RateTest) -> str:
    """The same, and whether it is a regression."""
    return f"{rate_words(test)}: {'red' if test.red else 'not red'}"


def suspect_words(suspect: Suspect, quantity: Quantity) -> str:
    """A suspect quantity, and whether a rerun confirmed it."""
    aimed = quantity.direction == "target"
    name = f"{suspect.quantity}, distance to {number(quantity.target or 0.0)}" if aimed else suspect.quantity
    said = f"{name}: {effect_words(suspect.effect, quantity)} (p {p_words(suspect.p)}"
    said += f", {p_words(suspect.adjusted)} adjusted)"
    if suspect.confirmed is None:
        return said
    seen = "confirmed" if suspect.confirmed else "not confirmed"
    again = "" if suspect.confirming_p is None else f" (p {p_words(suspect.confirming_p)})"
    return f"{said}; {seen} on fresh seeds{again}"


def middle(values: ArrayLike, quantity: Quantity) -> float:
    """The median over seeds, of distances to a target; NaN where it rests on an undefined value.

    Where no side is better undefined values are left out.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if quantity.direction == "none":
        numbers = numbers[~np.isnan(numbers)]
    ordered = np.sort(badness(numbers, quantity.direction, quantity.target))
    if not ordered.size:
        return math.nan
    return -middle_value(ordered) if quantity.direction == "higher" else middle_value(ordered)


def p_words(p: float) -> str:
    """A probability to two significant digits."""
    return f"{p:.1e}" if 0 < p < 1e-4 else f"{p:.2g}"


def seeds(count: int, which: str = "") -> str:
    """A number of seeds in words."""
    return f"{count} {which}seed{'' if count == 1 else 's'}"


def _lost_words(base: Values, lost: int) -> str:
    """How many of BASE's seeds nothing can make worse."""
    why = "undefined" if lost == np.isnan(base).sum() else "undefined or as bad as can be"
    return f"{lost} of {seeds(base.size)} of BASE are {why}"


def _together(p: float, every: float) -> str:
    return f"p {p_words(p)} here, {p_words(every)} over all its data sets together"


def _other(test: PrimaryTest) -> str:
    return f"p {p_words(test.p_better)} for better, {p_words(test.adjusted_better)} adjusted"
