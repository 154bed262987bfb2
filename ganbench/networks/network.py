"""What an architecture offers: templates of a generator and a discriminator for a data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import nn

from ganbench import registry
from ganbench.game import SampleSpec


def register_network(name: str) -> Callable[[registry.F], registry.F]:
    """Register a function of options that returns an `Architecture`."""
    return registry.register("network", name)


class Architecture(Protocol):
    """A pair of networks for any data set it fits; raises GanbenchError where it does not."""

    def generator(self, latent_dim: int, spec: SampleSpec) -> nn.Module:
        """A map [n, latent_dim] → [n, *spec.shape]."""
        ...

    def discriminator(self, spec: SampleSpec) -> nn.Module:
        """A map [n, *spec.shape] → logits [n]."""
        ...
