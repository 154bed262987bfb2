"""Mixtures of isotropic Gaussians: exact density, sampling and mode labels; a point's label is its mode."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ganbench.datasets.blocks import Block, Distribution
from ganbench.datasets.dataset import DatasetInfo, Primary, register_dataset
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec, FieldSpec
from ganbench.streams import SeedStreams, generator

_DISTANCES_PER_PASS = 4_000_000  # bounds the memory of labels() at 32 MB
_TRIES = 200


class GaussianMixture(Distribution):
    """K isotropic Gaussians in d dimensions; all parameters are float64 on the CPU.

    `means` [K, d], `weights` [K] summing to one, `sigma` one standard deviation for all or [K].
    """

    def __init__(
        self, name: str, title: str, source: str, means: Tensor, weights: Tensor, sigma: float | Tensor
    ) -> None:
        assert means.dtype == weights.dtype == torch.float64
        assert means.shape[:1] == weights.shape
        self.means, self.weights = means, weights
        self.sigma = torch.as_tensor(sigma, dtype=torch.float64).expand_as(weights).clone()
        self.info = DatasetInfo(
            name=name,
            title=title,
            spec=DataSpec.real((means.shape[1],), label=FieldSpec.label(len(means), lambda: self.weights)),
            source=source,
            licence="synthetic",
            primary=Primary("modes", "mode_total_variation"),
            modes=len(means),
        )

    def draw(self, streams: SeedStreams, rows: int, dtype: torch.dtype) -> Block:
        device = streams.device
        means, sigma = self.means.to(device, dtype), self.sigma.to(device, dtype).unsqueeze(1)
        steps = self.weights.cumsum(0)[:-1].to(device, dtype)
        component = torch.searchsorted(steps, streams.uniform((rows,), dtype), right=True)
        noise = streams.normal((rows, means.shape[1]), dtype)
        return {"real": torch.addcmul(means[component], sigma[component], noise), "label": component}

    def log_density(self, x: Tensor) -> Tensor:
        """Natural logarithm of the density at x [..., d], float64 [...]."""
        means, weights, sigma = (t.to(x.device) for t in (self.means, self.weights, self.sigma))
        squares = (x.to(torch.float64).unsqueeze(-2) - means).square().sum(-1)
        log_peak = weights.log() - means.shape[1] * (sigma * math.sqrt(2 * math.pi)).log()
        return torch.logsumexp(log_peak - squares / (2 * sigma**2), -1)

    def labels(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Nearest mode (int64) and distance to it in its sigmas (float64), each [...]; x [..., d]."""
        means, sigma = self.means.to(x.device), self.sigma.to(x.device)
        rows = max(1, _DISTANCES_PER_PASS // len(means))
        nearest = [
            (torch.cdist(part.to(torch.float64), means) / sigma).min(-1)
            for part in x.reshape(-1, x.shape[-1]).split(rows)
        ]
        distance, index = (torch.cat(parts).view(x.shape[:-1]) for parts in zip(*nearest, strict=True))
        return index, distance


class TwoGaussians(Distribution):
    """Two Gaussians on the line that overlap: a sample's component is unknown, so no modes are declared."""

    def __init__(self, mixture: GaussianMixture) -> None:
        self._mixture = mixture
        self.info = replace(mixture.info, modes=None, primary=Primary("divergence_fit", "fit_error"))

    def draw(self, streams: SeedStreams, rows: int, dtype: torch.dtype) -> Block:
        return self._mixture.draw(streams, rows, dtype)

    def log_density(self, x: Tensor) -> Tensor:
        """Natural logarithm of the density at x [..., 1], float64 [...]."""
        return self._mixture.log_density(x)


@register_dataset("ring8")
def ring8(
    modes: Annotated[int, Ge(2), "Gaussians on the circle"] = 8,
    radius: Annotated[float, Gt(0), "radius of the circle"] = 2.0,
    sigma: Annotated[float, Gt(0), "standard deviation of each Gaussian"] = 0.02,
) -> GaussianMixture:
    """Eight equal Gaussians on a circle: the smallest test of mode collapse.

    Source: the ring of PacGAN (Lin et al. 2018: radius 1, σ 0.01) and of Unrolled GAN's demo, here twice
    as large, as much later code has it; σ/radius = 0.01 is the same.  PacGAN's own is radius 1, sigma 0.01.
    """
    angle = torch.arange(modes, dtype=torch.float64) * (2 * math.pi / modes)
    means = radius * torch.stack([angle.cos(), angle.sin()], 1)
    source = "after Lin et al. 2018 (PacGAN)"
    return GaussianMixture("ring8", f"Ring of {modes} Gaussians", source, means, _equal(modes), sigma)


@register_dataset("grid25")
def grid25(
    side: Annotated[int, Ge(2), "Gaussians along each side"] = 5,
    spacing: Annotated[float, Gt(0), "distance between neighbours"] = 2.0,
    sigma: Annotated[float, Gt(0), "standard deviation of each Gaussian"] = 0.05,
) -> GaussianMixture:
    """Twenty-five equal Gaussians on the grid {-4, -2, 0, 2, 4}².

    Source: PacGAN (Lin et al. 2018), σ 0.05.
    """
    line = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) * spacing
    means = torch.cartesian_prod(line, line)
    title = f"Grid of {side * side} Gaussians"
    return GaussianMixture("grid25", title, "Lin et al. 2018 (PacGAN)", means, _equal(side * side), sigma)


