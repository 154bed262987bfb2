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

    def draw(self, *players: str, reals_of: Mapping[str, Tensor] | None = None) -> Mapping[str, Tensor]:
        """A fresh batch {name: [S, n, ...]} of what these players' losses read.

        With `reals_of` the examples of the data set are those of another batch: not shown twice.
        """
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
    """`n_critic` discriminator updates and one generator update, each on a fresh batch.

    A generator whose loss reads real examples is shown those of the discriminator's neighbouring
    update: so all variants are shown the same examples in the same order, and equally many.
    """

    def advance(field: Field) -> None:
        batch = None if first == "discriminator" else _turn(field, "generator")
        for number in range(n_critic):
            batch = _turn(field, "discriminator", batch if number == 0 else None)
        if first == "discriminator":
            _turn(field, "generator", batch)

    return UpdateRule(advance, n_critic)


def _turn(field: Field, player: str, reals_of: Mapping[str, Tensor] | None = None) -> Mapping[str, Tensor]:
    batch = field.draw(player, reals_of=reals_of)
    field.step(player, field.gradient(player, batch))
    return batch


def simultaneous(players: tuple[str, ...] = ("discriminator", "generator")) -> UpdateRule:
    """All players move along the field at one point, on one batch."""

    def advance(field: Field) -> None:
        batch = field.draw(*players)
        gradients = {player: field.gradient(player, batch) for player in players}
        for player, gradient in gradients.items():
            field.step(player, gradient)

    return UpdateRule(advance, 1)
