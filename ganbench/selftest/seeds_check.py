"""Whether as many seeds as `ganbench power` asks for do see the effect: tried with the pool's own seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.analysis.rank_tests import rank_test
from ganbench.comparison.detectable import margin_on_scale, worst_place
from ganbench.comparison.model import Key, Rules, Side
from ganbench.comparison.seeds_needed import SeedsNeeded, Wanted, seeds_for
from ganbench.comparison.sides import with_seeds
from ganbench.selftest.sides import primary_badness, seeds_in

EFFECTS = (1.5, 2.0, 3.0)
"""In standard deviations of the seeds."""
POWER = 0.8
BASELINES = 20
"""How often it is asked: the spread that one baseline shows is off, for all tries alike."""
_TRIES = 100


@dataclass(frozen=True)
class SeedsCheck:
    """One cell and effect: the seeds that each baseline asks for, and how often so many do see it."""

    variant: str
    dataset: str
    effect: float
    needed: tuple[int | None, ...]
    """New seeds against each baseline; None: more than there are, or never enough."""
    reached: tuple[float | None, ...]
    """The share of tries that the gate calls worse (p and margin); None: the pool is too small."""


def check_seeds(
    pool: Side,
    baseline: int,
    generator: np.random.Generator,
    effects: Sequence[float] = EFFECTS,
    baselines: int = BASELINES,
) -> Iterator[SeedsCheck]:
    """Ask with random baselines of so many seeds; try with others of the whole pool, moved by the effect."""
    seeds = seeds_in(pool)
    drawn = [generator.permutation(seeds)[:baseline].tolist() for _ in range(baselines)]
    for size in effects:
        found: dict[Key, list[tuple[int | None, float | None]]] = {key: [] for key in pool.cells}
        for each in drawn:
            asked = with_seeds(pool, each)
            for row in seeds_for(asked, Wanted("sd", size), Rules(), baseline, POWER, generator):
                values = primary_badness(pool.cells[row.variant, row.dataset], seeds)
                answer = row.against, _reached(row, values, baseline, generator)
                found[row.variant, row.dataset].append(answer)
        for key, answers in found.items():
            needed, reached = zip(*answers, strict=True)
            yield SeedsCheck(*key, size, needed, reached)


def _reached(
    row: SeedsNeeded, values: np.ndarray, baseline: int, generator: np.random.Generator
) -> float | None:
    """The share of random baselines and new seeds, all different, in which the gate's rule sees the shift."""
    needed = row.against
    if needed is None or baseline + needed > values.size:
        return None
    worst, margin, hits = worst_place(row.quantity), margin_on_scale(row.quantity), 0
    for _ in range(_TRIES):
        drawn = generator.permutation(values)[: baseline + needed]
        base, new = drawn[:baseline], np.minimum(drawn[baseline:] + row.shift, worst)
        hits += rank_test(base, new).p <= row.threshold and _estimate(base, new) >= margin
    return hits / _TRIES


def _estimate(base: np.ndarray, new: np.ndarray) -> float:
    """The median of all pairwise differences; a diverged seed (NaN) is infinitely bad."""
    before, after = (np.where(np.isnan(values), np.inf, values) for values in (base, new))
    with np.errstate(invalid="ignore"):
        pairs = np.subtract.outer(after, before)
    return float(np.nanmedian(pairs))
