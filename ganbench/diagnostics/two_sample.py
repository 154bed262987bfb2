"""Whether the samples can be told from real data: distances of distributions, and tests with p-values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, Quantity, register_diagnostic
from ganbench.diagnostics.estimators.features import (
    AUTO,
    ExtractorChoice,
    Measure,
    RealPair,
    ReferenceDiagnostic,
    Values,
    real_pair,
)
from ganbench.diagnostics.estimators.two_sample_statistics import (
    Kernel,
    Radial,
    accuracy_p_value,
    directions,
    discrepancy,
    gaussian,
    heldout_accuracy,
    heldout_points,
    median_distance,
    neighbours_asked,
    of_distance,
    pair_mean,
    permutation_p_values,
    polynomial,
    relabellings,
    sliced_wasserstein,
    unit_discrepancy,
)
from ganbench.extractors.identity import Identity
from ganbench.quantities import share
from ganbench.streams import generator

TWO_SAMPLE_VERSION = 1
MMD_VERSION = 2
"""The same of the MMD; since 2 the bandwidth is the mean of the two middle distances of an even number."""
ENERGY_VERSION = 1
"""The same of the energy distance."""
P_VALUES = ("mmd_p_value", "energy_p_value", "c2st_p_value")


@register_diagnostic("two_sample", by_default=False)
def two_sample(
    dataset: Dataset,
    samples: Annotated[int | None, Ge(4), "samples and real examples; at most 1,000 by default"] = None,
    permutations: Annotated[int, Ge(1), "relabellings behind a permutation p-value"] = 199,
    projections: Annotated[int, Ge(1), "directions of the sliced Wasserstein distance"] = 128,
    published_scales: Annotated[bool, "CMMD's and MIND's numbers too"] = False,
    extractor: Annotated[
        ExtractorChoice, "auto: the data set's classifier, else the values; or an extractor's name"
    ] = AUTO,
) -> Diagnostic:
    """MMD, energy and sliced Wasserstein distances to real data, and two-sample tests with p-values.

    All compare as many samples as real examples.  MMD and energy distance are without bias, so that equal
    distributions give 0 in the mean and often less; sliced W₂² has a bias upwards.  The reference of a
    distance is the same measurement of other real data.

    What good looks like
      kid, mmd_rbf,         around that of real data, on both sides of 0.
      energy_distance
      sliced_wasserstein    near that of real data.  It is the mean *square*: a shift by v gives ‖v‖²/d.
      cmmd, mind            near those of real data; with `published_scales`.  1,000 times the biased MMD²
                            of directions of features with σ = 10, called `mmd_unit_rbf` in other than CLIP's
                            features; 3·F times sliced W₂², `scaled_wasserstein` in other than Inception's.
      mmd_p_value,          anything: perfect samples spread them evenly over 0 to 1, one in twenty is below
      energy_p_value,       0.05.  Near 0: told apart.  A large one says only: not with so few samples.  The
      c2st_p_value          seeds share the real examples, so their p-values go together.
      c2st_accuracy         0.5, with standard error 1/√(4·held-out points); 1: all told from data.  Clearly
                            below 0.5: samples and real examples come in pairs, as copies do.

    What it is blind to
      Each to something else.  On ring8, with 1,000 samples: that every second mode is missing escapes KID
      (moments up to the third) and MMD (a bandwidth as wide as the ring); energy distance, sliced W₂² and
      the classifier (accuracy 0.76) see it.  That modes are twice as wide only the classifier sees (0.66);
      that one mode of eight is missing it barely sees (0.52), where all others are sure.  None knows copies
      of the training data as such.  For a diverged seed everything is NaN.

    Protocol: features and real examples as in `support`.  KID's kernel is (x·y/F + 1)³ over all samples at
    once (as one subset, where KID means the mean over subsets); on other than Inception features it compares
    with no published KID.  The Gaussian's bandwidth is the median distance within the reference.
    Permutation p-values count the true labelling in, the smallest is 1/(permutations + 1).  Directions and
    permutations are drawn once, the same for all seeds and moments.  The classifier lets the √n nearest of
    one half of the points vote on the other half; its p-value is one-sided and binomial.

    Source: Gretton et al. 2012; Bińkowski et al. 2018; Székely & Rizzo 2013; Bonneel et al. 2015;
    Lopez-Paz & Oquab 2017; Jayasumana et al. 2024 (CMMD); Berthet et al., arXiv 2605.06797 (MIND).
    """
    pair = real_pair(dataset, extractor, samples, default=1000)
    scaled = _scaled_names(pair) if published_scales else None

    def prepare(reference: Tensor) -> tuple[Measure, Measure]:
        fixed = against(reference, permutations, projections, scaled)
        return fixed.all_values, fixed.distances

    return ReferenceDiagnostic(pair, _declare(pair, permutations, projections, scaled), prepare)


@dataclass(frozen=True)
class Against:
    """A reference [n, F] with all that is fixed by it and by streams of its own, the same for every seed."""

    reference: Tensor
    kernels: Mapping[str, Kernel]
    radials: Mapping[str, Radial]
    """The kernels that have a permutation test, by the name of its p-value."""
    within: Mapping[str, float]
    along: Tensor
    relabelled: Tensor
    scaled: tuple[str, str] | None = None
    """What CMMD's and MIND's numbers are called, where they are wanted."""

    def distances(self, features: Tensor) -> Values:
        """All but the p-values, of features [n, F]."""
        discrepancies = {
            name: discrepancy(kernel, self.reference, features, self.within[name])
            for name, kernel in self.kernels.items()
        }
        sliced = float(sliced_wasserstein(self.reference, features, self.along))
        scaled: Values = {}
        if self.scaled is not None:
            numbers = unit_discrepancy(self.reference, features), 3 * features.shape[1] * sliced
            scaled = dict(zip(self.scaled, numbers, strict=True))
        accuracy = heldout_accuracy(self.reference, features)
        return {**discrepancies, "sliced_wasserstein": sliced, **scaled, "c2st_accuracy": accuracy}

    def all_values(self, features: Tensor) -> Values:
        """The distances, and a p-value of each that is a test's statistic."""
        values = self.distances(features)
        tested = permutation_p_values(list(self.radials.values()), self.reference, features, self.relabelled)
        accuracy_p = accuracy_p_value(values["c2st_accuracy"], heldout_points(len(features)))
        return {**values, **dict(zip(self.radials, tested, strict=True)), "c2st_p_value": accuracy_p}


