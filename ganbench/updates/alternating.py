"""Alternating updates: players move in turn."""

from __future__ import annotations

from ganbench.updates.rule import Field, Turns, UpdateRule, move, register_update


@register_update("alternating")
def alternating(turns: Turns) -> UpdateRule:
    """`n_critic` updates of the discriminator and one of the generator, each on a fresh batch.

    A generator whose loss reads real examples is shown those of the discriminator's neighbouring
    update: so all variants are shown the same examples in the same order, and equally many.

    Source: Goodfellow et al. 2014, "Generative Adversarial Nets", algorithm 1.
    """

    def advance(field: Field) -> None:
        batch = None if turns.first == "discriminator" else move(field, turns.generating)
        for number in range(turns.n_critic):
            batch = move(field, turns.judging, batch if number == 0 else None)
        if turns.first == "discriminator":
            move(field, turns.generating, batch)

    updates = dict.fromkeys(turns.judging, turns.n_critic) | dict.fromkeys(turns.generating, 1)
    return UpdateRule(advance, updates, {turns.judging[0]: turns.n_critic})
