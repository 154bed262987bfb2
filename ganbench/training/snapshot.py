"""A read-only view of a cohort at one moment, for the diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ganbench.datasets import Dataset, Sampler, Split
from ganbench.game import Game, Networks, Tree
from ganbench.optimizers import OptimizerState
from ganbench.streams import SeedStreams
from ganbench.variants.variant import Variant


@dataclass(frozen=True)
class Moment:
    """Where in the training a measurement was taken."""

    point: int
    """Number of the measuring point, from 0 (before training)."""
    images: int
    """Real images shown to the discriminator so far, per seed."""
    step: int
    """Discriminator updates so far."""
    seconds: float
    """Training seconds so far, measuring excluded."""
    final: bool


class Snapshot(Protocol):
    """What a diagnostic may see.  Nothing it does can change the training."""

    dataset: Dataset
    seeds: tuple[int, ...]
    moment: Moment
    device: torch.device
    dtype: torch.dtype
    threshold: float | None
    """The logit above which the objective means "real", where it declares one."""
    batch_size: int
    """Examples in the variant's own batch."""
    game: Game
    variant: Variant
    looped: bool
    """Whether seeds are run one after another: then vectorizing over them is slower or impossible."""

    def samples(self, count: int | None = None) -> Tensor:
        """Generated samples [S, count, *shape], evaluation mode, averaged weights where kept.

        Drawn once and shared; `count` defaults to the data set's `evaluation_samples`, and a
        smaller count is a prefix of the same draws.
        """
        ...

    def real(self, split: Split, count: int) -> Tensor:
        """Fixed real examples [count, *shape] of a split, shared by all seeds and kept."""
        ...

    def discriminator(self, inputs: Tensor) -> Tensor:
        """Logits [S, n] of inputs [S, n, *shape] or, shared by all seeds, [n, *shape]."""
        ...

    def input_gradient(self, inputs: Tensor) -> Tensor:
        """∇ₓD at inputs [S, n, *shape] (or shared), evaluation mode, in the inputs' shape."""
        ...

    def field(self) -> Mapping[str, Tree]:
        """Every player's gradient of its own loss, {player: {name: [S, ...]}}, training mode.

        On a batch of the variant's own size from measuring streams.
        """
        ...

    def field_at(self, params: Mapping[str, Tree]) -> Mapping[str, Tree]:
        """`field` at other parameters of the same shapes [S, ...].

        All else is the present one: the buffers, and the optimizers' state where a loss reads it.
        """
        ...

    def batch(self) -> Mapping[str, Tensor]:
        """The batch of `field`, {name: [S, n, ...]}: the same at every moment, but for optimizers' state

        where a loss reads it.
        """
        ...

    def round_from(
        self, params: Mapping[str, Tree], optimizer_state: Mapping[str, OptimizerState] | None = None
    ) -> tuple[dict[str, Tree], dict[str, OptimizerState]]:
        """One round of the update rule from R given replicas [R, ...], and optimizer state after it.

        On the first seed's measuring batch and buffers; without `optimizer_state` the optimizers begin anew.
        """
        ...

    def parameters(self, averaged: bool = False) -> dict[str, Tree]:
        """Copies of all parameters {player: {name: [S, ...]}}; `averaged`: moving averages where kept."""
        ...

    def buffers(self) -> dict[str, Tree]:
        """Copies of all buffers {player: {name: [S, ...]}}."""
        ...

    def apply(
        self, use: Callable[[Networks, Tensor], Tensor], inputs: Tensor, averaged: bool = False
    ) -> Tensor:
        """`use(networks, inputs)` of each seed in evaluation mode, for inputs [S, n, ...], in chunks of n."""
        ...

    def sampler(self) -> Sampler:
        """Training draws of its own, from the beginning of the seeds' streams."""
        ...

    def streams(self, purpose: str) -> SeedStreams:
        """Fresh streams (seed, "measure/<purpose>"), the same at every moment."""
        ...

    def parameter_counts(self) -> Mapping[str, int]:
        """Trained numbers of one replica, by player."""
        ...

    def throughput(self) -> Mapping[str, float]:
        """`seconds` of training, `images_per_second` (all seeds together), `peak_memory` bytes."""
        ...
