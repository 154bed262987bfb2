"""One pass through a game before training: shapes, random calls and lazy layers, while a mistake is cheap."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ganbench.errors import GanbenchError
from ganbench.game import CALLS_KEY, Batch, DataSpec, Game, Networks, RandomInput, Tree
from ganbench.networks.construction import takes_one
from ganbench.random_calls import RefuseDraws
from ganbench.streams import SeedStreams
from ganbench.training.batches import (
    BatchSizes,
    constant_inputs,
    draw_random_input,
    example_batch,
    initial_memories,
    random_inputs,
)


def trial_batch(
    game: Game, spec: DataSpec, sizes: BatchSizes, device: torch.device, dtype: torch.dtype
) -> Tree:
    """One replica's batch of a game's own shapes, with random numbers in place of data."""
    batch = example_batch(game, spec, sizes, device, dtype)
    items: dict[str, RandomInput] = random_inputs(game)
    items |= {name: RandomInput(field.shape) for name, field in spec.fields.items() if field.dtype == "float"}
    for name, item in items.items():
        source, count = SeedStreams([0], f"trial/{name}", device), len(batch[name])
        batch[name] = draw_random_input(source, item, count, dtype)[0]
        limits = spec.fields[name].value_range if name in spec.fields else None
        batch[name] = batch[name] if limits is None else batch[name].clamp(*limits)
    given = constant_inputs(game, 1, device, dtype) | initial_memories(game, 1, device, dtype)
    return batch | {name: value[0] for name, value in given.items()}


@torch.no_grad()
def drawing_players(
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
    held = {
        player: {**tree, CALLS_KEY: torch.zeros((), dtype=torch.int64, device=batch[spec.target].device)}
        for player, tree in buffers.items()
    }
    evaluating = Networks(game.players, params, held, training=False)
    training = Networks(game.players, params, held)
    with RefuseDraws():
        _check_shapes(game, evaluating, batch, spec)
        for player in game.players:
            game.loss(player, training, Batch(batch))
    return evaluating.drawing() | training.drawing()


def materialize(game: Game, modules: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> None:
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
