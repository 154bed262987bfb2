"""Looking at a cohort's game beside its training: the field and the update rule from given parameters.

Nothing here moves the cohort's own state.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils import _pytree as pytree

from ganbench.game import Game, Tree, player_gradient
from ganbench.optimizers import OptimizerState
from ganbench.streams import SeedStreams
from ganbench.training.batches import (
    constant_inputs,
    draw_random_input,
    optimizer_state_inputs,
    random_inputs,
)
from ganbench.training.field import CohortField
from ganbench.training.gradients import Gradient, Inputs
from ganbench.training.stacked import first_repeated

if TYPE_CHECKING:
    from ganbench.training.cohort import Cohort


def measuring_batch(cohort: Cohort) -> dict[str, Tensor]:
    """A fixed batch {name: [S, n, ...]} of the variant's own size, the same at every moment."""
    seeds, count = cohort.description.seeds, cohort.variant.batch_size
    batch = {
        name: draw_random_input(
            SeedStreams(seeds, f"measure/field/{name}", cohort.device), draw, count, cohort.dtype
        )
        for name, draw in random_inputs(cohort.game).items()
    }
    reals = cohort.variant.reals_per_batch
    available = cohort.dataset.info.split_sizes.get("train", reals)
    real = cohort.real("train", min(reals, available))
    repeats = -(-reals // real.shape[0])
    real = real.repeat(repeats, *[1] * (real.ndim - 1))[:reals]
    batch["real"] = real.expand(len(seeds), *real.shape).contiguous()
    constant = constant_inputs(cohort.game, len(seeds), cohort.device, cohort.dtype)
    return (
        batch
        | constant
        | optimizer_state_inputs(
            cohort.game, cohort.state.optimizer_state, len(seeds), cohort.device, cohort.dtype
        )
    )


@torch.no_grad()
def field_at(cohort: Cohort, params: Mapping[str, Tree]) -> dict[str, Tree]:
    """Every player's gradient of its own loss at given parameters [S, ...], on the measuring batch."""
    batch = measuring_batch(cohort)
    return {
        player: gradient.function(
            (params, cohort.state.buffers, {name: batch[name] for name in cohort.reads[player]})
        )[0]
        for player, gradient in cohort.gradients.items()
    }


@torch.no_grad()
def round_from(
    cohort: Cohort, params: Mapping[str, Tree], optimizer_state: Mapping[str, OptimizerState] | None = None
) -> tuple[dict[str, Tree], dict[str, OptimizerState]]:
    """The parameters and optimizer state after one round of the update rule from R given replicas [R, ...].

    Every replica has the first seed's buffers and measuring batch; without `optimizer_state` they begin anew.
    """
    optimizers = cohort.variant.optimizers
    begun = (
        {p: optimizers[p].initial(tree) for p, tree in params.items()}
        if optimizer_state is None
        else optimizer_state
    )
    count = len(next(value for tree in params.values() for value in tree.values()))
    state = replace(
        cohort.state,
        params=_copied(params),
        optimizer_state=_copied(begun),
        buffers=first_repeated(cohort.state.buffers, count),
        averages={player: _copied(params[player]) for player in cohort.variant.averages},
        diverged_at=first_repeated(cohort.state.diverged_at, count),
    )
    batches = _OneBatch(first_repeated(measuring_batch(cohort), count))
    gradients = {player: Gradient(_untraced(cohort.game, player), "plain") for player in cohort.game.players}
    CohortField(cohort.game, cohort.variant, state, batches, gradients, cohort.reads).advance()
    return state.params, state.optimizer_state


class _OneBatch:
    """The same batch at every draw."""

    def __init__(self, batch: Mapping[str, Tensor]) -> None:
        self._batch = batch

    def draw(self, names: Iterable[str], reals_of: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        return {name: self._batch[name] for name in names}


def _untraced(game: Game, player: str) -> Any:
    over_replicas = vmap(lambda params, buffers, batch: player_gradient(game, player, params, buffers, batch))

    def function(inputs: Inputs) -> Any:
        return over_replicas(*inputs)

    return function


def _copied(tree: Any) -> Any:
    return pytree.tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else copy.copy(leaf), tree)
