"""A generator that is one point, and a linear discriminator: the two numbers of Dirac-GAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganbench.game import DataSpec
from ganbench.networks.network import UnconditionalArchitecture, register_network


class Point(nn.Module):
    """Every sample is θ in every coordinate, whatever the noise."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        self.theta = nn.Parameter(torch.empty(()))

    def initialize(self, generator: torch.Generator) -> None:
        """Uniform on [−1, 1)."""
        self.theta.data.uniform_(-1, 1, generator=generator)

    def forward(self, noise: Tensor) -> Tensor:
        """Samples [n, *shape] for noise [n, …], of which only n counts."""
        return self.theta.expand(noise.shape[0], *self.shape)


class Slope(nn.Module):
    """D(x) = −ψx, x the sum of coordinates: at ψ = θ = 1 high on the real 0, low on the generated point."""

    def __init__(self) -> None:
        super().__init__()
        self.psi = nn.Parameter(torch.empty(()))

    def initialize(self, generator: torch.Generator) -> None:
        """Uniform on [−1, 1)."""
        self.psi.data.uniform_(-1, 1, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n] of examples [n, …]."""
        return -self.psi * x.flatten(1).sum(1)


class _Dirac:
    def generator(self, latent_dim: int, spec: DataSpec) -> nn.Module:
        return Point(spec.shape)

    def discriminator(self, spec: DataSpec) -> nn.Module:
        return Slope()


@register_network("dirac")
def dirac() -> UnconditionalArchitecture:
    """A point θ as generator and a slope −ψ as discriminator: one number each.

    Source: Mescheder et al. 2018, definition 2.1, with the sign of ψ as in their fields: where our
    losses want D high on real examples, D = −ψx.  Fits data of any shape.
    """
    return _Dirac()
