"""A variant: all that makes one published method, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from torch import Tensor

from ganbench.divergences import Divergence
from ganbench.errors import GanbenchError
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
    convergence: Callable[[Tensor, Tensor], Tensor] | None = None
    """The method's own measure of convergence, [S] of mean logits on real and on generated examples [S]."""

    def prepared(self, game: Game) -> tuple[Game, Variant]:
        """A game that this variant built and the variant that plays it, as the update rule changes both."""
        if set(game.players) != set(self.update.updates):
            raise GanbenchError(
                f"the game's players are {', '.join(game.players)}, but the update rule moves "
                f"{', '.join(self.update.updates)}; name them in the rule's Turns"
            )
        game, optimizers = self.update.prepare(game, self.optimizers, self.projections)
        return game, replace(self, optimizers=optimizers)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Itself as the one stage."""
        return (Stage(self),)


@dataclass(frozen=True)
class Stage:
    """A part of a training: a variant of its own, for a share of the budget (relative to the others')."""

    variant: Variant
    share: float = 1.0


@dataclass(frozen=True)
class StagedVariant:
    """A sequence of stages.

    Parameters, buffers, averages, memories and optimizer state pass on by player, name and shape.  Every
    stage's game is of the whole examples: one that works on smaller ones makes them itself, so that samples
    and logits are those of the data at every stage (see `at_resolution`).
    """

    stages: tuple[Stage, ...]
