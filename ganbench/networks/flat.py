"""A generator whose law is known: a standard Gaussian on a flat, with a location to be learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn.functional import pad

from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.networks.mlp import mlp
from ganbench.networks.network import Architecture, UnconditionalArchitecture, register_network


class FlatGenerator(nn.Module):
    """location + (0, …, 0, z₁, …, z_d): its samples fill a d-dimensional flat of n-dimensional space."""

    def __init__(self, latent_dim: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape, self.latent_dim = shape, latent_dim
        self.location = nn.Parameter(torch.zeros(math.prod(shape)))

    def initialize(self, _generator: torch.Generator) -> None:
        """At the origin; draws nothing."""
        self.location.data.zero_()

    def forward(self, noise: Tensor) -> Tensor:
        """Samples [n, *shape] of noise [n, latent_dim]."""
        placed = pad(noise, (self.location.shape[0] - self.latent_dim, 0)) + self.location
        return placed.unflatten(1, self.shape)


@dataclass(frozen=True)
class _Flat:
    judge: Architecture

    def generator(self, latent_dim: int, spec: DataSpec) -> nn.Module:
        numbers = math.prod(spec.shape)
        if latent_dim > numbers:
            raise GanbenchError(
                f"network flat fills latent_dim of the data's {numbers} dimensions; latent_dim cannot be "
                f"{latent_dim}"
            )
        return FlatGenerator(latent_dim, spec.shape)

    def discriminator(self, spec: DataSpec, outputs: int = 1) -> nn.Module:
        return self.judge.discriminator(spec, outputs)


@register_network("flat")
def flat(
    width: Annotated[int, Ge(1), "units of each hidden layer of the discriminator"] = 128,
    depth: Annotated[int, Ge(1), "hidden layers of the discriminator"] = 2,
) -> UnconditionalArchitecture:
    """A generator of known law, N(0, I) on the last latent_dim coordinates; only its location is learnt.

    The partner of the data sets `gaussian_pair`, `parallel_lines` and `manifold_pair`: before training the
    overlap with them is known exactly.  The discriminator is a perceptron.
    """
    return _Flat(mlp(width=width, depth=depth))
