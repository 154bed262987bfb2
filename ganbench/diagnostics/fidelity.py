"""How near the samples' features come to real ones: Fréchet distance, Inception-style score, classes."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from ganbench.datasets import LabelledClasses, Split
from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    NotApplicable,
    Snapshot,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.comparison import OTHER, Comparison, plan
from ganbench.diagnostics.estimators.features import AUTO, ExtractorChoice, chosen_extractor
from ganbench.diagnostics.estimators.frechet import Moments, frechet_distance, inception_score, moments
from ganbench.errors import GanbenchError
from ganbench.extractors import FEATURES, LOGITS, Extractor, extract
from ganbench.extractors.identity import Identity
from ganbench.streams import generator


@register_diagnostic("fidelity")
def fidelity(
    dataset: Dataset,
    extractor: Annotated[
        ExtractorChoice,
        "auto: the data set's classifier, for vectors identity; or an extractor's name",
    ] = AUTO,
    samples: Annotated[int | None, Gt(1), "generated samples; the data set's own number by default"] = None,
) -> Fidelity:
    """Fréchet distance between features of generated and real data, and the classes that appear.

    Features come from an extractor (`ganbench list extractors`): `identity` (the vector itself), or the
    penultimate layer of a small classifier that goes by the data set's name, trained on the train
    split; its accuracy stands beside its weights.  Extractor, split and count are part of a quantity's
    name; as these are not Inception features, nothing here is called plain FID or compares with published
    FIDs.  As many generated samples as real ones are compared; the score is over all samples at once.

    What good looks like
      fid_classifier_train_n    near its reference, that of held-out images, which are as good as samples
                                get (digits hold out 360 only, and the distance grows as samples get
                                fewer: there a good generator can come below it).  Far below: memorising.
                                A tenth more or less matters.
      fid_classifier_heldout_n  the same against held-out images; clearly above the train value: memorising.
      is_classifier_n           near that of real images; at most the number of classes.
      class_total_variation     near that of held-out images drawn with replacement (0.03 for 1,437 images in
                                ten classes); 0.9: one class of ten only.
      classes_recovered         all of them; saturates early.
      frechet_identity_…_n      near that of real data.

    What it is blind to
      Fréchet: all but mean and covariance.  In the plane it is 0 when every second mode of a ring is dropped;
      read `modes` there.  Classifier features ignore what telling classes apart does not need: texture,
      sharpness, much noise.  Score and classes: real data altogether, and variety within a class: one
      perfect image of each class wins both.  For a diverged seed everything is NaN.
    """
    chosen = _resolve(dataset, extractor)
    count = samples or dataset.info.evaluation_samples
    size = dataset.info.split_sizes.get("train", count)
    if count > size:
        raise GanbenchError(
            f"fidelity: {count:,} samples need as many real ones, and {dataset.info.name} has {size:,} "
            f"to train on; `samples: {size}` or fewer works"
        )
    return Fidelity(dataset, plan(dataset, chosen, count))


@dataclass(frozen=True)
class RealFeatures:
    """What is kept of real examples: their features' moments and, from a classifier, the logits [n, C]."""

    moments: Moments
    logits: Tensor | None


class Fidelity(Diagnostic):
    """The fidelity diagnostic of one data set with one extractor."""

    def __init__(self, dataset: Dataset, comparison: Comparison) -> None:
        self._dataset, self._comparison = dataset, comparison
        self.quantities = tuple(comparison.quantities())

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        samples = snapshot.samples(self._comparison.count)
        values = self._values(samples)
        finite = samples.isfinite().flatten(1).all(1)
        return {name: torch.where(finite, value, torch.nan) for name, value in values.items()}

    def references(self, snapshot: Snapshot) -> Mapping[str, float]:
        """The values of real data, in place of samples."""
        return {name: float(value) for name, value in self._of_real(snapshot.device).items()}

    def _values(self, samples: Tensor) -> dict[str, Tensor]:
        found = extract(self._comparison.extractor, samples)
        values = {}
        for split, count in self._comparison.references.items():
            reference = self._real(split, count, samples.device)
            own = moments(found[FEATURES][:, :count])
            values[self._comparison.frechet_name(split)] = frechet_distance(own, reference.moments)
        if self._comparison.classes is not None:
            values[self._comparison.score_name] = inception_score(found[LOGITS])
            values |= class_values(found[LOGITS].argmax(-1), self._true_shares(samples.device))
        return values

    def _of_real(self, device: torch.device) -> dict[str, Tensor]:
        """The values of real data, [1] each."""
        values = {}
        for split, count in self._comparison.references.items():
            reference = self._real(split, count, device)
            other = self._real(OTHER[split], self._comparison.stand_ins[split], device)
            distance = frechet_distance(other.moments, reference.moments)
            values[self._comparison.frechet_name(split)] = distance.unsqueeze(0)
        if self._comparison.classes is not None:
            logits = self._real("heldout", self._comparison.references["heldout"], device).logits
            assert logits is not None
            values[self._comparison.score_name] = inception_score(logits).unsqueeze(0)
            values |= class_values(self._resampled(logits.argmax(-1)), self._true_shares(device))
        return values

    def _real(self, split: Split, count: int, device: torch.device) -> RealFeatures:
        return real_features(self._dataset, self._comparison.extractor, split, count, device)

    def _resampled(self, predicted: Tensor) -> Tensor:
        """As many fixed draws with replacement as there are generated samples, [1, count]."""
        source = generator(0, "fidelity/classes of real")
        drawn = torch.randint(len(predicted), (1, self._comparison.count), generator=source)
        return predicted[drawn.to(predicted.device)]

    def _true_shares(self, device: torch.device) -> Tensor:
        """The shares of the classes in the train split, float64 [C]."""
        assert isinstance(self._dataset, LabelledClasses)
        labels = self._dataset.class_labels("train").to(device)
        return torch.bincount(labels, minlength=self._dataset.classes).double() / len(labels)


@functools.lru_cache(maxsize=32)
def real_features(
    dataset: Dataset, extractor: Extractor, split: Split, count: int, device: torch.device
) -> RealFeatures:
    """The features of the first `count` fixed examples of a split; computed once a cohort.

    It goes by the data set's object, of which every cohort has its own.
    """
    examples = dataset.examples(split, count, device, torch.float32)
    found = extract(extractor, examples.unsqueeze(0))
    logits = found[LOGITS][0] if LOGITS in found else None
    return RealFeatures(moments(found[FEATURES][0]), logits)


def class_values(predicted: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Total variation of class histograms to the true shares [C], and classes seen; predicted [S, n]."""
    counts = torch.zeros(len(predicted), len(truth), dtype=torch.float64, device=predicted.device)
    counts.scatter_add_(1, predicted, torch.ones_like(predicted, dtype=torch.float64))
    return {
        "class_total_variation": (counts / predicted.shape[1] - truth).abs().sum(1) / 2,
        "classes_recovered": (counts > 0).sum(1).double(),
    }


def _resolve(dataset: Dataset, choice: ExtractorChoice) -> Extractor:
    """The extractor to use; NotApplicable where there is none."""
    extractor = chosen_extractor(dataset, choice)
    if extractor is None and len(dataset.info.spec.shape) > 1:
        raise NotApplicable(
            f"{dataset.info.name}: no extractor goes by its name; `extractor: identity` compares the pixels "
            "themselves"
        )
    return extractor or Identity()
