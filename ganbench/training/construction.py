"""A game and its networks' initial numbers, built for every seed from that seed's streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ganbench import streams
from ganbench.errors import GanbenchError
from ganbench.game import CALLS_KEY, Batch, DataSpec, Game, Networks, RandomInput, Tree
from ganbench.networks.construction import Streams, constructed, initialized, players_of, takes_one
from ganbench.random_calls import RefuseDraws
from ganbench.training.batches import (
    BatchSizes,
    constant_inputs,
    draw_random_input,
    example_batch,
    initial_memories,
    random_inputs,
)
from ganbench.training.replicas import replica, stacked
from ganbench.variants.variant import Variant


@dataclass(frozen=True)
class Construction:
    """A game of templates, and all seeds' parameters and buffers, {player: {name: [S, ...]}}."""

    game: Game
    params: dict[str, Tree]
    buffers: dict[str, Tree]


def construct(
    variant: Variant, spec: DataSpec, seeds: Sequence[int], device: torch.device, dtype: torch.dtype
) -> Construction:
    """The variant's game, built once a seed: streams "initial/constructor", then "initial/<player>".

    Raises GanbenchError for networks that cannot be trained as they are written.
    """
    return construct_game(
        lambda: variant.build(spec),
        [_streams(seed) for seed in seeds],
        spec,
        BatchSizes(variant.batch_size, variant.reals_per_batch),
        device,
        dtype,
    )


def construct_game(
    build: Callable[[], Game],
    seeds: Sequence[Streams],
    spec: DataSpec,
    sizes: BatchSizes,
    device: torch.device,
    dtype: torch.dtype,
) -> Construction:
    """The game that `build` returns, from given streams."""

    def seed_game(stream: Streams) -> Game:
        game = constructed(build, stream("constructor"))
        initialized(
            game.players,
            stream,
            lambda modules: _materialize(
                game, modules, _trial_batch(game, spec, sizes, torch.device("cpu"), torch.float32)
            ),
        )
        return game

    def trees(of_player: Mapping[str, Sequence[Tree]], count: int) -> dict[str, Tree]:
        return {player: stacked(of_seeds[:count], device, dtype) for player, of_seeds in of_player.items()}

    games = [seed_game(stream) for stream in seeds]
    players = players_of([game.players for game in games], device, dtype)
    game = replace(games[0], players=players.templates)
    params, buffers = replica((trees(players.params, 1), trees(players.buffers, 1)), 0)
    trial = _trial_batch(game, spec, sizes, device, dtype)
    for player in _drawing_players(game, params, buffers, trial, spec):
        players.add_calls_key(player, seeds)
    return Construction(game, trees(players.params, len(seeds)), trees(players.buffers, len(seeds)))


def _streams(seed: int) -> Streams:
    return lambda part: streams.generator(seed, f"initial/{part}")


# One pass before training: shapes, random calls and lazy layers, while a mistake is cheap


def _trial_batch(
    game: Game, spec: DataSpec, sizes: BatchSizes, device: torch.device, dtype: torch.dtype
) -> Tree:
    """One replica's batch of a game's own shapes, with random numbers in place of data."""
    batch = example_batch(game, spec, sizes, device, dtype)
    items: dict[str, RandomInput] = random_inputs(game)
    items |= {name: RandomInput(field.shape) for name, field in spec.fields.items() if field.dtype == "float"}
    for name, item in items.items():
        source, count = streams.SeedStreams([0], f"trial/{name}", device), len(batch[name])
        batch[name] = draw_random_input(source, item, count, dtype)[0]
        limits = spec.fields[name].value_range if name in spec.fields else None
        batch[name] = batch[name] if limits is None else batch[name].clamp(*limits)
    given = constant_inputs(game, 1, device, dtype) | initial_memories(game, 1, device, dtype)
    return batch | {name: value[0] for name, value in given.items()}


@torch.no_grad()
def _drawing_players(
    game: Game,
    params: Mapping[str, Tree],
    buffers: Mapping[str, Tree],
    batch: Mapping[str, Tensor],
    spec: DataSpec,
) -> frozenset[str]:
    """The players whose forward pass makes random calls, for one replica.

    Raises GanbenchError where samples or logits do not have the data's shape and number, and where a random
    call could not be given the seed's stream.
    """
    with_keys = {
        player: {**tree, CALLS_KEY: torch.zeros((), dtype=torch.int64, device=batch[spec.target].device)}
        for player, tree in buffers.items()
    }
    evaluating = Networks(game.players, params, with_keys, training=False)
    training = Networks(game.players, params, with_keys)
    with RefuseDraws():
        _check_shapes(game, evaluating, batch, spec)
        for player in game.players:
            game.loss(player, training, Batch(batch))
    return evaluating.drawing() | training.drawing()


def _materialize(game: Game, modules: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> None:
    """Run every loss once through the networks as they are, so that lazy layers learn their shapes."""
    nothing: dict[str, Tree] = {player: {} for player in modules}
    networks = _Direct(modules, nothing, nothing, training=False)
    for player in game.players:
        game.loss(player, networks, Batch(batch))


class _Direct(Networks):
    """The networks themselves, whatever parameters are given."""

    def _call(self, player: str, module: nn.Module, tree: Tree, inputs: tuple[Tensor, ...]) -> Tensor:
        output: Tensor = module(*inputs)
        return output


def _check_shapes(game: Game, networks: Networks, batch: Mapping[str, Tensor], spec: DataSpec) -> None:
    """The ordinary ways to sample and to judge need a generator and a discriminator; games may do without."""
    if game.sample is not Game.sample or ("generator" in game.players and "noise" in batch):
        samples = game.sample(networks, Batch(batch))
        shape = (len(batch.get("noise", samples)), *spec.shape)
        _require(game, "generator", "samples", samples, shape, "the shape of the data")
    judge = game.players.get("discriminator")
    if game.logits is not Game.logits or (judge is not None and takes_one(judge.forward)):
        examples = batch[spec.target]
        logits = game.logits(networks, Batch(batch), examples)
        reason = "one number an example; flatten them"
        _require(game, "discriminator", "logits", logits, (len(examples),), reason)


def _require(
    game: Game, player: str, output: str, value: object, expected: tuple[int, ...], reason: str
) -> None:
    shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    if shape != expected:
        network = f"{player} ({type(game.players[player]).__name__})" if player in game.players else "game"
        raise GanbenchError(
            f"the {network} gives {output} of shape {shape}, where {expected} is wanted: {reason}"
        )
