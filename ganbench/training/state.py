"""The whole state of a cohort as one value: what training moves, and all that resuming needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganbench import streams
from ganbench.game import Game, Tree
from ganbench.networks.initialize import initial_state
from ganbench.optimizers import OptimizerState
from ganbench.training.stacked import stacked
from ganbench.variants.variant import Variant

NEVER = torch.iinfo(torch.int64).max
"""In `diverged_at`: every loss so far was finite."""


@dataclass
class CohortState:
    """Stacked trees {player: {name: [S, ...]}}, optimizer optimizer_state, and counters.

    `updates` counts every player's lasting updates, `steps` those that a budget in steps counts, and
    `real_batches` the fresh batches of real examples.  `diverged_at` [S] per player is how many steps were
    done when that player's loss first was not finite; it stays on the device, and is read at measuring
    points only.
    """

    params: dict[str, Tree]
    buffers: dict[str, Tree]
    optimizer_state: dict[str, OptimizerState]
    averages: dict[str, Tree]
    diverged_at: dict[str, Tensor]
    updates: dict[str, int]
    rounds: int = 0
    steps: int = 0
    real_batches: int = 0


def initial(
    game: Game, variant: Variant, seeds: Sequence[int], device: torch.device, dtype: torch.dtype
) -> CohortState:
    """Every seed's initial state: the variant's own start, else drawn from its stream "initial/<player>"."""
    params, buffers = {}, {}
    started = [variant.starts(seed) for seed in seeds] if variant.starts is not None else []
    for player, template in game.players.items():
        drawn = [initial_state(template, streams.generator(seed, f"initial/{player}")) for seed in seeds]
        own = [each.get(player, {}) for each in started] or [{}] * len(seeds)
        trees = [{**tree, **start} for (tree, _), start in zip(drawn, own, strict=True)]
        params[player] = stacked(trees, device, dtype)
        buffers[player] = stacked([each[1] for each in drawn], device, dtype)
    return CohortState(
        params=params,
        buffers=buffers,
        optimizer_state={
            player: variant.optimizers[player].initial(params[player]) for player in game.players
        },
        averages={player: {n: p.clone() for n, p in params[player].items()} for player in variant.averages},
        diverged_at={player: torch.full((len(seeds),), NEVER, device=device) for player in game.players},
        updates=dict.fromkeys(game.players, 0),
    )


def as_tree(state: CohortState) -> dict[str, Any]:
    """The state as nested dictionaries of tensors and numbers, copied: one checkpoint."""
    copied: dict[str, Any] = _copy(vars(state))
    return copied


def from_tree(tree: Mapping[str, Any]) -> CohortState:
    """The state that `as_tree` wrote, copied."""
    return CohortState(**_copy(dict(tree)))


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    return {k: _copy(v) for k, v in value.items()} if isinstance(value, Mapping) else value
