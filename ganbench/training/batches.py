"""A cohort's batches: the data's fields and the game's inputs, each from its own streams."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from ganbench.datasets import Sampler
from ganbench.errors import GanbenchError
from ganbench.game import (
    Batch,
    ConstantInput,
    DataSpec,
    Game,
    MemoryInput,
    Networks,
    OptimizerStateInput,
    Progress,
    RandomInput,
    ScheduledInput,
    StateInput,
    Tree,
)
from ganbench.optimizers import OptimizerState
from ganbench.streams import SeedStreams
from ganbench.training.replicas import Vectorizable, cast

REAL = "real"
WHOLE = ("categorical", "permutation")
"""Kinds of random inputs that are integers."""


def draw_random_input(source: SeedStreams, item: RandomInput, count: int, dtype: torch.dtype) -> Tensor:
    """`count` draws for every seed, [S, count, *item.shape]."""
    shape = (count, *item.shape)
    if item.kind == "normal":
        return source.normal(shape, dtype)
    if item.kind == "permutation":
        return source.permutations(count)
    if item.weights is not None:
        return source.categories(item.weights, shape)
    values = source.uniform(shape, dtype)
    return values if item.kind == "uniform" else values.mul_(2).sub_(1)


def random_inputs(game: Game) -> dict[str, RandomInput]:
    """The game's inputs that are drawn afresh."""
    return {name: item for name, item in game.inputs.items() if isinstance(item, RandomInput)}


