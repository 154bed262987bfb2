"""Trees of tensors that are stacked over replicas: {player: {name: [S, ...]}}, however deep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganbench.game import Tree


def stacked(trees: Sequence[Tree], device: torch.device, dtype: torch.dtype) -> Tree:
    """One tree [S, ...] of S replicas' own; integers keep their type."""
    found = {}
    for name in trees[0]:
        values = torch.stack([tree[name] for tree in trees])
        found[name] = values.to(device, dtype if values.is_floating_point() else values.dtype)
    return found


def lone(trees: Any, device: torch.device) -> Any:
    """A stacked tree [1, ...] of one replica's own, on a device."""
    return _mapped(lambda value: value.to(device).unsqueeze(0), trees)


def replica(trees: Any, index: int) -> Any:
    """One replica of a stacked tree."""
    return _mapped(lambda value: value[index], trees)


def first_repeated(trees: Any, count: int) -> Any:
    """The first replica of a stacked tree, `count` times."""
    return _mapped(lambda value: value[:1].expand(count, *value.shape[1:]).contiguous(), trees)


def rows_of(trees: Any, rows: slice) -> Any:
    """Some replicas of a stacked tree."""
    return _mapped(lambda value: value[rows], trees)


def in_double(trees: Any) -> Any:
    """Floating-point numbers in float64; integers (a layer's random key) as they are."""
    return _mapped(lambda value: value.double() if value.is_floating_point() else value, trees)


def _mapped(function: Callable[[Tensor], Tensor], trees: Any) -> Any:
    if isinstance(trees, Tensor):
        return function(trees)
    if isinstance(trees, Mapping):
        return {name: _mapped(function, tree) for name, tree in trees.items()}
    return tuple(_mapped(function, tree) for tree in trees)
