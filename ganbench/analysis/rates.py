"""Rates over seeds: did more of the new seeds collapse or diverge?"""

from __future__ import annotations

import math
from functools import lru_cache

from ganbench.analysis.rank_tests import RankTest


@lru_cache(maxsize=65536)
def fisher(base_events: int, base_n: int, new_events: int, new_n: int) -> RankTest:
    """Fisher's exact test, one-sided: p for "the new side has more events".

    Given how many events there were in all, the new side's share of them is hypergeometric under mere
    chance; p is the probability of as many or more, the smallest attainable that of as many as there
    can be.  It is the rank test on noughts and ones, and is told in the same words.  Counted in whole
    numbers.  Without a seed on one of the sides, or without an event: p = 1.  Source: Fisher 1935.
    """
    if not (0 <= base_events <= base_n and 0 <= new_events <= new_n):
        raise ValueError(f"{base_events} of {base_n} and {new_events} of {new_n} events cannot be")
    events = base_events + new_events
    most = min(events, new_n)
    ways = [math.comb(events, k) * math.comb(base_n + new_n - events, new_n - k) for k in range(most + 1)]
    every = math.comb(base_n + new_n, new_n)
    return RankTest(sum(ways[new_events:]) / every, ways[most] / every, True)
