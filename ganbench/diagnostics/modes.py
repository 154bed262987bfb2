"""Which modes of a mixture the samples hit, how often, and how closely."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Annotated

import torch
from annotated_types import Gt
from scipy.special import gammaincinv
from torch import Tensor

from ganbench.datasets import KnownModes
from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    NotApplicable,
    Quantity,
    SampleSnapshot,
    register_diagnostic,
)
from ganbench.quantities import share

MODES_VERSION = 1


@register_diagnostic("modes")
def modes(
    dataset: Dataset,
    samples: Annotated[int | None, Gt(0), "generated samples; the data set's own number by default"] = None,
    within_sigmas: Annotated[float, Gt(0), "a sample this near its mode, in two dimensions, counts"] = 3.0,
) -> Modes:
    """Modes recovered, high-quality samples, and the mode histogram against the true weights.

    A sample is of high quality within 3 standard deviations of its nearest mode; a mode is recovered by
    one such sample (Srivastava et al. 2017; Lin et al. 2018, with 2,500 samples).  The reference is the
    same measurement of as many fresh real draws.

    In d ≠ 2 dimensions the radius is the one that holds the same share of a mode, 1 − exp(−3²/2): at a fixed
    3σ real data of many dimensions would fail.

    What good looks like
      mode_total_variation   near that of real data; a perfect sampler's mean is 0.027 on ring8 and 0.045 on
                             grid25 (2,500 samples).  0.5: half of the mass is on wrong modes or on none.
                             The primary quantity, for it still moves long after all modes are hit.
      modes_recovered        all of them; saturates early, and one stray sample counts in full.
      high_quality_fraction  1 − exp(−9/2) = 0.989, not more: above it (0.993 as a mean over seeds) the modes
                             have shrunk, which is collapse too.
      reverse_kl             KL(samples ‖ truth) in nats over high-quality samples; a perfect sampler's is
                             about (K−1)/2N; undefined (NaN) without a single high-quality sample.
      samples_per_mode_*     least, median and most high-quality samples of a mode.

    What it is blind to
      The shape of a mode inside 3σ (a point per mode scores full modes and no total variation beyond
      rounding), memorising, and how far off the low-quality samples are.
      For a diverged seed everything is NaN.
    """
    if not isinstance(dataset, KnownModes):
        raise NotApplicable(f"{dataset.info.name}: its modes are not known")
    return Modes(dataset, samples or dataset.info.evaluation_samples, within_sigmas)


class Modes(Diagnostic):
    """The mode diagnostic of one data set with known modes."""

    samples_only = True

    def __init__(self, dataset: Dataset, samples: int, within_sigmas: float) -> None:
        assert isinstance(dataset, KnownModes)
        self._modes: KnownModes = dataset
        self._samples = samples
        dim = math.prod(dataset.info.spec.shape)
        self._radius = radius_of_equal_mass(within_sigmas, dim)
        self.quantities = _declare(samples, within_sigmas, dim, len(dataset.weights))

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        return self._values(snapshot.samples(self._samples))

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The values of held-out real draws."""
        real = snapshot.real("heldout", self._samples).unsqueeze(0)
        return {name: float(value) for name, value in self._values(real).items()}

    def _values(self, samples: Tensor) -> dict[str, Tensor]:
        index, distance = self._modes.labels(samples.flatten(2))
        counts = mode_counts(index, distance <= self._radius, len(self._modes.weights))
        values = histogram_values(counts, self._modes.weights.to(counts.device))
        finite = samples.isfinite().flatten(1).all(1)
        return {name: torch.where(finite, value, torch.nan) for name, value in values.items()}


def radius_of_equal_mass(sigmas: float, dim: int) -> float:
    """The radius, in sigmas, that holds as much of a Gaussian in `dim` dimensions as `sigmas` does in two."""
    if dim == 2:
        return sigmas
    return math.sqrt(2 * float(gammaincinv(dim / 2, -math.expm1(-(sigmas**2) / 2))))


def mode_counts(index: Tensor, high_quality: Tensor, modes: int) -> Tensor:
    """High-quality samples of every mode and, last, the samples of none: float64 [S, K + 1]."""
    place = torch.where(high_quality, index, modes)
    counts = torch.zeros(len(index), modes + 1, dtype=torch.float64, device=index.device)
    return counts.scatter_add_(1, place, torch.ones_like(place, dtype=torch.float64))


def histogram_values(counts: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """The quantities of histograms [S, K + 1] (the last class: none) and true weights [K]; each [S]."""
    hits, total = counts[:, :-1], counts.sum(1)
    high_quality = hits.sum(1)
    share = hits / high_quality.unsqueeze(1)  # 0/0, NaN, where no sample is of high quality
    truth = torch.cat([weights, weights.new_zeros(1)])
    return {
        "modes_recovered": (hits > 0).sum(1).double(),
        "high_quality_fraction": high_quality / total,
        "reverse_kl": torch.xlogy(share, share / weights).sum(1),
        "mode_total_variation": (counts / total.unsqueeze(1) - truth).abs().sum(1) / 2,
        "samples_per_mode_min": hits.amin(1),
        "samples_per_mode_median": hits.quantile(0.5, dim=1),
        "samples_per_mode_max": hits.amax(1),
    }


def _declare(samples: int, within_sigmas: float, dim: int, modes: int) -> tuple[Quantity, ...]:
    protocol = {"samples": samples, "within_sigmas": within_sigmas, "version": MODES_VERSION}
    expected = -math.expm1(-(within_sigmas**2) / 2)
    described = partial(Quantity, protocol=protocol)
    title, quality = f"Modes recovered, of {modes}", "High-quality samples"
    histogram = "Total variation of the mode histogram"  # in which `none` is a class of its own
    return (
        described("modes_recovered", title, "modes", "higher", lowest=0, highest=modes),
        share("high_quality_fraction", quality, "fraction", "target", target=expected, protocol=protocol),
        described("reverse_kl", "Reverse KL of the mode histogram", "nats", "lower"),
        share(
            "mode_total_variation", histogram, direction="lower", smallest_difference=0.05, protocol=protocol
        ),
        described("samples_per_mode_min", "Samples of the rarest mode", "samples"),
        described("samples_per_mode_median", "Samples of the median mode", "samples"),
        described("samples_per_mode_max", "Samples of the commonest mode", "samples"),
    )
