"""Evaluation passes over stacked networks: no buffers move, no gradient is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.func import vmap

from ganbench.game import Game, Networks, Tree
from ganbench.training.stacked import replica

CHUNK = 4096
"""Examples of one seed evaluated at a time, to bound memory."""


def evaluate(
    game: Game,
    params: Mapping[str, Tree],
    buffers: Mapping[str, Tree],
    use: Callable[[Networks, Tensor], Tensor],
    inputs: Tensor,
    *,
    looped: bool = False,
) -> Tensor:
    """`use(networks, inputs)` in evaluation mode for every seed, [S, n, ...].

    `params`, `buffers` and `inputs` [S, n, ...] are stacked over seeds.
    """

    def single(params: Mapping[str, Tree], buffers: Mapping[str, Tree], chunk: Tensor) -> Tensor:
        return use(Networks(game.players, params, buffers, training=False), chunk)

    chunks = inputs.split(CHUNK, dim=1)
    if not looped:
        over_seeds = vmap(single)
        return torch.cat([over_seeds(params, buffers, chunk) for chunk in chunks], dim=1)
    rows = []
    for seed in range(inputs.shape[0]):
        own, held = replica(params, seed), replica(buffers, seed)
        rows.append(torch.cat([single(own, held, chunk[seed]) for chunk in chunks]))
    return torch.stack(rows)
