"""Distributions on the real line: exact density, quantiles, and quadrature for their expectations."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ganbench.datasets.blocks import Block, BlockSampler, Distribution
from ganbench.datasets.dataset import DatasetInfo, Primary, register_dataset
from ganbench.game import DataSpec
from ganbench.streams import SeedStreams

EVALUATION_SAMPLES = 10_000
NODES_A_PANEL = 16
_TAIL = 40.0  # an exponential's mass beyond it is 4e-18
_SIGMAS = 9.0  # a Gaussian's mass beyond it is 2e-19


class RealLine(Distribution):
    """A distribution of one real number, known exactly; float64 on the CPU."""

    def __init__(self, name: str, title: str, source: str, points: int | None) -> None:
        self.points = points
        self.info = DatasetInfo(
            name=name,
            title=title,
            spec=DataSpec.real((1,), quadrature=self.quadrature),
            source=source,
            licence="synthetic",
            primary=Primary("wasserstein", "wasserstein_to_data"),
            evaluation_samples=EVALUATION_SAMPLES,
            ranked=False,
        )

    @abstractmethod
    def quantile(self, probability: Tensor) -> Tensor:
        """The inverse distribution function on (0, 1), in the input's shape."""

    @abstractmethod
    def log_density(self, x: Tensor) -> Tensor:
        """Natural logarithm of the density at x [..., 1], float64 [...]."""

    @abstractmethod
    def quadrature(self, panels: int) -> tuple[Tensor, Tensor]:
        """Nodes [n, 1] and weights [n], float64, of an expectation: composite Gauss-Legendre."""

    def sampler(self, seeds: Sequence[int], device: torch.device, dtype: torch.dtype) -> BlockSampler:
        if self.points is None:
            return super().sampler(seeds, device, dtype)
        rows, training_sets = self.points, list[Block]()

        def block(streams: SeedStreams) -> Block:
            """The one training set of every seed."""
            if not training_sets:
                training_sets.append(self.draw(streams, rows, dtype))
            return training_sets[0]

        return BlockSampler(seeds, device, block)

    def draw(self, streams: SeedStreams, rows: int, dtype: torch.dtype) -> Block:
        return {"real": self.quantile(off_zero(streams.uniform((rows, 1), dtype)))}

    @property
    def numbers_drawn(self) -> int:
        return 4  # so many made blocks of 4,096 rows when the stream was fixed


def off_zero(uniform: Tensor) -> Tensor:
    """Uniform numbers of [0, 1) moved off 0, where a quantile may be infinite."""
    return uniform.clamp(min=torch.finfo(uniform.dtype).tiny)


def gauss_legendre(edges: np.ndarray) -> tuple[Tensor, Tensor]:
    """Nodes and weights [panels · 16] of the composite rule on the panels between edges, float64."""
    node, weight = np.polynomial.legendre.leggauss(NODES_A_PANEL)
    middle, half = (edges[:-1] + edges[1:])[:, None] / 2, np.diff(edges)[:, None] / 2
    return torch.from_numpy((middle + half * node).ravel()), torch.from_numpy((half * weight).ravel())


class Exponential(RealLine):
    """The exponential distribution of a rate."""

    def __init__(self, rate: float, points: int | None = None) -> None:
        self.rate = rate
        source = "Pulford & Kondrashov 2021, IEEE Access (rate 0.5)"
        super().__init__("exponential", f"Exponential distribution, rate {rate:g}", source, points)

    def quantile(self, probability: Tensor) -> Tensor:
        return -torch.log1p(-probability) / self.rate

    def log_density(self, x: Tensor) -> Tensor:
        x = x[..., 0].double()
        return torch.where(x < 0, -torch.inf, math.log(self.rate) - self.rate * x)

    def quadrature(self, panels: int) -> tuple[Tensor, Tensor]:
        """On [0, 40/rate], panels graded as u³: most nodes where the mass is."""
        node, weight = gauss_legendre(_TAIL * np.linspace(0, 1, panels + 1) ** 3)
        return (node / self.rate).unsqueeze(1), weight * torch.exp(-node)


class Normal(RealLine):
    """The Gaussian distribution of a mean and a standard deviation."""

    def __init__(self, mean: float, std: float, points: int | None = None) -> None:
        self.mean, self.std = mean, std
        title = f"Gaussian on the line, mean {mean:g}, standard deviation {std:g}"
        super().__init__("normal", title, "the Gaussian distribution", points)

    def quantile(self, probability: Tensor) -> Tensor:
        return self.mean + self.std * torch.special.ndtri(probability)

    def log_density(self, x: Tensor) -> Tensor:
        squares = ((x[..., 0].double() - self.mean) / self.std).square()
        return -squares / 2 - math.log(self.std * math.sqrt(2 * math.pi))

    def quadrature(self, panels: int) -> tuple[Tensor, Tensor]:
        """On nine standard deviations either side, equal panels."""
        node, weight = gauss_legendre(np.linspace(-_SIGMAS, _SIGMAS, panels + 1))
        density = torch.exp(-node.square() / 2) / math.sqrt(2 * math.pi)
        return (self.mean + self.std * node).unsqueeze(1), weight * density


Points = Annotated[
    int | None,
    Ge(1),
    "a training set of so many points for each seed, gone through again and again; null: endless fresh ones",
]


@register_dataset("exponential")
def exponential(
    rate: Annotated[float, Gt(0), "one over the mean"] = 0.5,
    points: Points = None,
) -> Exponential:
    """The exponential distribution: the data of the exact one-dimensional game.

    Source: Pulford & Kondrashov 2021, IEEE Access, where rate 0.5 is case A.
    """
    return Exponential(rate, points)


@register_dataset("normal")
def normal(
    mean: Annotated[float, "centre"] = 2.0,
    std: Annotated[float, Gt(0), "standard deviation"] = 2.0,
    points: Points = None,
) -> Normal:
    """The Gaussian distribution on the line; by default with the mean and variance of `exponential`.

    Source: the Gaussian counterpart of Pulford & Kondrashov's game, whose loss has a closed form.
    """
    return Normal(mean, std, points)
