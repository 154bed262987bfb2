"""Whether the gate sees a planted defect: alone at the CI budget, over many resamples of the seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganbench.comparison.gate import gate
from ganbench.comparison.model import Decision, Key, Rules, Side, Suspect
from ganbench.comparison.sides import only_deciding, with_seeds
from ganbench.selftest.effect_sizes import CellEffect, cell_effect, worst
from ganbench.selftest.false_alarms import FAST, reds_of
from ganbench.selftest.sides import seeds_in, with_cells

CAUGHT = 0.8
"""A defect counts as caught where the gate's exit code shows it in at least this share of resamples."""
_SUSPECTING = Rules(detectable=False)
STOPS: frozenset[str] = frozenset({"incomplete", "not comparable"})
"""A gate's words where it does not come to a verdict on the touched cells; its exit code is not 0 either."""


@dataclass(frozen=True)
class Sizes:
    """How many seeds and gates the power is measured with."""

    baseline: int = 20
    new: int = 10
    resamples: int = 200
    suspecting: int = 20
    """Resamples in which quantities that decide nothing are looked at too, which takes longer."""


@dataclass(frozen=True)
class Power:
    """What the gate made of one defect."""

    effects: tuple[CellEffect, ...]
    red_rate: float
    """The share of resamples in which a cell that the defect touches was called a regression."""
    stops: Mapping[str, float]
    """The share in which the gate did not get so far: "incomplete", or "not comparable"."""
    planned: tuple[str, ...]
    """One planned comparison: what the first `new` seeds make red against the pool's first `baseline`.

    Where the gate stops: its word."""
    by: Mapping[str, float]
    """What was called a regression, and in which share of the resamples."""
    better: Mapping[str, float]
    """Touched cells that were called better."""
    suspects: Mapping[str, float]
    """Quantities of touched cells that looked worse and decide nothing."""

    @property
    def worst(self) -> CellEffect:
        """The touched cell that is harmed most."""
        return worst(self.effects)

    @property
    def large(self) -> bool:
        """Whether many seeds show a primary quantity to be worse by `LARGE` standard deviations or more."""
        return self.worst.large

    @property
    def caught(self) -> bool:
        """Whether the gate alone sees it, reliably: its exit code says regression, or that it had to stop."""
        return max(self.red_rate, sum(self.stops.values())) >= CAUGHT


@dataclass(frozen=True)
class Material:
    """The null seeds of all cells, and the cells that a defect touches with seeds of their own."""

    pool: Side
    touched: Side

    @property
    def keys(self) -> tuple[Key, ...]:
        """The touched cells, in the pool's order."""
        return tuple(key for key in self.pool.cells if key in self.touched.cells)

    def new_side(self, null_seeds: Sequence[int], seeds: Sequence[int]) -> Side:
        """A new side: the touched cells with the defect, all others with null seeds."""
        touched = with_seeds(self.touched, seeds)
        return with_cells(with_seeds(self.pool, null_seeds), {key: touched.cells[key] for key in self.keys})


def measure_power(material: Material, sizes: Sizes, generator: np.random.Generator) -> Power:
    """Gate a defect again and again: baselines and untouched cells from the pool, touched ones with it."""
    light = Material(only_deciding(material.pool), only_deciding(material.touched))
    null, own = np.array(seeds_in(material.pool)), np.array(seeds_in(material.touched))
    seen, stops, better, suspects = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    red = 0
    for number in range(sizes.resamples):
        suspecting = number < sizes.suspecting
        order = generator.permutation(null)
        chosen = generator.permutation(own)[: sizes.new].tolist()
        parts = (order[: sizes.baseline].tolist(), order[sizes.baseline :][: sizes.new].tolist(), chosen)
        decision = _gated(material if suspecting else light, parts, suspecting, generator)
        reds = _touched_reds(decision, material.keys)
        red += bool(reds)
        stops.update({decision.word} & STOPS)
        seen.update(reds)
        better.update(f"{v} on {d}" for v, d in material.keys if _improved(decision, v, d))
        suspects.update(f"{s.quantity} of {s.variant} on {s.dataset}" for s in _of(decision, material.keys))
    null_seeds = null[: own.size].tolist()
    cells = ((material.pool.cells[key], material.touched.cells[key]) for key in material.keys)
    return Power(
        effects=tuple(cell_effect(one, other, null_seeds, own.tolist()) for one, other in cells),
        red_rate=red / sizes.resamples,
        stops=_shares(stops, sizes.resamples),
        planned=tuple(_planned(light, null, own, sizes, generator)),
        by=_shares(seen, sizes.resamples),
        better=_shares(better, sizes.resamples),
        suspects=_shares(suspects, min(sizes.suspecting, sizes.resamples)),
    )


def _planned(
    material: Material, null: np.ndarray, own: np.ndarray, sizes: Sizes, generator: np.random.Generator
) -> list[str]:
    parts = (null[: sizes.baseline], null[sizes.baseline :][: sizes.new], own[: sizes.new])
    decision = _gated(material, [part.tolist() for part in parts], False, generator)
    return [*_touched_reds(decision, material.keys), *({decision.word} & STOPS)]


def _gated(
    material: Material,
    parts: Sequence[Sequence[int]],
    suspecting: bool,
    generator: np.random.Generator,
) -> Decision:
    """Gate a baseline against null seeds in the untouched cells and seeds with the defect in the others."""
    baseline, null_seeds, seeds = parts
    base = with_seeds(material.pool, baseline)
    new = material.new_side(null_seeds, seeds)
    return gate(base, new, _SUSPECTING if suspecting else FAST, generator)


def _touched_reds(decision: Decision, keys: Sequence[Key]) -> list[str]:
    """What was called a regression in touched cells; a false alarm elsewhere does not count."""
    return [words for key, words in reds_of(decision) if key in keys]


def _improved(decision: Decision, variant: str, dataset: str) -> bool:
    return any(j.variant == variant and dataset in j.improved for j in decision.judgements)


def _of(decision: Decision, keys: Sequence[Key]) -> list[Suspect]:
    return [suspect for suspect in decision.suspects if (suspect.variant, suspect.dataset) in keys]


def _shares(counted: Counter[str], out_of: int) -> dict[str, float]:
    return {name: count / max(out_of, 1) for name, count in counted.most_common()}
