"""What every data set offers: its description, training draws per seed, and fixed references."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from ganbench import registry
from ganbench.game import DataSpec, Tree

Split = Literal["train", "heldout"]


def register_dataset(name: str) -> Callable[[registry.F], registry.F]:
    """Register a function of options that returns a `Dataset`."""
    return registry.register("dataset", name)


@dataclass(frozen=True)
class Primary:
    """The quantity that ranks on a data set: what measures it, its name, and the options that it takes."""

    diagnostic: str
    quantity: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetInfo:
    """What a reader must know of a data set before trusting a number on it."""

    name: str
    title: str
    spec: DataSpec
    source: str
    licence: str
    primary: Primary
    modes: int | None = None
    split_sizes: Mapping[Split, int] = field(default_factory=dict)
    """Empty for a distribution that is sampled without end."""
    evaluation_samples: int = 2500
    """How many generated samples the diagnostics look at by default."""
    constant: bool = False
    """Whether all examples are one and the same, so that there is nothing to draw."""
    ranked: bool = True
    """False for a known truth, where what is trained is compared with theory and competes with nothing."""


class Sampler(Protocol):
    """Training examples for S seeds, each from its own stream."""

    def draw(self, count: int) -> dict[str, Tensor]:
        """The next `count` examples of every seed, all fields: {"real": [S, count, *shape], ...}."""
        ...

    def state(self) -> dict[str, Any]:
        """All that must be kept to go on bitwise (plain tensors and numbers)."""
        ...

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a position that `state` returned."""
        ...


class Dataset(ABC):
    """A data set; a subclass is final and lives in one file with its registration."""

    info: DatasetInfo

    def require(self) -> None:  # noqa: B027  (most data sets need no files)
        """Raise MissingData, naming the remedy, where files that the data set needs are missing."""

    def files(self) -> tuple[Path, ...]:
        """The files that the examples come from: other contents, another data set."""
        return ()

    @property
    def domains(self) -> Mapping[str, Dataset]:
        """The data sets that the fields come from, by field: this one, but where several are joined."""
        return {self.info.spec.target: self}

    @property
    def target_dataset(self) -> Dataset:
        """The data set of what is generated and judged: it answers what diagnostics ask of a data set."""
        return self.domains[self.info.spec.target]

    @abstractmethod
    def sampler(self, seeds: Sequence[int], device: torch.device, dtype: torch.dtype) -> Sampler:
        """Training draws from the seeds' streams `data`, on a device."""

    @abstractmethod
    def fields(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
        """`count` fixed examples of a split, every field [count, ...], the same for every seed and variant.

        A distribution draws them from a stream of its own, one per split; a finite data set
        returns its first `count` in a fixed shuffled order, and refuses more than it has.
        """

    def examples(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> Tensor:
        """The target of `count` fixed examples of a split, [count, *shape]."""
        return self.fields(split, count, device, dtype)[self.info.spec.target]


@runtime_checkable
class KnownModes(Protocol):
    """What the diagnostic `modes` asks of a data set."""

    weights: Tensor
    """The modes' true weights, float64 [K], summing to one."""

    def labels(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Nearest mode (int64) and distance to it in that mode's sigmas (float64), each [...]; x [..., d]."""
        ...


@runtime_checkable
class KnownDimension(Protocol):
    """What the diagnostic `dimension` asks of a data set."""

    intrinsic_dimension: int
    """Of the data's manifold, before noise."""
    support_dimension: int
    """Of the support: with noise in all directions that of the space."""


@runtime_checkable
class KnownDensity(Protocol):
    """What the diagnostic `divergence` asks of a data set."""

    def log_density(self, x: Tensor) -> Tensor:
        """Natural logarithm of the density at x [..., *shape], float64 [...]."""
        ...


@runtime_checkable
class KnownQuantiles(Protocol):
    """What the diagnostic `wasserstein` asks of a data set: a distribution of one number, known exactly."""

    def quantile(self, probability: Tensor) -> Tensor:
        """The inverse distribution function on (0, 1), in the input's shape."""
        ...


@runtime_checkable
class KnownEquilibrium(Protocol):
    """What the diagnostic `equilibrium` asks of a data set: where a small game on it comes to rest."""

    equilibrium: Mapping[str, Tree]
    """{player: {parameter: its value there, float64}}; games with other parameters are not meant."""


@runtime_checkable
class KnownAnomalies(Protocol):
    """What the diagnostic `anomaly_detection` asks of a data set: held-out examples of what it lacks."""

    anomalies: int
    """How many there are."""

    def anomaly_fields(self, count: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
        """The first `count` of them, every field [count, ...]."""
        ...
