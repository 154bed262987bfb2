"""A snapshot that holds given samples: what the sample-based diagnostics read, and nothing more."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.datasets import Dataset, Split
from ganbench.diagnostics.diagnostic import Diagnostic

CPU = torch.device("cpu")


class FakeSnapshot:
    def __init__(self, dataset: Dataset, samples: Tensor) -> None:
        self.dataset, self._samples = dataset, samples
        self.device, self.dtype = samples.device, samples.dtype

    def samples(self, count: int | None = None) -> Tensor:
        assert count is None or count <= self._samples.shape[1]
        return self._samples[:, :count]

    def real(self, split: Split, count: int) -> Tensor:
        return self.dataset.examples(split, count, self.device, self.dtype)


def measured(diagnostic: Diagnostic, dataset: Dataset, samples: Tensor) -> dict[str, Tensor]:
    """The diagnostic's values of samples [S, n, *shape], checked to be just those declared."""
    values = dict(diagnostic.measure(FakeSnapshot(dataset, samples)))  # type: ignore[arg-type]
    assert set(values) == {quantity.name for quantity in diagnostic.quantities}
    assert all(value.shape == samples.shape[:1] for value in values.values())
    return values


def referenced(diagnostic: Diagnostic, dataset: Dataset) -> dict[str, float]:
    """What real data get, checked to be of declared quantities."""
    references = dict(diagnostic.references(FakeSnapshot(dataset, torch.empty(1, 0))))  # type: ignore[arg-type]
    assert references.keys() <= {quantity.name for quantity in diagnostic.quantities}
    return references
