"""What an architecture offers: templates of a generator and a discriminator for a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import nn

from ganbench import registry
from ganbench.errors import GanbenchError, nearest
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
    if isinstance(choice, str):
        name, options = choice, {}
    elif set(choice) == {"name", "options"}:
        name, options = choice["name"], choice["options"]
    elif len(choice) == 1:
        name, options = next(iter(choice.items()))
    else:
        raise GanbenchError(f"a network is a name or one {{name: {{option: value}}}}, not {dict(choice)!r}")
    entry = registry.get("network", name)
    unknown = set(options or {}) - set(entry.options)
    if unknown:
        wrong = min(unknown)
        raise GanbenchError(f"network {name} has no option {wrong!r}{nearest(wrong, entry.options)}")
    made: Architecture = entry.factory(**(options or {}))
    return made


def output_activation(spec: DataSpec) -> list[nn.Module]:
    """The generator's last activation: tanh where examples lie in [−1, 1], else none."""
    if spec.value_range is None:
        return []
    if spec.value_range != (-1.0, 1.0):
        raise GanbenchError(f"examples must lie in [-1, 1] or be unbounded, not in {spec.value_range}")
    return [nn.Tanh()]
