"""Whether the samples lie where the data lie, and cover it: two questions, not one number."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from annotated_types import Ge, Gt
from torch import Tensor

from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, Quantity, register_diagnostic
from ganbench.diagnostics.estimators.features import (
    AUTO,
    ExtractorChoice,
    Measure,
    RealPair,
    ReferenceDiagnostic,
    real_pair,
)
from ganbench.diagnostics.estimators.neighbours import neighbourhoods, support_values
from ganbench.errors import GanbenchError

SUPPORT_VERSION = 1
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
    extractor: Annotated[
        ExtractorChoice, "auto: the data set's classifier, else the values; or an extractor's name"
    ] = AUTO,
) -> Diagnostic:
    """Precision and recall, density and coverage, and their clipped forms, from nearest neighbours.

    Balls reach from each point to its k-th nearest fellow of the same set.  Precision: samples in a ball of
    a real point; recall: real points in a ball of a sample (k = 3, closed balls).  Density: how many real
    balls a sample lies in, by k; coverage: real balls with a sample in them (k = 5, open balls).  Clipped
    density and coverage count at most k for each point and are scaled so that they read as the share of good
    samples.  All depend on sample count and dimension, so each has a reference: real data, disjoint from
    those that samples are held against and as many, in place of samples.

    What good looks like
      precision, recall   near those of real data, which fall with the dimension: of equal Gaussians 0.998 in
                          2 dimensions, 0.70 in 64, about 0.55 in 1,000 (2,000 points, k = 5).  Precision
                          above it: shrunken or copied samples.
      density             1 in the mean for equal distributions, in any dimension; above 1 samples crowd where
                          data are dense.
      coverage            1 − ∏ᵢ₌₁..ₖ (N−i)/(2N−i), 0.969 at k = 5, for equal distributions, not 1.
      clipped_density     1; half of the samples far from the data, the others perfect: 0.5.
      clipped_coverage    1 but for noise of about 0.02; as many samples as cover the data: 0.5 for half.
      On ring8 without every second mode precision stays 0.98, recall and coverage are 0.50; with modes twice
      as wide precision is 0.74, recall 0.99, clipped density 0.45.

    What it is blind to
      How often: weights of modes that all have a few samples (read `modes` or `two_sample`).  Copies of the
      training data are the best samples.  One outlier among the samples has a huge ball and can lift recall
      to 1; coverage and the clipped forms stay.  Duplicates give balls of radius 0: of data with more than k
      equal examples density and coverage are 0 there even for perfect samples, as for real data.
      For a diverged seed everything is NaN.

    Protocol: vectors as they are; images in the penultimate features of their classifier, pixels where none
    is shipped.  A distribution's reference is its held-out draws; of a finite data set the reference is the
    first train examples and real data's stand-in the next.  Euclidean distances in float64.

    Source: Kynkäänniemi et al. 2019; Naeem et al. 2020; Salvy, Talbot & Thirion 2025 (arXiv 2507.01761).
    """
    pair = real_pair(dataset, extractor, samples, default=2500)
    if pair.count <= max(precision_k, density_k):
        raise GanbenchError(
            f"support: {max(precision_k, density_k)} neighbours need more than {pair.count} samples"
        )

    def prepare(reference: Tensor) -> tuple[Measure, Measure]:
        balls = neighbourhoods(reference, precision_k, density_k)
        values_of = partial(support_values, balls, precision_k=precision_k)
        return values_of, values_of

    return ReferenceDiagnostic(pair, _declare(pair, precision_k, density_k), prepare)


def _declare(pair: RealPair, precision_k: int, density_k: int) -> tuple[Quantity, ...]:
    shared = {**pair.protocol(), "version": SUPPORT_VERSION}
    k = dict.fromkeys(_TITLES, density_k) | dict.fromkeys(("precision", "recall"), precision_k)
    fraction: dict[str, Any] = {"unit": "fraction", "direction": "higher", "highest": 1}
    unbounded: dict[str, Any] = {"direction": "target", "target": 1.0}
    return tuple(
        Quantity(
            name,
            title,
            smallest_difference=0.05,
            protocol={**shared, "k": k[name]},
            lowest=0,
            **(unbounded if name == "density" else fraction),
        )
        for name, title in _TITLES.items()
    )
