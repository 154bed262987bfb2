"""What an architecture offers: a generator and a discriminator for a data set, conditional ones included."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn

from ganbench import registry
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec


def register_network(name: str) -> Callable[[registry.F], registry.F]:
    """Register a function of options that returns an `Architecture`."""
    return registry.register("network", name)


class UnconditionalArchitecture(Protocol):
    """The least that a network's function may return; raises GanbenchError for data sets it does not fit."""

    def generator(self, latent_dim: int, spec: DataSpec) -> nn.Module:
        """A map [n, latent_dim] → [n, *spec.shape]."""
        ...

    def discriminator(self, spec: DataSpec) -> nn.Module:
        """A map [n, *spec.shape] → logits [n]."""
        ...


class Architecture(Protocol):
    """A pair of networks for any data set it fits, also for variants with labels or several outputs."""

    def generator(self, latent_dim: int, spec: DataSpec, classes: int | None = None) -> nn.Module:
        """A map [n, latent_dim] → [n, *spec.shape]; with classes of (latents, labels int64 [n])."""
        ...

    def discriminator(self, spec: DataSpec, outputs: int = 1) -> nn.Module:
        """A map [n, *spec.shape] → logits [n], or [n, outputs] where there are several."""
        ...


@dataclass(frozen=True)
class _Refusing:
    """An architecture that may lack `classes` or `outputs`: asked for them, it raises GanbenchError."""

    name: str
    pair: UnconditionalArchitecture

    def generator(self, latent_dim: int, spec: DataSpec, classes: int | None = None) -> nn.Module:
        if classes is None:
            made: nn.Module = self.pair.generator(latent_dim, spec)
            return made
        return self._called("generator", "classes", classes, latent_dim, spec)

    def discriminator(self, spec: DataSpec, outputs: int = 1) -> nn.Module:
        if outputs == 1:
            made: nn.Module = self.pair.discriminator(spec)
            return made
        return self._called("discriminator", "outputs", outputs, spec)

    def _called(self, method: str, parameter: str, value: int, *given: Any) -> nn.Module:
        function = getattr(self.pair, method)
        if not _takes(function, parameter):
            kind = "conditional generator" if method == "generator" else "discriminator of several outputs"
            raise GanbenchError(
                f"network {self.name} has no {kind}, which the variant needs: its {method}() takes no "
                f"`{parameter}`; add it, as in ganbench.networks.network.Architecture, or name another "
                "network, such as mlp or dcgan"
            )
        made: nn.Module = function(*given, **{parameter: value})
        return made


def architecture(choice: str | Mapping[str, Any]) -> Architecture:
    """The architecture of a name, of {name: {option: value}} or of {"name": …, "options": {…}}.

    One without `classes` or `outputs` raises GanbenchError where it is asked for them.
    """
    made: Any = registry.build("network", choice)
    if _takes(made.generator, "classes") and _takes(made.discriminator, "outputs"):
        complete: Architecture = made
        return complete
    return _Refusing(registry.parse_choice("network", choice)[0], made)


def _takes(function: Callable[..., Any], parameter: str) -> bool:
    parameters = inspect.signature(function).parameters
    return parameter in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def logits(outputs: int) -> list[nn.Module]:
    """A discriminator's last step: one output is [n], several are [n, outputs]."""
    return [nn.Flatten(0)] if outputs == 1 else []


def output_activation(spec: DataSpec) -> list[nn.Module]:
    """The generator's last activation: tanh where examples lie in [−1, 1], else none."""
    if spec.value_range is None:
        return []
    if spec.value_range != (-1.0, 1.0):
        raise GanbenchError(f"examples must lie in [-1, 1] or be unbounded, not in {spec.value_range}")
    return [nn.Tanh()]
