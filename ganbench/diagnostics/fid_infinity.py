"""The Fréchet distance of endless samples, extrapolated from how it falls as samples get more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor

from ganbench.datasets import Split
from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, Quantity, SampleSnapshot, register_diagnostic
from ganbench.diagnostics.estimators.features import (
    AUTO,
    ExtractorChoice,
    finite_samples,
    real_layers,
    sample_features,
)
from ganbench.diagnostics.estimators.frechet import bias_curve, extrapolation
from ganbench.diagnostics.fidelity import (
    extractor_or_identity,
    features_name,
    flag_few_points,
    real_features,
    sample_count,
)
from ganbench.extractors import FEATURES, Extractor
from ganbench.extractors.identity import Identity
from ganbench.streams import generator

FID_INFINITY_VERSION = 1


@register_diagnostic("fid_infinity", by_default=False)
def fid_infinity(
    dataset: Dataset,
    extractor: Annotated[
        ExtractorChoice,
        "auto: the data set's classifier, for vectors identity; or an extractor's name",
    ] = AUTO,
    samples: Annotated[
        int | None, Ge(20), "generated samples at most; the data set's own number by default"
    ] = None,
    points: Annotated[int, Ge(2), "sample sizes, evenly spaced from a tenth to all"] = 15,
) -> FidInfinity:
    """FID∞: the Fréchet distance without the bias of few samples, and its curve against their number.

    The distance is biased upwards by nearly c/n, and c is another for every generator: so at one n even the
    order of two generators can be wrong.  It is measured for several sample sizes, on random subsets against
    a fixed reference, and extrapolated by a straight line in 1/n.  The values at each size are kept in the
    cohort's arrays.

    What good looks like
      fid_infinity_…    near its reference, that of real data; it can lie a little below 0.  Far below the
                        distance at n: there it was the sample size that was measured.
      fid_bias_…        small beside fid_infinity_…: the distance at n less its limit.

    What it is blind to
      What the Fréchet distance is blind to.  The reference's own finite number, which adds a bias that all
      generators share.  Below some twice as many samples as features the curve is no straight line in 1/n:
      where the smallest size is no larger than the number of features, title and notes say so.
      The spread of the limit is larger than the distance's.  For a diverged seed everything is NaN.

    Protocol: features and real examples as in `fidelity`; subsets are drawn once, the same for all seeds and
    moments.  Deviation from the paper: pseudo-random latents, not Sobol points.

    Source: Chong & Forsyth 2020 (arXiv 1911.07023): 15 sizes from 5,000 to 50,000.
    """
    chosen = extractor_or_identity(dataset, extractor)
    count = sample_count("fid_infinity", dataset, samples)
    split: Split = "train" if dataset.info.split_sizes else "heldout"
    return FidInfinity(dataset, chosen, split, count, points)


class FidInfinity(Diagnostic):
    """The limit of one data set's Fréchet distance, in one extractor's features."""

    samples_only = True

    kept = ("_curve",)

    def __init__(self, dataset: Dataset, extractor: Extractor, split: Split, count: int, points: int) -> None:
        self._dataset, self._extractor, self._split, self._count = dataset, extractor, split, count
        self._counts = np.linspace(max(2, count // 10), count, points).round().astype(int).tolist()
        self._references: dict[str, float] | None = None
        self._curve: Tensor | None = None
        self.quantities = self._declared()

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        features = sample_features(snapshot, self._extractor, self._count)[FEATURES]
        fewest = dict.fromkeys(self._names, self._counts[0])
        flag_few_points(self, fewest, features.shape[-1], "too few to extrapolate from")
        values, self._curve = self._values(features, snapshot.device)
        finite = finite_samples(snapshot, self._count)
        return {name: torch.where(finite, value, torch.nan) for name, value in values.items()}

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The values of real data of the other split, of as many as there are."""
        if self._references is None:
            other: Split = "heldout" if self._split == "train" else "train"
            count = min(self._count, self._dataset.info.split_sizes.get(other, self._count))
            layers = real_layers(self._dataset, self._extractor, other, count, snapshot.device)
            values, _ = self._values(layers[FEATURES], snapshot.device)
            self._references = {name: float(value) for name, value in values.items()}
        return self._references

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The curve of the last snapshot: `fid_counts` [K] and `fid_against_n` [S, K]."""
        if self._curve is None:
            return {}
        return {"fid_counts": np.asarray(self._counts), "fid_against_n": self._curve.cpu().numpy()}

    def _values(self, features: Tensor, device: torch.device) -> tuple[dict[str, Tensor], Tensor]:
        """The quantities and the curve [S, K] of features [S, n, F]; of fewer, the sizes shrink with them."""
        counts = [max(2, n * features.shape[1] // self._count) for n in self._counts]
        reference = real_features(self._dataset, self._extractor, self._split, self._count, device).fit
        curve = bias_curve(features, reference, counts, generator(0, "fid_infinity/subsets"))
        limit = extrapolation(curve, counts)
        return dict(zip(self._names, (limit, curve[:, -1] - limit), strict=True)), curve

    @property
    def _names(self) -> tuple[str, str]:
        name = f"{features_name(self._dataset, self._extractor)}_{self._split}_{self._count}"
        return f"fid_infinity_{name}", f"fid_bias_{name}"

    def _declared(self) -> tuple[Quantity, ...]:
        features, real = features_name(self._dataset, self._extractor), self._split
        protocol = {"split": self._split, "reference": self._count, "generated": self._counts}
        protocol |= {**self._extractor.protocol(FEATURES), "version": FID_INFINITY_VERSION}
        limit = Quantity(
            self._names[0],
            f"FID∞: Fréchet distance in {features} features to {self._count:,} {real} examples, extrapolated "
            "to endless samples",
            unit="squared data units" if self._extractor == Identity() else "",
            direction="lower",
            protocol=protocol,
        )
        title = f"Bias of the Fréchet distance with {self._count:,} samples"
        return limit, replace(limit, name=self._names[1], title=title, direction="none")
