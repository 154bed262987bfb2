"""Update rules: how the players move along the field in one round.

A rule is a function that may do anything with the field; it sees stacked trees [S, ...].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor

from ganbench.game import Tree

FirstPlayer = Literal["discriminator", "generator"]


class Field(Protocol):
    """The game's vector field at the cohort's present state."""

    def draw(self, *players: str) -> Mapping[str, Tensor]:
        """A fresh batch {name: [S, n, ...]} of what these players' losses read."""
        ...

    def gradient(self, player: str, batch: Mapping[str, Tensor]) -> Tree:
        """One player's gradient at the present state; threads the buffers."""
        ...

    def step(self, player: str, gradient: Tree) -> None:
        """Move one player by its optimiser, then apply its projection and moving average."""
        ...


@dataclass(frozen=True)
class UpdateRule:
    """One round of training, and how many batches of real examples and updates it takes."""

    advance: Callable[[Field], None]
    discriminator_updates: int
    """Updates of the players that see real data: what budgets count."""


def alternating(n_critic: int = 1, first: FirstPlayer = "discriminator") -> UpdateRule:
    """`n_critic` discriminator updates and one generator update, each on a fresh batch."""

    def discriminator_turns(field: Field) -> None:
        for _ in range(n_critic):
            field.step("discriminator", field.gradient("discriminator", field.draw("discriminator")))

    def advance(field: Field) -> None:
        if first == "discriminator":
            discriminator_turns(field)
        field.step("generator", field.gradient("generator", field.draw("generator")))
        if first == "generator":
            discriminator_turns(field)

    return UpdateRule(advance, n_critic)


def simultaneous(players: tuple[str, ...] = ("discriminator", "generator")) -> UpdateRule:
    """All players move along the field at one point, on one batch."""

    def advance(field: Field) -> None:
        batch = field.draw(*players)
        gradients = {player: field.gradient(player, batch) for player in players}
        for player, gradient in gradients.items():
            field.step(player, gradient)

    return UpdateRule(advance, 1)
