"""Newly initialized networks, one a seed, trained apart from the game: discriminators and classifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from ganbench import streams
from ganbench.game import Batch, DataSpec, Game, Networks, RandomInput
from ganbench.networks.construction import Streams
from ganbench.objectives import minimax
from ganbench.optimizers import Adam
from ganbench.streams import SeedStreams
from ganbench.training.batches import BatchSizes
from ganbench.training.construction import construct_game
from ganbench.training.device import faster_seed_by_seed
from ganbench.training.gradients import Gradient, build_gradient
from ganbench.training.replicas import evaluate

PLAYER = "discriminator"
CLASSIFIER = "classifier"
_TRIAL = 16
"""Examples of the pass that looks whether a network fits."""


def discrimination_game(network: nn.Module, shape: tuple[int, ...]) -> Game:
    """The game of one player: cross entropy between the examples `real` and `fake` of a batch."""
    objective = minimax()

    def loss(networks: Networks, batch: Batch) -> Tensor:
        return objective.discriminator(
            networks.discriminator(batch.real), networks.discriminator(batch["fake"]), batch
        )

    return Game({PLAYER: network}, {PLAYER: loss}, {"fake": RandomInput(shape)})


def usual_network(spec: DataSpec) -> str:
    """The architecture of a fresh network where none is named: dcgan for images, mlp for the rest."""
    images = len(spec.shape) == 3 and not any(side % 4 for side in spec.shape[1:])
    return "dcgan" if images else "mlp"


class FreshNetworks:
    """Networks of S seeds, all after as many updates; initial weights from each seed's own stream.

    `build` makes a game of one player, whose loss reads a batch {name: [S, n, ...]}.
    """

    def __init__(
        self,
        build: Callable[[], Game],
        spec: DataSpec,
        seeds: Sequence[int],
        purpose: str,
        optimizer: Adam,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        stacked = construct_game(
            build,
            [_streams(seed, f"measure/{purpose}") for seed in seeds],
            spec,
            BatchSizes(_TRIAL, _TRIAL),
            device,
            dtype,
        )
        self.game = stacked.game
        (self._player,) = self.game.players
        self.params, self.buffers = stacked.params[self._player], stacked.buffers[self._player]
        self.looped = faster_seed_by_seed(self.game.players.values(), device)
        self._optimizer, self._optimizer_state = optimizer, optimizer.initial(self.params)

    @classmethod
    def discriminators(cls, build: Callable[[], nn.Module], spec: DataSpec, *rest: Any) -> Self:
        """Networks that learn to tell `real` from `fake`; the rest as in the constructor."""
        return cls(lambda: discrimination_game(build(), spec.shape), spec, *rest)

    def gradient(self, batch: Mapping[str, Tensor]) -> Gradient:
        """How gradients are computed at the shapes of a batch; made once, as tracing takes a while."""
        inputs = (*self._trees(), batch)
        return build_gradient(self.game, self._player, inputs, "looped" if self.looped else "traced")

    def advance(self, how: Gradient, batch: Mapping[str, Tensor]) -> None:
        """One update on a batch."""
        result = how.function((*self._trees(), batch))
        self.buffers = result.buffers[self._player]
        self._optimizer.step_(self.params, result.gradient, self._optimizer_state)

    def train(self, batches: Iterable[Mapping[str, Tensor]]) -> None:
        """An update on each batch; all have the same shapes."""
        how: Gradient | None = None
        for batch in batches:
            how = how or self.gradient(batch)
            self.advance(how, batch)

    def logits(self, inputs: Tensor) -> Tensor:
        """Outputs [S, n] or [S, n, classes] of inputs [S, n, *shape], evaluation mode."""
        return evaluate(
            self.game,
            *self._trees(),
            lambda networks, batch: getattr(networks, self._player)(batch.real),
            {"real": inputs},
            looped=self.looped,
        )

    def _trees(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, dict[str, Tensor]]]:
        return {self._player: self.params}, {self._player: self.buffers}


def shuffled_batches(streams: SeedStreams, count: int, size: int, steps: int) -> tuple[Tensor, ...]:
    """The rows of `steps` batches, int64 [S, size]: shuffled epochs of `count` rows, one after another."""
    epochs = -(-steps * size // count)
    order = torch.cat([streams.permutations(count) for _ in range(epochs)], 1)
    return order[:, : steps * size].split(size, 1)


def rows_of_seeds(values: Tensor, index: Tensor) -> Tensor:
    """Of each seed's values [S, n, ...] the rows of an index [S, m]."""
    return values[torch.arange(len(values), device=values.device).unsqueeze(1), index]


def _streams(seed: int, purpose: str) -> Streams:
    return lambda part: streams.generator(
        seed, purpose if part in (PLAYER, CLASSIFIER) else f"{purpose}/{part}"
    )
