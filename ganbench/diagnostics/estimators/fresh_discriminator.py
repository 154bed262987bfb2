"""Newly initialized discriminators, one a seed, trained apart from the game to tell real from generated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganbench import streams
from ganbench.game import Batch, DataSpec, Game, Networks, RandomInput
from ganbench.networks.construction import Streams
from ganbench.objectives import minimax
from ganbench.optimizers import Adam
from ganbench.training.batches import BatchSizes
from ganbench.training.construction import construct_game
from ganbench.training.device import faster_seed_by_seed
from ganbench.training.gradients import Gradient, build_gradient
from ganbench.training.replicas import evaluate

PLAYER = "discriminator"
_TRIAL = 16
"""Examples of the pass that looks whether a network fits."""


def classifier_game(network: nn.Module, shape: tuple[int, ...]) -> Game:
    """The game of one player: cross entropy between the examples `real` and `fake` of a batch."""
    objective = minimax()

    def loss(networks: Networks, batch: Batch) -> Tensor:
        return objective.discriminator(
            networks.discriminator(batch.real), networks.discriminator(batch["fake"]), batch
        )

    return Game({PLAYER: network}, {PLAYER: loss}, {"fake": RandomInput(shape)})


class FreshDiscriminators:
    """Discriminators of S seeds, all after as many updates; initial weights from each seed's own stream."""

    def __init__(
        self,
        build: Callable[[], nn.Module],
        spec: DataSpec,
        seeds: Sequence[int],
        purpose: str,
        optimizer: Adam,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        stacked = construct_game(
            lambda: classifier_game(build(), spec.shape),
            [_streams(seed, f"measure/{purpose}") for seed in seeds],
            spec,
            BatchSizes(_TRIAL, _TRIAL),
            device,
            dtype,
        )
        self.game = stacked.game
        self.params, self.buffers = stacked.params[PLAYER], stacked.buffers[PLAYER]
        self.looped = faster_seed_by_seed(self.game.players.values(), device)
        self._optimizer, self._optimizer_state = optimizer, optimizer.initial(self.params)

    def gradient(self, real: Tensor, fake: Tensor) -> Gradient:
        """How gradients are computed at the shapes of a batch; made once, as tracing takes a while."""
        inputs = ({PLAYER: self.params}, {PLAYER: self.buffers}, {"real": real, "fake": fake})
        return build_gradient(self.game, PLAYER, inputs, "looped" if self.looped else "traced")

    def advance(self, how: Gradient, real: Tensor, fake: Tensor) -> None:
        """One update on a batch of real and generated examples, each [S, n, *shape]."""
        inputs = ({PLAYER: self.params}, {PLAYER: self.buffers}, {"real": real, "fake": fake})
        result = how.function(inputs)
        self.buffers = result.buffers[PLAYER]
        self._optimizer.step_(self.params, result.gradient, self._optimizer_state)

    def logits(self, inputs: Tensor) -> Tensor:
        """Logits [S, n] of inputs [S, n, *shape], evaluation mode."""
        return evaluate(
            self.game,
            {PLAYER: self.params},
            {PLAYER: self.buffers},
            lambda networks, batch: networks.discriminator(batch.real),
            {"real": inputs},
            looped=self.looped,
        )


def _streams(seed: int, purpose: str) -> Streams:
    return lambda part: streams.generator(seed, purpose if part == PLAYER else f"{purpose}/{part}")
