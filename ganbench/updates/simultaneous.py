"""Simultaneous updates: all players move along the field at one point."""

from __future__ import annotations

from ganbench.updates.rule import Field, Turns, UpdateRule, move, register_update


@register_update("simultaneous")
def simultaneous(turns: Turns) -> UpdateRule:
    """All players move along the field at one point, on one batch.

    Source: Nowozin et al. 2016, "f-GAN", algorithm 1 (the single-step gradient method).
    """
    return at_once("simultaneous", turns)


def at_once(name: str, turns: Turns) -> UpdateRule:
    """Simultaneous updates under the name of a rule that is built on them."""
    players = turns.at_once(name)

    def advance(field: Field) -> None:
        move(field, players)

    return UpdateRule(advance, dict.fromkeys(players, 1), {players[0]: 1})
