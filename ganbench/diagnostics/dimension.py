"""How many dimensions the generated samples have, and how many the generator's Jacobian can give them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge, Interval
from torch import Tensor

from ganbench.datasets import KnownDimension
from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, Quantity, Snapshot, register_diagnostic
from ganbench.diagnostics.estimators.dimension_estimators import (
    levina_bickel,
    local_pca,
    nearest_neighbours,
    two_nn,
)
from ganbench.diagnostics.estimators.generator_jacobian import (
    dimension_of_input,
    log_condition,
    numeric_rank,
    significant_rank,
    singular_values,
)

VERSION = 1
_TITLES = {
    "dimension_of_input": "Dimension of the generator's input",
    "dimension_of_manifold": "Known dimension of the data's manifold, before noise",
    "dimension_of_support": "Known dimension of the data's support, noise included",
}
_DROPPED = 0.1
_THRESHOLD = 0.05


@register_diagnostic("dimension", by_default=False)
def dimension(
    dataset: Dataset,
    samples: Annotated[int, Ge(4), "generated samples, and as many real ones, at most"] = 2000,
    neighbours: Annotated[int, Ge(2), "of each point, for Levina-Bickel and local PCA"] = 20,
    points: Annotated[int, Ge(1), "inputs z at which the Jacobian is taken"] = 16,
    rank_tolerance: Annotated[
        float, Interval(gt=0, lt=1), "a singular value above this share of the largest counts for the rank"
    ] = 1e-9,
    spectrum: Annotated[int, Ge(1), "singular values reported, at most"] = 8,
) -> Diagnostic:
    """Intrinsic dimension of generated and real samples; rank and spectrum of the generator's Jacobian.

    A smooth or piecewise linear generator cannot raise dimension: G(Z) has at most dim z of them (Arjovsky
    & Bottou 2017, lemma 1).  Three estimates from neighbours, with that of as many real examples for a
    reference: TwoNN (Facco et al. 2017, top 10 % dropped), Levina & Bickel 2004 with inverses averaged
    (MacKay & Ghahramani 2005), local PCA (Fukunaga & Olsen 1971: variances of at least 5 % of the largest).
    And ∂G/∂z in float64 at several z: median singular values, rank, and the mean log-condition of JᵀJ
    (Odena et al. 2018).

    What good looks like
      dimension_*                near that of real data.  Below: the samples vary in fewer ways; above: they
                                 fill directions in which real data do not vary, if only by noise.
      jacobian_rank              the largest over the points; at most min(dim z, dim x), which most generators
                                 attain: a rank counts the faintest direction, and bounds the dimension.
      jacobian_rank_significant  mean number of eigenvalues of JᵀJ that reach 5 % of the largest, local PCA's
                                 rule: the directions that matter.  Near the real dimension.
      jacobian_log_condition     low; Odena et al. find it to go with good scores.  Above 60: rounding.
      dimension_of_*             known, not measured: dim z, and of some data sets the true dimensions.
      distinct_samples           all of them; fewer mean copies, which count once in the estimates.

    What it is blind to
      Anything but dimension: where the samples are, how many modes.  Every estimate is taken at the scale of
      neighbours' distances, so it depends on the number of points (the same for real and generated ones) and
      takes noise of that size for n dimensions.  High dimensions come out too low, and local PCA cannot
      exceed the number of neighbours.
      Undefined (NaN): the estimates where fewer than `neighbours` + 1 samples are distinct or all neighbours
      are at one distance, and the log-condition for a Jacobian of zeros.  For a diverged seed all is NaN.
    """
    sizes = dataset.info.split_sizes
    count = min(samples, dataset.info.evaluation_samples, sizes.get("train", samples))
    return _Dimension(dataset, count, min(neighbours, count - 1), points, rank_tolerance, spectrum)


class _Dimension(Diagnostic):
    kept = ("_last",)

    def __init__(
        self,
        dataset: Dataset,
        count: int,
        neighbours: int,
        points: int,
        rank_tolerance: float,
        spectrum: int,
    ) -> None:
        self._count, self._neighbours = count, neighbours
        self._points, self._tolerance, self._spectrum = points, rank_tolerance, spectrum
        self._known = _known(dataset)
        self._references: dict[str, float] | None = None
        self._last: Tensor | None = None
        self.quantities = self._declared(min(spectrum, math.prod(dataset.info.spec.shape)))

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        values = self._of_samples(snapshot.samples(self._count))
        seeds = len(snapshot.seeds)
        stated = {**self._known, "dimension_of_input": dimension_of_input(snapshot)}
        constant = {name: torch.full((seeds,), value, dtype=torch.float64) for name, value in stated.items()}
        return {**values, **constant, **self._of_jacobian(singular_values(snapshot, self._points))}

    def references(self, snapshot: Snapshot) -> Mapping[str, float]:
        """The estimates of real training examples."""
        if self._references is None:
            real = self._of_samples(snapshot.real("train", self._count).unsqueeze(0))
            self._references = {name: float(value) for name, value in real.items()}
        return self._references

    def arrays(self) -> dict[str, np.ndarray]:
        """All singular values of the last snapshot, `singular_values` [S, points, min(dim z, dim x)]."""
        return {} if self._last is None else {"singular_values": self._last.cpu().numpy()}

    def _of_samples(self, samples: Tensor) -> dict[str, Tensor]:
        neighbours = nearest_neighbours(samples.flatten(2), self._neighbours)
        return {
            "dimension_two_nn": two_nn(neighbours, _DROPPED),
            "dimension_levina_bickel": levina_bickel(neighbours),
            "dimension_local_pca": local_pca(neighbours, _THRESHOLD),
            "distinct_samples": neighbours.distinct.sum(1).double(),
        }

    def _of_jacobian(self, values: Tensor) -> dict[str, Tensor]:
        """Quantities from singular values [S, points, r]."""
        self._last = values
        shown = min(self._spectrum, values.shape[2])
        self.quantities = self._declared(shown)
        rounding = max(values.shape[2], 1) * torch.finfo(torch.float64).eps
        medians = values.median(1).values
        return {
            "jacobian_rank": numeric_rank(values, self._tolerance).amax(1),
            "jacobian_rank_significant": significant_rank(values, _THRESHOLD).mean(1),
            "jacobian_log_condition": log_condition(values, rounding).mean(1),
            **{f"singular_value_{i + 1}": medians[:, i] for i in range(shown)},
        }

    def _declared(self, shown: int) -> tuple[Quantity, ...]:
        """As many singular values as there are, which only a snapshot knows."""
        counted = {"samples": self._count, "split": "train", "version": VERSION}
        near = {**counted, "neighbours": self._neighbours}
        at = {"points": self._points, "precision": "float64", "version": VERSION}
        estimates = {
            "dimension_two_nn": ("Intrinsic dimension, TwoNN", {**counted, "dropped": _DROPPED}),
            "dimension_levina_bickel": ("Intrinsic dimension, Levina-Bickel", near),
            "dimension_local_pca": ("Intrinsic dimension, local PCA", {**near, "threshold": _THRESHOLD}),
        }
        known: dict[str, tuple[str, dict[str, Any]]] = {
            name: (_TITLES[name], {}) for name in ("dimension_of_input", *self._known)
        }
        ranks = {
            "jacobian_rank": ("Rank of the generator's Jacobian", {**at, "tolerance": self._tolerance}),
            "jacobian_rank_significant": (
                "Significant singular values of the Jacobian",
                {**at, "threshold": _THRESHOLD},
            ),
        }
        places = range(1, shown + 1)
        spectrum = {f"singular_value_{i}": f"Singular value {i} of the Jacobian, median" for i in places}
        return (
            *_dimensions(estimates),
            Quantity("distinct_samples", "Distinct samples", "samples", protocol=counted),
            *_dimensions(known | ranks),
            Quantity("jacobian_log_condition", "Mean log-condition of JᵀJ", protocol=at),
            *(Quantity(name, title, scale="log", protocol=at) for name, title in spectrum.items()),
        )


def _dimensions(described: Mapping[str, tuple[str, dict[str, Any]]]) -> Iterator[Quantity]:
    return (Quantity(n, title, "dimensions", protocol=p) for n, (title, p) in described.items())


def _known(dataset: Dataset) -> dict[str, int]:
    if not isinstance(dataset, KnownDimension):
        return {}
    return {
        "dimension_of_manifold": dataset.intrinsic_dimension,
        "dimension_of_support": dataset.support_dimension,
    }
