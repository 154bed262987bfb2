"""How far samples on the line are from a distribution that is known exactly."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganbench.datasets import KnownQuantiles
from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    NotApplicable,
    Quantity,
    SampleSnapshot,
    register_diagnostic,
)

WASSERSTEIN_VERSION = 1


@register_diagnostic("wasserstein")
def wasserstein(dataset: Dataset) -> Diagnostic:
    """Wasserstein-1 distance of generated numbers to a data set on the line whose quantiles are known.

    The mean over the sorted samples of their distances to the exact quantiles at (i − ½)/n.  The reference
    is the same of as many held-out real ones.

    What good looks like: as near 0 as the reference, which falls like 1/√n.

    Blind to: what is rare. A far tail of small mass costs little.
    """
    if not isinstance(dataset, KnownQuantiles):
        raise NotApplicable(f"{dataset.info.name}: its quantiles are not known")
    return Wasserstein(dataset, dataset.info.evaluation_samples)


class Wasserstein(Diagnostic):
    """The distance to one data set."""

    samples_only = True

    def __init__(self, dataset: KnownQuantiles, samples: int) -> None:
        self._dataset, self._samples = dataset, samples
        distance = Quantity(
            "wasserstein_to_data",
            "Wasserstein-1 distance to the data",
            unit="data units",
            direction="lower",
            # Fresh draws of an exponential with mean 2 are 0.02 away themselves (10,000 of them).
            smallest_difference=0.05,
            protocol={"generated": samples, "reference": "exact quantiles", "version": WASSERSTEIN_VERSION},
            lowest=0,
        )
        self.quantities = (distance,)

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """The distance of the samples, [S]."""
        samples = snapshot.samples(self._samples)[..., 0].double()
        return {"wasserstein_to_data": wasserstein_distance(samples, self._dataset)}

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The distance of held-out real numbers."""
        real = snapshot.real("heldout", self._samples)[..., 0].double()
        return {"wasserstein_to_data": float(wasserstein_distance(real.unsqueeze(0), self._dataset))}


def wasserstein_distance(samples: Tensor, law: KnownQuantiles) -> Tensor:
    """Wasserstein-1 distance [S] of samples [S, n] to an exact law."""
    count = samples.shape[1]
    middle = (torch.arange(count, dtype=torch.float64, device=samples.device) + 0.5) / count
    return (samples.sort(1).values - law.quantile(middle)).abs().mean(1)
