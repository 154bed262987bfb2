"""Unrolled updates: the generator's loss looks at the discriminator some steps ahead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from torch import Tensor
from torch.func import grad

from ganbench.game import Batch, Carried, Game, Loss, Nets, Tree, template_state
from ganbench.updates.alternating import GENERATING, alternating
from ganbench.updates.rule import FirstPlayer, Projections, UpdateRule

Projection = Callable[[Tensor], Tensor]


class LookedThrough(Protocol):
    """An optimiser whose steps can be differentiated."""

    def moved(self, params: Tree, gradient: Tree, slots: Mapping[str, Any]) -> tuple[Tree, dict[str, Any]]:
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

    Those are of the discriminator's own optimiser in its present state, with its projection, on the
    generator's batch, and are differentiated through.  The discriminator itself moves as ever.

    Source: Metz et al. 2017, "Unrolled Generative Adversarial Networks", eqs. (7) to (10).
    """
    rule = alternating(n_critic, first, generating)

    def modify(game: Game, optimisers: Mapping[str, LookedThrough], projections: Projections) -> Game:
        return _ahead(game, optimisers["discriminator"], projections.get("discriminator"), steps)

    return replace(rule, modify=modify)


def _ahead(game: Game, optimiser: LookedThrough, project: Projection | None, steps: int) -> Game:
    params, _ = template_state(game.players["discriminator"])
    carried = _carried(optimiser.initial(params), params)
    losses = {**game.losses, "generator": _generator_loss(game, optimiser, project, carried, steps)}
    return replace(game, losses=losses, draws={**game.draws, **carried})


def _carried(slots: Mapping[str, Any], params: Tree) -> dict[str, Carried]:
    """The discriminator's optimiser state as inputs of the batch, under "<slot>" or "<slot>/<parameter>"."""
    found = {}
    for slot, value in slots.items():
        if isinstance(value, Mapping):
            for name in value:
                found[f"{slot}/{name}"] = Carried("discriminator", slot, name, tuple(params[name].shape))
        else:
            found[slot] = Carried("discriminator", slot, None, ())
    return found


def _generator_loss(
    game: Game,
    optimiser: LookedThrough,
    project: Projection | None,
    carried: Mapping[str, Carried],
    steps: int,
) -> Loss:
    def loss(nets: Nets, batch: Batch) -> Tensor:
        params, slots = nets.parameters("discriminator"), _slots(carried, batch)
        for _ in range(steps):
            gradient = grad(
                lambda own: game.losses["discriminator"](nets.moved("discriminator", own), batch)
            )(params)
            params, slots = optimiser.moved(params, gradient, slots)
            if project is not None:
                params = {name: project(value) for name, value in params.items()}
        return game.losses["generator"](nets.moved("discriminator", params), batch)

    return loss


def _slots(carried: Mapping[str, Carried], batch: Batch) -> dict[str, Any]:
    slots: dict[str, Any] = {}
    for name, item in carried.items():
        if item.parameter is None:
            slots[item.slot] = batch[name]
        else:
            slots.setdefault(item.slot, {})[item.parameter] = batch[name]
    return slots
