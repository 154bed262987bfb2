"""What a diagnostic that reads samples alone may see: samples, real examples, and of what moment they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganbench.datasets import Dataset, Split
from ganbench.errors import GanbenchError
from ganbench.game import Tree
from ganbench.training.sampling import RealExamples


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


class SampleSnapshot(ABC):
    """Samples of S seeds beside real examples; of a cohort in training, or given."""

    dataset: Dataset
    seeds: tuple[int, ...]
    moment: Moment
    device: torch.device
    dtype: torch.dtype
    shared: dict[Hashable, Any]
    """What diagnostics computed of this moment and have in common, by keys of their own."""
    _real: RealExamples

    @abstractmethod
    def samples(self, count: int | None = None) -> Tensor:
        """Samples [S, count, *shape]; a smaller count is a prefix of the same draws.

        `count` defaults to the data set's `evaluation_samples`.
        """

    @abstractmethod
    def sampled_fields(self, count: int) -> Tree:
        """What goes with the samples: their labels and other fields of the data, {name: [S, count, ...]}."""

    @property
    @abstractmethod
    def sample_reads(self) -> tuple[str, ...]:
        """The names of all that a sample is made from or goes with."""

    def real(self, split: Split, count: int) -> Tensor:
        """Fixed real examples [count, *shape] of a split, shared by all seeds and kept."""
        return self.real_fields(split, count)[self.dataset.info.spec.target]

    def real_fields(self, split: Split, count: int) -> Tree:
        """Fixed real examples with all their fields, {name: [count, ...]}."""
        return self._real.fields(split, count)


class GivenSamples(SampleSnapshot):
    """Samples [1, n, *shape] from elsewhere, as of the end of a training that nobody saw."""

    def __init__(
        self, dataset: Dataset, samples: Tensor, seed: int, fields: Mapping[str, Tensor] | None = None
    ) -> None:
        self.dataset, self.seeds = dataset, (seed,)
        self.moment = Moment(point=0, images=0, step=0, seconds=0.0, final=True)
        self.device, self.dtype = samples.device, samples.dtype
        self.shared = {}
        self._real = RealExamples(dataset, self.device, self.dtype)
        self._samples = samples
        self._fields = {name: value.to(self.device) for name, value in (fields or {}).items()}

    def samples(self, count: int | None = None) -> Tensor:
        """The first of them; raises GanbenchError where there are fewer."""
        wanted = self.dataset.info.evaluation_samples if count is None else count
        if wanted > self._samples.shape[1]:
            raise GanbenchError(f"{wanted:,} samples are needed, and there are {self._samples.shape[1]:,}")
        return self._samples[:, :wanted]

    def sampled_fields(self, count: int) -> Tree:
        """The fields that came with the samples."""
        return {name: value[:, :count] for name, value in self._fields.items()}

    @property
    def sample_reads(self) -> tuple[str, ...]:
        return tuple(self._fields)
