"""How near samples come to real data within each class, and whether they are of the class asked for."""

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
    Quantity,
    SampleSnapshot,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.features import (
    AUTO,
    ExtractorChoice,
    asked_labels,
    classifier_of,
    finite_samples,
    sample_features,
)
from ganbench.diagnostics.estimators.frechet import Fit, fit, frechet_distance
from ganbench.diagnostics.fidelity import features_name, flag_few_points, sample_count
from ganbench.extractors import FEATURES, LOGITS, Extractor, extract
from ganbench.quantities import share

CLASS_FIDELITY_VERSION = 1


@register_diagnostic("class_fidelity", by_default=False)
def class_fidelity(
    dataset: Dataset,
    extractor: Annotated[
        ExtractorChoice, "auto: the data set's classifier; or the name of an extractor that classifies it"
    ] = AUTO,
    samples: Annotated[int | None, Gt(1), "generated samples; the data set's own number by default"] = None,
) -> ClassFidelity:
    """Fréchet distance within each class, mean over classes, and accuracy of the labels that were asked for.

    Where a variant's samples are made from labels, each belongs to the class that was asked for; else to the
    one that the data set's classifier takes it for.  Each class of samples is compared with the same class of
    the first train examples, by their true labels.

    What good looks like
      intra_fid_…      near its reference, that of held-out examples (of which there may be fewer, so that it
                       can be missed from below).  Above the plain distance: few samples a class have more
                       bias; far above, too: right classes in all, wrong ones in each.
      label_accuracy   near its reference, the classifier's accuracy on held-out examples.  1/classes: labels
                       are ignored.  Only of variants that are given labels, else undefined (NaN).

    What it is blind to
      intra_fid_… is blind to what the Fréchet distance is blind to, and to how often classes appear: read
      `class_total_variation`.  It is undefined (NaN) where a class has fewer than two samples, as where
      classes are dropped.  Accuracy: all but the class; one perfect image of each class has 1, and what fools
      the classifier has it too.  For a diverged seed everything is NaN.

    Source: Miyato & Koyama 2018 (arXiv 1802.05637), intra FID; Odena, Olah & Shlens 2017 for the accuracy.
    """
    classifier = classifier_of(dataset, extractor)
    return ClassFidelity(dataset, classifier, sample_count("class_fidelity", dataset, samples))


class ClassFidelity(Diagnostic):
    """`count` generated samples of one labelled data set against as many train examples, class by class."""

    samples_only = True

    def __init__(self, dataset: Dataset, classifier: Extractor, count: int) -> None:
        self._dataset, self._classifier, self._count = dataset, classifier, count
        self._distance = f"intra_fid_{features_name(dataset, classifier)}_train_{count}"
        classes = dataset.info.spec.fields[dataset.info.spec.label or ""].classes
        assert classes is not None
        self._classes = classes
        self._fits: dict[torch.device, dict[int, Fit]] = {}
        self._fewest = 0
        """Train examples of the smallest class that has a fit."""
        self.quantities = self._declared()

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        layers = sample_features(snapshot, self._classifier, self._count)
        labels = layers[LOGITS].argmax(-1)
        asked = asked_labels(snapshot, self._dataset, self._count)
        accuracy = torch.full((len(labels),), torch.nan, dtype=torch.float64, device=labels.device)
        if asked is not None:
            labels, accuracy = asked, (labels == asked).double().mean(1)
        fits = self._class_fits(snapshot.device)
        flag_few_points(self, {self._distance: self._fewest}, layers[FEATURES].shape[-1])
        values = {self._distance: intra_class_distance(layers[FEATURES], labels, fits)}
        finite = finite_samples(snapshot, self._count)
        values["label_accuracy"] = accuracy
        return {name: torch.where(finite, value, torch.nan) for name, value in values.items()}

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The values of held-out examples with their own labels."""
        layers, labels = self._labelled("heldout", snapshot.device)
        fits = self._class_fits(snapshot.device)
        distance = intra_class_distance(layers[FEATURES], labels, fits)
        accuracy = (layers[LOGITS].argmax(-1) == labels).double().mean()
        return {self._distance: float(distance), "label_accuracy": float(accuracy)}

    def _class_fits(self, device: torch.device) -> dict[int, Fit]:
        """The fit of each class of the train examples' features that has two; made once."""
        if device not in self._fits:
            layers, labels = self._labelled("train", device)
            parts = {c: layers[FEATURES][0, labels[0] == c] for c in range(self._classes)}
            parts = {c: part for c, part in parts.items() if len(part) > 1}
            self._fits[device] = {c: fit(part) for c, part in parts.items()}
            self._fewest = min(map(len, parts.values()), default=0)
        return self._fits[device]

    def _labelled(self, split: Split, device: torch.device) -> tuple[Mapping[str, Tensor], Tensor]:
        """Layers [1, n, F] and labels [1, n] of a split's first examples."""
        spec, available = self._dataset.info.spec, self._dataset.info.split_sizes.get(split, self._count)
        fields = self._dataset.fields(split, min(self._count, available), device, torch.float32)
        assert spec.label is not None
        return extract(self._classifier, fields[spec.target].unsqueeze(0)), fields[spec.label].unsqueeze(0)

    def _declared(self) -> tuple[Quantity, ...]:
        protocol: dict[str, Any] = {"split": "train", "generated": self._count, "reference": self._count}
        version = {"version": CLASS_FIDELITY_VERSION}
        title = "Fréchet distance within classes, mean over classes"
        features = protocol | self._classifier.protocol(FEATURES) | version
        logits = {"generated": self._count} | self._classifier.protocol(LOGITS) | version
        return (
            Quantity(self._distance, title, direction="lower", scale="log", protocol=features, lowest=0),
            share("label_accuracy", "Samples of the class asked for", "fraction", "higher", protocol=logits),
        )


def intra_class_distance(features: Tensor, labels: Tensor, references: Mapping[int, Fit]) -> Tensor:
    """Mean over classes of the Fréchet distance of features [S, n, F] with labels [S, n] to the class's fit.

    The classes are those of the references.  NaN where one has fewer than two samples.  float64 [S].
    """
    rows = []
    for points, own in zip(features, labels, strict=True):
        parts = [points[own == c] for c in references]
        if min(map(len, parts)) < 2:
            rows.append(torch.nan)
            continue
        distances = [frechet_distance(fit(p), r) for p, r in zip(parts, references.values(), strict=True)]
        rows.append(float(torch.stack(distances).mean()))
    return torch.tensor(rows, dtype=torch.float64, device=features.device)
