"""The whole state of a cohort as one value: what training moves, and all that resuming needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganbench.game import Game, Tree
from ganbench.optimizers import OptimizerState
from ganbench.training.batches import initial_memories
from ganbench.training.replicas import copied
from ganbench.variants.variant import Variant

NEVER = torch.iinfo(torch.int64).max
"""In `diverged_at`: every loss so far was finite."""


@dataclass
class CohortState:
    """Stacked trees {player: {name: [S, ...]}}, optimizer state, memories [S, ...], and counters.

    `updates` counts every player's lasting updates, `steps` those that a budget in steps counts, and
    `real_batches` the fresh batches of real examples.  `diverged_at` [S] per player is how many steps were
    done when that player's loss first was not finite; it stays on the device, and is read at measuring
    points only.
    """

    params: dict[str, Tree]
    buffers: dict[str, Tree]
    optimizer_state: dict[str, OptimizerState]
    averages: dict[str, Tree]
    memories: Tree
    diverged_at: dict[str, Tensor]
    updates: dict[str, int]
    rounds: int = 0
    steps: int = 0
    real_batches: int = 0
    examples: int = 0
    """Real examples shown so far."""
    stage: int = 0
    stage_rounds: int = 0
    stage_examples: int = 0
    begun: bool = False
    """Whether the state before training was shown to those who read every round."""
    next_point: int = 0
    """The number of the measuring point that comes next."""


def initial(
    game: Game,
    params: Mapping[str, Tree],
    buffers: Mapping[str, Tree],
    variant: Variant,
    seeds: Sequence[int],
) -> CohortState:
    """Every seed's initial state: networks as built, but for numbers that the variant itself starts from."""
    starts = [variant.starts(seed) for seed in seeds] if variant.starts is not None else []
    begun: dict[str, Tree] = {}
    for player, tree in params.items():
        begun[player] = dict(tree)
        for name, value in tree.items():
            if starts and name in starts[0].get(player, {}):
                begun[player][name] = torch.stack([start[player][name] for start in starts]).to(value)
    like = next(value for tree in params.values() for value in tree.values())
    return CohortState(
        params=begun,
        buffers=dict(buffers),
        optimizer_state={player: variant.optimizers[player].initial(tree) for player, tree in begun.items()},
        averages={player: {n: p.clone() for n, p in begun[player].items()} for player in variant.averages},
        memories=initial_memories(game, len(seeds), like.device, like.dtype),
        diverged_at={player: torch.full((len(seeds),), NEVER, device=like.device) for player in begun},
        updates=dict.fromkeys(begun, 0),
    )


def pass_on(old: CohortState, new: CohortState) -> CohortState:
    """The state in which the next stage begins: `new`, but what `old` has by the same name and shape.

    Parameters, buffers, averages, memories and optimizer state are passed on; a parameter that is new has
    the optimizer state of one before its first update.
    """
    for player, params in new.params.items():
        before = old.params.get(player, {})
        passed = {name for name, value in params.items() if _same_shape(before.get(name), value)}
        _take(params, before)
        _take(new.buffers[player], old.buffers.get(player, {}))
        if player in new.averages:
            _take(new.averages[player], old.averages.get(player, before))
        if player in old.params:
            new.optimizer_state[player] = _optimizer_state(
                old.optimizer_state[player], new.optimizer_state[player], list(params), passed
            )
            new.diverged_at[player], new.updates[player] = old.diverged_at[player], old.updates[player]
    _take(new.memories, old.memories)
    for counter in ("rounds", "steps", "real_batches", "examples"):
        setattr(new, counter, getattr(old, counter))
    new.stage, new.next_point, new.begun = old.stage + 1, old.next_point, old.begun
    return new


def _same_shape(old: Tensor | None, new: Tensor) -> bool:
    return old is not None and old.shape == new.shape


def _take(new: Tree, old: Mapping[str, Tensor]) -> None:
    new |= {name: old[name] for name, value in new.items() if _same_shape(old.get(name), value)}


def _optimizer_state(
    old: OptimizerState, new: OptimizerState, names: Sequence[str], passed: set[str]
) -> OptimizerState:
    """Slots of the parameters that are passed on; for the others, at how many updates they were `born`."""
    taken: OptimizerState = {
        slot: {n: old[slot][n] if n in passed else v for n, v in value.items()}
        if isinstance(value, Mapping)
        else old.get(slot, value)
        for slot, value in new.items()
    }
    before = old.get("born", {})
    born = {name: before.get(name, 0) if name in passed else old["updates"] for name in names}
    return {**taken, "born": born} if any(born.values()) else taken


def as_tree(state: CohortState) -> dict[str, Any]:
    """The state as nested dictionaries of tensors and numbers, copied: one checkpoint."""
    tree: dict[str, Any] = copied(vars(state))
    return tree


def from_tree(tree: Mapping[str, Any]) -> CohortState:
    """The state that `as_tree` wrote, copied."""
    return CohortState(**copied(dict(tree)))
