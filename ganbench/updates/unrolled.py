"""Unrolled updates: the generator's loss looks at the discriminator some steps ahead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from torch import Tensor
from torch.func import grad

from ganbench.game import Batch, Game, Loss, Networks, OptimizerStateInput, Tree, template_state
from ganbench.updates.alternating import GENERATING, alternating
from ganbench.updates.rule import FirstPlayer, Projections, UpdateRule

Projection = Callable[[Tensor], Tensor]


class DifferentiableOptimizer(Protocol):
    """An optimizer whose steps can be differentiated."""

    def functional_step(
        self, params: Tree, gradient: Tree, optimizer_state: Mapping[str, Any]
    ) -> tuple[Tree, dict[str, Any]]:
        """One update as a function: new parameters, new state."""
        ...

    def initial(self, params: Tree) -> dict[str, Any]:
        """The state before the first update."""
        ...


def unrolled(
    steps: int,
    n_critic: int = 1,
    first: FirstPlayer = "discriminator",
    generating: tuple[str, ...] = GENERATING,
) -> UpdateRule:
    """Alternating updates; the generator's loss is taken `steps` discriminator updates ahead of the present.

    Those are of the discriminator's own optimizer in its present state, with its projection, on the
    generator's batch, and are differentiated through.  The discriminator itself moves as ever.

    Source: Metz et al. 2017, "Unrolled Generative Adversarial Networks", eqs. (7) to (10).
    """
    rule = alternating(n_critic, first, generating)

    def modify(
        game: Game, optimizers: Mapping[str, DifferentiableOptimizer], projections: Projections
    ) -> Game:
        return _ahead(game, optimizers["discriminator"], projections.get("discriminator"), steps)

    return replace(rule, modify=modify)


def _ahead(game: Game, optimizer: DifferentiableOptimizer, project: Projection | None, steps: int) -> Game:
    params, _ = template_state(game.players["discriminator"])
    carried = _carried(optimizer.initial(params), params)
    losses = {**game.losses, "generator": _generator_loss(game, optimizer, project, carried, steps)}
    return replace(game, losses=losses, inputs={**game.inputs, **carried})


def _carried(optimizer_state: Mapping[str, Any], params: Tree) -> dict[str, OptimizerStateInput]:
    """The discriminator's optimizer state as inputs of the batch, under "<slot>" or "<slot>/<parameter>"."""
    found = {}
    for slot, value in optimizer_state.items():
        if isinstance(value, Mapping):
            for name in value:
                found[f"{slot}/{name}"] = OptimizerStateInput(
                    "discriminator", slot, name, tuple(params[name].shape)
                )
        else:
            found[slot] = OptimizerStateInput("discriminator", slot, None, ())
    return found


def _generator_loss(
    game: Game,
    optimizer: DifferentiableOptimizer,
    project: Projection | None,
    carried: Mapping[str, OptimizerStateInput],
    steps: int,
) -> Loss:
    def loss(networks: Networks, batch: Batch) -> Tensor:
        params, optimizer_state = networks.parameters("discriminator"), _optimizer_state(carried, batch)
        for _ in range(steps):
            gradient = grad(
                lambda own: game.losses["discriminator"](
                    networks.with_parameters("discriminator", own), batch
                )
            )(params)
            params, optimizer_state = optimizer.functional_step(params, gradient, optimizer_state)
            if project is not None:
                params = {name: project(value) for name, value in params.items()}
        return game.losses["generator"](networks.with_parameters("discriminator", params), batch)

    return loss


def _optimizer_state(carried: Mapping[str, OptimizerStateInput], batch: Batch) -> dict[str, Any]:
    optimizer_state: dict[str, Any] = {}
    for name, item in carried.items():
        if item.parameter is None:
            optimizer_state[item.slot] = batch[name]
        else:
            optimizer_state.setdefault(item.slot, {})[item.parameter] = batch[name]
    return optimizer_state