def constant_inputs(game: Game, seeds: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """The game's inputs that never change, [S, n, ...]."""
    return {
        name: cast(item.values, device, dtype).expand(seeds, *item.values.shape).contiguous()
        for name, item in game.inputs.items()
        if isinstance(item, ConstantInput)
    }


def state_inputs(
    game: Game,
    optimizer_state: Mapping[str, OptimizerState],
    memories: Tree,
    progress: Progress,
    like: Tensor,
) -> dict[str, Tensor]:
    """The game's inputs that are part of the training's state, [S, ...]; `like` is any parameter [S, ...]."""
    values = {}
    for name, item in game.inputs.items():
        if isinstance(item, MemoryInput):
            values[name] = memories[name]
        elif isinstance(item, ScheduledInput):
            values[name] = like.new_full((len(like),), item.value(progress))
        elif isinstance(item, OptimizerStateInput):
            value = optimizer_state[item.player][item.slot]
            counts = item.parameter is None
            values[name] = like.new_full((len(like),), value) if counts else value[item.parameter]
    return values


def initial_memories(game: Game, seeds: int, device: torch.device, dtype: torch.dtype) -> Tree:
    """The memories before training [S, ...], a copy for every seed."""
    return {
        name: cast(item.initial, device, dtype).expand(seeds, *item.initial.shape).clone()
        for name, item in game.inputs.items()
        if isinstance(item, MemoryInput)
    }


def with_real(fields: Mapping[str, Tensor], spec: DataSpec) -> Tree:
    """The data's fields, and their target by the name that every game knows."""
    return {REAL: fields[spec.target], **fields}


@dataclass(frozen=True)
class BatchSizes:
    """Draws and real examples in a batch."""

    draws: int
    reals: int


def example_batch(
    game: Game, spec: DataSpec, sizes: BatchSizes, device: torch.device, dtype: torch.dtype
) -> Tree:
    """A batch of zeros for one replica: the shape and type of everything that its losses may read."""
    clash = sorted(set(game.inputs) & set(spec.fields))
    if clash:
        raise GanbenchError(f"an input of the game cannot be called {clash[0]!r}: the data have such a field")
    batch = with_real(
        {
            name: torch.zeros(sizes.reals, *field.shape, dtype=field.torch_dtype(dtype), device=device)
            for name, field in spec.fields.items()
        },
        spec,
    )
    for name, item in game.inputs.items():
        if isinstance(item, RandomInput):
            kind = torch.int64 if item.kind in WHOLE else dtype
            batch[name] = torch.zeros(sizes.draws, *item.shape, dtype=kind, device=device)
        elif isinstance(item, ConstantInput | MemoryInput):
            value = item.values if isinstance(item, ConstantInput) else item.initial
            batch[name] = torch.zeros_like(cast(value, device, dtype))
        else:
            shape = item.shape if isinstance(item, OptimizerStateInput) else ()
            batch[name] = torch.zeros(shape, dtype=dtype, device=device)
    return batch


class BatchSource:
    """Fresh batches for all seeds; every name has a stream of its own, so none disturbs another."""

    def __init__(
        self,
        game: Game,
        sampler: Sampler,
        spec: DataSpec,
        seeds: Sequence[int],
        sizes: BatchSizes,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._random, self._constant = random_inputs(game), constant_inputs(game, len(seeds), device, dtype)
        self._state_inputs = {n for n, item in game.inputs.items() if isinstance(item, StateInput)}
        self._sampler, self._spec, self._dtype, self._sizes = sampler, spec, dtype, sizes
        self._streams = {name: SeedStreams(seeds, name, device) for name in self._random}

    def draw(self, names: Iterable[str], reals_of: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """A batch {name: [S, n, ...]} of the wanted names; what nobody reads is not drawn.

        The data's fields are taken from `reals_of` where it has them.
        """
        wanted = set(names) - self._state_inputs
        batch = {
            name: draw_random_input(self._streams[name], item, self._sizes.draws, self._dtype)
            for name, item in self._random.items()
            if name in wanted
        }
        batch |= {name: value for name, value in self._constant.items() if name in wanted}
        of_data = wanted - set(self._random) - set(self._constant)
        if reals_of is not None and of_data <= set(reals_of):
            batch |= {name: reals_of[name] for name in of_data}
        elif of_data:
            batch |= with_real(self._sampler.draw(self._sizes.reals), self._spec)
        return {name: value for name, value in batch.items() if name in wanted}

    def state(self) -> dict[str, Any]:
        """The positions of all streams."""
        return {
            "streams": {name: source.state() for name, source in self._streams.items()},
            "sampler": self._sampler.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to positions that `state` returned; a stream that was not there yet begins anew."""
        for name, source in self._streams.items():
            if name in state["streams"]:
                source.restore(state["streams"][name])
        self._sampler.restore(state["sampler"])


@dataclass(frozen=True)
class Reads:
    """What a function of (networks, batch) reads: of the batch, lazy terms' periods, and players it calls."""

    names: tuple[str, ...]
    periods: tuple[int, ...] = ()
    players: tuple[str, ...] = ()


def reads_of(
    function: Callable[[Networks, Batch], object],
    game: Game,
    params: Mapping[str, Tree],
    buffers: Mapping[str, Tree],
    batch: Tree,
) -> Reads:
    """Which of a batch's tensors a loss reads, found by one pass of one replica without numbers.

    A loss that cannot be followed so, since it branches on a number or is wrong, counts as reading
    everything: if it is wrong, training says why.
    """
    names: list[str] = []
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        fake = {name: mode.from_tensor(value) for name, value in batch.items()}
        networks = _RecordingNetworks(game.players, _fake(params, mode), _fake(buffers, mode))
        read = Batch(_RecordingBatch(fake, names))
        try:
            with Vectorizable():
                function(networks, read)
        except Exception:  # a fake tensor has no numbers to branch on
            return Reads(tuple(batch), tuple(sorted(read.periods)), tuple(game.players))
    players = tuple(player for player in game.players if player in networks.called)
    return Reads(tuple(name for name in batch if name in names), tuple(sorted(read.periods)), players)


def _fake(trees: Mapping[str, Tree], mode: FakeTensorMode) -> dict[str, Tree]:
    return {player: {n: mode.from_tensor(v) for n, v in tree.items()} for player, tree in trees.items()}


class _RecordingNetworks(Networks):
    """Networks that note which players are called."""

    def __init__(
        self, modules: Mapping[str, nn.Module], params: Mapping[str, Tree], buffers: Mapping[str, Tree]
    ) -> None:
        super().__init__(modules, params, buffers)
        self.called: set[str] = set()

    def _forward(self, player: str, inputs: tuple[Tensor, ...], track: bool) -> Tensor:
        self.called.add(player)
        return super()._forward(player, inputs, track)


class _RecordingBatch(Mapping[str, Tensor]):
    def __init__(self, tensors: Mapping[str, Tensor], read: list[str]) -> None:
        self._tensors, self._read = tensors, read

    def __getitem__(self, name: str) -> Tensor:
        value = self._tensors[name]
        self._read.append(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)
