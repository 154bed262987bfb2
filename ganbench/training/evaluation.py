"""Evaluation passes over stacked networks: no buffers move, no gradient is kept."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import vmap

from ganbench.game import Game, Nets
from ganbench.training.state import CohortState

CHUNK = 4096
"""Examples of one seed evaluated at a time, to bound memory."""


def evaluate(
    game: Game,
    state: CohortState,
    use: Callable[[Nets, Tensor], Tensor],
    inputs: Tensor,
    *,
    averaged: bool = False,
    looped: bool = False,
) -> Tensor:
    """`use(networks, inputs)` in evaluation mode for every seed, [S, n, ...].

    `inputs` is [S, n, ...]; `averaged` takes moving averages where they are kept.
    """
    params = {**state.params, **(state.averages if averaged else {})}

    def single(params: dict, buffers: dict, chunk: Tensor) -> Tensor:
        return use(Nets(game.players, params, buffers, training=False), chunk)

    chunks = inputs.split(CHUNK, dim=1)
    if not looped:
        over_seeds = vmap(single)
        return torch.cat([over_seeds(params, state.buffers, chunk) for chunk in chunks], dim=1)
    rows = []
    for seed in range(inputs.shape[0]):
        own = [
            {player: {name: value[seed] for name, value in tree.items()} for player, tree in part.items()}
            for part in (params, state.buffers)
        ]
        rows.append(torch.cat([single(*own, chunk[seed]) for chunk in chunks]))
    return torch.stack(rows)
