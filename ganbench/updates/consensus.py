"""Consensus optimization: every player also descends the squared norm of the whole field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor
from torch.func import grad

from ganbench.game import Batch, Game, Loss, Networks
from ganbench.updates.alternating import BOTH, simultaneous
from ganbench.updates.rule import Projections, UpdateRule


def consensus(weight: float, players: tuple[str, ...] = BOTH) -> UpdateRule:
    """Simultaneous updates of losses that gain weight·½‖v‖², v all players' gradients of their own losses.

    Source: Mescheder, Nowozin and Geiger 2017, "The Numerics of GANs", algorithm 2 and eq. (8).
    """

    def modify(game: Game, _optimizers: Mapping[str, Any], _projections: Projections) -> Game:
        losses = {player: _with_field_norm(game, loss, weight) for player, loss in game.losses.items()}
        return replace(game, losses=losses)

    return replace(simultaneous(players), modify=modify)


def _with_field_norm(game: Game, loss: Loss, weight: float) -> Loss:
    def modified(networks: Networks, batch: Batch) -> Tensor:
        return loss(networks, batch) + weight / 2 * squared_field(game, networks, batch)

    return modified


def squared_field(game: Game, networks: Networks, batch: Batch) -> Tensor:
    """‖v‖²: the squared gradients of every player's own loss, summed, []."""
    total: Any = 0.0
    for player, loss in game.losses.items():
        gradient = grad(lambda own, p=player, loss=loss: loss(networks.with_parameters(p, own), batch))(
            networks.parameters(player)
        )
        total = total + sum(value.square().sum() for value in gradient.values())
    return total
