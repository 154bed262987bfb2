"""How often the gate is red where nothing has changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ganbench.comparison.gate import gate
from ganbench.comparison.model import Decision, Key, Rules, Side
from ganbench.comparison.sides import only_deciding, with_seeds
from ganbench.errors import GanbenchError
from ganbench.selftest.rate_interval import Rate, independent_rate, rate_of_splits
from ganbench.selftest.sides import seeds_in
from ganbench.selftest.synthetic import World, synthetic_side

FAST = Rules(detectable=False, suspects=False)
"""The gate's own rules, without what does not decide."""
Progress = Callable[[float], None]


@dataclass(frozen=True)
class FalseAlarms:
    """The red rate of gates whose two sides come from the same source."""

    title: str
    baseline: int
    new: int
    rate: Rate
    by: Mapping[str, int]
    """What was called a regression, and in how many gates."""
    other: Mapping[str, int]
    """Decisions that were neither "pass" nor "regression"."""


def red(decision: Decision) -> bool:
    """Whether a decision is a regression."""
    return decision.exit_code == 1


def reds_of(decision: Decision) -> list[tuple[Key, str]]:
    """Which cells made a decision red, and by what: the primary quantity, or a rate, in words."""
    found = [((j.variant, d), f"{j.variant} on {d}") for j in decision.judgements for d in j.regressed]
    rates = [rate for rate in decision.rates if rate.red]
    return found + [((r.variant, r.dataset), f"{r.rate} of {r.variant} on {r.dataset}") for r in rates]


def pool_false_alarms(
    pool: Side,
    splits: int,
    baseline: int,
    new: int,
    generator: np.random.Generator,
    progress: Progress = lambda share: None,
) -> FalseAlarms:
    """Random disjoint splits of a pool's seeds, gated; `baseline` + `new` of them in each."""
    seeds = np.array(seeds_in(pool))
    if seeds.size < baseline + new:
        raise GanbenchError(
            f"the pool has {seeds.size} seeds and a split takes {baseline} + {new}; train more seeds"
        )
    side, tally = only_deciding(pool), _Tally()
    used = np.zeros((splits, seeds.size), dtype=bool)
    for number in range(splits):
        order = generator.permutation(seeds.size)[: baseline + new]
        used[number, order] = True
        base, other = (with_seeds(side, seeds[part].tolist()) for part in np.split(order, [baseline]))
        tally.add(gate(base, other, FAST, generator))
        progress((number + 1) / splits)
    return tally.told("splits of the trained pool", baseline, new, rate_of_splits(tally.reds, used))


def synthetic_false_alarms(
    world: World, repeats: int, baseline: int, new: int, generator: np.random.Generator
) -> FalseAlarms:
    """Gates of made-up numbers, fresh for each."""
    tally = _Tally()
    for _ in range(repeats):
        base = synthetic_side(replace(world, shifts={}), range(baseline), generator)
        other = synthetic_side(replace(world, shifts={}), range(baseline, baseline + new), generator)
        tally.add(gate(base, other, FAST, generator))
    return tally.told(world.title, baseline, new, independent_rate(tally.reds))


class _Tally:
    """What many decisions come to."""

    def __init__(self) -> None:
        self._red: list[bool] = []
        self._by: Counter[str] = Counter()
        self._other: Counter[str] = Counter()

    def add(self, decision: Decision) -> None:
        self._red.append(red(decision))
        self._by.update(words for _, words in reds_of(decision))
        if decision.word not in ("pass", "regression"):
            self._other[decision.word] += 1

    @property
    def reds(self) -> np.ndarray:
        return np.array(self._red)

    def told(self, title: str, baseline: int, new: int, rate: Rate) -> FalseAlarms:
        return FalseAlarms(title, baseline, new, rate, dict(self._by.most_common()), dict(self._other))
