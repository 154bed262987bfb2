"""Trees of tensors stacked over replicas, {player: {name: [S, ...]}} however deep, and functions of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap
from torch.nn.functional import one_hot
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from ganbench.game import Batch, Game, Networks, Tree

CHUNK = 4096
"""Examples of one seed evaluated at a time, to bound memory."""
_PASSES_OF_A_CHUNK = 1 << 16
"""By so many passes do the random numbers of two chunks' networks differ."""
Use = Callable[[Networks, Batch], Tensor]
"""(networks, batch) → [n, ...] of one replica."""


def cast(value: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A tensor on a device, floating-point numbers in the cohort's type; integers stay integers."""
    return value.to(device, dtype if value.is_floating_point() else value.dtype)


def stacked(trees: Sequence[Tree], device: torch.device, dtype: torch.dtype) -> Tree:
    """One tree [S, ...] of the trees of S replicas; integers keep their type."""
    return {name: cast(torch.stack([tree[name] for tree in trees]), device, dtype) for name in trees[0]}


def lone(trees: Any, device: torch.device) -> Any:
    """A stacked tree [1, ...] of one replica's, on a device."""
    return tree_map(lambda value: value.to(device).unsqueeze(0), trees)


def replica(trees: Any, index: int) -> Any:
    """One replica of a stacked tree."""
    return tree_map(lambda value: value[index], trees)


def first_repeated(trees: Any, count: int) -> Any:
    """The first replica of a stacked tree, `count` times."""
    return tree_map(lambda value: value[:1].expand(count, *value.shape[1:]).contiguous(), trees)


def rows_of(trees: Any, rows: slice) -> Any:
    """Some replicas of a stacked tree."""
    return tree_map(lambda value: value[rows], trees)


def in_double(trees: Any) -> Any:
    """Floating-point numbers in float64; integers (a layer's random key) as they are."""
    return tree_map(lambda value: value.double() if value.is_floating_point() else value, trees)


def copied(tree: Any) -> Any:
    """A tree of tensors and numbers, copied."""
    return tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else copy.copy(leaf), tree)


class Vectorizable(TorchFunctionMode):
    """Inside, `one_hot` with a number of classes maps over seeds, and never waits for a device.

    Deviation: a label beyond the classes gives a row of zeros and is no error.
    """

    def __torch_function__(
        self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if function is one_hot:
            labels, classes = _one_hot_arguments(*args, **given)
            if classes >= 0:
                return (labels.unsqueeze(-1) == torch.arange(classes, device=labels.device)).long()
        return function(*args, **given)


def _one_hot_arguments(tensor: Tensor, num_classes: int = -1) -> tuple[Tensor, int]:
    return tensor, num_classes


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
    """`use(networks, batch)` in evaluation mode for every seed, [S, n, ...]: no buffers move.

    `params`, `buffers`, `examples` {name: [S, n, ...]} and `given` {name: [S, ...]} are stacked over seeds;
    a batch holds a chunk of the examples, and all that is given.
    """
    seeds, count = next(iter(examples.values())).shape[:2]

    def over_seeds(number: int, batch: Tree) -> Tensor:
        def single(params: Mapping[str, Tree], buffers: Mapping[str, Tree], batch: Tree) -> Tensor:
            networks = Networks(game.players, params, buffers, False, number * _PASSES_OF_A_CHUNK)
            with Vectorizable():
                return use(networks, Batch(batch))

        if not looped:
            return vmap(single)(params, buffers, batch)
        return torch.stack([single(*replica((params, buffers, batch), i)) for i in range(seeds)])

    chunks = (
        {name: value[:, start : start + chunk] for name, value in examples.items()}
        for start in range(0, count, chunk)
    )
    rest = dict(given or {})
    return torch.cat([over_seeds(number, part | rest) for number, part in enumerate(chunks)], dim=1)
