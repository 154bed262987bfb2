"""A Gaussian model with free mean and spread against a perceptron: every fit can be checked exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.networks.mlp import Activation, mlp
from ganbench.networks.network import (
    Architecture,
    UnconditionalArchitecture,
    output_activation,
    register_network,
)


class LocationScale(nn.Module):
    """x = μ + σ·z, coordinate by coordinate; `location` and `scale` [d] start at given numbers.

    The scale is free in sign: −σ is the same distribution.
    """

    def __init__(self, size: int, start: tuple[float, float]) -> None:
        super().__init__()
        self.start = start
        self.location = nn.Parameter(torch.empty(size))
        self.scale = nn.Parameter(torch.empty(size))

    def initialize(self, _generator: torch.Generator) -> None:
        """The given start, the same for every seed; draws nothing."""
        self.location.data.fill_(self.start[0])
        self.scale.data.fill_(self.start[1])

    def forward(self, noise: Tensor) -> Tensor:
        """Examples [n, d] of noise [n, at least d]; further numbers of the noise are not read."""
        return self.location + self.scale * noise[:, : len(self.location)]


@dataclass(frozen=True)
class _LocationScalePair:
    start: tuple[float, float]
    discriminators: Architecture

    def generator(self, latent_dim: int, spec: DataSpec) -> nn.Module:
        size = math.prod(spec.shape)
        if latent_dim < size:
            raise GanbenchError(
                f"network location_scale needs a number of noise for each of the {size} coordinates of an "
                f"example; latent_dim is {latent_dim}"
            )
        layers = [LocationScale(size, self.start), *output_activation(spec), nn.Unflatten(1, spec.shape)]
        return nn.Sequential(*layers)

    def discriminator(self, spec: DataSpec, outputs: int = 1) -> nn.Module:
        return self.discriminators.discriminator(spec, outputs)


@register_network("location_scale")
def location_scale(
    mu: Annotated[float, "where μ starts, for every seed"] = 0.5,
    sigma: Annotated[float, Gt(0), "where σ starts, for every seed"] = 1.5,
    width: Annotated[int, Ge(1), "units of each of the discriminator's hidden layers"] = 64,
    depth: Annotated[int, Ge(1), "hidden layers of the discriminator"] = 2,
    activation: Annotated[Activation, "after each hidden layer of the discriminator"] = "tanh",
) -> UnconditionalArchitecture:
    """A generator x = μ + σz with two numbers a coordinate, and a perceptron as discriminator.

    The one-dimensional fit of Nowozin et al. 2016, section 2.3: two tanh layers of 64 units.
    """
    return _LocationScalePair((mu, sigma), mlp(width=width, depth=depth, activation=activation))
