"""Consensus optimization: every player also descends the squared norm of the whole field."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from annotated_types import Ge
from torch import Tensor
from torch.func import grad

from ganbench.game import Batch, Game, Loss, Networks, Tree, split_loss
from ganbench.updates.rule import Optimizers, Projections, Turns, UpdateRule, register_update
from ganbench.updates.simultaneous import at_once


@register_update("consensus")
def consensus(turns: Turns, weight: Annotated[float, Ge(0), "of ½‖v‖², v the field"] = 1.0) -> UpdateRule:
    """Simultaneous updates of losses that gain weight·½‖v‖², v all players' gradients of their own losses.

    Source: Mescheder, Nowozin and Geiger 2017, "The Numerics of GANs", algorithm 2 and eq. (8).
    """

    def prepare(game: Game, optimizers: Optimizers, _projections: Projections) -> tuple[Game, Optimizers]:
        losses = {player: _with_field_norm(game, loss, weight) for player, loss in game.losses.items()}
        return replace(game, losses=losses), optimizers

    return replace(at_once("consensus", turns), prepare=prepare)


def _with_field_norm(game: Game, loss: Loss, weight: float) -> Loss:
    def modified(networks: Networks, batch: Batch) -> tuple[Tensor, Tree]:
        value, memories = split_loss(loss(networks, batch))
        return value + weight / 2 * squared_field(game, networks, batch), memories

    return modified


def squared_field(game: Game, networks: Networks, batch: Batch) -> Tensor:
    """‖v‖²: the squared gradients of every player's own loss, summed, []."""
    total: Any = 0.0
    for player in game.players:
        gradient = grad(lambda params, p=player: game.loss(p, networks.with_parameters(p, params), batch))(
            networks.parameters(player)
        )
        total = total + sum(value.square().sum() for value in gradient.values())
    return total
