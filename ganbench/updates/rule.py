"""What an update rule is, and the field that it sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from torch import Tensor

from ganbench.game import Game, Tree

FirstPlayer = Literal["discriminator", "generator"]
Position = dict[str, Tree]
"""All players' parameters at one moment, copied."""


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


Projections = Mapping[str, Callable[[Tensor], Tensor]]


def unchanged(game: Game, _optimizers: Mapping[str, Any], _projections: Projections) -> Game:
    """The game as it is."""
    return game


@dataclass(frozen=True)
class UpdateRule:
    """One round of training, and how many batches of real examples and updates it takes.

    `modify` changes the losses of the game where the rule is a modified field; it is given the players'
    optimizers and projections, for rules that look through their steps.
    """

    advance: Callable[[Field], None]
    discriminator_updates: int
    """Updates of the players that see real data: what budgets count."""
    modify: Callable[[Game, Mapping[str, Any], Projections], Game] = unchanged
    optimistic: bool = False
    """Whether each player moves by twice this move less the last one."""
