"""A read-only view of a cohort at one moment, for the diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ganbench.datasets import Dataset, Split
from ganbench.game import Tree
from ganbench.streams import SeedStreams


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

    def streams(self, purpose: str) -> SeedStreams:
        """Fresh streams (seed, "measure/<purpose>"), the same at every moment."""
        ...

    def parameter_counts(self) -> Mapping[str, int]:
        """Trained numbers of one replica, by player."""
        ...

    def throughput(self) -> Mapping[str, float]:
        """`seconds` of training, `images_per_second` (all seeds together), `peak_memory` bytes."""
        ...
