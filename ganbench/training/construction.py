"""A game and its networks' initial numbers, built for every seed from that seed's streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ganbench import streams
from ganbench.game import DataSpec, Game, Tree
from ganbench.networks.construction import Streams, constructed, initialized, players_of
from ganbench.training.batches import BatchSizes
from ganbench.training.replicas import replica, stacked
from ganbench.training.shapes import drawing_players, materialize, trial_batch
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

    def trial(game: Game, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
        return trial_batch(game, spec, sizes, device, dtype)

    def seed_game(stream: Streams) -> Game:
        game = constructed(build, stream("constructor"))
        initialized(
            game.players,
            stream,
            lambda modules: materialize(game, modules, trial(game, torch.device("cpu"), torch.float32)),
        )
        return game

    games = [seed_game(stream) for stream in seeds]
    players = players_of([game.players for game in games], device, dtype)
    game = replace(games[0], players=players.templates)
    first = (_stacked(trees, 1, device, dtype) for trees in (players.params, players.buffers))
    params, buffers = (replica(trees, 0) for trees in first)
    for player in drawing_players(game, params, buffers, trial(game, device, dtype), spec):
        players.add_calls_key(player, seeds)
    everything = (_stacked(trees, len(seeds), device, dtype) for trees in (players.params, players.buffers))
    return Construction(game, *everything)


def _stacked(
    trees: Mapping[str, Sequence[Tree]], count: int, device: torch.device, dtype: torch.dtype
) -> dict[str, Tree]:
    return {player: stacked(of_seeds[:count], device, dtype) for player, of_seeds in trees.items()}


def _streams(seed: int) -> Streams:
    return lambda part: streams.generator(seed, f"initial/{part}")