def against(
    reference: Tensor, permutations: int, projections: int, scaled: tuple[str, str] | None = None
) -> Against:
    """The reference with its bandwidth, its own pairs' means, and fixed directions and relabellings."""
    count, dim = reference.shape
    bell = gaussian(median_distance(reference))
    kernels = {
        "kid": polynomial,
        "mmd_rbf": of_distance(bell),
        "energy_distance": of_distance(torch.neg),
    }
    return Against(
        reference,
        kernels,
        radials={"mmd_p_value": bell, "energy_p_value": torch.neg},
        within={name: pair_mean(kernel, reference) for name, kernel in kernels.items()},
        along=directions(dim, projections, generator(0, "two_sample/directions")),
        relabelled=relabellings(count, count, permutations, generator(0, "two_sample/relabellings")),
        scaled=scaled,
    )


def _scaled_names(pair: RealPair) -> tuple[str, str]:
    """What CMMD's and MIND's numbers are called in an extractor's features: so only in the published ones."""
    name = pair.extractor.name
    cmmd = "cmmd" if name.startswith("clip-") else "mmd_unit_rbf"
    return cmmd, "mind" if name.startswith("inception-") else "scaled_wasserstein"


def _declare(
    pair: RealPair, permutations: int, projections: int, scaled: tuple[str, str] | None
) -> tuple[Quantity, ...]:
    shared = {**pair.protocol(), "version": TWO_SAMPLE_VERSION}
    permuted = {**shared, "permutations": permutations}
    neighbours = {**shared, "neighbours": neighbours_asked(pair.count), "tested": heldout_points(pair.count)}

    def distance(name: str, title: str, unit: str = "", **more: Any) -> Quantity:
        return Quantity(name, title, unit, "lower", protocol={**shared, **more})

    plain, squared = ("data units", "squared data units") if pair.extractor == Identity() else ("", "")
    bandwidth: dict[str, Any] = {"bandwidth": "median of the reference", "version": MMD_VERSION}
    # Fresh draws of one distribution of unit size differ by a few thousandths (1,000 points).
    energy = distance("energy_distance", "Energy distance, unbiased", plain)
    energy_protocol = {**pair.protocol(), "version": ENERGY_VERSION}
    accuracy = "Accuracy of telling samples from data (nearest neighbours)"
    of_scales: tuple[Quantity, ...] = ()
    if scaled is not None:
        title = "1,000 × MMD² of directions, Gaussian kernel, σ = 10"
        of_scales = (
            replace(distance(scaled[0], title, bandwidth=10, scale=1000), lowest=0),
            replace(distance(scaled[1], "3·F × sliced W₂²", squared, projections=projections), lowest=0),
        )
    return (
        distance("kid", "Kernel distance (unbiased MMD² with KID's kernel)", kernel="(x·y/F + 1)^3"),
        distance("mmd_rbf", "Unbiased MMD² with a Gaussian kernel", **bandwidth),
        Quantity(
            "mmd_p_value", "p-value of the MMD (permutations)", protocol={**permuted, "version": MMD_VERSION}
        ),
        replace(energy, smallest_difference=0.01, protocol=energy_protocol),
        Quantity("energy_p_value", "p-value of the energy distance (permutations)", protocol=permuted),
        replace(distance("sliced_wasserstein", "Sliced W₂²", squared, projections=projections), lowest=0),
        share("c2st_accuracy", accuracy, "fraction", "target", target=0.5, protocol=neighbours),
        Quantity("c2st_p_value", "p-value of that accuracy (binomial)", protocol=neighbours),
        *of_scales,
    )
