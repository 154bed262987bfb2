"""The values themselves as features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ganbench.extractors.extractor import FEATURES, Extractor, register_extractor


@dataclass(frozen=True)
class Identity(Extractor):
    """The examples, flattened: [n, *shape] → [n, d]."""

    name: str = "identity"

    def __call__(self, examples: Tensor) -> dict[str, Tensor]:
        return {FEATURES: examples.flatten(1)}

    def protocol(self, layer: str) -> dict[str, Any]:
        """There are neither weights nor layers."""
        return {"extractor": "ganbench-identity"}


@register_extractor("identity")
def identity() -> Identity:
    """A vector's coordinates or an image's pixels, as they are."""
    return Identity()