@register_dataset("random_mixture")
def random_mixture(
    modes: Annotated[int, Ge(2), "number of Gaussians"] = 10,
    dim: Annotated[int, Ge(1), "dimensions of the space"] = 2,
    spread: Annotated[float, Gt(0), "means lie in the cube [-spread, spread]^dim"] = 4.0,
    sigma: Annotated[float, Gt(0), "standard deviation of each Gaussian"] = 0.05,
    weights: Annotated[Literal["equal", "dirichlet"], "equal, or drawn from the flat Dirichlet"] = "equal",
    draw: Annotated[int, Ge(0), "which random mixture; not the trial's seed"] = 0,
) -> GaussianMixture:
    """Gaussians at random places, at least eight sigmas apart, in any dimension.

    Means are uniform in the cube, redrawn while nearer than 8σ to an earlier one, so that within 4σ the
    nearest mode is the true one.
    """
    source = generator(draw, "random_mixture")
    means = _means_at_random(modes, dim, spread, 8 * sigma, source)
    chosen = _equal(modes) if weights == "equal" else _flat_dirichlet(modes, source)
    title = f"Random mixture of {modes} Gaussians in {dim} dimensions"
    return GaussianMixture("random_mixture", title, f"drawn by ganbench, draw {draw}", means, chosen, sigma)


@register_dataset("two_gaussians")
def two_gaussians() -> TwoGaussians:
    """A narrow and a wide Gaussian on the line, to be fitted by one Gaussian.

    Source: Nowozin et al. 2016, section 2.3; the parameters are those whose exact optima are the published
    ones (0.33·N(−1, 0.255²) + 0.67·N(2, variance 2)).
    """
    means, weights, sigma = torch.tensor(
        [(-1.0, 2.0), (0.33, 0.67), (0.255, math.sqrt(2.0))], dtype=torch.float64
    )
    title, source = "Two overlapping Gaussians on the line", "Nowozin et al. 2016 (f-GAN), section 2.3"
    return TwoGaussians(GaussianMixture("two_gaussians", title, source, means.unsqueeze(1), weights, sigma))


def _equal(modes: int) -> Tensor:
    return torch.full((modes,), 1 / modes, dtype=torch.float64)


def _flat_dirichlet(modes: int, source: torch.Generator) -> Tensor:
    exponential = -torch.log1p(-torch.rand(modes, generator=source, dtype=torch.float64))
    return exponential / exponential.sum()


def _means_at_random(
    modes: int, dim: int, spread: float, separation: float, source: torch.Generator
) -> Tensor:
    """Means [modes, dim], uniform in the cube but no two nearer than `separation`."""
    means = torch.empty(0, dim, dtype=torch.float64)
    for _ in range(_TRIES * modes):
        point = spread * (2 * torch.rand(1, dim, generator=source, dtype=torch.float64) - 1)
        if (torch.cdist(point, means) >= separation).all():
            means = torch.cat([means, point])
        if len(means) == modes:
            return means
    raise GanbenchError(
        f"random_mixture: {modes} modes do not fit at 8 sigma = {separation:g} from each other into "
        f"[-{spread:g}, {spread:g}]^{dim}; fewer modes, a smaller sigma or a larger spread would"
    )
