"""The seeds that both sides trained, before and after: they illustrate, the unpaired tests decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganbench.analysis.numbers import listed
from ganbench.analysis.rank_tests import undefined_last
from ganbench.analysis.statistics import Values, badness
from ganbench.comparison.model import Row

_FEWEST = 2
"""So many seeds must both sides have."""


@dataclass(frozen=True)
class Pairs:
    """A variant's shared seeds and their values [n] before and after, NaN where there is none."""

    row: Row
    seeds: tuple[int, ...]
    base: Values
    new: Values

    @property
    def changes(self) -> NDArray[np.int64]:
        """1 for a seed that got worse, -1 for better, 0 for neither [n]; to have no value is worst."""
        base, new = self._bad(self.base), self._bad(self.new)
        return (new > base).astype(np.int64) - (new < base)

    @property
    def lost(self) -> tuple[int, int]:
        """How many seeds have no value before, and how many after."""
        before, after = (int((~np.isfinite(values)).sum()) for values in (self.base, self.new))
        return before, after

    def _bad(self, values: Values) -> Values:
        quantity = self.row.quantity
        return undefined_last(badness(values, quantity.direction, quantity.target))


def pairs_of(rows: Sequence[Row]) -> list[Pairs]:
    """The shared seeds of every row that was compared, where there are two or more and a better side."""
    found = []
    for row in rows:
        seeds = tuple(sorted(row.base_values.keys() & row.new_values.keys()))
        if row.effect is not None and row.quantity.direction != "none" and len(seeds) >= _FEWEST:
            base, new = (np.array([side[s] for s in seeds]) for side in (row.base_values, row.new_values))
            found.append(Pairs(row, seeds, base, new))
    return found


def worse_words(changes: NDArray[np.int64]) -> str:
    """How many of how many seeds got worse."""
    return f"{(changes > 0).sum():,} of {changes.size:,} worse"


def paired_words(found: Sequence[Pairs]) -> str:
    """What the pairs show in a sentence, and what they are worth in another."""
    changes = np.concatenate([pairs.changes for pairs in found])
    better, same = (changes < 0).sum(), (changes == 0).sum()
    rest = [f"{better:,} better"] * bool(better) + [f"{same:,} the same"] * bool(same)
    over = f" ({len(found)} variants together)" if len(found) > 1 else ""
    return (
        f"Of the seeds that both sides trained: {', '.join([worse_words(changes), *rest])}{over}. Both "
        "runs of a seed draw from the same random streams; these pairs only illustrate, and the unpaired "
        "test above decides."
    )


def left_out(rows: Sequence[Row], found: Sequence[Pairs], names: Mapping[str, str]) -> str:
    """The variants without pairs, in a sentence; empty where there are none."""
    drawn = {pairs.row.variant for pairs in found}
    missing = [names[row.variant] for row in rows if row.variant not in drawn]
    return f"Not drawn: {listed(missing)} (not compared, or without two common seeds)." if missing else ""
