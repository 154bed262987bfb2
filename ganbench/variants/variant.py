"""A variant: all that makes one published method, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from ganbench.divergences import Divergence
from ganbench.game import DataSpec, Game, Tree
from ganbench.optimizers import Optimizer
from ganbench.updates import UpdateRule


@dataclass(frozen=True)
class Variant:
    """A recipe: the game it plays on given data, and how its players are moved.

    `projections` are applied to each parameter of a player after its update; `averages` gives
    the decay of a player's exponential moving average, from which samples are then drawn.
    `reals_per_batch` is what a budget in images counts for one discriminator update.
    `starts` gives a seed's initial parameters {player: {name: float64}} where they are not drawn.
    """

    build: Callable[[DataSpec], Game]
    update: UpdateRule
    optimizers: Mapping[str, Optimizer]
    batch_size: int
    reals_per_batch: int
    projections: Mapping[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    averages: Mapping[str, float] = field(default_factory=dict)
    threshold: float | None = 0.0
    """The logit above which the discriminator means "real"; None for a critic."""
    starts: Callable[[int], Mapping[str, Tree]] | None = None
    divergence: Divergence | None = None
    """The f-divergence whose variational bound the discriminator's logits give; None where they give none."""
    probability: Literal["log_odds", "itself"] | None = None
    """What the best discriminator's output is: p/(p+q) itself, its log-odds, or neither (`Objective`)."""
