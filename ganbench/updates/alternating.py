"""The two plain rules: players move in turn, or all at once."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ganbench.updates.rule import Field, FirstPlayer, UpdateRule

GENERATING = ("generator",)
BOTH = ("discriminator", "generator")


def alternating(
    n_critic: int = 1, first: FirstPlayer = "discriminator", generating: tuple[str, ...] = GENERATING
) -> UpdateRule:
    """`n_critic` discriminator updates and one of the generating players, each on a fresh batch.

    A generator whose loss reads real examples is shown those of the discriminator's neighbouring
    update: so all variants are shown the same examples in the same order, and equally many.
    """

    def advance(field: Field) -> None:
        batch = None if first == "discriminator" else _turn(field, generating)
        for number in range(n_critic):
            batch = _turn(field, ("discriminator",), batch if number == 0 else None)
        if first == "discriminator":
            _turn(field, generating, batch)

    return UpdateRule(advance, n_critic)


def simultaneous(players: tuple[str, ...] = BOTH) -> UpdateRule:
    """All players move along the field at one point, on one batch."""

    def advance(field: Field) -> None:
        _turn(field, players)

    return UpdateRule(advance, 1)


def _turn(
    field: Field, players: tuple[str, ...], reals_of: Mapping[str, Tensor] | None = None
) -> Mapping[str, Tensor]:
    """These players' gradients at one point, then their steps."""
    batch = field.draw(*players, reals_of=reals_of)
    for player, gradient in {player: field.gradient(player, batch) for player in players}.items():
        field.step(player, gradient)
    return batch
