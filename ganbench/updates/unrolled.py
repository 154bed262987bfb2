"""Unrolled updates: a generating player's loss looks at the judging ones some steps ahead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from annotated_types import Ge
from torch import Tensor, nn
from torch.func import grad

from ganbench.game import (
    Batch,
    Game,
    Input,
    Loss,
    Networks,
    OptimizerStateInput,
    ScheduledInput,
    Tree,
    template_state,
)
from ganbench.schedules import is_constant, rate_at
from ganbench.updates.alternating import alternating
from ganbench.updates.rule import Optimizers, Projections, Turns, UpdateRule, register_update

States = Mapping[str, Mapping[str, Any]]
"""{player: optimizer state of one replica}."""


@register_update("unrolled")
def unrolled(
    turns: Turns, steps: Annotated[int, Ge(1), "discriminator updates that the generator looks ahead"] = 5
) -> UpdateRule:
    """Alternating updates; the generator's loss is taken `steps` discriminator updates ahead of the present.

    Those are of the discriminator's own optimizer in its present state, with its projection, on the
    generator's batch, and are differentiated through.  The discriminator itself moves as ever.  Lazy
    penalties count at every update ahead, with their own weight.

    Source: Metz et al. 2017, "Unrolled Generative Adversarial Networks", eqs. (7) to (10).
    """

    def prepare(game: Game, optimizers: Optimizers, projections: Projections) -> tuple[Game, Optimizers]:
        inputs = {
            player: _state_inputs(player, optimizers[player], game.players[player])
            for player in turns.judging
        }

        def ahead(networks: Networks, batch: Batch) -> Networks:
            states: States = {player: _state_in(batch, inputs[player]) for player in turns.judging}
            for _ in range(steps):
                networks, states = _one_ahead(game, optimizers, projections, networks, batch, states)
            return networks

        losses = {player: _taken(game.losses[player], ahead) for player in turns.generating}
        added = _rate_inputs(turns.judging, optimizers)
        for state_inputs in inputs.values():
            added |= state_inputs
        modified = replace(game, losses={**game.losses, **losses}, inputs={**game.inputs, **added})
        return modified, optimizers

    return replace(alternating(turns), prepare=prepare)


def _taken(loss: Loss, at: Callable[[Networks, Batch], Networks]) -> Loss:
    return lambda networks, batch: loss(at(networks, batch), batch)


def _one_ahead(
    game: Game,
    optimizers: Optimizers,
    projections: Projections,
    networks: Networks,
    batch: Batch,
    states: States,
) -> tuple[Networks, States]:
    """The networks and the optimizers' state after one update of the players that have a state here."""
    gradients = {player: _gradient(game, player, networks, batch) for player in states}
    after = {}
    for player, gradient in gradients.items():
        rate = optimizers[player].learning_rate
        params, after[player] = optimizers[player].functional_step(
            networks.parameters(player),
            gradient,
            states[player],
            rate if is_constant(rate) else batch[_rate_name(player)],
        )
        project = projections.get(player)
        if project is not None:
            params = {name: project(value) for name, value in params.items()}
        networks = networks.with_parameters(player, params)
    return networks, after


def _gradient(game: Game, player: str, networks: Networks, batch: Batch) -> Tree:
    every_term = Batch(batch.tensors)

    def loss(params: Tree) -> Tensor:
        return game.loss(player, networks.with_parameters(player, params), every_term)

    gradient: Tree = grad(loss)(networks.parameters(player))
    return gradient


def _rate_name(player: str) -> str:
    return f"{player}/learning_rate"


def _rate_inputs(players: Sequence[str], optimizers: Optimizers) -> dict[str, Input]:
    """The present learning rates that follow the budget, as inputs of the batch."""

    def present(player: str) -> ScheduledInput:
        return ScheduledInput(lambda progress: rate_at(optimizers[player].learning_rate, progress.share))

    changing = (player for player in players if not is_constant(optimizers[player].learning_rate))
    return {_rate_name(player): present(player) for player in changing}


def _state_inputs(player: str, optimizer: Any, template: nn.Module) -> dict[str, OptimizerStateInput]:
    """A player's optimizer state as inputs of the batch, by names that hold player, slot and parameter."""
    params, _ = template_state(template)
    inputs = {}
    for slot, value in optimizer.initial(params).items():
        for name in value if isinstance(value, Mapping) else (None,):
            shape = () if name is None else tuple(params[name].shape)
            inputs[f"{player}/{slot}/{name}"] = OptimizerStateInput(player, slot, name, shape)
    return inputs


def _state_in(batch: Batch, inputs: Mapping[str, OptimizerStateInput]) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for name, item in inputs.items():
        if item.parameter is None:
            state[item.slot] = batch[name]
        else:
            state.setdefault(item.slot, {})[item.parameter] = batch[name]
    return state
