"""What an architecture offers: templates of a generator and a discriminator for a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import nn

from ganbench import registry
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec


def register_network(name: str) -> Callable[[registry.F], registry.F]:
    """Register a function of options that returns an `Architecture`."""
    return registry.register("network", name)


class Architecture(Protocol):
    """A pair of networks for any data set it fits; raises GanbenchError where it does not."""

    def generator(self, latent_dim: int, spec: DataSpec) -> nn.Module:
        """A map [n, latent_dim] → [n, *spec.shape]."""
        ...

    def discriminator(self, spec: DataSpec) -> nn.Module:
        """A map [n, *spec.shape] → logits [n]."""
        ...


def architecture(choice: str | Mapping[str, Any]) -> Architecture:
    """The architecture of a name, of {name: {option: value}} or of {"name": …, "options": {…}}."""
    made: Architecture = registry.build("network", choice)
    return made


def output_activation(spec: DataSpec) -> list[nn.Module]:
    """The generator's last activation: tanh where examples lie in [−1, 1], else none."""
    if spec.value_range is None:
        return []
    if spec.value_range != (-1.0, 1.0):
        raise GanbenchError(f"examples must lie in [-1, 1] or be unbounded, not in {spec.value_range}")
    return [nn.Tanh()]
