"""Lookahead: some rounds of another rule, then part of the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Interval

from ganbench.registry import EntryOf
from ganbench.updates.rule import Field, Position, Turns, UpdateRule, register_update, update_rule


@register_update("lookahead")
def lookahead(
    turns: Turns,
    steps: Annotated[int, Ge(1), "rounds of the other rule before each step back"] = 5,
    rate: Annotated[float, Interval(gt=0, le=1), "the share of the way that is kept"] = 0.5,
    of: Annotated[str | dict[str, Any], EntryOf("update"), "the other rule"] = "alternating",
) -> UpdateRule:
    """`steps` rounds of another rule, then back to slow + rate·(fast − slow): one round.

    Measured are the slow weights.  Optimizers' moments and moving averages see the fast ones.

    Source: Zhang et al. 2019, algorithm 1; for games Chavdarova et al. 2021, algorithm 1: all players step
    back at once.
    """
    inner = update_rule(of, turns)

    def advance(field: Field) -> None:
        slow = field.position()
        for _ in range(steps):
            inner.advance(field)
        field.return_to(_between(slow, field.position(), rate))

    return UpdateRule(advance, _times(steps, inner.updates), _times(steps, inner.real_batches), inner.prepare)


def _times(count: int, numbers: Mapping[str, int]) -> dict[str, int]:
    return {player: count * number for player, number in numbers.items()}


def _between(slow: Position, fast: Position, rate: float) -> Position:
    return {
        player: {name: value.lerp(fast[player][name], rate) for name, value in tree.items()}
        for player, tree in slow.items()
    }
