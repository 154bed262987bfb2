"""Optimistic updates: every optimizer's move doubled, less its last one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from ganbench.game import Game, Tree
from ganbench.updates.rule import Optimizers, Projections, Turns, UpdateRule, register_update
from ganbench.updates.simultaneous import at_once


@register_update("optimistic")
def optimistic(turns: Turns) -> UpdateRule:
    """Simultaneous updates by twice each optimizer's move less its last one.

    With SGD the optimistic gradient, with Adam optimistic Adam.

    Source: Daskalakis et al. 2018, "Training GANs with Optimism", eq. (3) and algorithm 1.
    Deviation: the first step is the plain one; algorithm 1 doubles it.
    """
    return replace(at_once("optimistic", turns), prepare=_prepare)


def _prepare(game: Game, optimizers: Optimizers, _projections: Projections) -> tuple[Game, Optimizers]:
    return game, {player: Optimistic(optimizer) for player, optimizer in optimizers.items()}


@dataclass(frozen=True)
class Optimistic:
    """Another optimizer's move doubled, less its last move: w ← w + 2·mₜ − mₜ₋₁, where m₋₁ = m₀."""

    of: Any

    @property
    def learning_rate(self) -> Any:
        """The step's scale."""
        return self.of.learning_rate

    def initial(self, params: Tree) -> dict[str, Any]:
        """The state before the first update."""
        previous = {name: torch.zeros_like(value) for name, value in params.items()}
        return {**self.of.initial(params), "previous": previous}

    def step_(
        self, params: Tree, gradient: Tree, optimizer_state: dict[str, Any], share: float = 0.0
    ) -> None:
        """One update in place."""
        done, born = optimizer_state["updates"], optimizer_state.get("born", {})
        before = {name: value.clone() for name, value in params.items()}
        self.of.step_(params, gradient, optimizer_state, share)
        for name, value in params.items():
            step = value - before[name]
            if done > born.get(name, 0):
                value.add_(step).sub_(optimizer_state["previous"][name])
            optimizer_state["previous"][name] = step
