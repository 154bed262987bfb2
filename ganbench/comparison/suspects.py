"""Suspects: quantities that decide nothing and look worse; a rerun on fresh seeds may confirm them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ganbench.analysis.effects import effect, harm
from ganbench.analysis.multiplicity import benjamini_hochberg, holm
from ganbench.analysis.rank_tests import rank_test
from ganbench.comparison.comparability import refusal
from ganbench.comparison.matching import Pair
from ganbench.comparison.model import Key, Rules, Suspect
from ganbench.comparison.streams import stream
from ganbench.comparison.verdicts import suspect_words
from ganbench.quantities import Quantity


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
            if _matters(harm(seen.estimate, quantity), quantity):
                suspect = Suspect(*pair.key, name, own, after, seen)
                found.append(replace(suspect, words=suspect_words(suspect, quantity)))
    return tuple(found)


def confirm(found: Iterable[Suspect], fresh: Iterable[Pair], rules: Rules, root: int) -> tuple[Suspect, ...]:
    """Suspects, tested again on pairs whose new side holds fresh seeds; Holm over all that were.

    One is confirmed where it is worse again, by the margin or more; one that was not measured again is not.
    The base is the same in both tests, so they share its luck.
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
        sure = adjusted[place] <= rules.suspect_level and _matters(size, quantity)
        after = replace(suspect, confirmed=sure, confirming_p=p[place])
        told.append(replace(after, words=suspect_words(after, quantity)))
    return tuple(told)


def secondary(pair: Pair) -> Iterator[str]:
    """The directed quantities that both sides have and that decide nothing, where they are comparable."""
    for name in sorted(pair.base.values.keys() & pair.new.values.keys()):
        decides = name == pair.base.primary
        if pair.quantity(name).direction != "none" and not decides and not refusal(pair.base, pair.new, name):
            yield name


def _matters(size: float, quantity: Quantity) -> bool:
    return size >= (quantity.smallest_difference or 0.0)


def _measured_again(suspect: Suspect, pairs: dict[Key, Pair]) -> Pair | None:
    pair = pairs.get((suspect.variant, suspect.dataset))
    if pair is None or suspect.quantity not in set(secondary(pair)):
        return None
    return pair
