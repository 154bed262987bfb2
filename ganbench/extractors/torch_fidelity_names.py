"""Every extractor under a name of torch-fidelity's, so that its own metrics run with them too.

`torch_fidelity.calculate_metrics(feature_extractor="ganbench-classifier-digits", ...)` works once `published`
was called for the extractor, which returns that name.
"""

from __future__ import annotations

import functools
from typing import Any

import torch_fidelity
from torch import Tensor

from ganbench.extractors.extractor import FEATURES, LOGITS, Extractor


@functools.cache
def published(extractor: Extractor) -> str:
    """Make an extractor known to torch-fidelity, and return its name there: the one of the protocol."""

    class Published(torch_fidelity.FeatureExtractorBase):
        def __init__(self, name: str, features_list: list[str], **_: Any) -> None:
            super().__init__(name, features_list)

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return extractor.layers

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return LOGITS if metric == "isc" and LOGITS in extractor.layers else FEATURES

        @staticmethod
        def can_be_compiled() -> bool:
            return False  # compiled features would differ in rounding

        def forward(self, input: Tensor) -> tuple[Tensor, ...]:
            values = extractor(input)
            return tuple(values[name] for name in self.features_list)

    name: str = extractor.protocol(FEATURES)["extractor"]
    torch_fidelity.register_feature_extractor(name, Published)
    return name
