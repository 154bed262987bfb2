"""A mixture on the line that one Gaussian cannot fit: exact density and distribution function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

import torch
from torch import Tensor

from ganbench.datasets.dataset import Dataset, Primary, Sampler, Split, register_dataset
from ganbench.datasets.mixtures import GaussianMixture

_MEANS, _WEIGHTS, _SIGMAS = (-1.0, 2.0), (0.33, 0.67), (0.255, sqrt(2.0))


class TwoGaussians(Dataset):
    """0.33·N(−1, 0.255²) + 0.67·N(2, 2), shape [1].

    Its components overlap, so a sample's component cannot be told: no modes are declared.
    """

    def __init__(self) -> None:
        means, weights, sigmas = (
            torch.tensor(each, dtype=torch.float64) for each in (_MEANS, _WEIGHTS, _SIGMAS)
        )
        self._mixture = GaussianMixture(
            "two_gaussians",
            "Two overlapping Gaussians on the line",
            "Nowozin et al. 2016 (f-GAN), section 2.3",
            means.unsqueeze(1),
            weights,
            sigmas,
        )
        self.info = replace(self._mixture.info, modes=None, primary=Primary("divergence_fit", "fit_error"))

    def sampler(self, seeds: Sequence[int], device: torch.device, dtype: torch.dtype) -> Sampler:
        return self._mixture.sampler(seeds, device, dtype)

    def fields(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
        return self._mixture.fields(split, count, device, dtype)

    def log_density(self, x: Tensor) -> Tensor:
        """Natural logarithm of the density at x [..., 1], float64 [...]."""
        return self._mixture.log_density(x)

    def cdf(self, x: Tensor) -> Tensor:
        """The distribution function at x [..., 1], float64 [...]."""
        mixture = self._mixture
        standardised = (x.double() - mixture.means.squeeze(1).to(x.device)) / mixture.sigma.to(x.device)
        return (mixture.weights.to(x.device) * torch.special.ndtr(standardised)).sum(-1)


@register_dataset("two_gaussians")
def two_gaussians() -> TwoGaussians:
    """A narrow and a wide Gaussian on the line, to be fitted by one Gaussian.

    Source: Nowozin et al. 2016, section 2.3; the parameters are those whose exact optima are the published
    ones (0.33·N(−1, 0.255²) + 0.67·N(2, variance 2)).
    """
    return TwoGaussians()
