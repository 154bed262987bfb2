"""Suspects: quantities that decide nothing and look worse; a rerun on fresh seeds may confirm them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ganbench.analysis.effects import effect, harm
from ganbench.analysis.multiplicity import benjamini_hochberg, holm
from ganbench.analysis.rank_tests import rank_test
from ganbench.analysis.statistics import badness
from ganbench.comparison.attainable import MOST_SEEDS, at_worst, attainable
from ganbench.comparison.comparability import refusal
from ganbench.comparison.margins import matters
from ganbench.comparison.matching import Pair, in_order
from ganbench.comparison.model import Cell, Key, Rules, Side, Suspect
from ganbench.comparison.streams import stream
from ganbench.comparison.verdicts import suspect_words


def suspects(pairs: Iterable[Pair], rules: Rules, root: int) -> tuple[Suspect, ...]:
    """Directed quantities that look worse, by Benjamini and Hochberg over all of them, and by the margin."""
    tested = [(pair, name) for pair in pairs for name in secondary(pair)]
    p = [rank_test(*pair.badness(n), generator=stream(root, "suspect", *pair.key, n)).p for pair, n in tested]
    adjusted = benjamini_hochberg(p).tolist()
    found = []
    for (pair, name), own, after in zip(tested, p, adjusted, strict=True):
        if after <= rules.suspect_level:
            quantity = pair.quantity(name)
            seen = effect(*pair.values(name), quantity)
            if matters(harm(seen.estimate, quantity), quantity):
                suspect = Suspect(*pair.key, name, own, after, seen)
                found.append(replace(suspect, words=suspect_words(suspect, quantity)))
    return tuple(found)


def seeds_to_confirm(found: Iterable[Suspect], base: Side, rules: Rules) -> int | None:
    """The fewest fresh seeds of each cell with which `confirm` can confirm every suspect.

    With fewer one of them could be as bad as can be and yet not be red.  0 without suspects; None where
    not even `MOST_SEEDS` would do.
    """
    sizes = [_size(suspect, base.cells) for suspect in found]
    for count in range(MOST_SEEDS + 1):
        if (holm([attainable(*size, count) for size in sizes]) <= rules.suspect_level).all():
            return count
    return None


def confirm(found: Iterable[Suspect], fresh: Iterable[Pair], rules: Rules, root: int) -> tuple[Suspect, ...]:
    """Suspects, tested again on pairs whose new side holds fresh seeds; Holm over all that were.

    One is confirmed where it is worse again, by the margin or more; one that was not measured again is not.
    The base is the same in both tests, so they share its luck: a suspect by chance is far likelier than
    `suspect_level` to be worse again.  What is confirmed is red beside the gate's own tests: where nothing
    has changed, 1 or 2 gates in 100 on top of their 5 (simulated: 60 quantities, 20 seeds against 10 and
    10 fresh ones; 5 in 100 had a suspect at all).
    """
    found = tuple(found)
    pairs: dict[Key, Pair] = {pair.key: pair for pair in fresh}
    again = {place: pair for place, s in enumerate(found) if (pair := _measured_again(s, pairs)) is not None}
    p = {
        place: rank_test(
            *pair.badness(found[place].quantity),
            generator=stream(root, "confirm", *pair.key, found[place].quantity),
        ).p
        for place, pair in again.items()
    }
    adjusted = dict(zip(p, holm(list(p.values())).tolist(), strict=True))
    told = []
    for place, suspect in enumerate(found):
        if place not in p:
            told.append(replace(suspect, confirmed=False, words=f"{suspect.words}; not measured again"))
            continue
        quantity = again[place].quantity(suspect.quantity)
        size = harm(effect(*again[place].values(suspect.quantity), quantity).estimate, quantity)
        sure = adjusted[place] <= rules.suspect_level and matters(size, quantity)
        after = replace(suspect, confirmed=sure, confirming_p=p[place])
        told.append(replace(after, words=suspect_words(after, quantity)))
    return tuple(told)


def secondary(pair: Pair) -> Iterator[str]:
    """The directed quantities that both sides have and that decide nothing, where they are comparable.

    What was measured once for a whole cohort is left out: its seeds repeat one number.
    """
    for name in sorted(pair.base.values.keys() & pair.new.values.keys()):
        quantity = pair.quantity(name)
        told = quantity.direction != "none" and not quantity.shared and name != pair.base.primary
        if told and not refusal(pair.base, pair.new, name):
            yield name


def _size(suspect: Suspect, cells: Mapping[Key, Cell]) -> tuple[int, int]:
    """How many seeds of the base a suspect is held against, and how many of them no break can make worse."""
    cell = cells[suspect.variant, suspect.dataset]
    quantity = cell.declared[suspect.quantity]
    values = badness(in_order(cell, suspect.quantity), quantity.direction, quantity.target)
    return values.size, at_worst(values, quantity)


def _measured_again(suspect: Suspect, pairs: dict[Key, Pair]) -> Pair | None:
    pair = pairs.get((suspect.variant, suspect.dataset))
    if pair is None or suspect.quantity not in set(secondary(pair)):
        return None
    return pair
