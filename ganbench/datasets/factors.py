"""Data sets of known factors: which combinations there are, and how they are read of an example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

Classify = Callable[[Tensor], Tensor]
"""Images [n, *shape] → classes, int64 [n]."""


@dataclass(frozen=True)
class FactorTable:
    """All combinations of F factors, a cell each: their `shares`, and which are `heldout` from training.

    Both are [*classes] on the CPU; `shares` are float64 and sum to one over all combinations, held-out ones
    included.  A combination of share 0 does not exist.
    """

    shares: Tensor
    heldout: Tensor

    @property
    def training_shares(self) -> Tensor:
        """The shares of the combinations among training examples, float64 [*classes]."""
        shares = self.shares.masked_fill(self.heldout, 0)
        return shares / shares.sum()

    @property
    def heldout_share(self) -> float:
        """What share of a sampler of all combinations is held out."""
        return float(self.shares[self.heldout].sum())

    def of_factor(self, factor: int) -> Tensor:
        """The shares of one factor's classes among training examples, float64 [classes]."""
        return marginal(self.training_shares, (factor,))


@dataclass(frozen=True)
class FactorReading:
    """What was read of n examples: each factor's class, int64 [n, F], and how far off they are.

    `distance` [n] is the root mean square difference to the nearest picture of the combination that was
    read; None where a data set has no such pictures.
    """

    classes: Tensor
    distance: Tensor | None


@runtime_checkable
class KnownFactors(Protocol):
    """What the diagnostic `factors` asks of a data set."""

    factors: Mapping[str, int]
    """The factors' names and numbers of classes; each is a label field too."""
    factor_samples: int
    """How many samples the published or usual protocol reads."""
    factor_classifier: str | None
    """The extractor whose classes `read` asks for; None where it asks for none."""

    def factor_table(self) -> FactorTable:
        """The combinations, in the order of `factors`."""
        ...

    def tolerance(self) -> float | None:
        """The `distance` above which an example is invalid; None where any example counts."""
        ...

    def read(self, x: Tensor, classify: Classify) -> FactorReading:
        """The factors of examples [n, *shape]; `classify` takes what `factor_classifier` takes."""
        ...


def cells(classes: Tensor, shape: Sequence[int], factors: Sequence[int] | None = None) -> Tensor:
    """The numbers of cells, int64 [...], of combinations [..., F] in a table of a shape, last axis fastest.

    With `factors` those of the table of these alone.
    """
    number = torch.zeros_like(classes[..., 0])
    for factor in range(len(shape)) if factors is None else factors:
        number = number * shape[factor] + classes[..., factor]
    return number


def marginal(shares: Tensor, factors: Sequence[int]) -> Tensor:
    """The joint shares of some factors, in ascending order, of shares [*classes]; flat, as in `cells`."""
    others = [axis for axis in range(shares.ndim) if axis not in factors]
    return (shares.sum(others) if others else shares).flatten()
