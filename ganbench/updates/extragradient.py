"""Extragradient and lookahead: rules that go somewhere first, and come back."""

from __future__ import annotations

from ganbench.updates.alternating import BOTH
from ganbench.updates.rule import Field, Position, UpdateRule


def extragradient(players: tuple[str, ...] = BOTH) -> UpdateRule:
    """Every player steps along the gradients of the point that a first step would lead to.

    Source: Korpelevich 1976; Gidel et al. 2019, algorithms 2 (SGD) and 4 (Adam: its moments take in both
    gradients).  Deviation from algorithm 4: both gradients are those of one batch, so a round shows the
    discriminator as many examples as any other rule's.
    """

    def advance(field: Field) -> None:
        here, batch = field.position(), field.draw(*players)
        for player, gradient in {p: field.gradient(p, batch) for p in players}.items():
            field.step(player, gradient, lasting=False)
        ahead = {player: field.gradient(player, batch) for player in players}
        field.return_to(here)
        for player, gradient in ahead.items():
            field.step(player, gradient)

    return UpdateRule(advance, 1)


def lookahead(inner: UpdateRule, steps: int, rate: float) -> UpdateRule:
    """`steps` rounds of another rule, then back to slow + rate·(fast − slow): one round.

    Source: Zhang et al. 2019, algorithm 1; for games Chavdarova et al. 2021, algorithm 1: all players step
    back at once.  Measured are the slow weights.  Optimizers' moments and moving averages see the fast ones.
    """

    def advance(field: Field) -> None:
        slow = field.position()
        for _ in range(steps):
            inner.advance(field)
        field.return_to(_between(slow, field.position(), rate))

    return UpdateRule(advance, steps * inner.discriminator_updates, inner.modify, inner.optimistic)


def _between(slow: Position, fast: Position, rate: float) -> Position:
    return {
        player: {name: value.lerp(fast[player][name], rate) for name, value in tree.items()}
        for player, tree in slow.items()
    }
