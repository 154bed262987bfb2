"""Whether the samples lie where the data lie, and cover it: two questions, not one number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ganbench.diagnostics.diagnostic import Dataset, Quantity, Snapshot, register_diagnostic
from ganbench.diagnostics.neighbours import Neighbourhoods, neighbourhoods, support_values
from ganbench.diagnostics.real_pair import Extractor, RealPair, Values, beside_real, real_pair
from ganbench.errors import GanbenchError

SUPPORT_VERSION = 1
"""Counts up when these numbers change meaning."""
_TITLES = {
    "precision": "Precision: samples in the data's support",
    "recall": "Recall: data in the samples' support",
    "density": "Density: real balls around a sample",
    "coverage": "Coverage: data with a sample nearby",
    "clipped_density": "Clipped density: share of good samples",
    "clipped_coverage": "Clipped coverage: share of the data covered",
}


@register_diagnostic("support", by_default=False)
def support(
    dataset: Dataset,
    samples: Annotated[int | None, Gt(1), "samples and real examples; at most 2,500 by default"] = None,
    precision_k: Annotated[int, Ge(1), "neighbours that set a ball of precision and recall"] = 3,
    density_k: Annotated[int, Ge(1), "neighbours that set a ball of density and coverage"] = 5,
    extractor: Annotated[Extractor, "auto: the data set's classifier, else the values themselves"] = "auto",
) -> Support:
    """Precision and recall, density and coverage, and their clipped forms, from nearest neighbours.

    TODO

    What good looks like
      TODO

    What it is blind to
      TODO
    """
    pair = real_pair(dataset, extractor, samples, default=2500)
    if pair.count <= max(precision_k, density_k):
        raise GanbenchError(
            f"support: {max(precision_k, density_k)} neighbours need more than {pair.count} samples"
        )
    return Support(pair, precision_k, density_k)


class Support:
    """The support diagnostic of one data set in one extractor's features."""

    def __init__(self, pair: RealPair, precision_k: int, density_k: int) -> None:
        self._pair, self._precision_k, self._density_k = pair, precision_k, density_k
        declared = _declare(pair, precision_k, density_k)
        self.quantities: tuple[Quantity, ...] = (*declared, *map(pair.floor_of, declared))
        self._made: dict[torch.device, tuple[Neighbourhoods, Values]] = {}

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        balls, floor = self._of_real(snapshot.device)
        found = self._pair.measured(
            snapshot, tuple(_TITLES), lambda features: support_values(balls, features, self._precision_k)
        )
        return beside_real(found, floor)

    def _of_real(self, device: torch.device) -> tuple[Neighbourhoods, Values]:
        if device not in self._made:
            reference, stand_in = self._pair.real(device)
            balls = neighbourhoods(reference, self._precision_k, self._density_k)
            self._made[device] = balls, support_values(balls, stand_in, self._precision_k)
        return self._made[device]


def _declare(pair: RealPair, precision_k: int, density_k: int) -> tuple[Quantity, ...]:
    shared = {**pair.protocol(), "version": SUPPORT_VERSION}
    k = dict.fromkeys(_TITLES, density_k) | dict.fromkeys(("precision", "recall"), precision_k)
    return tuple(
        Quantity(
            name,
            title,
            "" if name == "density" else "fraction",
            "target" if name == "density" else "higher",
            smallest_difference=0.05,
            target=1.0 if name == "density" else None,
            protocol={**shared, "k": k[name]},
        )
        for name, title in _TITLES.items()
    )
