"""The Fréchet distance with a penalty on samples that lie at training examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from annotated_types import Gt
from torch import Tensor

from ganbench.datasets import Split
from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    NotApplicable,
    Quantity,
    SampleSnapshot,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.copies import cosine_distance, memorization_penalty
from ganbench.diagnostics.estimators.features import (
    AUTO,
    ExtractorChoice,
    finite_samples,
    real_layers,
    sample_features,
)
from ganbench.diagnostics.estimators.frechet import fit, frechet_distance
from ganbench.diagnostics.fidelity import (
    extractor_or_identity,
    features_name,
    flag_few_points,
    real_features,
    sample_count,
)
from ganbench.extractors import FEATURES, Extractor

MIFID_VERSION = 1


@register_diagnostic("mifid", by_default=False)
def mifid(
    dataset: Dataset,
    extractor: Annotated[
        ExtractorChoice, "auto: the data set's classifier, for vectors identity; or an extractor's name"
    ] = AUTO,
    samples: Annotated[int | None, Gt(1), "generated samples; the data set's own number by default"] = None,
    threshold: Annotated[float, Gt(0), "cosine distance below which samples count as memorized"] = 0.1,
) -> MiFid:
    """MiFID: the Fréchet distance, divided by the cosine distance to training examples where that is low.

    Each sample's distance is 1 − |cos| of its features to the most similar training example's; s is the mean
    over samples.  Below the threshold the Fréchet distance is divided by s.

    What good looks like
      cosine_distance_…  near its reference, that of held-out examples.  Near 0: copies.
      mifid_…            the Fréchet distance itself, where samples lie as far from training examples as the
                         threshold; several times that of `fidelity` where they are memorized.  The reference
                         is of held-out examples: where its own cosine distance is below the threshold, the
                         threshold is too high for these features (it was chosen for Inception's), and
                         everything is divided.

    What it is blind to
      A few copies among many samples, which hardly move the mean: `memorization` finds 1 %.  Copies of
      training examples beyond the first `samples`.  Lengths of features.  Good samples of a narrow
      distribution look like copies.  For a diverged seed everything is NaN.

    Protocol: as many train examples as samples, for both parts.  Data sets that are sampled without end have
    nothing to copy.

    Source: Bai et al. 2021 (arXiv 2106.03062).
    """
    if not dataset.info.split_sizes:
        raise NotApplicable(f"{dataset.info.name}: is sampled without end, so there is nothing to copy")
    count = sample_count("mifid", dataset, samples)
    return MiFid(dataset, extractor_or_identity(dataset, extractor), count, threshold)


class MiFid(Diagnostic):
    """The penalized distance of one data set, in one extractor's features."""

    samples_only = True

    def __init__(self, dataset: Dataset, extractor: Extractor, count: int, threshold: float) -> None:
        self._dataset, self._extractor = dataset, extractor
        self._count, self._threshold = count, threshold
        self._train: dict[torch.device, Tensor] = {}
        self._references: dict[str, float] | None = None
        self.quantities = self._declared()

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        features = sample_features(snapshot, self._extractor, self._count)[FEATURES]
        flag_few_points(self, {self.quantities[0].name: self._count}, features.shape[-1])
        finite = finite_samples(snapshot, self._count)
        return {name: torch.where(finite, v, torch.nan) for name, v in self._values(features).items()}

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The values of held-out examples, of as many as there are."""
        if self._references is None:
            count = min(self._count, self._dataset.info.split_sizes["heldout"])
            values = self._values(self._real("heldout", count, snapshot.device).unsqueeze(0))
            self._references = {name: float(value) for name, value in values.items()}
        return self._references

    def _values(self, features: Tensor) -> dict[str, Tensor]:
        """The quantities of features [S, n, F]."""
        device = features.device
        if device not in self._train:
            self._train[device] = self._real("train", self._count, device)
        distances = [cosine_distance(points, self._train[device]) for points in features]
        cosine = torch.tensor(distances, dtype=torch.float64, device=device)
        reference = real_features(self._dataset, self._extractor, "train", self._count, device).fit
        frechet = frechet_distance(fit(features), reference)
        penalized = frechet * memorization_penalty(cosine, self._threshold)
        return dict(zip((q.name for q in self.quantities), (penalized, cosine), strict=True))

    def _real(self, split: Split, count: int, device: torch.device) -> Tensor:
        return real_layers(self._dataset, self._extractor, split, count, device)[FEATURES][0]

    def _declared(self) -> tuple[Quantity, Quantity]:
        name = f"{features_name(self._dataset, self._extractor)}_train_{self._count}"
        protocol: dict[str, Any] = {"split": "train", "generated": self._count, "reference": self._count}
        protocol |= {**self._extractor.protocol(FEATURES), "version": MIFID_VERSION}
        title = f"Fréchet distance to {self._count:,} train examples, penalized for memorization"
        penalized = {**protocol, "threshold": self._threshold}
        cosine = "Cosine distance to the most similar train example, mean"
        return (
            Quantity(f"mifid_{name}", title, direction="lower", scale="log", protocol=penalized, lowest=0),
            Quantity(f"cosine_distance_{name}", cosine, protocol=protocol, lowest=0, highest=1),
        )
