"""A cohort's batches: real examples and named random inputs, each from its own streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganbench.datasets import Sampler
from ganbench.game import (
    Batch,
    ConstantInput,
    Game,
    Input,
    Networks,
    OptimizerStateInput,
    RandomInput,
    template_state,
)
from ganbench.optimizers import OptimizerState
from ganbench.streams import SeedStreams


def draw_random_input(source: SeedStreams, draw: RandomInput, count: int, dtype: torch.dtype) -> Tensor:
    """`count` draws for every seed, [S, count, *draw.shape]."""
    shape = (count, *draw.shape)
    if draw.kind == "normal":
        return source.normal(shape, dtype)
    values = source.uniform(shape, dtype)
    return values if draw.kind == "uniform" else values.mul_(2).sub_(1)


def random_inputs(game: Game) -> dict[str, RandomInput]:
    """The game's inputs that are drawn afresh."""
    return {name: draw for name, draw in game.inputs.items() if isinstance(draw, RandomInput)}


def shape_of(item: Input, batch_size: int) -> tuple[int, ...]:
    """The shape of one of the game's inputs for one replica."""
    if isinstance(item, RandomInput):
        return (batch_size, *item.shape)
    return tuple(item.values.shape) if isinstance(item, ConstantInput) else item.shape


def optimizer_state_inputs(
    game: Game,
    optimizer_state: Mapping[str, OptimizerState],
    seeds: int,
    device: torch.device,
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """The game's inputs that are optimizers' present state, [S, ...]."""
    found = {}
    for name, item in game.inputs.items():
        if isinstance(item, OptimizerStateInput):
            value = optimizer_state[item.player][item.slot]
            count = item.parameter is None
            found[name] = (
                torch.full((seeds,), value, device=device, dtype=dtype) if count else value[item.parameter]
            )
    return found


def constant_inputs(game: Game, seeds: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """The game's inputs that never change, [S, n, ...]."""
    return {
        name: draw.values.to(device, dtype).expand(seeds, *draw.values.shape).contiguous()
        for name, draw in game.inputs.items()
        if isinstance(draw, ConstantInput)
    }


class BatchSource:
    """Fresh batches for all seeds; every name has a stream of its own, so none disturbs another."""

    def __init__(
        self,
        game: Game,
        sampler: Sampler,
        seeds: Sequence[int],
        batch_size: int,
        reals_per_batch: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._draws, self._fixed = random_inputs(game), constant_inputs(game, len(seeds), device, dtype)
        self._sampler, self._dtype = sampler, dtype
        self._batch_size, self._reals = batch_size, reals_per_batch
        self._streams = {name: SeedStreams(seeds, name, device) for name in self._draws}

    def draw(self, names: Iterable[str], reals_of: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """A batch {name: [S, n, ...]} of the wanted names; what nobody reads is not drawn.

        Examples of the data set are taken from `reals_of` where it has them.
        """
        wanted = set(names)
        batch = {
            name: draw_random_input(self._streams[name], draw, self._batch_size, self._dtype)
            for name, draw in self._draws.items()
            if name in wanted
        }
        batch |= {name: value for name, value in self._fixed.items() if name in wanted}
        of_data = wanted - set(self._draws) - set(self._fixed)
        if reals_of is not None and of_data <= set(reals_of):
            batch |= {name: reals_of[name] for name in of_data}
        elif of_data:
            batch |= self._sampler.draw(self._reals)
        return {name: value for name, value in batch.items() if name in wanted}

    def state(self) -> dict[str, Any]:
        """The positions of all streams."""
        return {
            "streams": {name: source.state() for name, source in self._streams.items()},
            "sampler": self._sampler.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to positions that `state` returned."""
        for name, source in self._streams.items():
            source.restore(state["streams"][name])
        self._sampler.restore(state["sampler"])


def names_read(game: Game, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[str, ...]]:
    """Which of the batch's tensors each player's loss reads, found by one pass without numbers.

    `shapes` gives each tensor's shape for one replica.  A loss that cannot be followed so, since it
    branches on a number or is wrong, counts as reading everything: if it is wrong, training says why.
    """
    return {player: _read_by(game, player, shapes) for player in game.players}


def _read_by(game: Game, player: str, shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    read: list[str] = []
    batch = _Recording({name: torch.empty(shape, device="meta") for name, shape in shapes.items()}, read)
    states = {name: template_state(module) for name, module in game.players.items()}
    networks = Networks(
        game.players, {n: s[0] for n, s in states.items()}, {n: s[1] for n, s in states.items()}
    )
    try:
        game.losses[player](networks, Batch(batch))
    except Exception:  # a meta tensor has no numbers to branch on
        return tuple(shapes)
    return tuple(name for name in shapes if name in read)


class _Recording(Mapping[str, Tensor]):
    def __init__(self, tensors: Mapping[str, Tensor], read: list[str]) -> None:
        self._tensors, self._read = tensors, read

    def __getitem__(self, name: str) -> Tensor:
        value = self._tensors[name]
        self._read.append(name)
        return value

    def __iter__(self) -> Any:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)
