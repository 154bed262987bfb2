"""Feature extractors, registered with torch-fidelity, so that its own metrics run with them too.

`torch_fidelity.calculate_metrics(feature_extractor="ganbench-classifier-digits", ...)` works once this
module is imported.  Names: `ganbench-identity`, and `ganbench-classifier-<data set>`.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
import torch_fidelity
from torch import Tensor
from torch_fidelity.utils import create_feature_extractor

from ganbench.diagnostics.estimators.classifiers import ARCHITECTURES, load_classifier

IDENTITY = "ganbench-identity"
FEATURES, LOGITS = "features", "logits"
_CLASSIFIER = "ganbench-classifier-"
_AT_ONCE = 250  # images a pass: the activations stay in a core's cache, twice as fast as thousands


class IdentityExtractor(torch_fidelity.FeatureExtractorBase):
    """The inputs themselves, flattened: [n, *shape] → [n, d]."""

    def __init__(self, name: str, features_list: list[str], **_: Any) -> None:
        super().__init__(name, features_list)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        """The names of the features."""
        return (FEATURES,)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        """The feature that a metric uses unless told otherwise."""
        return FEATURES

    @staticmethod
    def can_be_compiled() -> bool:
        """No: there is nothing to compile."""
        return False

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        return (input.flatten(1),)


class ClassifierExtractor(torch_fidelity.FeatureExtractorBase):
    """Penultimate features and logits of a data set's classifier, which its registered name says.

    Takes images in [-1, 1], or uint8 in 0..255 (MNIST's own coding) with one channel or three equal ones.
    """

    def __init__(self, name: str, features_list: list[str], **_: Any) -> None:
        super().__init__(name, features_list)
        self.classifier = load_classifier(name.removeprefix(_CLASSIFIER))

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        """The names of the features."""
        return (FEATURES, LOGITS)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        """The feature that a metric uses unless told otherwise."""
        return LOGITS if metric == "isc" else FEATURES

    @staticmethod
    def can_be_compiled() -> bool:
        """No: compiled features would differ in rounding."""
        return False

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        images = input.float() / 127.5 - 1 if input.dtype == torch.uint8 else input.float()
        found = dict(zip((FEATURES, LOGITS), self.classifier(images.mean(1, keepdim=True)), strict=True))
        return tuple(found[name] for name in self.features_list)


def classifier_extractor(dataset: str) -> str | None:
    """The registered name of the extractor made for a data set, or None where there is none."""
    return _CLASSIFIER + dataset if dataset in ARCHITECTURES else None


@torch.no_grad()
def extract(name: str, samples: Tensor) -> dict[str, Tensor]:
    """The features of an extractor of ours by their names, each [S, n, F]; samples [S, n, *shape]."""
    extractor = _extractor(name, str(samples.device))
    flat = samples.flatten(0, 1)
    parts = [extractor(part) for part in flat.split(len(flat) if name == IDENTITY else _AT_ONCE)]
    joined = (torch.cat(column).unflatten(0, samples.shape[:2]) for column in zip(*parts, strict=True))
    return dict(zip(extractor.get_requested_features_list(), joined, strict=True))


@functools.cache
def _extractor(name: str, device: str) -> torch_fidelity.FeatureExtractorBase:
    layers = {IDENTITY: IdentityExtractor}.get(name, ClassifierExtractor).get_provided_features_list()
    return create_feature_extractor(name, list(layers), cuda=False, verbose=False).to(device)


torch_fidelity.register_feature_extractor(IDENTITY, IdentityExtractor)
for _name in ARCHITECTURES:
    torch_fidelity.register_feature_extractor(_CLASSIFIER + _name, ClassifierExtractor)
