"""Rates: did more of the new seeds collapse, or diverge?  Fisher's exact test, Holm over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ganbench.analysis.multiplicity import holm
from ganbench.analysis.numbers import listed
from ganbench.analysis.rates import fisher
from ganbench.comparison.comparability import TRAINED
from ganbench.comparison.matching import Pair
from ganbench.comparison.model import Cell, Decision, RateTest, Rules
from ganbench.comparison.verdicts import p_words, seeds

_Count = tuple[int, int]
"""Events, and the seeds among which they were counted."""


def rate_tests(pairs: Iterable[Pair], rules: Rules) -> tuple[RateTest, ...]:
    """Divergence of every cell, and collapse where the modes or classes found were counted."""
    found = [test for pair in pairs for test in _tests(pair)]
    adjusted = holm([test.p for test in found]).tolist()
    return tuple(
        replace(test, adjusted=p, red=p <= rules.rate_level) for test, p in zip(found, adjusted, strict=True)
    )


def unseeable(tests: Sequence[RateTest], rules: Rules) -> Iterator[str]:
    """Rates that could not have gone red were it all of the new seeds, in words, with the cells.

    The threshold is what p must be at most where no other rate is red.
    """
    threshold = rules.rate_level / max(len(tests), 1)
    places: dict[tuple[str, int, int, float], list[str]] = {}
    for test in tests:
        reached = fisher(test.base_events, test.base_count, test.new_count, test.new_count).p
        if reached > threshold:
            key = (test.rate, test.base_count, test.new_count, reached)
            places.setdefault(key, []).append(f"{test.variant} on {test.dataset}")
    for (rate, base, new, reached), cells in places.items():
        yield (
            f"no rate of {rate}, however high, could have gone red in {listed(cells)}: {base} against "
            f"{seeds(new)} cannot go below p {p_words(reached)}, and {p_words(threshold)} is needed "
            f"({len(tests)} rates are tested)"
        )


def more_events(decision: Decision) -> list[RateTest]:
    """The rates that are higher than before, the smallest p first."""
    higher = (t for t in decision.rates if t.new_events * t.base_count > t.base_events * t.new_count)
    return sorted(higher, key=lambda test: test.p)


def diverged(cell: Cell) -> _Count:
    """The trained seeds that diverged."""
    trained = [outcome for outcome in cell.outcomes.values() if outcome in TRAINED]
    return trained.count("diverged"), len(trained)


def collapsed(cell: Cell, quantity: str, modes: int) -> _Count:
    """The trained seeds with fewer than half the modes, or with no count at all."""
    trained = [seed for seed, outcome in cell.outcomes.items() if outcome in TRAINED]
    values = cell.values[quantity].by_seed
    # A comparison with NaN is false, so an undefined count is none of the good ones.
    good = sum(values.get(seed, 0.0) >= modes / 2 for seed in trained)
    return len(trained) - good, len(trained)


def _tests(pair: Pair) -> Iterator[RateTest]:
    yield _test(pair, "divergence", diverged(pair.base), diverged(pair.new))
    name, modes = pair.base.counts_modes, pair.base.modes or pair.new.modes
    # Sides of which only the base counts modes, or by another protocol, are not paired (see `match`).
    if name is not None and modes is not None and name in pair.base.values:
        base, new = (collapsed(cell, name, modes) for cell in (pair.base, pair.new))
        yield _test(pair, "collapse", base, new)


def _test(pair: Pair, rate: str, base: _Count, new: _Count) -> RateTest:
    test = fisher(*base, *new)
    return RateTest(*pair.key, rate, *base, *new, test.p, test.smallest, test.p, False)  # type: ignore[arg-type]
