"""How small a p could have become: below it no break, however bad, can be told from chance."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from ganbench.analysis.statistics import Values, badness
from ganbench.quantities import Quantity

MOST_SEEDS = 1000


@lru_cache(maxsize=4096)
def attainable(base: int, base_at_worst: int, new: int) -> float:
    """The p of the rank test where every new seed is as bad as can be.

    They then tie with the seeds of the base that are (`at_worst`); other ties do not matter, for a
    break would have changed the values that tie.  1 where a side has no seeds.
    """
    if base == 0 or new == 0:
        return 1.0
    return math.comb(new + base_at_worst, new) / math.comb(base + new, new)


def at_worst(bad: Values, quantity: Quantity) -> int:
    """How many of the seeds, badness [n], nothing can make worse: undefined ones, or at the worse bound."""
    lost = np.isnan(bad)
    if quantity.worst is not None:
        lost |= bad >= badness(quantity.worst, quantity.direction, quantity.target)
    return int(lost.sum())


def new_seeds_for(base: int, base_at_worst: int, threshold: float) -> int | None:
    """The fewest new seeds with which p can reach a threshold; None where not even `MOST_SEEDS` do."""
    if attainable(base, base_at_worst, MOST_SEEDS) > threshold:
        return None
    too_few, enough = 0, MOST_SEEDS
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if attainable(base, base_at_worst, middle) <= threshold:
            enough = middle
        else:
            too_few = middle
    return enough
