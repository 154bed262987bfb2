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
from ganbench.training.batches import initial_memories
from ganbench.training.stacked import stacked
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
    next_point: int = 0
    """The number of the measuring point that comes next."""


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
        optimizer_state={p: variant.optimizers[p].initial(params[p]) for p in game.players},
        averages={player: {n: p.clone() for n, p in params[player].items()} for player in variant.averages},
        memories=initial_memories(game, len(seeds), device, dtype),
        diverged_at={player: torch.full((len(seeds),), NEVER, device=device) for player in game.players},
        updates=dict.fromkeys(game.players, 0),
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
    new.stage, new.next_point = old.stage + 1, old.next_point
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
    copied: dict[str, Any] = _copy(vars(state))
    return copied


def from_tree(tree: Mapping[str, Any]) -> CohortState:
    """The state that `as_tree` wrote, copied."""
    return CohortState(**_copy(dict(tree)))


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    return {k: _copy(v) for k, v in value.items()} if isinstance(value, Mapping) else value
