"""One player's gradient for all seeds of a cohort: how it is computed is a choice behind one function.

`traced`: vectorized over seeds, traced once.  `compiled`: the same operations through torch's
compiler.  `looped`: traced for one seed and called for each.  `plain`: no tracing, for losses that
branch on a tensor's value.  All give the same numbers to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import Any, Literal

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils import _pytree as pytree

from ganbench.game import Game, PlayerGradient, Tree, player_gradient
from ganbench.training.replicas import Vectorizable, replica
from ganbench.training.tracing import trace

Mode = Literal["traced", "compiled", "looped", "plain"]
Inputs = tuple[Mapping[str, Tree], Mapping[str, Tree], Mapping[str, Tensor]]
"""Parameters, buffers and batch, each tensor [S, ...]."""
_ATTEMPTS: dict[Mode, tuple[Mode, ...]] = {"compiled": ("compiled", "traced"), "traced": ("traced",)}
_REASON_CHARACTERS = 200
_IN_WORDS = {"compiled": "compiled", "traced": "vectorized over seeds"}
GradientFunction = Callable[[Inputs], PlayerGradient]
"""→ one player's gradient, its loss [S], all players' buffers, and memories, each [S, ...]."""


@dataclass(frozen=True)
class Gradient:
    """A gradient function, how it is computed, and why where that was not as asked."""

    function: GradientFunction
    mode: Mode
    reason: str | None = None
    operations: int = 0


def build_gradient(
    game: Game,
    player: str,
    inputs: Inputs,
    mode: Mode,
    autocast: torch.dtype | None = None,
    due: frozenset[int] | None = None,
) -> Gradient:
    """The gradient of `player` at the shapes of `inputs`, with lazy terms of the periods that are `due`.

    Falls back to a loop over seeds with a reason.
    """
    device = _leaves(inputs)[0].device.type

    def single(params: Any, buffers: Any, batch: Any) -> Any:
        with Vectorizable(), torch.autocast(device, dtype=autocast, enabled=autocast is not None):
            return player_gradient(game, player, params, buffers, batch, due)

    reason = None
    for attempt in _ATTEMPTS.get(mode, ()):
        try:
            return replace(_vectorized(single, inputs, attempt), reason=reason)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever cannot be vectorized is looped over, and said once
            reason = f"cannot be {_IN_WORDS[attempt]}: {_in_short(error)}"
    if mode != "plain":
        try:
            return _looped(single, inputs, reason)
        except Exception as error:  # tracing is an optimization: without it the loop is the reference
            reason = reason or f"cannot be traced: {_in_short(error)}"
    single(*replica(inputs, 0))  # what fails even so is the loss itself: let it say why
    return Gradient(lambda given: _restack(single, given), "plain", reason)


def _vectorized(single: Callable[..., Any], inputs: Inputs, mode: Mode) -> Gradient:
    flat, unflatten = _flattened(vmap(single), inputs)
    graph = trace(flat, _leaves(inputs))
    run: Callable[..., Any] = graph.forward
    if mode == "compiled":
        run = torch.compile(graph, fullgraph=True, dynamic=False)
        run(*_leaves(inputs))
    return Gradient(lambda given: unflatten(run(*_leaves(given))), mode, operations=len(graph.graph.nodes))


def _looped(single: Callable[..., Any], inputs: Inputs, reason: str | None) -> Gradient:
    flat, unflatten = _flattened(single, replica(inputs, 0))
    graph = trace(flat, _leaves(replica(inputs, 0)))

    def function(given: Inputs) -> PlayerGradient:
        rows = [graph.forward(*row) for row in zip(*(leaf.unbind(0) for leaf in _leaves(given)), strict=True)]
        gradient: PlayerGradient = unflatten([torch.stack(column) for column in zip(*rows, strict=True)])
        return gradient

    return Gradient(function, "looped", reason, len(graph.graph.nodes))


def _restack(single: Callable[..., Any], inputs: Inputs) -> Any:
    count = _leaves(inputs)[0].shape[0]
    rows = [single(*replica(inputs, index)) for index in range(count)]
    return pytree.tree_map(lambda *values: torch.stack(values), rows[0], *rows[1:])


def _leaves(inputs: Inputs) -> list[Tensor]:
    return [
        *(value for part in inputs[:2] for tree in part.values() for value in tree.values()),
        *inputs[2].values(),
    ]


def _flattened(
    function: Callable[..., Any], inputs: Any
) -> tuple[Callable[[Sequence[Tensor]], list[Tensor]], Callable[[Sequence[Tensor]], Any]]:
    """`function` of lists of tensors, and the way back to its own kind of result."""
    structure_of_inputs = pytree.tree_structure(inputs)
    structure_of_result: list[Any] = []

    def flat(leaves: Sequence[Tensor]) -> list[Tensor]:
        result = function(*pytree.tree_unflatten(list(leaves), structure_of_inputs))
        values, structure = pytree.tree_flatten(result)
        structure_of_result[:] = [structure]
        return values

    return flat, lambda values: pytree.tree_unflatten(list(values), structure_of_result[0])


def _in_short(error: Exception) -> str:
    return shorten(f"{type(error).__name__}: {error!s}", _REASON_CHARACTERS, placeholder=" …")
