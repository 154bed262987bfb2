"""What an update rule is, the field that it sees, and the turns that it is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from torch import Tensor

from ganbench import registry
from ganbench.errors import GanbenchError
from ganbench.game import Game, Tree

FirstPlayer = Literal["discriminator", "generator"]
Position = dict[str, Tree]
"""All players' parameters at one moment, copied."""
Projections = Mapping[str, Callable[[Tensor], Tensor]]


class Field(Protocol):
    """The game's vector field at the cohort's present state."""

    def draw(self, *players: str, reals_of: Mapping[str, Tensor] | None = None) -> Mapping[str, Tensor]:
        """A fresh batch {name: [S, n, ...]} of what these players' losses read.

        With `reals_of` the examples of the data set are those of another batch: not shown twice.
        """
        ...

    def gradient(self, player: str, batch: Mapping[str, Tensor]) -> Tree:
        """One player's gradient at the present state; threads the buffers."""
        ...

    def step(self, player: str, gradient: Tree, lasting: bool = True) -> None:
        """Move one player by its optimizer, then apply its projection and moving average.

        A step that is not `lasting` is a look ahead: no moving average follows it, nothing counts it.
        """
        ...

    def position(self) -> Position:
        """Where all players stand."""
        ...

    def return_to(self, position: Position) -> None:
        """Put all players where they stood; optimizers and moving averages stay as they are."""
        ...


Optimizers = Mapping[str, Any]
"""{player: optimizer}; see `optimizers.Optimizer`."""
Prepare = Callable[[Game, Optimizers, Projections], tuple[Game, Optimizers]]


def unchanged(game: Game, optimizers: Optimizers, _projections: Projections) -> tuple[Game, Optimizers]:
    """The game and the optimizers as they are."""
    return game, optimizers


@dataclass(frozen=True)
class Turns:
    """Who moves when: in a round `n_critic` updates of all judging players and one of all generating ones.

    `first` is the group that begins: the judging players ("discriminator"), or the generating ones.
    """

    n_critic: int = 1
    first: FirstPlayer = "discriminator"
    generating: tuple[str, ...] = ("generator",)
    judging: tuple[str, ...] = ("discriminator",)

    @property
    def players(self) -> tuple[str, ...]:
        """All players, those that judge first."""
        return (*self.judging, *self.generating)

    def at_once(self, rule: str) -> tuple[str, ...]:
        """All players, for a rule that moves them at once; refuses what only rules with turns can do."""
        if self.n_critic != 1:
            raise GanbenchError(f"{rule} updates move all players once; n_critic cannot be {self.n_critic}")
        if self.first != "discriminator":
            raise GanbenchError(f"with {rule} updates nobody moves first; leave `first` out")
        return self.players


@dataclass(frozen=True)
class UpdateRule:
    """One round of training, and what it takes.

    `updates` are each player's lasting updates in a round; `real_batches` the fresh batches of real examples
    that a player's updates show: a batch that players share counts once, for the first of them.
    `prepare` changes the game or the optimizers before training; it is given the projections too.
    """

    advance: Callable[[Field], None]
    updates: Mapping[str, int]
    real_batches: Mapping[str, int]
    prepare: Prepare = unchanged

    @property
    def steps(self) -> int:
        """What a budget in steps counts for a round: the updates of the counted player."""
        return 0 if self.counted is None else self.updates[self.counted]

    @property
    def counted(self) -> str | None:
        """Of the players whose updates show real batches, the one that makes the most updates."""
        players = (player for player, count in self.real_batches.items() if count)
        return max(players, key=self.updates.__getitem__, default=None)


def register_update(name: str) -> Callable[[registry.F], registry.F]:
    """Register a function of (turns: Turns, plus options) that returns an `UpdateRule`."""
    return registry.register("update", name)


def update_rule(choice: str | Mapping[str, Any], turns: Turns = Turns()) -> UpdateRule:
    """The rule of a name or of {name: {option: value}}, with these turns."""
    rule: UpdateRule = registry.build("update", choice, turns)
    return rule


def move(
    field: Field, players: tuple[str, ...], reals_of: Mapping[str, Tensor] | None = None
) -> Mapping[str, Tensor]:
    """These players' gradients at one point, then their steps; returns the batch."""
    batch = field.draw(*players, reals_of=reals_of)
    for player, gradient in {player: field.gradient(player, batch) for player in players}.items():
        field.step(player, gradient)
    return batch
