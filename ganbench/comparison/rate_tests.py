"""Rates: did more of the new seeds collapse, or diverge?  Fisher's exact test, Holm over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ganbench.analysis.multiplicity import holm
from ganbench.analysis.rates import fisher
from ganbench.comparison.comparability import TRAINED, refusal
from ganbench.comparison.matching import Pair
from ganbench.comparison.model import Cell, RateTest, Rules

_Count = tuple[int, int]
"""Events, and the seeds among which they were counted."""


def rate_tests(pairs: Iterable[Pair], rules: Rules) -> tuple[RateTest, ...]:
    """Divergence of every cell, and collapse where the modes or classes found were counted."""
    found = [test for pair in pairs for test in _tests(pair)]
    adjusted = holm([test.p for test in found]).tolist()
    return tuple(
        replace(test, adjusted=p, red=p <= rules.rate_level) for test, p in zip(found, adjusted, strict=True)
    )


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
    if name is None or modes is None or name not in pair.base.values or name not in pair.new.values:
        return
    if refusal(pair.base, pair.new, name) is None:
        base, new = (collapsed(cell, name, modes) for cell in (pair.base, pair.new))
        yield _test(pair, "collapse", base, new)


def _test(pair: Pair, rate: str, base: _Count, new: _Count) -> RateTest:
    test = fisher(*base, *new)
    return RateTest(*pair.key, rate, *base, *new, test.p, test.smallest, test.p, False)  # type: ignore[arg-type]
