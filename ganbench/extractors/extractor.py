"""What a feature extractor is: a fixed map of examples to named features, which a protocol can tell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ganbench import registry
from ganbench.game import DataSpec

FEATURES, LOGITS = "features", "logits"


def register_extractor(name: str) -> Callable[[registry.F], registry.F]:
    """Register a function of options that returns an `Extractor`.

    One that goes by a data set's name is used there where a diagnostic's `extractor` is auto.
    """
    return registry.register("extractor", name)


class Extractor(ABC):
    """A fixed map of examples; equal ones are the same map, so frozen dataclasses serve best."""

    name: str
    """As it is registered, with the options that change the map; part of the names of quantities."""
    layers: tuple[str, ...] = (FEATURES,)
    """What it gives of an example; the first is what is compared."""
    classifies: str | None = None
    """The data set whose classes its logits are of."""
    examples_per_pass: int = 250
    """So many are given at once: a small network's activations stay in a core's cache, twice as fast."""

    @abstractmethod
    def __call__(self, examples: Tensor) -> Mapping[str, Tensor]:
        """Each layer's values [n, F] of examples [n, *shape], on their device and without random numbers."""

    def refusal(self, spec: DataSpec) -> str | None:
        """Why it cannot take a data set's examples; None where it can."""
        return None

    def protocol(self, layer: str) -> dict[str, Any]:
        """What two values must share to be compared: the extractor, its weights' hash and the layer."""
        return {"extractor": self.name, "layer": layer}


@torch.no_grad()
def extract(extractor: Extractor, samples: Tensor) -> dict[str, Tensor]:
    """Each layer's values [S, n, F] of samples [S, n, *shape]."""
    parts = [extractor(part) for part in samples.flatten(0, 1).split(extractor.examples_per_pass)]
    return {
        layer: torch.cat([part[layer] for part in parts]).unflatten(0, samples.shape[:2])
        for layer in extractor.layers
    }
