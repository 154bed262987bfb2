"""The cells of two sides, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ganbench.analysis.statistics import Values, badness
from ganbench.comparison.comparability import differences, refusal, untrained
from ganbench.comparison.model import Cell, Key, Reason, ReasonCode, Side
from ganbench.quantities import Quantity


@dataclass(frozen=True)
class Pair:
    """One cell on both sides."""

    base: Cell
    new: Cell

    @property
    def key(self) -> Key:
        """The variant's label and the data set's."""
        return self.base.variant, self.base.dataset

    @property
    def primary(self) -> Quantity:
        """The primary quantity, as the base declares it: what is under test does not set its own margin."""
        return self.base.declared[self.base.primary]

    def quantity(self, name: str) -> Quantity:
        """A quantity's declaration, the base's where it has one."""
        return self.base.declared.get(name) or self.new.declared[name]

    def values(self, name: str) -> tuple[Values, Values]:
        """Both sides' values in the order of their seeds, [n_base] and [n_new]."""
        return in_order(self.base, name), in_order(self.new, name)

    def badness(self, name: str) -> tuple[Values, Values]:
        """Both sides' values turned so that smaller is better."""
        quantity = self.quantity(name)
        base, new = self.values(name)
        return (
            badness(base, quantity.direction, quantity.target),
            badness(new, quantity.direction, quantity.target),
        )

    @cached_property
    def primary_badness(self) -> tuple[Values, Values]:
        """Both sides' primary values, smaller is better."""
        return self.badness(self.base.primary)

    @property
    def primary_badness_by_seed(self) -> tuple[dict[int, float], dict[int, float]]:
        """The same by seed."""
        base, new = (
            dict(zip(sorted(cell.values[self.base.primary].by_seed), values.tolist(), strict=True))
            for cell, values in zip((self.base, self.new), self.primary_badness, strict=True)
        )
        return base, new


@dataclass(frozen=True)
class Matching:
    """The cells of two sides, each in one of four places; by variant and data set."""

    pairs: tuple[Pair, ...]
    incomparable: Mapping[Key, tuple[Reason, ...]]
    only_base: tuple[Key, ...]
    unmatched: tuple[Cell, ...]
    """The cells of NEW that BASE does not have."""

    @property
    def only_new(self) -> tuple[Key, ...]:
        """Their keys."""
        return tuple((cell.variant, cell.dataset) for cell in self.unmatched)


def match(base: Side, new: Side) -> Matching:
    """Put the cells of two sides side by side."""
    shared = sorted(set(base.cells) & set(new.cells))
    reasons = {key: tuple(_reasons(base.cells[key], new.cells[key])) for key in shared}
    return Matching(
        pairs=tuple(Pair(base.cells[key], new.cells[key]) for key in shared if not reasons[key]),
        incomparable={key: said for key, said in reasons.items() if said},
        only_base=tuple(sorted(set(base.cells) - set(new.cells))),
        unmatched=tuple(new.cells[key] for key in sorted(set(new.cells) - set(base.cells))),
    )


def _reasons(base: Cell, new: Cell) -> Iterator[Reason]:
    """Why two cells are not comparable: what must agree and does not, and a collapse that cannot be told."""
    yield from differences(base, new)
    name = base.counts_modes
    if name is None or name == base.primary or name not in base.values or untrained(new):
        return
    if name not in new.values:
        yield Reason(ReasonCode.NOT_MEASURED, f"{name}, which tells a collapse, was not measured in NEW")
    elif refused := refusal(base, new, name):
        yield Reason(refused.code, f"{name}, which tells a collapse: {refused}")


def in_order(cell: Cell, name: str) -> Values:
    """A quantity's values in the order of their seeds; empty where it was not measured."""
    values = cell.values.get(name)
    by_seed = values.by_seed if values is not None else {}
    return np.array([by_seed[seed] for seed in sorted(by_seed)], dtype=np.float64)
