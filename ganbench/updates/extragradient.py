"""Extragradient: steps along the field of where a first step would lead to."""

from __future__ import annotations

from ganbench.updates.rule import Field, Turns, UpdateRule, register_update


@register_update("extragradient")
def extragradient(turns: Turns) -> UpdateRule:
    """Every player steps along the gradients of the point that a first step would lead to.

    Source: Korpelevich 1976; Gidel et al. 2019, algorithms 2 (SGD) and 4 (Adam: its moments take in both
    gradients).
    Deviation: both gradients are those of one batch, unlike in algorithm 4, so a round shows the
    discriminator as many examples as any other rule's.
    """
    players = turns.at_once("extragradient")

    def advance(field: Field) -> None:
        here, batch = field.position(), field.draw(*players)
        for player, gradient in {p: field.gradient(p, batch) for p in players}.items():
            field.step(player, gradient, lasting=False)
        ahead = {player: field.gradient(player, batch) for player in players}
        field.return_to(here)
        for player, gradient in ahead.items():
            field.step(player, gradient)

    return UpdateRule(advance, dict.fromkeys(players, 1), {players[0]: 1})
