"""Evaluation passes over stacked networks: no buffers move, no gradient is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.func import vmap

from ganbench.game import Batch, Game, Networks, Tree
from ganbench.training.stacked import replica
from ganbench.training.vectorizable import Vectorizable

CHUNK = 4096
"""Examples of one seed evaluated at a time, to bound memory."""
_PASSES_OF_A_CHUNK = 1 << 16
"""By so many passes do the random numbers of two chunks' networks differ."""
Use = Callable[[Networks, Batch], Tensor]
"""(networks, batch) → [n, ...] of one replica."""


def evaluate(
    game: Game,
    params: Mapping[str, Tree],
    buffers: Mapping[str, Tree],
    use: Use,
    examples: Mapping[str, Tensor],
    given: Mapping[str, Tensor] | None = None,
    *,
    looped: bool = False,
    chunk: int = CHUNK,
) -> Tensor:
    """`use(networks, batch)` in evaluation mode for every seed, [S, n, ...].

    `params`, `buffers`, `examples` {name: [S, n, ...]} and `given` {name: [S, ...]} are stacked over seeds;
    a batch holds a chunk of the examples, and all that is given.
    """
    seeds, count = next(iter(examples.values())).shape[:2]
    whole = dict(given or {})

    def over_seeds(number: int, batch: Tree) -> Tensor:
        def single(params: Mapping[str, Tree], buffers: Mapping[str, Tree], batch: Tree) -> Tensor:
            networks = Networks(game.players, params, buffers, False, number * _PASSES_OF_A_CHUNK)
            with Vectorizable():
                return use(networks, Batch(batch))

        if not looped:
            return vmap(single)(params, buffers, batch)
        return torch.stack(
            [single(replica(params, i), replica(buffers, i), replica(batch, i)) for i in range(seeds)]
        )

    chunks = (
        {name: value[:, start : start + chunk] for name, value in examples.items()}
        for start in range(0, count, chunk)
    )
    return torch.cat([over_seeds(number, part | whole) for number, part in enumerate(chunks)], dim=1)
